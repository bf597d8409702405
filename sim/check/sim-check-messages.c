/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-check-private.h"

#include <libipc.h>
#include <string.h>

#include "sim-terms.h"

/*
 * Checks what became of each message. What it went through is put together from several records: its sender's (sent,
 * answered or failed) and those of the masters that handled it. There are four walks: by time (what was sent, handled
 * and ended at all); over the handlings by epoch and, within an epoch, in the order of the master's record (order,
 * repeats, marks); over the answers (each against the handling that it names); over the messages (what never ended).
 */

void
sim_check_one (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *event, const char *why)
{
  if (!sim_verdict_check (self->verdict, kind, held))
    sim_verdict_explain_events (self->verdict, kind, self->history, event, NULL, why);
}

void
sim_check_two (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *one, const SimEvent *other,
               const char *why)
{
  if (!sim_verdict_check (self->verdict, kind, held))
    sim_verdict_explain_events (self->verdict, kind, self->history, one, other, why);
}

Message *
sim_check_find_message (Checker *self, guint32 sender, guint64 number)
{
  GArray *messages;

  if (sender >= self->history->nodes->len)
    return NULL;
  messages = self->senders[sender].messages;
  return number == 0 || number > messages->len ? NULL : &g_array_index (messages, Message, number - 1);
}

Handling *
sim_check_get_handling (Checker *self, guint32 index)
{
  return index == 0 ? NULL : &g_array_index (self->handlings, Handling, index - 1);
}

/* Walk 1: by time. */

static void
see_sent (Checker *self, const SimEvent *event)
{
  GArray *messages = self->senders[event->node].messages;
  Message message = { .sent = event, .known_epoch = self->senders[event->node].known_epoch };

  /* The simulator's own numbering; a gap would make every later check meaningless, and what comes after it counts for
   * nothing. */
  sim_check_one (self, SIM_INVARIANT_RECORDS_SOUND, event->entry.number == messages->len + 1, event,
                 "messages are numbered from 1 on, without a gap");
  if (event->entry.number == messages->len + 1)
    g_array_append_val (messages, message);
  self->verdict->n_sent++;
}

static void
see_handled (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  gboolean exact = !(entry->flags & SIM_ENTRY_DAMAGED);
  gboolean known = sim_check_find_message (self, entry->peer, entry->number) != NULL;
  Handling handling = { .event = event };

  if (entry->flags & SIM_ENTRY_REDELIVERED)
    self->verdict->n_redelivered++;

  if (!self->history->foreign)
    sim_check_one (self, SIM_INVARIANT_MESSAGES_EXACT, exact, event, "these bytes were never sent");
  if (!exact)
    return;

  sim_check_one (self, SIM_INVARIANT_HANDLED_WAS_SENT, known, event, "it had not been sent by then");
  if (known)
    g_array_append_val (self->handlings, handling);
}

static void
count_outcome (Checker *self, const SimEntry *entry)
{
  if (entry->kind == SIM_ENTRY_ANSWERED)
    self->verdict->n_answered++;
  else if (sim_outcome_is_unsent (entry))
    self->verdict->n_failed++;
  else if (entry->kind == SIM_ENTRY_CANCELLED || entry->code == IPC_ERROR_OUTCOME_UNKNOWN || entry->code == IPC_ERROR_TIMED_OUT
           || entry->code == IPC_ERROR_RESPONSE_LOST)
    self->verdict->n_unknown++;
  else
    self->verdict->n_failed++;
}

static void
see_outcome (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  Message *message = sim_check_find_message (self, event->node, entry->number);

  count_outcome (self, entry);
  if (message == NULL) {
    sim_check_one (self, SIM_INVARIANT_ENDS_ONCE, FALSE, event, "it was never sent");
    return;
  }
  sim_check_two (self, SIM_INVARIANT_ENDS_ONCE, message->outcome == NULL, event, message->outcome,
                 "it had ended before");
  message->outcome = event;
}

/* Errors about files are no news when files are deleted; but all nodes speak the same protocol. */
static void
see_error (Checker *self, const SimEvent *event)
{
  sim_check_one (self, SIM_INVARIANT_NO_VIOLATION, event->entry.code != IPC_ERROR_PROTOCOL, event,
                 "IPC_ERROR_PROTOCOL");
}

static void
see_stranger (Checker *self, const SimEvent *event)
{
  sim_check_one (self, SIM_INVARIANT_STRANGERS, (event->entry.flags & SIM_ENTRY_FAILURE) == 0, event,
                 "it was treated otherwise than the protocol says");
}

static void
see_events (Checker *self)
{
  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_STARTED)
      memcpy (self->senders[event->node].node_id, event->entry.node_id, SIM_NODE_ID_LEN);
    else if (event->entry.kind == SIM_ENTRY_ROLE)
      self->senders[event->node].known_epoch = event->entry.epoch;
    else if (event->entry.kind == SIM_ENTRY_SENT)
      see_sent (self, event);
    else if (event->entry.kind == SIM_ENTRY_HANDLED)
      see_handled (self, event);
    else if (sim_entry_is_outcome (&event->entry))
      see_outcome (self, event);
    else if (event->entry.kind == SIM_ENTRY_ERROR)
      see_error (self, event);
    else if (event->entry.kind == SIM_ENTRY_STRANGER)
      see_stranger (self, event);
  }
}

