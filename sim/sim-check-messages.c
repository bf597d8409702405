/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

#include <libipc.h>
#include <string.h>

/*
 * Checks what became of each message. What it went through is put together from several records: its sender's (sent,
 * answered or failed) and those of the masters that handled it. There are four walks: by time (what was sent, handled
 * and ended at all); over the handlings by epoch and, within an epoch, in the order of the master's record (order,
 * repeats, marks); over the answers (each against the handling that it names); over the messages (what never ended).
 */

typedef struct {
  const SimEvent *outcome; /* (nullable) answered or failed */
  guint64 sequence;        /* as the library numbered it, or 0 while it was not handled */
  guint32 last_handling;   /* index + 1 in handlings, or 0; goes on with Handling.previous */
} Message;

typedef struct {
  guint8 node_id[SIM_NODE_ID_LEN];
  GArray *messages; /* (owned) of Message, by number - 1 */

  /* Of the walk over handlings. */
  guint64 epoch;
  guint64 newest_in_epoch;
  guint64 newest_ever;
  guint64 newest_sequence;

  /* Of the walk over answers. */
  guint64 epoch_seen;
  gint64 epoch_seen_ns;
} Sender;

typedef struct {
  const SimEvent *event;
  guint32 previous; /* index + 1 of the handling of the same message before this one, or 0 */
} Handling;

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  Sender *senders;   /* (owned) by node */
  GArray *handlings; /* (owned) of Handling */
} Checker;

static void
check_one (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *event, const char *why)
{
  if (!sim_verdict_check (self->verdict, kind, held))
    sim_verdict_explain_events (self->verdict, kind, self->history, event, NULL, why);
}

static void
check_two (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *one, const SimEvent *other,
           const char *why)
{
  if (!sim_verdict_check (self->verdict, kind, held))
    sim_verdict_explain_events (self->verdict, kind, self->history, one, other, why);
}

static Message *
find_message (Checker *self, guint32 sender, guint64 number)
{
  GArray *messages;

  if (sender >= self->history->nodes->len)
    return NULL;
  messages = self->senders[sender].messages;
  return number == 0 || number > messages->len ? NULL : &g_array_index (messages, Message, number - 1);
}

static Handling *
get_handling (Checker *self, guint32 index)
{
  return index == 0 ? NULL : &g_array_index (self->handlings, Handling, index - 1);
}

/* Walk 1: by time. */

static void
see_sent (Checker *self, const SimEvent *event)
{
  GArray *messages = self->senders[event->node].messages;
  Message message = { 0 };

  /* The simulator's own numbering; a gap would make every later check meaningless. */
  g_assert (event->entry.number == messages->len + 1);

  g_array_append_val (messages, message);
  self->verdict->n_sent++;
}

static void
see_handled (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  gboolean exact = !(entry->flags & SIM_ENTRY_DAMAGED);
  gboolean known = find_message (self, entry->peer, entry->number) != NULL;
  Handling handling = { .event = event };

  if (entry->flags & SIM_ENTRY_REDELIVERED)
    self->verdict->n_redelivered++;

  check_one (self, SIM_INVARIANT_MESSAGES_EXACT, exact, event, "these bytes were never sent");
  if (!exact)
    return;

  check_one (self, SIM_INVARIANT_HANDLED_WAS_SENT, known, event, "it had not been sent by then");
  if (known)
    g_array_append_val (self->handlings, handling);
}

static void
count_outcome (Checker *self, const SimEntry *entry)
{
  if (entry->kind == SIM_ENTRY_ANSWERED)
    self->verdict->n_answered++;
  else if (entry->code == IPC_ERROR_OUTCOME_UNKNOWN || entry->code == IPC_ERROR_TIMED_OUT
           || entry->code == IPC_ERROR_RESPONSE_LOST)
    self->verdict->n_unknown++;
  else
    self->verdict->n_failed++;
}

static void
see_outcome (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  Message *message = find_message (self, event->node, entry->number);

  count_outcome (self, entry);
  check_one (self, SIM_INVARIANT_SENDS_ANSWERED, entry->kind == SIM_ENTRY_ANSWERED, event, "the library failed it");

  if (message == NULL) {
    check_one (self, SIM_INVARIANT_ENDS_ONCE, FALSE, event, "it was never sent");
    return;
  }
  check_two (self, SIM_INVARIANT_ENDS_ONCE, message->outcome == NULL, event, message->outcome, "it had ended before");
  message->outcome = event;
}

/* Errors about files are no news when files are deleted; but all nodes speak the same protocol. */
static void
see_error (Checker *self, const SimEvent *event)
{
  check_one (self, SIM_INVARIANT_NO_VIOLATION, event->entry.code != IPC_ERROR_PROTOCOL, event, "IPC_ERROR_PROTOCOL");
}

