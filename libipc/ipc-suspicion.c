/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-suspicion.h"

/*
 * When does a master hang? The state machine of whoever keeps an eye on it, as a table: (stage, event) -> (stage,
 * actions). Time is counted in quarters of the hang timeout. A pair that is not in the table changes nothing.
 * docs/election.md prints the same table.
 *
 * A stop that is shorter than the timeout must change nothing. So what counts is not how long the master has been
 * silent, which may be its right, but how long a question has been unanswered that it answers at once when it runs. And
 * a process that stood still itself knows nothing of the time in which it did: it asks anew.
 */

#define DEPOSE IPC_SUSPICION_DO_DEPOSE
#define ASK IPC_SUSPICION_DO_ASK
#define KNOCK IPC_SUSPICION_DO_KNOCK
#define ALARM IPC_SUSPICION_DO_ALARM
#define WATCH IPC_SUSPICION_DO_WATCH

/* Heard, done and late mean the same however long the question has been unanswered. */
#define ANSWERED(stage)                                                                                                \
  { stage, IPC_SUSPICION_HEARD, IPC_SUSPICION_LISTENING, WATCH },                                                      \
  { stage, IPC_SUSPICION_DONE, IPC_SUSPICION_CALM, 0 },                                                                \
  { stage, IPC_SUSPICION_LATE, IPC_SUSPICION_ASKED, ASK | WATCH }

static const struct {
  IpcSuspicion stage;
  IpcSuspicionEvent event;
  IpcSuspicion next;
  IpcSuspicionActions actions;
} transitions[] = {
  { IPC_SUSPICION_CALM, IPC_SUSPICION_EXPECT, IPC_SUSPICION_LISTENING, WATCH },
  { IPC_SUSPICION_CALM, IPC_SUSPICION_ALARMED, IPC_SUSPICION_ASKED_1, ASK | WATCH },

  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_ALARMED, IPC_SUSPICION_ASKED_1, ASK | WATCH },
  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_HEARD, IPC_SUSPICION_LISTENING, WATCH },
  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_DONE, IPC_SUSPICION_CALM, 0 },
  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_SILENCE, IPC_SUSPICION_ASKED, ASK | WATCH },
  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_VAIN, IPC_SUSPICION_CALM, 0 },
  { IPC_SUSPICION_LISTENING, IPC_SUSPICION_LATE, IPC_SUSPICION_LISTENING, WATCH },

  ANSWERED (IPC_SUSPICION_ASKED),
  { IPC_SUSPICION_ASKED, IPC_SUSPICION_SILENCE, IPC_SUSPICION_ASKED_1, ALARM | WATCH },
  { IPC_SUSPICION_ASKED, IPC_SUSPICION_VAIN, IPC_SUSPICION_ASKED_1, ALARM | WATCH },

  ANSWERED (IPC_SUSPICION_ASKED_1),
  { IPC_SUSPICION_ASKED_1, IPC_SUSPICION_SILENCE, IPC_SUSPICION_ASKED_2, KNOCK | WATCH },
  { IPC_SUSPICION_ASKED_1, IPC_SUSPICION_VAIN, IPC_SUSPICION_ASKED_2, KNOCK | WATCH },

  ANSWERED (IPC_SUSPICION_ASKED_2),
  { IPC_SUSPICION_ASKED_2, IPC_SUSPICION_SILENCE, IPC_SUSPICION_ASKED_3, WATCH },
  { IPC_SUSPICION_ASKED_2, IPC_SUSPICION_VAIN, IPC_SUSPICION_ASKED_3, WATCH },

  ANSWERED (IPC_SUSPICION_ASKED_3),
  { IPC_SUSPICION_ASKED_3, IPC_SUSPICION_SILENCE, IPC_SUSPICION_ASKED, DEPOSE | ASK | WATCH },
  { IPC_SUSPICION_ASKED_3, IPC_SUSPICION_VAIN, IPC_SUSPICION_CALM, DEPOSE },
};

/**
 * ipc_suspicion_step:
 * @self: (inout): the stage
 * @event: what has happened
 *
 * Returns: what is to be done now
 */
IpcSuspicionActions
ipc_suspicion_step (IpcSuspicion *self, IpcSuspicionEvent event)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transitions); i++) {
    if (transitions[i].stage == *self && transitions[i].event == event) {
      *self = transitions[i].next;
      return transitions[i].actions;
    }
  }

  return 0;
}

/**
 * ipc_suspicion_judge:
 * @late: the timer has run out long ago
 * @heard: something came since the timer was started
 * @expecting: the master has something to answer, or is searched for
 *
 * What came is worth something also if we are late, because what has come is read before timers are looked at.
 *
 * Returns: what the end of a quarter means
 */
IpcSuspicionEvent
ipc_suspicion_judge (gboolean late, gboolean heard, gboolean expecting)
{
  if (heard)
    return expecting ? IPC_SUSPICION_HEARD : IPC_SUSPICION_DONE;
  if (late)
    return IPC_SUSPICION_LATE;

  return expecting ? IPC_SUSPICION_SILENCE : IPC_SUSPICION_VAIN;
}
