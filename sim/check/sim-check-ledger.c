/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-check-private.h"

#include <libipc.h>

#include "sim-terms.h"

/*
 * Checks what the ledger promises: what was answered by any master is not handled again; what was begun comes marked,
 * counted, and not at all if it was to be handled at most once; what was not begun comes unmarked; a message that ends
 * its handlers fails after so many of them.
 *
 * Excuses are few, and each is tied to what was done to the very masters that are concerned:
 *
 *   the group file was deleted between the elections of two masters   they have different ledgers; then repeats are
 *                                                                     marked, and what was answered may come again
 *   a master was killed or stopped                                    one message, and no more, may have been accepted
 *                                                                     by it without a trace in its own record
 *   bits of the answers were flipped after it was handled             its answer may be lost
 *   a master was stopped before it answered                           that answer may have come too late to count
 */

static const SimMastership *
mastership_of (Checker *self, const SimEvent *handled)
{
  return sim_epochs_find (self->epochs, handled->entry.epoch);
}

static gboolean
forgot_between (Checker *self, const SimEvent *older, const SimEvent *newer)
{
  return sim_epochs_forgot_between (self->epochs, older->entry.epoch, newer->entry.epoch);
}

static gboolean
is_answered (const Message *message)
{
  return message->outcome != NULL && message->outcome->entry.kind == SIM_ENTRY_ANSWERED;
}

/* Handlings, oldest epoch first. */

/* A message with an answer that its sender has: nobody of a newer epoch is given it; and an older one was before,
 * unless it was stopped between accepting it and saying so, or had another ledger. */
static void
check_not_after_answer (Checker *self, const SimEvent *event, const Message *message)
{
  const SimEvent *outcome = message->outcome;
  const SimMastership *mastership = mastership_of (self, event);
  gboolean held;

  if (!is_answered (message) || event->entry.epoch == outcome->entry.epoch)
    return;
  if (event->entry.epoch > outcome->entry.epoch)
    held = forgot_between (self, outcome, event);
  else
    held = event->entry.time_ns < outcome->entry.time_ns || sim_mastership_was_held_up (mastership, event->entry.time_ns)
           || forgot_between (self, event, outcome);
  sim_check_two (self, SIM_INVARIANT_NOT_AFTER_ANSWER, held, event, outcome,
                 "its sender has an answer of another epoch");
}

/* (nullable): the oldest message of those that this sender can send again to the master of the handling. Masters come in
 * order, so that each message is looked at once. */
static const Message *
find_oldest_sent (Checker *self, const SimEvent *event)
{
  Sender *sender = &self->senders[event->entry.peer];
  gint64 since_ns = mastership_of (self, event)->since_ns;

  while (sender->n_ended < sender->messages->len) {
    const Message *message = &g_array_index (sender->messages, Message, sender->n_ended);

    if (message->outcome == NULL || message->outcome->entry.time_ns > since_ns)
      return message;
    sender->n_ended++;
  }
  return NULL;
}

/* Whether a ledger was lost that may have known of the message: also before it was sent, if the master who was given it
 * had not noticed; or if its sender was still connected to an older one, as to a dead one whose child has the
 * connection. */
static gboolean
forgot_what_was_sent (Checker *self, const Message *message, gint64 to_ns)
{
  gint64 from_ns = sim_epochs_find_since (self->epochs, message->sent->entry.time_ns);
  const SimMastership *known = message->known_epoch != 0 ? sim_epochs_find (self->epochs, message->known_epoch) : NULL;

  return sim_epochs_forgot (self->epochs, known != NULL ? MIN (from_ns, known->since_ns) : from_ns, to_ns);
}

/* Whether somebody may have begun on a message before this though nobody says so. When the ledger is lost, all counts
 * that a sender can send again. */
static gboolean
may_be_begun_unseen (Checker *self, const SimEvent *event, const Message *message)
{
  gint64 since_ns = mastership_of (self, event)->since_ns;
  const Message *oldest = find_oldest_sent (self, event);

  return forgot_what_was_sent (self, oldest != NULL ? oldest : message, since_ns)
         || sim_epochs_blame (self->epochs, message->sent->entry.time_ns, since_ns);
}

