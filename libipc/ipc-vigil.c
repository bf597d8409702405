/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-vigil.h"

#include "ipc-suspicion.h"

/*
 * Keeps an eye on the master while something is expected of it: carries out what the table in ipc-suspicion.c decides.
 *
 * It looks only four times in a hang timeout, and asks then whether anything came; nothing is done for each message. So
 * the timer runs out once more after the last answer, and a group at rest stays at rest.
 */

struct _IpcVigil {
  IpcPoller *poller; /* (unowned) */
  gint64 quarter_us; /* of the hang timeout; 0: never */
  const IpcVigilEvents *events;
  gpointer user_data;

  IpcSuspicion stage;
  IpcTimer timer; /* while not calm */
};

static void quarter_cb (gpointer user_data);

/* The one place where the stage changes. */
static void
step (IpcVigil *self, IpcSuspicionEvent event)
{
  IpcSuspicion before = self->stage;
  IpcSuspicionActions actions = ipc_suspicion_step (&self->stage, event);

  if (before != self->stage && (before > IPC_SUSPICION_ASKED || self->stage > IPC_SUSPICION_ASKED))
    g_debug ("vigil: stage %d -> %d (event %d)", before, self->stage, event);

  /* First, because the actions may end in another event. */
  if (actions & IPC_SUSPICION_DO_WATCH)
    ipc_poller_start_timer (self->poller, &self->timer, self->quarter_us, quarter_cb, self);
  if (actions & IPC_SUSPICION_DO_DEPOSE)
    self->events->depose (self->user_data);
  if (actions & IPC_SUSPICION_DO_ASK)
    self->events->ask (self->user_data);
  if (actions & IPC_SUSPICION_DO_KNOCK)
    self->events->knock (self->user_data);
  if (actions & IPC_SUSPICION_DO_ALARM)
    self->events->alarm (self->user_data);
}

static void
quarter_cb (gpointer user_data)
{
  IpcVigil *self = user_data;
  gboolean late = g_get_monotonic_time () > self->timer.deadline_us + self->quarter_us / 2;

  if (self->stage >= IPC_SUSPICION_ASKED)
    self->events->look (self->user_data);

  step (self, ipc_suspicion_judge (late, self->events->take_heard (self->user_data),
                                   self->events->is_expecting (self->user_data)));
}

/**
 * ipc_vigil_new:
 * @hang_timeout_ms: how long a question may be unanswered; 0: no vigil is kept
 *
 * Returns: (transfer full): a vigil that is calm
 */
IpcVigil *
ipc_vigil_new (IpcPoller *poller, guint hang_timeout_ms, const IpcVigilEvents *events, gpointer user_data)
{
  IpcVigil *self = g_new0 (IpcVigil, 1);

  self->poller = poller;
  self->quarter_us = hang_timeout_ms * (G_TIME_SPAN_MILLISECOND / 4);
  self->events = events;
  self->user_data = user_data;

  return self;
}

void
ipc_vigil_free (IpcVigil *self)
{
  ipc_poller_stop_timer (self->poller, &self->timer);
  g_free (self);
}

/* Something is expected of the master from now on. Cheap: it is called for each message. */
void
ipc_vigil_expect (IpcVigil *self)
{
  if (self->stage != IPC_SUSPICION_CALM || self->quarter_us == 0)
    return;

  self->events->take_heard (self->user_data); /* that was before */
  step (self, IPC_SUSPICION_EXPECT);
}

/* Somebody else has told that the master does not answer. */
void
ipc_vigil_alarmed (IpcVigil *self)
{
  if (self->quarter_us != 0)
    step (self, IPC_SUSPICION_ALARMED);
}
