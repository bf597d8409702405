/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "sim-checker.h"

/*
 * The checker of the simulator, checked: one history in which all is well, and for each promise histories that differ
 * from it in one thing and must be rejected, for that promise and no other.
 */

/* The good history, event by event. Node 0 is master of epoch 100 until it is killed with message 2 begun; node 1
 * follows with epoch 101; node 2 sends. */
enum {
  STARTED_0,
  STARTED_1,
  STARTED_2,
  ELECTED_0,
  SENT_1,
  SENT_2,
  SENT_3,
  HANDLED_1,
  ANSWERED_1,
  HANDLED_2,
  KILLED_0,
  ELECTED_1,
  HANDLED_2_AGAIN,
  HANDLED_3,
  ANSWERED_3,
  ANSWERED_2,
  N_EVENTS,
};

#define BIT(kind) (G_GUINT64_CONSTANT (1) << (kind))

typedef void (*Twist) (SimHistory *history);

typedef struct {
  const char *path;
  Twist twist;
  guint64 broken; /* BIT of each invariant that must break; all others must hold */
} Case;

static SimEntry
handled (guint64 number, guint64 epoch, guint16 flags)
{
  return (SimEntry) {
    .kind = SIM_ENTRY_HANDLED,
    .flags = flags,
    .peer = 2,
    .number = number,
    .epoch = epoch,
    .sequence = number + 10,
    .node_id = { 2 },
    .pid = 1002,
  };
}

static SimEntry
answered (guint64 number, guint32 handler, guint64 epoch)
{
  return (SimEntry) {
    .kind = SIM_ENTRY_ANSWERED,
    .peer = handler,
    .number = number,
    .epoch = epoch,
    .result_epoch = epoch,
  };
}

static void
add_nodes (SimHistory *history)
{
  for (guint32 i = 0; i < 3; i++) {
    SimNodeInfo info = {
      .pid = 1000 + i,
      .fate = i == 0 ? SIM_FATE_KILLED : SIM_FATE_CLOSED,
      .candidate = i < 2,
      .joined = TRUE,
    };

    sim_history_add_node (history, &info);
  }
}

static SimHistory *
make_good_history (void)
{
  const struct {
    guint32 node;
    SimEntry entry;
  } events[N_EVENTS] = {
    [STARTED_0] = { 0, { .kind = SIM_ENTRY_STARTED, .node_id = { 100 }, .pid = 1000 } },
    [STARTED_1] = { 1, { .kind = SIM_ENTRY_STARTED, .node_id = { 1 }, .pid = 1001 } },
    [STARTED_2] = { 2, { .kind = SIM_ENTRY_STARTED, .node_id = { 2 }, .pid = 1002 } },
    [ELECTED_0] = { 0, { .kind = SIM_ENTRY_ELECTED, .epoch = 100 } },
    [SENT_1] = { 2, { .kind = SIM_ENTRY_SENT, .number = 1 } },
    [SENT_2] = { 2, { .kind = SIM_ENTRY_SENT, .number = 2 } },
    [SENT_3] = { 2, { .kind = SIM_ENTRY_SENT, .number = 3 } },
    [HANDLED_1] = { 0, handled (1, 100, 0) },
    [ANSWERED_1] = { 2, answered (1, 0, 100) },
    [HANDLED_2] = { 0, handled (2, 100, 0) },
    [KILLED_0] = { 0, { .kind = SIM_ENTRY_KILLED, .epoch = 100 } },
    [ELECTED_1] = { 1, { .kind = SIM_ENTRY_ELECTED, .epoch = 101 } },
    [HANDLED_2_AGAIN] = { 1, handled (2, 101, SIM_ENTRY_REDELIVERED) },
    [HANDLED_3] = { 1, handled (3, 101, 0) },
    [ANSWERED_3] = { 2, answered (3, 1, 101) },
    [ANSWERED_2] = { 2, answered (2, 1, 101) },
  };
  SimHistory *history = sim_history_new (1000);

  add_nodes (history);
  for (guint32 i = 0; i < N_EVENTS; i++) {
    SimEvent event = { .entry = events[i].entry, .node = events[i].node, .position = 10 * i };

    event.entry.time_ns = 1000 + 1000 * (gint64) (i + 1);
    g_array_append_val (history->events, event);
  }
  return history;
}

