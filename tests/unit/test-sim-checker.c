/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <ipc-kill-point.h>
#include <libipc.h>

#include "sim-checker.h"
#include "sim-fault.h"
#include "sim-options.h"
#include "sim-syscalls.h"
#include "sim-phase.h"

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
  RESPONDED_1,
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

#define MS G_GINT64_CONSTANT (1000000)
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
    .code = flags & SIM_ENTRY_REDELIVERED ? 2 : 1,
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
    [RESPONDED_1] = { 0, { .kind = SIM_ENTRY_RESPONDED, .peer = 2, .number = 1, .epoch = 100 } },
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
  event_at (history, index)->entry.kind = SIM_ENTRY_DRAINED;
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
a_number_left_out (SimHistory *history)
{
  add_after (history, ANSWERED_2, 2, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 5 });
}

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

/* The first master closes instead of being killed, and yet the next one is given what it had begun. */
static void
closed_and_repeated (SimHistory *history)
{
  SimEntry *entry = &event_at (history, KILLED_0)->entry;

  *entry = (SimEntry) { .time_ns = entry->time_ns, .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_IDLE, .epoch = 100 };
  set_fate (history, 0, SIM_FATE_CLOSED);
}

/* See test-sim-liveness.c for what excuses it. */
static void
starved (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry.time_ns += G_GINT64_CONSTANT (20000000000);
}

static void
send_with (SimHistory *history, guint index, guint16 flags, int after_ms)
{
  event_at (history, index)->entry.flags |= flags;
  event_at (history, index)->entry.code = after_ms;
}

/* Message 2 in this way, at a time. */
static void
give_up (SimHistory *history, SimEntry outcome, gint64 time_ns)
{
  outcome.time_ns = time_ns;
  outcome.number = 2;
  event_at (history, ANSWERED_2)->entry = outcome;
}

static void
never_handle_2 (SimHistory *history)
{
  forget (history, HANDLED_2);
  forget (history, HANDLED_2_AGAIN);
}

/* Handled or not: that is what TIMED_OUT says. */
static void
timed_out (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 8 * MS);
}

/* Its sequence number is passed over. */
static void
timed_out_unhandled (SimHistory *history)
{
  timed_out (history);
  never_handle_2 (history);
}

static void
handled_after_time_out (SimHistory *history)
{
  timed_out (history);
  event_at (history, HANDLED_3)->entry.time_ns += 20 * MS;
  event_at (history, HANDLED_2_AGAIN)->entry.time_ns += 19 * MS;
  event_at (history, ANSWERED_3)->entry.time_ns += 20 * MS;
}

static void
timed_out_early (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 7 * MS);
}

static void
timed_out_late (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 10100 * MS);
}

static void
answered_late (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  starved (history);
}

static void
not_sent (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_SENT }, 8 * MS);
}

static void
not_sent_without_deadline (SimHistory *history)
{
  not_sent (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_CANCEL | SIM_ENTRY_FAIL_FAST | SIM_ENTRY_REFUSABLE;
}

static void
not_sent_and_handled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_SENT }, 8 * MS);
}

/* The deadline is not what ended it. */
static void
no_master (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_FAIL_FAST | SIM_ENTRY_DEADLINE, 7);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NO_MASTER }, 2 * MS);
}

static void
no_master_but_waits (SimHistory *history)
{
  no_master (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_CANCEL | SIM_ENTRY_REFUSABLE;
}

static void
no_master_early (SimHistory *history)
{
  no_master (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE;
}

/* Only when it has been given up. */
static void
no_master_and_handled_later (SimHistory *history)
{
  no_master (history);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, SENT_3)->entry.time_ns + 1;
  add_after (history, ELECTED_1, 1, handled (2, 101, 0));
}

static void
queue_full (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_REFUSABLE, 0);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL }, 2 * MS);
}

static void
queue_full_but_waits (SimHistory *history)
{
  queue_full (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL | SIM_ENTRY_FAIL_FAST;
}

static void
queue_full_and_handled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_REFUSABLE, 0);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL }, 2 * MS);
}

static void
cancelled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_CANCEL, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_CANCELLED }, 8 * MS);
}

static void
cancelled_unsent (SimHistory *history)
{
  cancelled (history);
  never_handle_2 (history);
  event_at (history, ANSWERED_2)->entry.flags = SIM_ENTRY_UNSENT;
}

static void
cancelled_unsent_and_handled (SimHistory *history)
{
  cancelled (history);
  event_at (history, ANSWERED_2)->entry.flags = SIM_ENTRY_UNSENT;
}

static void
cancelled_early (SimHistory *history)
{
  cancelled (history);
  event_at (history, ANSWERED_2)->entry.time_ns = 7 * MS;
}

static void
cancelled_by_nobody (SimHistory *history)
{
  cancelled (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE | SIM_ENTRY_FAIL_FAST | SIM_ENTRY_REFUSABLE;
}

static void
cancelled_twice (SimHistory *history)
{
  cancelled (history);
  add_after (history, ANSWERED_2, 2, (SimEntry) { .kind = SIM_ENTRY_CANCELLED, .number = 2 });
}

/* What may be given up may be handled at most once all the same. */
static void
timed_out_twice_handled (SimHistory *history)
{
  timed_out (history);
  event_at (history, SENT_2)->entry.flags |= SIM_ENTRY_ONCE;
}

static void
converged (SimHistory *history)
{
  add_after (history, SENT_2, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_CONVERGE });
}

