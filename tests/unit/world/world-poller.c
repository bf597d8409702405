/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include "ipc-fork-guard.h"
#include "ipc-poller.h"
#include "world-system.h"

/*
 * In place of ipc-poller.c and ipc-mailbox.c: the turns of a process, in the same order (what is ready, timers, what
 * was deferred, the epilogue, what that has deferred), and made when the world says so.
 */

#define WATCHES_MAX 64 /* of one process: connections of a master, and a few */

struct _IpcPoller {
  Host *host;
  IpcWatch *watches[WATCHES_MAX]; /* (unowned) in the order in which they came */
  guint n_watches;
  IpcWatch *batch[WATCHES_MAX]; /* (unowned) (nullable) what is left of the turn under way */
  guint n_batch;
  IpcAgenda agenda;
  gint64 alarm_at; /* an event is queued for this time; 0: for none */
  gboolean turn_wanted;
  IpcFunc epilogue;
  gpointer epilogue_data;
};

IpcPoller *
ipc_poller_new (GMainContext *context, const char *name, GError **error)
{
  IpcPoller *self = g_new0 (IpcPoller, 1);

  self->host = world_self;
  self->host->poller = self;
  return self;
}

void
ipc_poller_free (IpcPoller *self)
{
  g_assert (self->n_watches == 0);

  ipc_agenda_clear (&self->agenda);
  self->host->poller = NULL;
  g_free (self);
}

gboolean
ipc_poller_watch (IpcPoller *self, IpcWatch *watch, int fd, guint32 events, IpcWatchFunc func, gpointer user_data)
{
  g_assert (self->n_watches < WATCHES_MAX);

  *watch = (IpcWatch) { fd, events, func, user_data };
  self->watches[self->n_watches++] = watch;
  host_wake (self->host);
  return TRUE;
}

void
ipc_poller_change (IpcPoller *self, IpcWatch *watch, guint32 events)
{
  watch->events = events;
  host_wake (self->host);
}

void
ipc_poller_unwatch (IpcPoller *self, IpcWatch *watch)
{
  guint n = 0;

  if (watch->func == NULL)
    return;

  for (guint i = 0; i < self->n_watches; i++) {
    if (self->watches[i] != watch)
      self->watches[n++] = self->watches[i];
  }
  self->n_watches = n;
  for (guint i = 0; i < self->n_batch; i++) {
    if (self->batch[i] == watch)
      self->batch[i] = NULL;
  }
  *watch = (IpcWatch) { .fd = -1 };
}

static void
alarm_cb (gpointer data, guint64 argument)
{
  Host *host = data;
  IpcPoller *self = host->poller;

  if (self == NULL || self->alarm_at != (gint64) argument)
    return;

  self->alarm_at = 0;
  host_wake (host);
}

static void
set_alarm (IpcPoller *self)
{
  gint64 deadline_us;

  if (!ipc_agenda_get_deadline (&self->agenda, &deadline_us)
      || (self->alarm_at != 0 && self->alarm_at <= deadline_us))
    return;

  self->alarm_at = MAX (deadline_us, world_now);
  world_at (self->alarm_at - world_now, alarm_cb, self->host, self->alarm_at);
}

void
ipc_poller_start_timer (IpcPoller *self, IpcTimer *timer, gint64 delay_us, IpcFunc func, gpointer user_data)
{
  ipc_agenda_start_timer (&self->agenda, timer, world_now + delay_us, func, user_data);
  set_alarm (self);
}

void
ipc_poller_stop_timer (IpcPoller *self, IpcTimer *timer)
{
  ipc_agenda_stop_timer (&self->agenda, timer);
}

void
ipc_poller_defer (IpcPoller *self, IpcDefer *defer, IpcFunc func, gpointer user_data)
{
  ipc_agenda_defer (&self->agenda, defer, func, user_data);
  host_wake (self->host);
}

void
ipc_poller_cancel_defer (IpcPoller *self, IpcDefer *defer)
{
  ipc_agenda_cancel_defer (&self->agenda, defer);
}

void
ipc_poller_set_epilogue (IpcPoller *self, IpcFunc func, gpointer user_data)
{
  self->epilogue = func;
  self->epilogue_data = user_data;
}

void
ipc_poller_want_turn (IpcPoller *self)
{
  self->turn_wanted = TRUE;
  host_wake (self->host);
}

static guint32
events_of (const IpcWatch *watch)
{
  return fd_ready (watch->fd) & (watch->events | EPOLLHUP | EPOLLERR);
}

static void
run_ready (IpcPoller *self)
{
  guint32 events[WATCHES_MAX];

  self->n_batch = 0;
  for (guint i = 0; i < self->n_watches; i++) {
    events[self->n_batch] = events_of (self->watches[i]);
    if (events[self->n_batch] != 0)
      self->batch[self->n_batch++] = self->watches[i];
  }
  for (guint i = 0; i < self->n_batch; i++) {
    IpcWatch *watch = self->batch[i];

    if (watch != NULL)
      watch->func (events[i], watch->user_data);
  }
  self->n_batch = 0;
}

void
poller_turn (gpointer poller)
{
  IpcPoller *self = poller;
  Host *host = self->host;

  run_ready (self);
  ipc_agenda_run_timers (&self->agenda, world_now);
  ipc_agenda_run_deferred (&self->agenda);
  self->turn_wanted = FALSE;
  self->epilogue (self->epilogue_data);
  if (host->poller == NULL)
    return; /* that was the end of it */

  ipc_agenda_run_deferred (&self->agenda);
  set_alarm (self);
}

/* Whether another turn is due at once. */
gboolean
poller_has_more (gpointer poller)
{
  IpcPoller *self = poller;

  for (guint i = 0; i < self->n_watches; i++) {
    if (events_of (self->watches[i]) != 0)
      return TRUE;
  }

  return self->turn_wanted || ipc_agenda_has_deferred (&self->agenda);
}

/* Answers are given in the process's own thread; there is no other. */

IpcMailbox *
ipc_poller_get_mailbox (IpcPoller *self)
{
  return NULL;
}

IpcMailbox *
ipc_mailbox_ref (IpcMailbox *self)
{
  return self;
}

void
ipc_mailbox_unref (IpcMailbox *self)
{
}

void
ipc_mailbox_post (IpcMailbox *self, IpcLetter *letter)
{
  g_assert_not_reached ();
}

void
ipc_poller_turn_blocking (IpcPoller *self)
{
  g_assert_not_reached (); /* nobody makes blocking calls */
}

/* Nobody forks. */

void
ipc_fork_guard_add (int fd)
{
}

void
ipc_fork_guard_close (int fd)
{
  world_close (fd);
}