static SimEvent *
event_at (SimHistory *history, guint index)
{
  return &g_array_index (history->events, SimEvent, index);
}

/* Only what the checker never asks about is left of the event. */
static void
forget (SimHistory *history, guint index)
{
  event_at (history, index)->entry.kind = SIM_ENTRY_CUT;
}

/* One more event, right after the one with this index. */
static void
add_after (SimHistory *history, guint index, guint32 node, SimEntry entry)
{
  SimEvent event = { .entry = entry, .node = node, .position = 10 * index + 1 };

  event.entry.time_ns = event_at (history, index)->entry.time_ns + 1;
  g_array_append_val (history->events, event);
}

static void
swap_entries (SimHistory *history, guint one, guint other)
{
  SimEvent *a = event_at (history, one);
  SimEvent *b = event_at (history, other);
  SimEntry entry = a->entry;
  gint64 a_ns = a->entry.time_ns, b_ns = b->entry.time_ns;

  a->entry = b->entry;
  b->entry = entry;
  a->entry.time_ns = a_ns;
  b->entry.time_ns = b_ns;
}

static void
set_fate (SimHistory *history, guint32 node, SimFate fate)
{
  g_array_index (history->nodes, SimNodeInfo, node).fate = fate;
}

/* Twists: what goes wrong. */

static void
nothing (SimHistory *history)
{
}

static void
no_outcome (SimHistory *history)
{
  forget (history, ANSWERED_2);
}

static void
never_handled (SimHistory *history)
{
  forget (history, HANDLED_3);
  forget (history, ANSWERED_3);
}

static void
no_outcome_of_the_killed (SimHistory *history)
{
  add_after (history, SENT_3, 0, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 1 });
}

static void
failed (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_TIMED_OUT };
}

static void
answered_twice (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, answered (1, 0, 100));
}

static void
answered_unsent (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, answered (4, 0, 100));
}

static void
answered_unhandled (SimHistory *history)
{
  forget (history, HANDLED_3);
}

static void
answered_by_another (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.peer = 1;
}

static void
answered_in_another_epoch (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.epoch = 99;
  event_at (history, ANSWERED_1)->entry.result_epoch = 99;
}

static void
answered_too_early (SimHistory *history)
{
  gint64 time_ns = event_at (history, HANDLED_3)->entry.time_ns;

  event_at (history, HANDLED_3)->entry.time_ns = time_ns + 100000;
  event_at (history, ANSWERED_3)->entry.time_ns = time_ns;
}

static void
epoch_misnamed (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry.result_epoch = 100;
}

static void
answer_damaged (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.flags = SIM_ENTRY_DAMAGED;
}

static void
message_damaged (SimHistory *history)
{
  SimEntry entry = { .kind = SIM_ENTRY_HANDLED, .flags = SIM_ENTRY_DAMAGED, .epoch = 101 };

  add_after (history, HANDLED_3, 1, entry);
}

/* Message 3 is handled by the old master after its sender has been answered by the new one, and that answer is taken.
 * */
static void
stale_answer (SimHistory *history)
{
  swap_entries (history, ANSWERED_3, ANSWERED_2); /* 2 is answered from epoch 101 first */
  event_at (history, ANSWERED_2)->entry = answered (3, 0, 100);
  event_at (history, ANSWERED_2)->entry.time_ns = 999999;
  forget (history, HANDLED_3);
  add_after (history, ANSWERED_3, 0, handled (3, 100, 0));
}

static void
handled_unsent (SimHistory *history)
{
  add_after (history, HANDLED_3, 1, handled (4, 101, 0));
}

static void
handled_before_sent (SimHistory *history)
{
  event_at (history, SENT_3)->entry.time_ns = event_at (history, HANDLED_3)->entry.time_ns + 1;
}

static void
false_sender (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.node_id[0] = 7;
}

static void
false_pid (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.pid = 1;
}