static void
sends_no_more (SimHistory *history)
{
  add_after (history, SENT_3, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_CONVERGE });
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
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
  event_at (history, HANDLED_3)->entry.code = 2;
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
  add_after (history, ANSWERED_1, 0, (SimEntry) { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP });
  event_at (history, HANDLED_2)->entry.time_ns = 999999;
}

static void
old_master_goes_on (SimHistory *history)
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
stranger_served (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0,
             (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_HOSTILE, .flags = SIM_ENTRY_FAILURE });
}

static void
stranger_stays (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0,
             (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_SILENT, .flags = SIM_ENTRY_FAILURE });
}

static void
stranger_refused (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0, (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_HOSTILE });
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

/* What is lost with a deletion between the two elections. */
static void
delete_file (SimHistory *history)
{
  add_after (history, KILLED_0, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
}

static void
handled_after_answer_and_deletion (SimHistory *history)
{
  SimEntry again = handled (1, 101, SIM_ENTRY_REDELIVERED);

  delete_file (history);
  again.code = 1; /* nobody knows of the first */
  add_after (history, ELECTED_1, 1, again);
}

/* In the ledger of the same file, whatever was deleted before. */
static void
handled_after_answer_and_old_deletion (SimHistory *history)
{
  for (guint i = STARTED_0; i < ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  add_after (history, STARTED_2, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
  handled_after_answer (history);
}

static void
handled_after_answer_and_socket (SimHistory *history)
{
  add_after (history, KILLED_0, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_SOCKET });
  handled_after_answer (history);
}

/* Its sender has not seen the answer, but the library had it. */
static void
handled_after_response (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry = (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_CUT };
  add_after (history, ANSWERED_2, 2, answered (1, 1, 101));
  add_after (history, ELECTED_1, 1, handled (1, 101, SIM_ENTRY_REDELIVERED));
}

/* An answer of a master that had been stopped, and replaced, may have come too late. */
static void
handled_after_late_response (SimHistory *history)
{
  SimEntry stopped = { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP };

  handled_after_response (history);
  add_after (history, HANDLED_1, 0, stopped);
}

static void
handled_after_response_and_hiccup (SimHistory *history)
{
  SimEntry stopped = { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_HICCUP };

  handled_after_response (history);
  add_after (history, HANDLED_1, 0, stopped);
}

static void
send_once (SimHistory *history, guint index)
{
  event_at (history, index)->entry.flags |= SIM_ENTRY_ONCE;
}

static void
twice_at_most_once (SimHistory *history)
{
  send_once (history, SENT_2);
}

/* Its master was killed with it. */
static void
unknown (SimHistory *history)
{
  send_once (history, SENT_2);
  forget (history, HANDLED_2_AGAIN);
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_OUTCOME_UNKNOWN };
}

/* Nobody has said that he began on it; the one who was killed may have accepted it. */
static void
unknown_unseen (SimHistory *history)
{
  unknown (history);
  forget (history, HANDLED_2);
}

/* The one who was killed had been stopped before, long before the message was sent, and had gone on. */
static void
unknown_unseen_after_stop (SimHistory *history)
{
  unknown_unseen (history);
  for (guint i = SENT_1; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 30 * MS;
  add_after (history, ELECTED_0, 0, (SimEntry) { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP });
  add_after (history, ELECTED_0, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STOP });
  event_at (history, N_EVENTS + 1)->entry.time_ns += 1;
}

/* Its successor was there already when it was killed. */
static void
unknown_unseen_after_deposition (SimHistory *history)
{
  unknown_unseen_after_stop (history);
  event_at (history, ELECTED_1)->entry.time_ns = event_at (history, SENT_2)->entry.time_ns;
}

/* But one message only. */
static void
unknown_unseen_twice (SimHistory *history)
{
  unknown_unseen (history);
  send_once (history, SENT_3);
  forget (history, HANDLED_3);
  event_at (history, ANSWERED_3)->entry =
      (SimEntry) { .time_ns = 999998, .kind = SIM_ENTRY_FAILED, .number = 3, .code = IPC_ERROR_OUTCOME_UNKNOWN };
}

static void
unknown_at_least_once (SimHistory *history)
{
  unknown (history);
  event_at (history, SENT_2)->entry.flags = 0;
}

/* Handed to a master that nothing has happened to. */
static void
unknown_before_kill (SimHistory *history)
{
  unknown (history);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, HANDLED_2)->entry.time_ns + 1;
}

/* One message may have been accepted without a trace, two may not. */
static void
marked_unseen (SimHistory *history)
{
  forget (history, HANDLED_2);
}

