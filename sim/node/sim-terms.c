/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-terms.h"

#include <libipc.h>

/*
 * A message that its sender may give up: with a deadline, or cancelled; not to wait for a master (FAIL_FAST), or not to
 * wait for room (REFUSABLE). Each of them allows some outcomes besides an answer, as the tables of docs/guarantees.md
 * have it. Pure.
 */

/* As many come within a millisecond as within the last half of the longest time: what is given up before it is sent, or
 * while a master takes over, is worth as much as what is given up in its handler. */
#define AFTER_DOUBLINGS 7
#define AT_ONCE_ONE_IN 4

G_STATIC_ASSERT ((1 << AFTER_DOUBLINGS) - 1 == SIM_TERMS_AFTER_MAX_MS);

static int
draw_after_ms (SimRandom *random)
{
  if (sim_random_one_in (random, AT_ONCE_ONE_IN))
    return 0;
  return (int) sim_random_below (random, G_GUINT64_CONSTANT (2) << sim_random_below (random, AFTER_DOUBLINGS));
}

/* Of a message that is to be given up; all others have none. */
SimTerms
sim_terms_draw (SimRandom *random)
{
  static const guint16 ends[] = { SIM_ENTRY_DEADLINE, SIM_ENTRY_CANCEL, 0 };
  SimTerms self = { .flags = ends[sim_random_below (random, G_N_ELEMENTS (ends))] };

  if (self.flags != 0)
    self.after_ms = draw_after_ms (random);
  if (self.flags == 0 || sim_random_one_in (random, 2))
    self.flags |= SIM_ENTRY_FAIL_FAST;
  if (sim_random_one_in (random, 2))
    self.flags |= SIM_ENTRY_REFUSABLE;
  return self;
}

/* Which of the flags are reason enough for the outcome; 0: it takes more than that. */
static guint16
get_reasons (const SimEntry *outcome)
{
  if (outcome->kind == SIM_ENTRY_CANCELLED)
    return SIM_ENTRY_CANCEL;
  if (outcome->kind != SIM_ENTRY_FAILED)
    return 0;
  if (outcome->code == IPC_ERROR_TIMED_OUT || outcome->code == IPC_ERROR_NOT_SENT)
    return SIM_ENTRY_DEADLINE;
  if (outcome->code == IPC_ERROR_NO_MASTER)
    return SIM_ENTRY_DEADLINE | SIM_ENTRY_FAIL_FAST;
  if (outcome->code == IPC_ERROR_QUEUE_FULL)
    return SIM_ENTRY_REFUSABLE;
  return 0;
}

/* Whether what was sent with these flags may end so without an answer. */
gboolean
sim_terms_allow (guint16 flags, const SimEntry *outcome)
{
  return (flags & get_reasons (outcome)) != 0;
}

/* Whether only the end of its time can be the reason. */
gboolean
sim_terms_took_time (guint16 flags, const SimEntry *outcome)
{
  guint16 reasons = flags & get_reasons (outcome);

  return reasons == SIM_ENTRY_DEADLINE || reasons == SIM_ENTRY_CANCEL;
}

/* By its own node, whatever a master does. */
gboolean
sim_outcome_is_given_up (const SimEntry *outcome)
{
  return get_reasons (outcome) != 0;
}

/* Whether the library says that the message was certainly not handled, and will not be. */
gboolean
sim_outcome_is_unsent (const SimEntry *outcome)
{
  if (outcome->kind == SIM_ENTRY_CANCELLED)
    return (outcome->flags & SIM_ENTRY_UNSENT) != 0;
  if (outcome->kind != SIM_ENTRY_FAILED)
    return FALSE;
  switch (outcome->code) {
  case IPC_ERROR_NOT_A_CLIENT:
  case IPC_ERROR_CLOSED:
  case IPC_ERROR_QUEUE_FULL:
  case IPC_ERROR_MESSAGE_TOO_LARGE:
  case IPC_ERROR_NO_MASTER:
  case IPC_ERROR_NOT_SENT:
    return TRUE;
  default: /* it may have been handled, or has been */
    return FALSE;
  }
}