static void
other_sequence (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.sequence = 14;
}

static void
no_sequence (SimHistory *history)
{
  event_at (history, HANDLED_3)->entry.sequence = 0;
}

static void
wrong_order_in_epoch (SimHistory *history)
{
  swap_entries (history, HANDLED_2_AGAIN, HANDLED_3);
}

/* 3 before 2, which nobody had handled: wrong across epochs, though each epoch by itself is in order. */
static void
wrong_order_across_epochs (SimHistory *history)
{
  SimEvent *second = event_at (history, HANDLED_2);

  second->entry.number = 3;
  second->entry.sequence = 13;
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
twice_in_epoch (SimHistory *history)
{
  add_after (history, HANDLED_3, 1, handled (3, 101, SIM_ENTRY_REDELIVERED));
}

static void
unmarked_repeat (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
}

static void
marked_but_first (SimHistory *history)
{
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
handled_after_answer (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, handled (1, 101, SIM_ENTRY_REDELIVERED));
}

/* A master that was stopped inside a handler comes back: nothing can prevent that. */
static void
stopped_in_handler (SimHistory *history)
{
  event_at (history, HANDLED_2)->entry.time_ns = 999999;
}

static void
two_masters (SimHistory *history)
{
  event_at (history, ELECTED_1)->entry.epoch = 100;
}

static void
two_handlers_of_epoch (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->node = 0;
}

static void
epoch_back (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 99 });
}

static void
elected_twice (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 101 });
}

static void
role_epoch_back (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100 });
}

static void
late_claim (SimHistory *history)
{
  add_after (history, KILLED_0, 1, (SimEntry) { .kind = SIM_ENTRY_OVERTAKEN, .epoch = 105 });
}

static void
overtaken_but_newer (SimHistory *history)
{
  add_after (history, KILLED_0, 1, (SimEntry) { .kind = SIM_ENTRY_OVERTAKEN, .epoch = 100 });
}

static void
protocol_error (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_PROTOCOL });
}

static void
file_error (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_RUNTIME_DIR });
}

static void
never_joined (SimHistory *history)
{
  g_array_index (history->nodes, SimNodeInfo, 1).joined = FALSE;
}

static void
crashed (SimHistory *history)
{
  set_fate (history, 1, SIM_FATE_CRASHED);
}

static void
hung (SimHistory *history)
{
  set_fate (history, 2, SIM_FATE_HUNG);
}