static void
marked_unseen_twice (SimHistory *history)
{
  marked_unseen (history);
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

/* Node 2 is said to be connected to the master of an epoch, and sends when its file has gone and a later one has another. */
static void
sent_to_older_master (SimHistory *history, guint64 epoch)
{
  SimEntry elected = { .kind = SIM_ENTRY_ELECTED, .epoch = 50 };

  marked_unseen_twice (history);
  for (guint i = ELECTED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 200 * MS;
  add_after (history, STARTED_1, 1, elected);
  add_after (history, STARTED_2, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
  add_after (history, STARTED_2, 2, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = epoch, .code = IPC_ROLE_CLIENT });
}

static void
marked_after_older_master (SimHistory *history)
{
  sent_to_older_master (history, 50);
}

static void
marked_after_present_master (SimHistory *history)
{
  sent_to_older_master (history, 0);
}

static void
marked_after_deletion (SimHistory *history)
{
  marked_unseen_twice (history);
  delete_file (history);
}

/* Its master had not noticed, and took messages by the file that was gone already. */
static void
marked_after_unnoticed_deletion (SimHistory *history)
{
  marked_unseen_twice (history);
  for (guint i = STARTED_0; i <= ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  add_after (history, ELECTED_0, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
}

static void
marked_without_kill (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
first_is_second (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.code = 2;
}

static void
count_stays (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
}

/* Message 2 kills three masters, and fails. */
static void
add_poison (SimHistory *history, guint n_masters)
{
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_POISON;
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 9999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_POISONED };
  event_at (history, HANDLED_3)->entry.kind = SIM_ENTRY_CUT;
  event_at (history, ANSWERED_3)->entry.kind = SIM_ENTRY_CUT;
  add_after (history, HANDLED_2_AGAIN, 1, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = 101 });
  for (guint i = 2; i < n_masters; i++) {
    SimNodeInfo info = { .pid = 1001 + i, .fate = SIM_FATE_KILLED, .candidate = TRUE, .joined = TRUE };
    guint32 node = sim_history_add_node (history, &info);
    guint64 epoch = 100 + i;
    SimEntry again = handled (2, epoch, SIM_ENTRY_REDELIVERED);

    again.code = (gint32) i + 1;
    add_after (history, ANSWERED_3, node, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = epoch });
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i;
    add_after (history, ANSWERED_3, node, again);
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i + 1;
    add_after (history, ANSWERED_3, node, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = epoch });
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i + 2;
  }
  add_after (history, ANSWERED_3, 2, (SimEntry) { .kind = SIM_ENTRY_FAILED, .number = 3, .code = IPC_ERROR_POISONED });
  history->events->len--;
  set_fate (history, 2, SIM_FATE_KILLED); /* so that nobody misses the answer to 3 */
}

static void
poisoned (SimHistory *history)
{
  add_poison (history, 3);
}

static void
poisoned_too_soon (SimHistory *history)
{
  add_poison (history, 2);
}

static void
poisoned_too_late (SimHistory *history)
{
  add_poison (history, 4);
}

static void
poison_answered (SimHistory *history)
{
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_POISON;
}

/* Node 0 resigns instead of being killed; what it had begun it was to finish. */
static void
resigned (SimHistory *history)
{
  event_at (history, KILLED_0)->entry =
      (SimEntry) { .time_ns = event_at (history, KILLED_0)->entry.time_ns, .kind = SIM_ENTRY_RESIGNING, .epoch = 100 };
  add_after (history, KILLED_0, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = 100 });
  set_fate (history, 0, SIM_FATE_CLOSED);
}

static void
resigned_well (SimHistory *history)
{
  resigned (history);
  event_at (history, HANDLED_2_AGAIN)->entry.kind = SIM_ENTRY_CUT;
  event_at (history, ANSWERED_2)->entry = answered (2, 0, 100);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, HANDLED_2)->entry.time_ns + 1;
}

/* Node 0 is stopped instead of being killed, and goes on when node 1 is master. */
static void
deposed (SimHistory *history)
{
  event_at (history, KILLED_0)->entry = (SimEntry) { .time_ns = event_at (history, KILLED_0)->entry.time_ns,
                                                     .kind = SIM_ENTRY_STOPPED,
                                                     .epoch = 100,
                                                     .code = SIM_FAULT_STOP };
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STOP });
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 101, .code = IPC_ROLE_STANDBY });
  event_at (history, history->events->len - 1)->entry.time_ns += 10;
  set_fate (history, 0, SIM_FATE_CLOSED);
}

static void
deposed_and_unaware (SimHistory *history)
{
  deposed (history);
  g_array_set_size (history->events, history->events->len - 1);
}

/* To be closed is not to have noticed, unless it comes at once. */
static void
deposed_and_closed (SimHistory *history, gint64 after_ns)
{
  deposed_and_unaware (history);
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_IDLE });
  event_at (history, history->events->len - 1)->entry.time_ns += after_ns;
}

static void
deposed_and_closed_at_once (SimHistory *history)
{
  deposed_and_closed (history, 1000);
}

static void
deposed_and_closed_later (SimHistory *history)
{
  deposed_and_closed (history, G_GINT64_CONSTANT (1000000000));
}

static void
deposed_handles (SimHistory *history, guint n_messages)
{
  deposed (history);
  for (guint i = 1; i <= n_messages; i++) {
    add_after (history, SENT_3, 1, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = i });
    event_at (history, history->events->len - 1)->entry.time_ns += i;
    add_after (history, ANSWERED_2, 0, handled (i, 100, 0));
    event_at (history, history->events->len - 1)->entry.time_ns += 1 + i;
    event_at (history, history->events->len - 1)->entry.peer = 1;
    event_at (history, history->events->len - 1)->entry.pid = 1001;
    event_at (history, history->events->len - 1)->entry.node_id[0] = 1;
  }
  set_fate (history, 1, SIM_FATE_KILLED);
}

static void
deposed_finishes_one (SimHistory *history)
{
  deposed_handles (history, 1);
}

/* It stopped before it could write down that it had accepted a message: it has accepted none. */
static void
deposed_begins_what_it_looked_at (SimHistory *history)
{
  deposed_finishes_one (history);
  event_at (history, KILLED_0)->entry.number = 1 + IPC_KILL_POINT_SELF_CHECKED;
}