static void
check_mark (Checker *self, const SimEvent *event, const Message *message, const Handling *previous)
{
  gboolean marked = event->entry.flags & SIM_ENTRY_REDELIVERED;

  sim_check_one (self, SIM_INVARIANT_MARKS_HAVE_REASON,
                 !marked || previous != NULL || may_be_begun_unseen (self, event, message), event,
                 "it is marked, and no master had begun on it");
}

static void
check_count (Checker *self, const SimEvent *event, const Handling *previous)
{
  gboolean marked = event->entry.flags & SIM_ENTRY_REDELIVERED;
  gint32 count = event->entry.code;

  sim_check_one (self, SIM_INVARIANT_DELIVERIES_COUNTED, marked ? count >= 1 : count == 1, event,
                 "the first delivery has another count");
  if (previous != NULL && !forgot_between (self, previous->event, event))
    sim_check_two (self, SIM_INVARIANT_DELIVERIES_COUNTED, count > previous->event->entry.code, event, previous->event,
                   "the delivery count has not risen");
}

/* Whether it gave up in good order. */
static gboolean
has_handed_over (const SimMastership *mastership)
{
  if (mastership->resigned_ns != SIM_NEVER_NS)
    return !sim_mastership_was_cut_short (mastership, mastership->resigned_ns);
  return mastership->closed_ns != SIM_NEVER_NS && !sim_mastership_was_cut_short (mastership, SIM_NEVER_NS);
}

/* What a master that resigned or closed had begun is finished by it. */
static void
check_resigned (Checker *self, const SimEvent *event, const Handling *previous)
{
  const SimMastership *mastership = mastership_of (self, previous->event);

  if (!has_handed_over (mastership) || forgot_between (self, previous->event, event))
    return;
  sim_check_two (self, SIM_INVARIANT_RESIGNING_HARMLESS, FALSE, event, previous->event,
                 "its first master resigned or closed, and was to finish it");
}

static void
check_handling (Checker *self, guint32 index)
{
  const Handling *handling = sim_check_get_handling (self, index);
  const Handling *previous = sim_check_get_handling (self, handling->previous);
  const SimEvent *event = handling->event;
  const Message *message = sim_check_find_message (self, event->entry.peer, event->entry.number);
  const SimMastership *mastership = mastership_of (self, event);

  check_not_after_answer (self, event, message);
  check_mark (self, event, message, previous);
  check_count (self, event, previous);
  if (message->sent->entry.flags & SIM_ENTRY_ONCE)
    sim_check_two (self, SIM_INVARIANT_AT_MOST_ONCE, previous == NULL, event, previous != NULL ? previous->event : NULL,
                   "it was to be handled at most once");
  if (has_handed_over (mastership))
    sim_check_one (self, SIM_INVARIANT_RESIGNING_HARMLESS, TRUE, event, NULL);
  if (previous != NULL)
    check_resigned (self, event, previous);
}

/* What handlers answered, whether the sender saw it or not. */

/* An answer counts from when the library had it, if its master had not been stopped before: a master that was not
 * stopped has the lock, and nobody takes the ledger over from it. */
static void
check_responded (Checker *self, const SimEvent *event)
{
  const Message *message = sim_check_find_message (self, event->entry.peer, event->entry.number);
  const SimMastership *mastership = mastership_of (self, event);
  const Handling *last = message != NULL ? sim_check_get_handling (self, message->last_handling) : NULL;
  gboolean held;

  if (last == NULL || mastership == NULL || sim_mastership_was_held_up (mastership, event->entry.time_ns))
    return;
  held = last->event->entry.epoch <= event->entry.epoch || forgot_between (self, event, last->event);
  sim_check_two (self, SIM_INVARIANT_NOT_AFTER_RESPONSE, held, event, last->event, "it was handled again after this");
}

/* Outcomes */

/* How many masters were hit after they had begun on the message and before they answered it, by this time. */
static guint
count_hit (Checker *self, const Message *message, gint64 by_ns)
{
  guint n_hit = 0;

  for (const Handling *handling = sim_check_get_handling (self, message->last_handling); handling != NULL;
       handling = sim_check_get_handling (self, handling->previous))
    n_hit += sim_mastership_was_cut_short (mastership_of (self, handling->event), by_ns) ? 1 : 0;
  return n_hit;
}

/* The oldest message of those that this sender could send again to the master who answers now. A master that does not
 * know all of them, because the file was deleted, knows of none whether it was begun. */
