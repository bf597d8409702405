/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-agenda.h"

/*
 * Timers and deferred work: what a turn of the poller does when it has looked at the descriptors. Pure: the time is
 * told.
 *
 * What runs may start, stop, defer and cancel anything here, itself included. Timers that are due run in the order of
 * their deadlines, of equal ones in the order in which they were started; a timer that is started meanwhile and is due
 * runs, too. What is deferred meanwhile runs in the same round.
 */

void
ipc_agenda_clear (IpcAgenda *self)
{
  while (!g_queue_is_empty (&self->timers))
    ipc_agenda_stop_timer (self, g_queue_peek_head (&self->timers));
  while (!g_queue_is_empty (&self->deferred))
    ipc_agenda_cancel_defer (self, g_queue_peek_head (&self->deferred));
}

/* Starts a timer, or starts it anew. It runs once. */
void
ipc_agenda_start_timer (IpcAgenda *self, IpcTimer *timer, gint64 deadline_us, IpcFunc func, gpointer user_data)
{
  GList *after;

  ipc_agenda_stop_timer (self, timer);

  *timer = (IpcTimer) { .deadline_us = deadline_us, .running = TRUE, .func = func, .user_data = user_data };
  timer->link.data = timer;

  /* From the end, because most delays are equally long. */
  after = self->timers.tail;
  while (after != NULL && ((IpcTimer *) after->data)->deadline_us > deadline_us)
    after = after->prev;
  if (after != NULL)
    g_queue_insert_after_link (&self->timers, after, &timer->link);
  else
    g_queue_push_head_link (&self->timers, &timer->link);
}

void
ipc_agenda_stop_timer (IpcAgenda *self, IpcTimer *timer)
{
  if (!timer->running)
    return;

  g_queue_unlink (&self->timers, &timer->link);
  timer->running = FALSE;
}

/* Has @func called once, however often it is asked for until then. */
void
ipc_agenda_defer (IpcAgenda *self, IpcDefer *defer, IpcFunc func, gpointer user_data)
{
  if (defer->queued)
    return;

  *defer = (IpcDefer) { .queued = TRUE, .func = func, .user_data = user_data };
  defer->link.data = defer;
  g_queue_push_tail_link (&self->deferred, &defer->link);
}

void
ipc_agenda_cancel_defer (IpcAgenda *self, IpcDefer *defer)
{
  if (!defer->queued)
    return;

  g_queue_unlink (&self->deferred, &defer->link);
  defer->queued = FALSE;
}

gboolean
ipc_agenda_has_deferred (const IpcAgenda *self)
{
  return self->deferred.head != NULL;
}

/* The time of the earliest timer. Returns FALSE if there is none. */
gboolean
ipc_agenda_get_deadline (const IpcAgenda *self, gint64 *deadline_us)
{
  if (self->timers.head == NULL)
    return FALSE;

  *deadline_us = ((const IpcTimer *) self->timers.head->data)->deadline_us;
  return TRUE;
}

void
ipc_agenda_run_timers (IpcAgenda *self, gint64 now_us)
{
  IpcTimer *timer;

  while ((timer = g_queue_peek_head (&self->timers)) != NULL && timer->deadline_us <= now_us) {
    ipc_agenda_stop_timer (self, timer);
    timer->func (timer->user_data);
  }
}

void
ipc_agenda_run_deferred (IpcAgenda *self)
{
  IpcDefer *defer;

  while ((defer = g_queue_peek_head (&self->deferred)) != NULL) {
    ipc_agenda_cancel_defer (self, defer);
    defer->func (defer->user_data);
  }
}