static void
deposed_with_its_file (SimHistory *history)
{
  deposed_begins_what_it_looked_at (history);
  add_after (history, KILLED_0, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
}

static void
deposed_begins_more (SimHistory *history)
{
  deposed_handles (history, 2);
}

/* Node 0 has claimed its epoch and is stopped before it can say so; it does when it goes on and node 1 is master. */
static void
elected_in_its_sleep (SimHistory *history, SimFault fault)
{
  deposed (history);
  forget (history, ELECTED_0);
  forget (history, HANDLED_1);
  forget (history, RESPONDED_1);
  forget (history, HANDLED_2);
  event_at (history, ANSWERED_1)->entry = answered (1, 1, 101);
  event_at (history, ANSWERED_1)->entry.time_ns = 999999;
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
  add_after (history, ELECTED_1, 1, handled (1, 101, 0));
  for (guint i = N_EVENTS; i < history->events->len; i++) {
    if (event_at (history, i)->entry.kind == SIM_ENTRY_CONTINUED)
      event_at (history, i)->entry.code = fault;
  }
  event_at (history, KILLED_0)->entry.epoch = 0;
  event_at (history, KILLED_0)->entry.code = fault;
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 100 });
  event_at (history, history->events->len - 1)->entry.time_ns += 5;
}

static void
elected_in_long_sleep (SimHistory *history)
{
  elected_in_its_sleep (history, SIM_FAULT_SWIZZLE);
}

static void
elected_in_short_sleep (SimHistory *history)
{
  elected_in_its_sleep (history, SIM_FAULT_HICCUP);
}

static void
swizzled (SimHistory *history)
{
  deposed (history);
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_SWIZZLE;
}

static void
inject (SimHistory *history, guint index, SimFault fault)
{
  add_after (history, index, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = (gint32) fault });
}

/* The answer to message 2 is lost. */
static void
response_lost (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_RESPONSE_LOST };
}

static void
response_lost_by_flips (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2_AGAIN, SIM_FAULT_FLIP_BITS);
}

static void
response_lost_after_flips (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_BITS);
}

static void
response_lost_by_word (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2_AGAIN, SIM_FAULT_FLIP_WORD);
}

/* The word is another: who was master by it is replaced, and nothing else is forgiven. */
static void
flipped_word (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_WORD);
}

static void
flipped_answers (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_BITS);
}

static void
handled_after_answer_and_flipped_word (SimHistory *history)
{
  inject (history, KILLED_0, SIM_FAULT_FLIP_WORD);
  handled_after_answer (history);
}

static void
handled_after_answer_and_flipped_answers (SimHistory *history)
{
  inject (history, KILLED_0, SIM_FAULT_FLIP_BITS);
  handled_after_answer (history);
}

/* Another file: as after a deletion, a repeat is marked. */
static void
handled_after_answer_and_replacement (SimHistory *history)
{
  handled_after_answer_and_deletion (history);
  event_at (history, N_EVENTS)->entry.code = SIM_FAULT_REPLACE_FILE;
}

/* It is deleted in the end; a hold is not when it begins. */
static void
handled_after_answer_and_disturbance (SimHistory *history, SimFault fault)
{
  handled_after_answer_and_deletion (history);
  event_at (history, N_EVENTS)->entry.kind = SIM_ENTRY_DISTURBED;
  event_at (history, N_EVENTS)->entry.code = (gint32) fault;
}

static void
handled_after_answer_and_truncation (SimHistory *history)
{
  handled_after_answer_and_disturbance (history, SIM_FAULT_TRUNCATE_FILE);
}

static void
handled_after_answer_and_hold (SimHistory *history)
{
  handled_after_answer_and_disturbance (history, SIM_FAULT_HOLD_DELETE);
}

static void
unmarked_after_replacement (SimHistory *history)
{
  handled_after_answer_and_replacement (history);
  event_at (history, N_EVENTS + 1)->entry.flags = 0;
}

static void
killed_by_truncation (SimHistory *history)
{
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_TRUNCATE_FILE;
}

static void
master_starved (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_STARVE);
}

/* What it was hit by is the kill, long afterwards. */
static void
marked_unseen_and_starved (SimHistory *history)
{
  history->hang_timeout_ms = 10000;
  marked_unseen (history);
  for (guint i = STARTED_0; i <= ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  inject (history, ELECTED_0, SIM_FAULT_STARVE);
}

static void
another_starved (SimHistory *history)
{
  master_starved (history);
  event_at (history, N_EVENTS)->node = 2;
}

static void
starved_long_ago (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  master_starved (history);
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STARVE });
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100, .code = IPC_ROLE_MASTER });
  event_at (history, N_EVENTS + 1)->entry.time_ns += 1;
  event_at (history, N_EVENTS + 2)->entry.time_ns += 2700000;
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 3000000;
  for (guint i = 1; i < 3; i++) {
    add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100, .code = IPC_ROLE_MASTER });
    event_at (history, N_EVENTS + 2 + i)->entry.time_ns += i * 900000;
  }
}

static void
no_cause (SimHistory *history)
{
  forget (history, KILLED_0);
}

static void
only_hiccup (SimHistory *history)
{
  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_STOPPED;
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_HICCUP;
}