/* Walk 2: over the handlings, by epoch and record. */

static int
compare_handlings (gconstpointer a, gconstpointer b)
{
  const SimEvent *one = ((const Handling *) a)->event;
  const SimEvent *other = ((const Handling *) b)->event;

  if (one->entry.epoch != other->entry.epoch)
    return one->entry.epoch < other->entry.epoch ? -1 : 1;
  if (one->node != other->node)
    return one->node < other->node ? -1 : 1;
  return (one->position > other->position) - (one->position < other->position);
}

/* What the handler was told about the sender is true, and a message keeps its sequence number. */
static void
check_identity (Checker *self, const SimEvent *event, Message *message)
{
  const SimEntry *entry = &event->entry;
  Sender *sender = &self->senders[entry->peer];
  gboolean same_node = memcmp (sender->node_id, entry->node_id, SIM_NODE_ID_LEN) == 0
                       && sim_history_get_node (self->history, entry->peer)->pid == entry->pid;
  gboolean first = message->sequence == 0;

  sim_check_one (self, SIM_INVARIANT_ONE_IDENTITY, same_node, event, "node id or pid are not those of the sender");
  sim_check_one (self, SIM_INVARIANT_ONE_IDENTITY,
                 entry->sequence != 0 && (first || message->sequence == entry->sequence), event,
                 "its sequence number was another one before");
  message->sequence = entry->sequence;
}

/* Repeats of one message, whatever happened to others. */
static void
check_repeats (Checker *self, const SimEvent *event, const Message *message)
{
  const Handling *previous = sim_check_get_handling (self, message->last_handling);
  gboolean same_epoch = previous != NULL && previous->event->entry.epoch == event->entry.epoch;
  gboolean marked = event->entry.flags & SIM_ENTRY_REDELIVERED;

  sim_check_two (self, SIM_INVARIANT_ONCE_PER_EPOCH, !same_epoch, event, same_epoch ? previous->event : NULL,
                 "twice in one epoch");
  if (previous != NULL)
    sim_check_two (self, SIM_INVARIANT_REPEATS_MARKED, marked, event, previous->event, "the second one is not marked");
}

/* In one epoch numbers only rise. Across epochs only first handlings count: what is handed over again comes again in
 * its old order, after messages that were new to the master before. */
static void
check_order (Checker *self, const SimEvent *event, const Message *message)
{
  const SimEntry *entry = &event->entry;
  Sender *sender = &self->senders[entry->peer];

  if (sender->epoch != entry->epoch) {
    sender->epoch = entry->epoch;
    sender->newest_in_epoch = 0;
  }

  sim_check_one (self, SIM_INVARIANT_ORDER_IN_EPOCH, entry->number >= sender->newest_in_epoch, event,
                 "a later message of this sender was handled before, in the same epoch");
  sender->newest_in_epoch = MAX (sender->newest_in_epoch, entry->number);

  if (message->last_handling != 0)
    return;
  sim_check_one (self, SIM_INVARIANT_ORDER_ACROSS_EPOCHS,
                 entry->number > sender->newest_ever && entry->sequence > sender->newest_sequence, event,
                 "a later message of this sender was handled before");
  sender->newest_ever = MAX (sender->newest_ever, entry->number);
  sender->newest_sequence = MAX (sender->newest_sequence, entry->sequence);
}

static void
check_handlings (Checker *self)
{
  g_array_sort (self->handlings, compare_handlings);

  for (guint i = 0; i < self->handlings->len; i++) {
    Handling *handling = &g_array_index (self->handlings, Handling, i);
    const SimEvent *event = handling->event;
    Message *message = sim_check_find_message (self, event->entry.peer, event->entry.number);

    check_order (self, event, message);
    check_repeats (self, event, message);
    check_identity (self, event, message);

    handling->previous = message->last_handling;
    message->last_handling = i + 1;
  }
}

/* Walk 3: over what handlers say that they did, and over the answers, by time. */

static Handling *
find_handling (Checker *self, const Message *message, guint32 handler, guint64 epoch)
{
  Handling *handling = sim_check_get_handling (self, message->last_handling);

  while (handling != NULL && (handling->event->node != handler || handling->event->entry.epoch != epoch))
    handling = sim_check_get_handling (self, handling->previous);
  return handling;
}

/* What a handler says that it did, it did to a message that it had been given, and it answers each once. */
static void
check_deed (Checker *self, const SimEvent *event)
{
  const Message *message = sim_check_find_message (self, event->entry.peer, event->entry.number);
  Handling *handling = message != NULL ? find_handling (self, message, event->node, event->entry.epoch) : NULL;
  gboolean responded = event->entry.kind == SIM_ENTRY_RESPONDED;
  gboolean held = handling != NULL && handling->event < event && !(responded && handling->responded);

  if (self->history->foreign)
    return;
  sim_check_two (self, SIM_INVARIANT_RECORDS_SOUND, held, event, handling != NULL ? handling->event : NULL,
                 "it had not been given this message in this epoch, or has answered it before");
  if (handling != NULL && responded)
    handling->responded = TRUE;
}