static const Message *
find_oldest_pending (Checker *self, const SimEvent *outcome, const Message *message)
{
  GArray *messages = self->senders[outcome->node].messages;
  gint64 since_ns = sim_epochs_find_since (self->epochs, outcome->entry.time_ns);

  for (guint64 number = 1; number < outcome->entry.number; number++) {
    const Message *other = &g_array_index (messages, Message, number - 1);

    if (other->outcome == NULL || other->outcome->entry.time_ns > since_ns)
      return other;
  }
  return message;
}

static void
check_unknown (Checker *self, const SimEvent *event, const Message *message)
{
  gint64 sent_ns = message->sent->entry.time_ns;
  const Message *oldest = find_oldest_pending (self, event, message);

  sim_check_one (self, SIM_INVARIANT_UNKNOWN_HAS_CAUSE,
                 count_hit (self, message, event->entry.time_ns) > 0
                     || forgot_what_was_sent (self, oldest, event->entry.time_ns)
                     || sim_epochs_blame (self->epochs, sent_ns, event->entry.time_ns),
                 event, "no master was hit that had it");
}

/* The answer was lost, and may have been: its bytes were damaged after a handler had begun on it. */
static gboolean
is_rightly_lost (Checker *self, const SimEvent *event, const Message *message)
{
  const Handling *last = sim_check_get_handling (self, message->last_handling);

  return event->entry.kind == SIM_ENTRY_FAILED && event->entry.code == IPC_ERROR_RESPONSE_LOST && last != NULL
         && sim_epochs_flipped (self->epochs, last->event->entry.time_ns, event->entry.time_ns);
}

static void
check_outcome (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  const Message *message = sim_check_find_message (self, event->node, entry->number);
  gboolean answered = entry->kind == SIM_ENTRY_ANSWERED;
  gboolean unknown = entry->kind == SIM_ENTRY_FAILED && entry->code == IPC_ERROR_OUTCOME_UNKNOWN;
  gboolean poisoned = entry->kind == SIM_ENTRY_FAILED && entry->code == IPC_ERROR_POISONED;
  gboolean once, poison;

  if (message == NULL)
    return;
  once = message->sent->entry.flags & SIM_ENTRY_ONCE;
  poison = message->sent->entry.flags & SIM_ENTRY_POISON;

  sim_check_one (self, SIM_INVARIANT_SENDS_ANSWERED,
                 answered || (unknown && once) || poisoned || is_rightly_lost (self, event, message)
                     || sim_terms_allow (message->sent->entry.flags, entry),
                 event, "the library failed it");
  if (unknown && once)
    check_unknown (self, event, message);
  if (poisoned)
    sim_check_one (self, SIM_INVARIANT_POISON_CONTAINED,
                   count_hit (self, message, entry->time_ns) >= self->history->max_deliveries, event,
                   "fewer masters were hit with it than are allowed");
  if (poison)
    sim_check_one (self, SIM_INVARIANT_POISON_CONTAINED, unknown || poisoned, event,
                   "its handlers end their processes, and cannot have answered");
}

/* No more masters are given a poisonous message than are allowed for each ledger. */
static void
check_poison (Checker *self, const SimEvent *event)
{
  const Message *message = sim_check_find_message (self, event->node, event->entry.number);
  const Handling *handling = message != NULL ? sim_check_get_handling (self, message->last_handling) : NULL;
  const SimEvent *newer = NULL;
  guint n = 0;

  for (; handling != NULL; handling = sim_check_get_handling (self, handling->previous)) {
    n = newer == NULL || forgot_between (self, handling->event, newer) ? 1 : n + 1;
    newer = handling->event;
    sim_check_one (self, SIM_INVARIANT_POISON_CONTAINED, n <= self->history->max_deliveries, handling->event,
                   "more masters were given it than are allowed");
  }
}

/* After the handlings have been put in order. */
void
sim_check_ledger (Checker *self)
{
  for (guint32 i = 1; i <= self->handlings->len; i++)
    check_handling (self, i);

  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_RESPONDED)
      check_responded (self, event);
    else if (sim_entry_is_outcome (&event->entry))
      check_outcome (self, event);
    else if (event->entry.kind == SIM_ENTRY_SENT && (event->entry.flags & SIM_ENTRY_POISON) != 0)
      check_poison (self, event);
  }
}