static void
accept_fails (SimHistory *history, guint16 count)
{
  const SimRule rule = { .call = SIM_CALL_ACCEPT, .code = ENOMEM, .count = count };

  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_INJECTED;
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_SYSCALL_ERRORS;
  event_at (history, KILLED_0)->entry.sequence = sim_rule_pack (&rule);
}

/* It could take nobody in any more. */
static void
barred (SimHistory *history)
{
  accept_fails (history, 0);
}

static void
barred_for_a_moment (SimHistory *history)
{
  accept_fails (history, 3);
}

/* It was told to close instead of being killed, and its node is idle. */
static void
closed_first (SimHistory *history)
{
  resigned_well (history);
  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_ROLE;
  event_at (history, KILLED_0)->entry.code = IPC_ROLE_IDLE;
  g_array_set_size (history->events, N_EVENTS);
}

/* It was told to close, and says that it has when its successor is there already. */
static void
closed_and_said_so_later (SimHistory *history)
{
  closed_first (history);
  event_at (history, KILLED_0)->entry.time_ns = event_at (history, ELECTED_1)->entry.time_ns + 500;
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_EFFECTIVE, .code = SIM_FAULT_RESTART });
}

/* Nobody told it to. */
static void
closed_later (SimHistory *history)
{
  closed_and_said_so_later (history);
  event_at (history, N_EVENTS)->entry.code = SIM_FAULT_STARVE;
}

/* It finds that it is master no more, and says that its files are the reason. @wanting: what was done to it before. */
static void
fail_master (SimHistory *history, SimFault wanting)
{
  resigned_well (history);
  g_array_set_size (history->events, N_EVENTS);
  event_at (history, KILLED_0)->entry = (SimEntry) {
    .time_ns = event_at (history, KILLED_0)->entry.time_ns, .kind = SIM_ENTRY_DEPOSED, .epoch = 100
  };
  add_after (history, ELECTED_1, 0, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_RUNTIME_DIR });
  inject (history, HANDLED_2, wanting);
}

static void
failed_in_a_flood (SimHistory *history)
{
  fail_master (history, SIM_FAULT_FLOOD);
}

static void
failed_without_socket (SimHistory *history)
{
  fail_master (history, SIM_FAULT_DELETE_SOCKET);
}

/* Nobody did it, but it wrote nothing for longer than the timeout. */
static void
held_up (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  no_cause (history);
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 2000000;
}

/* What it answered when it ran again came too late to count. */
static void
held_up_and_answered (SimHistory *history)
{
  held_up (history);
  add_after (history, ELECTED_1, 0, (SimEntry) { .kind = SIM_ENTRY_RESPONDED, .peer = 2, .number = 2, .epoch = 100 });
}

/* What it was given had no answer when it was replaced. */
static void
held_up_and_unknown (SimHistory *history)
{
  unknown (history);
  held_up (history);
}

/* For a little less than the timeout. */
static void
held_up_too_shortly (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  no_cause (history);
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 900000;
}

static void
add_write (SimHistory *history, guint index, guint32 node, guint64 number, guint64 epoch, guint64 place)
{
  add_after (history, index, node,
             (SimEntry) { .kind = SIM_ENTRY_WROTE, .peer = 2, .number = number, .epoch = epoch, .sequence = place });
}

static void
fenced (SimHistory *history)
{
  add_write (history, HANDLED_2, 0, 2, 100, 1);
  add_write (history, HANDLED_3, 1, 3, 101, 2);
  add_after (history, ANSWERED_3, 0, (SimEntry) { .kind = SIM_ENTRY_FENCED, .peer = 2, .number = 2, .epoch = 100 });
}

/* In the name of the new epoch, which it was not begun in. */
static void
stale_write (SimHistory *history)
{
  add_write (history, HANDLED_3, 1, 3, 101, 1);
  add_write (history, ANSWERED_3, 0, 2, 101, 2);
}

/* The same node is master once more and handles the message again, while what began on it the first time goes on. */
static void
fenced_and_handled_again (SimHistory *history)
{
  SimEntry again = handled (2, 102, SIM_ENTRY_REDELIVERED);

  again.code = 3;
  event_at (history, ANSWERED_2)->entry.epoch = event_at (history, ANSWERED_2)->entry.result_epoch = 102;
  add_after (history, HANDLED_2_AGAIN, 0,
             (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = SIM_FAULT_DELETE_FILE });
  add_after (history, HANDLED_3, 1, again);
  add_write (history, ANSWERED_3, 1, 2, 101, 1);
  add_write (history, ANSWERED_2, 1, 3, 101, 2);
}

static void
write_of_nobody (SimHistory *history)
{
  add_write (history, HANDLED_3, 1, 1, 101, 1);
}

/* The first master is about to resign, and is not done with it when the next one is elected. */
static void
repeated_in_calm (SimHistory *history)
{
  forget (history, KILLED_0);
  set_fate (history, 0, SIM_FATE_CLOSED);
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = 100 });
}

static void
repeated_after_cut (SimHistory *history)
{
  add_after (history, SENT_1, 2, (SimEntry) { .kind = SIM_ENTRY_CUT });
}

/* What is held and used, at the three moments: by the new master, a candidate; and by a client. */
enum {
  JOINED_1 = N_EVENTS,
  JOINED_2,
  RESTING_1,
  RESTED_1,
  RESTING_2,
  RESTED_2,
};