static const Case cases[] = {
  { "/good", nothing, 0 },
  { "/good/first-but-marked", marked_but_first, 0 },
  { "/good/killed-sender-without-outcome", no_outcome_of_the_killed, 0 },
  { "/good/stopped-in-handler", stopped_in_handler, 0 },
  { "/good/overtaken-and-elected-later", overtaken_but_newer, 0 },
  { "/good/file-error", file_error, 0 },
  { "/every-send-ends/lost", no_outcome, BIT (SIM_INVARIANT_SENDS_END) },
  { "/every-send-ends/never-handled", never_handled, BIT (SIM_INVARIANT_SENDS_END) },
  { "/every-send-is-answered", failed, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-ends-once/twice", answered_twice, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/every-send-ends-once/unsent", answered_unsent, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/answered-was-handled/unhandled", answered_unhandled, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-node", answered_by_another, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-epoch", answered_in_another_epoch, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/too-early", answered_too_early,
    BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) | BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/answer-names-its-epoch", epoch_misnamed, BIT (SIM_INVARIANT_ANSWER_NAMES_EPOCH) },
  { "/answers-exact", answer_damaged, BIT (SIM_INVARIANT_ANSWERS_EXACT) },
  { "/messages-exact", message_damaged, BIT (SIM_INVARIANT_MESSAGES_EXACT) },
  { "/no-stale-answer", stale_answer, BIT (SIM_INVARIANT_NO_STALE_ANSWER) },
  { "/handled-was-sent/never", handled_unsent, BIT (SIM_INVARIANT_HANDLED_WAS_SENT) },
  { "/handled-was-sent/later", handled_before_sent,
    BIT (SIM_INVARIANT_HANDLED_WAS_SENT) | BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/one-identity/node-id", false_sender, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/pid", false_pid, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/sequence", other_sequence, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/no-sequence", no_sequence,
    BIT (SIM_INVARIANT_ONE_IDENTITY) | BIT (SIM_INVARIANT_ORDER_ACROSS_EPOCHS) },
  { "/order-in-epoch", wrong_order_in_epoch, BIT (SIM_INVARIANT_ORDER_IN_EPOCH) },
  { "/order-across-epochs", wrong_order_across_epochs, BIT (SIM_INVARIANT_ORDER_ACROSS_EPOCHS) },
  { "/once-per-epoch", twice_in_epoch, BIT (SIM_INVARIANT_ONCE_PER_EPOCH) },
  { "/repeats-are-marked", unmarked_repeat, BIT (SIM_INVARIANT_REPEATS_MARKED) },
  { "/not-after-its-answer", handled_after_answer, BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/one-master-per-epoch/elected", two_masters, BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) },
  { "/one-master-per-epoch/handling", two_handlers_of_epoch,
    BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) | BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/epochs-increase/back", epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/epochs-increase/again", elected_twice, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/epochs-increase/role", role_epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/no-late-claim", late_claim, BIT (SIM_INVARIANT_NO_LATE_CLAIM) },
  { "/no-protocol-error", protocol_error, BIT (SIM_INVARIANT_NO_VIOLATION) },
  { "/every-node-joined", never_joined, BIT (SIM_INVARIANT_ALL_JOINED) },
  { "/no-node-crashed", crashed, BIT (SIM_INVARIANT_NONE_CRASHED) },
  { "/every-node-closed", hung, BIT (SIM_INVARIANT_ALL_CLOSED) },
};

static void
test_case (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;
  guint64 broken = 0;

  test->twist (history);
  sim_history_sort (history);
  verdict = sim_checker_check (history);

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &verdict->invariants[i];

    if (invariant->n_broken > 0)
      g_test_message ("%s: %s", invariant->name, invariant->example);
    g_assert_cmpint (invariant->n_broken > 0, ==, invariant->example != NULL);
    broken |= invariant->n_broken > 0 ? BIT (i) : 0;
  }
  g_assert_cmphex (broken, ==, test->broken);
  g_assert_cmpint (sim_verdict_held (verdict), ==, test->broken == 0);
}

/* A promise that no case breaks might as well not be checked. */
static void
test_all_broken (void)
{
  guint64 broken = 0;

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    broken |= cases[i].broken;
  g_assert_cmphex (broken, ==, BIT (SIM_N_INVARIANTS) - 1);
}

static void
test_counts (void)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = sim_checker_check (history);

  g_assert_cmpuint (verdict->n_sent, ==, 3);
  g_assert_cmpuint (verdict->n_answered, ==, 3);
  g_assert_cmpuint (verdict->n_failed, ==, 0);
  g_assert_cmpuint (verdict->n_unknown, ==, 0);
  g_assert_cmpuint (verdict->n_lost, ==, 0);
  g_assert_cmpuint (verdict->n_orphaned, ==, 0);
  g_assert_cmpuint (verdict->n_redelivered, ==, 1);
  g_assert_cmpuint (verdict->n_epochs, ==, 2);
}

static void
test_counts_of_ends (void)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  no_outcome (history);
  no_outcome_of_the_killed (history);
  sim_history_sort (history);
  verdict = sim_checker_check (history);

  g_assert_cmpuint (verdict->n_lost, ==, 1);
  g_assert_cmpuint (verdict->n_orphaned, ==, 1);
  g_assert_cmpuint (verdict->n_answered, ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autofree char *path = g_strconcat ("/sim-checker", cases[i].path, NULL);

    g_test_add_data_func (path, &cases[i], test_case);
  }
  g_test_add_func ("/sim-checker/every-promise-is-broken-once", test_all_broken);
  g_test_add_func ("/sim-checker/counts", test_counts);
  g_test_add_func ("/sim-checker/counts/ends", test_counts_of_ends);

  return g_test_run ();
}
