/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-check-private.h"

#include "sim-terms.h"

/*
 * Checks what is promised to a sender that does not wait: what the library says was not sent is not handled by anybody,
 * before or after; and what has a deadline, or is cancelled, ends then: not before, and not much later.
 *
 * How much later is a matter of the machine, and of the sender itself, which may have been stopped meanwhile. It is
 * there to notice a message that outlives its deadline by as long as the group lets it.
 */

#define NS_PER_MS G_GINT64_CONSTANT (1000000)
#define PATIENCES 2 /* one for the machine, one for a sender that stood still */

static void
check_unsent (Checker *self, const Message *message)
{
  const Handling *handling = sim_check_get_handling (self, message->last_handling);

  if (!sim_outcome_is_unsent (&message->outcome->entry))
    return;
  sim_check_two (self, SIM_INVARIANT_UNSENT_NOT_HANDLED, handling == NULL, message->outcome,
                 handling != NULL ? handling->event : NULL, "it was not sent, and it was handled");
}

static void
check_time (Checker *self, const Message *message)
{
  const SimEntry *sent = &message->sent->entry;
  const SimEntry *outcome = &message->outcome->entry;
  gint64 due_ns = sent->time_ns + sent->code * NS_PER_MS;
  gint64 late_ns = due_ns + PATIENCES * sim_check_get_patience_ns (self->history->hang_timeout_ms);

  if (!(sent->flags & (SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL)) || self->history->foreign)
    return;
  if (sim_terms_took_time (sent->flags, outcome))
    sim_check_two (self, SIM_INVARIANT_GIVEN_UP_IN_TIME, outcome->time_ns >= due_ns, message->outcome, message->sent,
                   "it was given up before its time");
  sim_check_two (self, SIM_INVARIANT_GIVEN_UP_IN_TIME, outcome->time_ns <= late_ns, message->outcome, message->sent,
                 "it went on for long after its time");
}

/* After the handlings have been put in order. */
void
sim_check_given_up (Checker *self)
{
  for (guint32 node = 0; node < self->history->nodes->len; node++) {
    const GArray *messages = self->senders[node].messages;

    for (guint i = 0; i < messages->len; i++) {
      const Message *message = &g_array_index (messages, Message, i);

      if (message->outcome == NULL)
        continue;
      check_unsent (self, message);
      check_time (self, message);
    }
  }
}