static void
add_sample (SimHistory *history, guint index, guint32 node, SimMoment moment, guint32 n_descriptors)
{
  SimEntry entry = {
    .kind = SIM_ENTRY_SAMPLED,
    .code = (gint32) moment,
    .n_descriptors = n_descriptors,
    .n_threads = 2,
    .memory_kib = 500,
    .cpu_ms = moment == SIM_MOMENT_JOINED ? 0 : 20,
    .n_switches = moment == SIM_MOMENT_JOINED ? 1 : 100,
  };

  add_after (history, index, node, entry);
  g_array_index (history->events, SimEvent, history->events->len - 1).position = G_MAXUINT32;
}

static void
sample (SimHistory *history)
{
  add_sample (history, STARTED_1, 1, SIM_MOMENT_JOINED, 15);
  add_sample (history, STARTED_2, 2, SIM_MOMENT_JOINED, 13);
  add_sample (history, ANSWERED_2, 1, SIM_MOMENT_RESTING, 15);
  add_sample (history, ANSWERED_2, 1, SIM_MOMENT_RESTED, 15);
  add_sample (history, ANSWERED_2, 2, SIM_MOMENT_RESTING, 13);
  add_sample (history, ANSWERED_2, 2, SIM_MOMENT_RESTED, 13);
  for (guint i = RESTING_1; i <= RESTED_2; i++)
    event_at (history, i)->entry.time_ns += i;
}

/* Two members are connected; it listens, and keeps one in reserve. */
static void
sample_master (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.n_descriptors = 15 + 2 + 2;
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 101, .code = IPC_ROLE_MASTER });
}

/* Node 2 is a candidate, and joined as it let others go first: without the group file, and without the thread that waits
 * for its lock. */
static void
sample_unqueued (SimHistory *history)
{
  sample (history);
  g_array_index (history->nodes, SimNodeInfo, 2).candidate = TRUE;
  event_at (history, JOINED_2)->entry.n_threads--;
  event_at (history, RESTED_2)->entry.n_descriptors = 15;
}

static void
leak_unqueued (SimHistory *history)
{
  sample_unqueued (history);
  event_at (history, RESTED_2)->entry.n_descriptors++;
}

static void
leak_descriptor (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.n_descriptors++;
}

static void
leak_connection (SimHistory *history)
{
  sample_master (history);
  event_at (history, RESTED_1)->entry.n_descriptors++;
}

static void
leak_thread (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.n_threads++;
}

static void
leak_memory (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.memory_kib += 20 * 1024;
}

static void
wake_up (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.n_switches++;
}

/* Never interrupted, but all the time at work. */
static void
run_on (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.cpu_ms += 10;
}

static void
spin (SimHistory *history)
{
  sample (history);
  event_at (history, RESTING_2)->entry.cpu_ms = event_at (history, RESTED_2)->entry.cpu_ms = 1000;
}

static void
leave_process (SimHistory *history)
{
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_LEFT, .pid = 4711 });
}