/* Who goes on after its answer has arrived has written down that it gave it. */
static void
check_was_responded (Checker *self, const SimEvent *answer, const Handling *handling)
{
  gboolean held = handling->responded || self->senders[answer->entry.peer].last_own_ns <= answer->entry.time_ns;

  if (!self->history->foreign)
    sim_check_two (self, SIM_INVARIANT_RECORDS_SOUND, held, answer, handling->event,
                   "its handler does not say that it answered");
}

/* Nothing may be accepted that was begun in an older epoch when this sender had already been answered from a newer
 * one. */
static void
check_not_stale (Checker *self, const SimEvent *event, const SimEvent *handling)
{
  Sender *sender = &self->senders[event->node];
  gboolean stale = event->entry.epoch < sender->epoch_seen && handling->entry.time_ns > sender->epoch_seen_ns;

  sim_check_two (self, SIM_INVARIANT_NO_STALE_ANSWER, !stale, event, handling,
                 "it had answers of a newer epoch by then");
  if (event->entry.epoch > sender->epoch_seen) {
    sender->epoch_seen = event->entry.epoch;
    sender->epoch_seen_ns = event->entry.time_ns;
  }
}

static void
check_answer (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  const Message *message = sim_check_find_message (self, event->node, entry->number);
  const Handling *handling;
  gboolean exact = !(entry->flags & SIM_ENTRY_DAMAGED);

  if (!self->history->foreign)
    sim_check_one (self, SIM_INVARIANT_ANSWERS_EXACT, exact, event, "no handler gave this answer to this message");
  if (!exact || message == NULL)
    return;

  if (!self->history->foreign)
    sim_check_one (self, SIM_INVARIANT_ANSWER_NAMES_EPOCH, entry->epoch == entry->result_epoch, event,
                   "the library names another epoch");
  handling = find_handling (self, message, entry->peer, entry->epoch);
  if (handling == NULL) {
    sim_check_one (self, SIM_INVARIANT_ANSWER_WAS_HANDLED, FALSE, event, "this node did not handle it in this epoch");
    return;
  }
  sim_check_two (self, SIM_INVARIANT_ANSWER_WAS_HANDLED, handling->event < event, event, handling->event,
                 "the answer came first");
  check_was_responded (self, event, handling);
  check_not_stale (self, event, handling->event);
}

static void
check_answers (Checker *self)
{
  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);
    SimEntryKind kind = (SimEntryKind) event->entry.kind;

    if (kind == SIM_ENTRY_RESPONDED || kind == SIM_ENTRY_WROTE || kind == SIM_ENTRY_FENCED)
      check_deed (self, event);
    if (event->position != G_MAXUINT32)
      self->senders[event->node].last_own_ns = event->entry.time_ns;
  }
  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_ANSWERED)
      check_answer (self, event);
  }
}

/* Walk 4: over the messages. */

static void
check_outcomes (Checker *self, guint32 node)
{
  GArray *messages = self->senders[node].messages;
  gboolean survived = sim_history_get_node (self->history, node)->fate != SIM_FATE_KILLED;

  for (guint64 number = 1; number <= messages->len; number++) {
    const Message *message = &g_array_index (messages, Message, number - 1);
    const Handling *handling = sim_check_get_handling (self, message->last_handling);
    gboolean ended = message->outcome != NULL;
    g_autofree char *last = NULL;

    if (!survived) {
      self->verdict->n_orphaned += !ended;
      continue;
    }
    if (sim_verdict_check (self->verdict, SIM_INVARIANT_SENDS_END, ended))
      continue;

    self->verdict->n_lost++;
    last = handling != NULL ? sim_history_describe (self->history, handling->event) : g_strdup ("it was never handled");
    sim_verdict_explain (self->verdict, SIM_INVARIANT_SENDS_END, "%u/%" G_GUINT64_FORMAT " has no outcome; %s", node,
                         number, last);
  }
}

void
sim_check_messages (const SimHistory *history, SimVerdict *verdict)
{
  guint32 n_nodes = history->nodes->len;
  Checker self = { .history = history, .verdict = verdict };

  self.senders = g_new0 (Sender, n_nodes);
  self.handlings = g_array_new (FALSE, FALSE, sizeof (Handling));
  self.epochs = sim_epochs_new (history);
  for (guint32 i = 0; i < n_nodes; i++)
    self.senders[i].messages = g_array_new (FALSE, FALSE, sizeof (Message));

  see_events (&self);
  check_handlings (&self);
  sim_check_ledger (&self);
  sim_check_given_up (&self);
  check_answers (&self);
  for (guint32 i = 0; i < n_nodes; i++)
    check_outcomes (&self, i);

  for (guint32 i = 0; i < n_nodes; i++)
    g_array_unref (self.senders[i].messages);
  g_array_unref (self.handlings);
  sim_epochs_free (self.epochs);
  g_free (self.senders);
}