static void
see_events (Checker *self)
{
  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_STARTED)
      memcpy (self->senders[event->node].node_id, event->entry.node_id, SIM_NODE_ID_LEN);
    else if (event->entry.kind == SIM_ENTRY_SENT)
      see_sent (self, event);
    else if (event->entry.kind == SIM_ENTRY_HANDLED)
      see_handled (self, event);
    else if (event->entry.kind == SIM_ENTRY_ANSWERED || event->entry.kind == SIM_ENTRY_FAILED)
      see_outcome (self, event);
    else if (event->entry.kind == SIM_ENTRY_ERROR)
      see_error (self, event);
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

  check_one (self, SIM_INVARIANT_ONE_IDENTITY, same_node, event, "node id or pid are not those of the sender");
  check_one (self, SIM_INVARIANT_ONE_IDENTITY, entry->sequence != 0 && (first || message->sequence == entry->sequence),
             event, "its sequence number was another one before");
  message->sequence = entry->sequence;
}

/* Repeats of one message, whatever happened to others. */
static void
check_repeats (Checker *self, const SimEvent *event, const Message *message)
{
  const Handling *previous = get_handling (self, message->last_handling);
  const SimEvent *outcome = message->outcome;
  gboolean same_epoch = previous != NULL && previous->event->entry.epoch == event->entry.epoch;
  gboolean marked = event->entry.flags & SIM_ENTRY_REDELIVERED;

  check_two (self, SIM_INVARIANT_ONCE_PER_EPOCH, !same_epoch, event, same_epoch ? previous->event : NULL,
             "twice in one epoch");
  if (previous != NULL)
    check_two (self, SIM_INVARIANT_REPEATS_MARKED, marked, event, previous->event, "the second one is not marked");

  /* A handler in an older epoch than the answer's may have been stopped in the act; nothing can prevent that. */
  if (outcome != NULL && outcome->entry.kind == SIM_ENTRY_ANSWERED)
    check_two (self, SIM_INVARIANT_NOT_AFTER_ANSWER,
               event->entry.time_ns < outcome->entry.time_ns || event->entry.epoch < outcome->entry.epoch, event,
               outcome, "its sender had the answer by then");
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

  check_one (self, SIM_INVARIANT_ORDER_IN_EPOCH, entry->number >= sender->newest_in_epoch, event,
             "a later message of this sender was handled before, in the same epoch");
  sender->newest_in_epoch = MAX (sender->newest_in_epoch, entry->number);

  if (message->last_handling != 0)
    return;
  check_one (self, SIM_INVARIANT_ORDER_ACROSS_EPOCHS,
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
    Message *message = find_message (self, event->entry.peer, event->entry.number);

    check_order (self, event, message);
    check_repeats (self, event, message);
    check_identity (self, event, message);

    handling->previous = message->last_handling;
    message->last_handling = i + 1;
  }
}

/* Walk 3: over the answers, by time. */

static const SimEvent *
find_handling (Checker *self, const Message *message, guint32 handler, guint64 epoch)
{
  Handling *handling = get_handling (self, message->last_handling);

  while (handling != NULL && (handling->event->node != handler || handling->event->entry.epoch != epoch))
    handling = get_handling (self, handling->previous);
  return handling != NULL ? handling->event : NULL;
}

/* Nothing may be accepted that was begun in an older epoch when this sender had already been answered from a newer
 * one. */
static void
check_not_stale (Checker *self, const SimEvent *event, const SimEvent *handling)
{
  Sender *sender = &self->senders[event->node];
  gboolean stale = event->entry.epoch < sender->epoch_seen && handling->entry.time_ns > sender->epoch_seen_ns;

  check_two (self, SIM_INVARIANT_NO_STALE_ANSWER, !stale, event, handling, "it had answers of a newer epoch by then");
  if (event->entry.epoch > sender->epoch_seen) {
    sender->epoch_seen = event->entry.epoch;
    sender->epoch_seen_ns = event->entry.time_ns;
  }
}

static void
check_answer (Checker *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  const Message *message = find_message (self, event->node, entry->number);
  const SimEvent *handling;
  gboolean exact = !(entry->flags & SIM_ENTRY_DAMAGED);

  check_one (self, SIM_INVARIANT_ANSWERS_EXACT, exact, event, "no handler gave this answer to this message");
  if (!exact || message == NULL)
    return;

  check_one (self, SIM_INVARIANT_ANSWER_NAMES_EPOCH, entry->epoch == entry->result_epoch, event,
             "the library names another epoch");
  handling = find_handling (self, message, entry->peer, entry->epoch);
  if (handling == NULL) {
    check_one (self, SIM_INVARIANT_ANSWER_WAS_HANDLED, FALSE, event, "this node did not handle it in this epoch");
    return;
  }
  check_two (self, SIM_INVARIANT_ANSWER_WAS_HANDLED, handling->entry.time_ns <= entry->time_ns, event, handling,
             "the answer came first");
  check_not_stale (self, event, handling);
}

static void
check_answers (Checker *self)
{
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
    const Handling *handling = get_handling (self, message->last_handling);
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
  for (guint32 i = 0; i < n_nodes; i++)
    self.senders[i].messages = g_array_new (FALSE, FALSE, sizeof (Message));

  see_events (&self);
  check_handlings (&self);
  check_answers (&self);
  for (guint32 i = 0; i < n_nodes; i++)
    check_outcomes (&self, i);

  for (guint32 i = 0; i < n_nodes; i++)
    g_array_unref (self.senders[i].messages);
  g_array_unref (self.handlings);
  g_free (self.senders);
}