static const Case cases[] = {
  { "/good", nothing, 0 },
  { "/good/first-but-marked", marked_but_first, 0 },
  { "/good/killed-sender-without-outcome", no_outcome_of_the_killed, 0 },
  { "/good/stopped-in-handler", stopped_in_handler, 0 },
  { "/good/overtaken-and-elected-later", overtaken_but_newer, 0 },
  { "/good/file-error", file_error, 0 },
  { "/number-left-out", a_number_left_out, BIT (SIM_INVARIANT_RECORDS_SOUND) },
  { "/good/converged", converged, 0 },
  { "/resigning-repeats-nothing/closed", closed_and_repeated, BIT (SIM_INVARIANT_RESIGNING_HARMLESS) },
  { "/nobody-starves", starved, BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/converges", sends_no_more, BIT (SIM_INVARIANT_CONVERGES) },
  { "/every-send-ends/lost", no_outcome, BIT (SIM_INVARIANT_SENDS_END) },
  { "/every-send-ends/never-handled", never_handled, BIT (SIM_INVARIANT_SENDS_END) },
  { "/every-send-is-answered", failed, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/good/timed-out", timed_out, 0 },
  { "/good/timed-out-and-not-handled", timed_out_unhandled, 0 },
  { "/good/timed-out-and-handled-later", handled_after_time_out, 0 },
  { "/at-most-once/timed-out", timed_out_twice_handled, BIT (SIM_INVARIANT_AT_MOST_ONCE) },
  { "/given-up-in-time/early", timed_out_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/given-up-in-time/late", timed_out_late,
    BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) | BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/given-up-in-time/answered", answered_late,
    BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) | BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/given-up-in-time/no-master", no_master_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/given-up-in-time/cancelled", cancelled_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/good/not-sent", not_sent, 0 },
  { "/good/no-master", no_master, 0 },
  { "/good/queue-full", queue_full, 0 },
  { "/good/cancelled", cancelled, 0 },
  { "/good/cancelled-unsent", cancelled_unsent, 0 },
  { "/every-send-is-answered/no-deadline", not_sent_without_deadline, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/waits-for-master", no_master_but_waits, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/waits-for-room", queue_full_but_waits, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/cancelled-by-nobody", cancelled_by_nobody, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/not-sent-is-not-handled/not-sent", not_sent_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/not-sent-is-not-handled/no-master-later", no_master_and_handled_later, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/not-sent-is-not-handled/queue-full", queue_full_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/not-sent-is-not-handled/cancelled", cancelled_unsent_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/every-send-ends-once/cancelled", cancelled_twice, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/every-send-ends-once/twice", answered_twice, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/every-send-ends-once/unsent", answered_unsent, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/answered-was-handled/unhandled", answered_unhandled, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-node", answered_by_another, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-epoch", answered_in_another_epoch,
    BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) | BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/answered-was-handled/too-early", answered_too_early, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
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
  { "/repeats-are-marked", unmarked_repeat,
    BIT (SIM_INVARIANT_REPEATS_MARKED) | BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/not-after-its-answer", handled_after_answer,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/one-master-per-epoch/elected", two_masters, BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) },
  { "/one-master-per-epoch/handling", two_handlers_of_epoch,
    BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) | BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/epochs-increase/back", epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) | BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/epochs-increase/again", elected_twice, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/epochs-increase/role", role_epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/no-late-claim", late_claim, BIT (SIM_INVARIANT_NO_LATE_CLAIM) },
  { "/no-protocol-error", protocol_error, BIT (SIM_INVARIANT_NO_VIOLATION) },
  { "/deposed-handles-no-more/looked-at", deposed_begins_what_it_looked_at, BIT (SIM_INVARIANT_DEPOSED_IDLE) },
  { "/good/deposed-with-its-file", deposed_with_its_file, 0 },
  { "/strangers-are-judged/silent", stranger_stays, BIT (SIM_INVARIANT_STRANGERS) },
  { "/strangers-are-judged", stranger_served, BIT (SIM_INVARIANT_STRANGERS) },
  { "/good/stranger-refused", stranger_refused, 0 },
  { "/not-after-its-answer/old-master", old_master_goes_on, BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/not-after-its-answer/other-deletion", handled_after_answer_and_old_deletion,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-answer/socket", handled_after_answer_and_socket,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/after-its-answer-and-a-deletion", handled_after_answer_and_deletion, 0 },
  { "/not-after-its-handling", handled_after_response, BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-handling/hiccup", handled_after_response_and_hiccup, BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/answered-too-late-to-count", handled_after_late_response, 0 },
  { "/at-most-once", twice_at_most_once, BIT (SIM_INVARIANT_AT_MOST_ONCE) },
  { "/good/unknown", unknown, 0 },
  { "/good/unknown-unseen", unknown_unseen, 0 },
  { "/good/unknown-unseen-after-a-stop", unknown_unseen_after_stop, 0 },
  { "/unknown-has-a-cause/after-a-deposition", unknown_unseen_after_deposition,
    BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/unknown-has-a-cause/twice", unknown_unseen_twice, BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/unknown-has-a-cause/before", unknown_before_kill,
    BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/every-send-is-answered/unknown", unknown_at_least_once, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/good/marked-unseen", marked_unseen, 0 },
  { "/good/marked-after-deletion", marked_after_deletion, 0 },
  { "/good/marked-after-older-master", marked_after_older_master, 0 },
  { "/marks-have-a-reason/present-master", marked_after_present_master, BIT (SIM_INVARIANT_MARKS_HAVE_REASON) },
  { "/good/marked-after-unnoticed-deletion", marked_after_unnoticed_deletion, 0 },
  { "/marks-have-a-reason/twice", marked_unseen_twice, BIT (SIM_INVARIANT_MARKS_HAVE_REASON) },
  { "/marks-have-a-reason/before", marked_without_kill,
    BIT (SIM_INVARIANT_MARKS_HAVE_REASON) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/deliveries-are-counted/first", first_is_second, BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/deliveries-are-counted/next", count_stays, BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/good/poisoned", poisoned, 0 },
  { "/poison-is-contained/too-soon", poisoned_too_soon, BIT (SIM_INVARIANT_POISON_CONTAINED) },
  { "/poison-is-contained/too-late", poisoned_too_late, BIT (SIM_INVARIANT_POISON_CONTAINED) },
  { "/poison-is-contained/answered", poison_answered, BIT (SIM_INVARIANT_POISON_CONTAINED) },
  { "/good/resigned", resigned_well, 0 },
  { "/resigning-repeats-nothing", resigned, BIT (SIM_INVARIANT_RESIGNING_HARMLESS) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/good/deposed", deposed, 0 },
  { "/good/deposed-with-one-accepted", deposed_finishes_one, 0 },
  { "/deposed-handles-no-more", deposed_begins_more, BIT (SIM_INVARIANT_DEPOSED_IDLE) },
  { "/deposed-steps-down", deposed_and_unaware, BIT (SIM_INVARIANT_DEPOSED_STEPS_DOWN) },
  { "/deposed-steps-down/closed", deposed_and_closed_later, BIT (SIM_INVARIANT_DEPOSED_STEPS_DOWN) },
  { "/good/deposed-and-closed", deposed_and_closed_at_once, 0 },
  { "/no-needless-election", no_cause, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/no-needless-election/hiccup", only_hiccup, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/swizzled", swizzled, 0 },
  { "/good/elected-in-its-sleep", elected_in_long_sleep, 0 },
  { "/no-needless-election/in-a-short-sleep", elected_in_short_sleep, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/response-lost-by-flips", response_lost_by_flips, 0 },
  { "/every-send-is-answered/lost", response_lost, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/lost-after-flips", response_lost_after_flips, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/lost-by-word", response_lost_by_word, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/good/flipped-word", flipped_word, 0 },
  { "/no-needless-election/flipped-answers", flipped_answers, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/not-after-its-answer/flipped-word", handled_after_answer_and_flipped_word,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-answer/flipped-answers", handled_after_answer_and_flipped_answers,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/after-its-answer-and-a-replacement", handled_after_answer_and_replacement, 0 },
  { "/good/after-its-answer-and-a-truncation", handled_after_answer_and_truncation, 0 },
  { "/not-after-its-answer/hold", handled_after_answer_and_hold,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE)
        | BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/repeats-are-marked/replacement", unmarked_after_replacement, BIT (SIM_INVARIANT_REPEATS_MARKED) },
  { "/good/killed-by-truncation", killed_by_truncation, 0 },
  { "/good/starved", master_starved, 0 },
  { "/good/marked-unseen-and-starved", marked_unseen_and_starved, 0 },
  { "/no-needless-election/another-starved", another_starved, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/no-needless-election/starved-long-ago", starved_long_ago, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/no-needless-election/barred-for-a-moment", barred_for_a_moment, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/barred", barred, 0 },
  { "/good/closed", closed_first, 0 },
  { "/good/closed-and-said-so-later", closed_and_said_so_later, 0 },
  { "/no-needless-election/closed-later", closed_later, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/failed-in-a-flood", failed_in_a_flood, 0 },
  { "/no-needless-election/failed-without-socket", failed_without_socket, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/held-up-by-the-machine", held_up, 0 },
  { "/good/held-up-and-answered", held_up_and_answered, 0 },
  { "/good/held-up-and-unknown", held_up_and_unknown, 0 },
  { "/no-needless-election/held-up-too-shortly", held_up_too_shortly, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/fenced", fenced, 0 },
  { "/good/fenced-and-handled-again", fenced_and_handled_again, 0 },
  { "/fence-holds/stale", stale_write, BIT (SIM_INVARIANT_FENCE_HOLDS) },
  { "/fence-holds/nobody", write_of_nobody, BIT (SIM_INVARIANT_FENCE_HOLDS) },
  { "/every-node-joined", never_joined, BIT (SIM_INVARIANT_ALL_JOINED) },
  { "/no-node-crashed", crashed, BIT (SIM_INVARIANT_NONE_CRASHED) },
  { "/every-node-closed", hung, BIT (SIM_INVARIANT_ALL_CLOSED) },
  { "/calm-is-calm/repeated", repeated_in_calm, BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/calm-is-calm/good/after-a-cut", repeated_after_cut, 0 },
  { "/resources/good", sample, 0 },
  { "/resources/good/master", sample_master, 0 },
  { "/resources/good/unqueued", sample_unqueued, 0 },
  { "/descriptors-return/unqueued", leak_unqueued, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/descriptors-return/client", leak_descriptor, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/descriptors-return/master", leak_connection, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/threads-return", leak_thread, BIT (SIM_INVARIANT_THREADS_RETURN) },
  { "/memory-returns", leak_memory, BIT (SIM_INVARIANT_MEMORY_RETURNS) },
  { "/rest-is-rest/woke-up", wake_up, BIT (SIM_INVARIANT_REST_IS_REST) },
  { "/rest-is-rest/ran", run_on, BIT (SIM_INVARIANT_REST_IS_REST) },
  { "/no-busy-loop", spin, BIT (SIM_INVARIANT_NO_BUSY_LOOP) },
  { "/no-process-left", leave_process, BIT (SIM_INVARIANT_NO_PROCESS_LEFT) },
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
      g_test_message ("%s: %s", invariant->name, invariant->examples[0]);
    g_assert_cmpint (invariant->n_broken > 0, ==, invariant->n_examples > 0);
    broken |= invariant->n_broken > 0 ? BIT (i) : 0;
  }
  /* These histories leave out what the other checks do not ask about; test-sim-mutations.c is about that. */
  if ((test->broken & BIT (SIM_INVARIANT_RECORDS_SOUND)) == 0)
    broken &= ~BIT (SIM_INVARIANT_RECORDS_SOUND);
  g_assert_cmphex (broken, ==, test->broken);
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

static void
not_starved_any_more (SimHistory *history)
{
  add_after (history, HANDLED_1, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STARVE });
}

static void
starved_for_a_while (SimHistory *history)
{
  inject (history, ELECTED_0, SIM_FAULT_STARVE);
  not_starved_any_more (history);
}

static void
end_run (SimHistory *history)
{
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_END });
}

static void
leave_process_at_the_end (SimHistory *history)
{
  end_run (history);
  leave_process (history);
}

/* Of this history some records are unsound anyway. */
static guint64
count_unsound (Twist twist)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  twist (history);
  for (guint i = N_EVENTS; i < history->events->len; i++)
    event_at (history, i)->position = G_MAXUINT32; /* the supervisor's */
  sim_history_sort (history);
  verdict = sim_checker_check (history);
  return verdict->invariants[SIM_INVARIANT_RECORDS_SOUND].n_broken;
}

static void
test_starved_goes_on (void)
{
  g_assert_cmpuint (count_unsound (starved_for_a_while), ==, count_unsound (nothing));
  g_assert_cmpuint (count_unsound (not_starved_any_more), ==, count_unsound (nothing) + 1);
}

/* That somebody is left can only be seen when all have ended. */
static void
test_left_after_the_end (void)
{
  g_assert_cmpuint (count_unsound (leave_process_at_the_end), ==, count_unsound (end_run));
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
  g_test_add_func ("/sim-checker/records-are-sound/starved-goes-on", test_starved_goes_on);
  g_test_add_func ("/sim-checker/records-are-sound/left-after-the-end", test_left_after_the_end);

  return g_test_run ();
}
