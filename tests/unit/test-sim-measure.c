/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-measure.h"

/*
 * The figures of a run: a kill that hit nothing must not count as one that did, and a fail-over time must be that of
 * the kill that it belongs to.
 */

#define MS G_GINT64_CONSTANT (1000000)

static SimHistory *
make_history (void)
{
  SimHistory *history = sim_history_new (0);

  for (guint i = 0; i < 4; i++) {
    SimNodeInfo info = { .joined = TRUE };

    sim_history_add_node (history, &info);
  }
  return history;
}

static void
add (SimHistory *history, gint64 at_ms, guint32 node, SimEntry entry)
{
  SimEvent event = { .entry = entry, .node = node };

  event.entry.time_ns = at_ms * MS;
  g_array_append_val (history->events, event);
}

static void
add_sent (SimHistory *history, gint64 at_ms, guint32 node, guint64 number)
{
  add (history, at_ms, node, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = number });
}

static void
add_handled (SimHistory *history, gint64 at_ms, guint32 node, guint64 epoch, guint32 sender, guint64 number)
{
  add (history, at_ms, node,
       (SimEntry) { .kind = SIM_ENTRY_HANDLED, .epoch = epoch, .peer = sender, .number = number });
}

static void
add_answered (SimHistory *history, gint64 at_ms, guint32 node, guint64 number, guint64 epoch)
{
  add (history, at_ms, node, (SimEntry) { .kind = SIM_ENTRY_ANSWERED, .epoch = epoch, .number = number });
}

static void
add_kill (SimHistory *history, gint64 at_ms, guint32 node, guint64 epoch)
{
  add (history, at_ms, node, (SimEntry) { .kind = SIM_ENTRY_KILLED, .epoch = epoch });
}

static void
add_disturbance (SimHistory *history, gint64 at_ms)
{
  add (history, at_ms, 0, (SimEntry) { .kind = SIM_ENTRY_DISTURBED });
}

static SimMeasure
measure (SimHistory *history)
{
  SimMeasure result;

  sim_history_sort (history);
  sim_measure_run (history, &result);
  return result;
}

static void
test_nothing (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 0);
  g_assert_cmpuint (result.failover.count, ==, 0);
}

static void
test_kill_of_idle (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_handled (history, 2, 0, 100, 2, 1);
  add_answered (history, 3, 2, 1, 100);
  add_kill (history, 4, 0, 100);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 1);
  g_assert_cmpuint (result.n_kills_in_flight, ==, 0);
  g_assert_cmpuint (result.n_kills_begun, ==, 0);
}

static void
test_kill_in_flight (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_kill (history, 4, 0, 100);
  add_answered (history, 5, 2, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.n_kills_in_flight, ==, 1);
  g_assert_cmpuint (result.n_kills_begun, ==, 0);
  g_assert_cmpuint (result.latency.count, ==, 1);
  g_assert_cmpfloat (result.latency.max_us, ==, 4000);
}

static void
test_kill_of_begun (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_handled (history, 2, 0, 100, 2, 1);
  add_kill (history, 4, 0, 100);
  add_handled (history, 5, 1, 101, 2, 1);
  add_kill (history, 6, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 2);
  g_assert_cmpuint (result.n_kills_in_flight, ==, 2);
  g_assert_cmpuint (result.n_kills_begun, ==, 2);
}

/* The messages of the one that is killed go with it. */
static void
test_kill_with_own_messages (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 0, 1);
  add_handled (history, 2, 0, 100, 0, 1);
  add_kill (history, 5, 0, 100);
  add_sent (history, 6, 0, 2); /* in the moment before the signal arrived */
  add_kill (history, 7, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 2);
  g_assert_cmpuint (result.n_kills_in_flight, ==, 0);
  g_assert_cmpuint (result.n_kills_begun, ==, 0);
}

/* A sender that is killed later waited for its answer all the same. */
static void
test_kill_with_messages_of_the_next (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 3, 1, 1);
  add_handled (history, 4, 0, 100, 1, 1);
  add_kill (history, 5, 0, 100);
  add_kill (history, 7, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 2);
  g_assert_cmpuint (result.n_kills_in_flight, ==, 1);
  g_assert_cmpuint (result.n_kills_begun, ==, 1);
}

/* An answer of the old epoch, still on its way, does not end the fail-over. */
static void
test_failover (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_sent (history, 1, 3, 1);
  add_kill (history, 10, 0, 100);
  add_answered (history, 11, 2, 1, 100);
  add_answered (history, 14, 3, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.failover.count, ==, 1);
  g_assert_cmpfloat (result.failover.p50_us, ==, 4000);
  g_assert_cmpfloat (result.failover.max_us, ==, 4000);
  g_assert_cmpuint (result.disturbed.count, ==, 0);
}

/* When the successor dies before it has answered, both kills last until somebody answers. */
static void
test_failover_twice (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_kill (history, 10, 0, 100);
  add_kill (history, 12, 1, 101);
  add_answered (history, 15, 2, 1, 102);
  result = measure (history);

  g_assert_cmpuint (result.failover.count, ==, 2);
  g_assert_cmpfloat (result.failover.p50_us, ==, 3000);
  g_assert_cmpfloat (result.failover.p99_us, ==, 5000);
  g_assert_cmpfloat (result.failover.max_us, ==, 5000);
}

static void
test_failover_disturbed (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_sent (history, 1, 2, 2);
  add_kill (history, 10, 0, 100);
  add_disturbance (history, 11);
  add_answered (history, 12, 2, 1, 101);
  add_kill (history, 20, 1, 101); /* too soon after it */
  add_answered (history, 23, 2, 2, 102);
  result = measure (history);

  g_assert_cmpuint (result.n_disturbances, ==, 1);
  g_assert_cmpuint (result.failover.count, ==, 0);
  g_assert_cmpuint (result.disturbed.count, ==, 2);
  g_assert_cmpfloat (result.disturbed.p50_us, ==, 2000);
  g_assert_cmpfloat (result.disturbed.max_us, ==, 3000);
}

static SimFaultCounts
faults_of (SimHistory *history, SimFault fault)
{
  return measure (history).faults[fault];
}

static void
add_fault (SimHistory *history, gint64 at_ms, guint32 node, SimEntryKind kind, guint64 epoch, SimFault fault)
{
  add (history, at_ms, node, (SimEntry) { .kind = (guint16) kind, .epoch = epoch, .code = (gint32) fault });
}

/* The end of a standby or a client is no fail-over. */
static void
test_kill_of_others (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_sent (history, 1, 2, 1);
  add_sent (history, 1, 3, 1);
  add_fault (history, 2, 1, SIM_ENTRY_KILLED, 0, SIM_FAULT_KILL_STANDBY);
  add_fault (history, 3, 2, SIM_ENTRY_KILLED, 0, SIM_FAULT_KILL_CLIENT);
  add_answered (history, 4, 3, 1, 101);
  add_fault (history, 5, 3, SIM_ENTRY_KILLED, 0, SIM_FAULT_KILL_CLIENT);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 0);
  g_assert_cmpuint (result.failover.count, ==, 0);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_STANDBY].n_effective, ==, 1);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_CLIENT].n_injected, ==, 2);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_CLIENT].n_effective, ==, 1); /* the other one had nothing on its way */
}

static void
test_kill_point (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add_fault (history, 1, 0, SIM_ENTRY_PLANNED, 0, SIM_FAULT_KILL_AT);
  add_fault (history, 1, 0, SIM_ENTRY_INJECTED, 0, SIM_FAULT_KILL_AT);
  add_fault (history, 1, 1, SIM_ENTRY_INJECTED, 0, SIM_FAULT_KILL_AT);
  add (history, 2, 0,
       (SimEntry) {
           .kind = SIM_ENTRY_KILLED, .epoch = 100, .code = SIM_FAULT_KILL_AT, .number = 1 + IPC_KILL_POINT_ACCEPTED });
  add_answered (history, 5, 2, 1, 101);
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 1);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_AT].n_planned, ==, 1);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_AT].n_injected, ==, 2);
  g_assert_cmpuint (result.faults[SIM_FAULT_KILL_AT].n_effective, ==, 1);
  g_assert_cmpuint (result.n_at_point[IPC_KILL_POINT_ACCEPTED], ==, 1);
  g_assert_cmpuint (result.by_cause[SIM_FAULT_KILL_AT].count, ==, 1);
  g_assert_cmpuint (result.failover.count, ==, 0); /* plain kills only */
}

/* A stop that nobody was replaced for had no effect. */
static void
check_stop (SimFault fault)
{
  g_autoptr (SimHistory) replaced = make_history ();
  g_autoptr (SimHistory) ignored = make_history ();

  add_fault (replaced, 1, 0, SIM_ENTRY_STOPPED, 100, fault);
  add_answered (replaced, 401, 2, 1, 101);
  add_fault (ignored, 1, 0, SIM_ENTRY_STOPPED, 100, fault);
  add_answered (ignored, 401, 2, 1, 100);

  g_assert_cmpuint (faults_of (replaced, fault).n_effective, ==, 1);
  g_assert_cmpfloat (measure (replaced).by_cause[fault].max_us, ==, 400000);
  g_assert_cmpuint (faults_of (ignored, fault).n_injected, ==, 1);
  g_assert_cmpuint (faults_of (ignored, fault).n_effective, ==, 0);
}

static void
test_stop (void)
{
  check_stop (SIM_FAULT_STOP);
  check_stop (SIM_FAULT_HALT);
}

static void
test_resign (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add (history, 1, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = 100 });
  add_answered (history, 2, 2, 1, 100); /* it still answers what it has accepted */
  add_answered (history, 4, 2, 2, 101);
  add (history, 5, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = 100 });
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 0);
  g_assert_cmpuint (result.faults[SIM_FAULT_RESIGN].n_effective, ==, 1);
  g_assert_cmpfloat (result.by_cause[SIM_FAULT_RESIGN].max_us, ==, 3000);
}

static void
test_poison (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  add (history, 1, 2, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 1, .flags = SIM_ENTRY_POISON });
  add_handled (history, 2, 0, 100, 2, 1);
  add (history, 3, 0, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = 100 });
  result = measure (history);

  g_assert_cmpuint (result.n_kills, ==, 1);
  g_assert_cmpuint (result.n_kills_begun, ==, 1);
  g_assert_cmpuint (result.faults[SIM_FAULT_POISON].n_injected, ==, 1);
  g_assert_cmpuint (result.faults[SIM_FAULT_POISON].n_effective, ==, 1);
}

static void
test_quantiles (void)
{
  g_autoptr (SimHistory) history = make_history ();
  SimMeasure result;

  for (gint64 i = 1; i <= 200; i++) {
    add_kill (history, 1000 * i, 0, (guint64) i);
    add_answered (history, 1000 * i + i, 2, 0, (guint64) i + 1);
  }
  result = measure (history);

  g_assert_cmpuint (result.failover.count, ==, 200);
  g_assert_cmpfloat (result.failover.p50_us, ==, 100 * 1000);
  g_assert_cmpfloat (result.failover.p99_us, ==, 198 * 1000);
  g_assert_cmpfloat (result.failover.max_us, ==, 200 * 1000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-measure/nothing", test_nothing);
  g_test_add_func ("/sim-measure/kill/idle", test_kill_of_idle);
  g_test_add_func ("/sim-measure/kill/in-flight", test_kill_in_flight);
  g_test_add_func ("/sim-measure/kill/begun", test_kill_of_begun);
  g_test_add_func ("/sim-measure/kill/own-messages", test_kill_with_own_messages);
  g_test_add_func ("/sim-measure/kill/messages-of-the-next", test_kill_with_messages_of_the_next);
  g_test_add_func ("/sim-measure/kill/others", test_kill_of_others);
  g_test_add_func ("/sim-measure/kill/point", test_kill_point);
  g_test_add_func ("/sim-measure/stop", test_stop);
  g_test_add_func ("/sim-measure/resign", test_resign);
  g_test_add_func ("/sim-measure/poison", test_poison);
  g_test_add_func ("/sim-measure/failover", test_failover);
  g_test_add_func ("/sim-measure/failover/twice", test_failover_twice);
  g_test_add_func ("/sim-measure/failover/disturbed", test_failover_disturbed);
  g_test_add_func ("/sim-measure/failover/quantiles", test_quantiles);

  return g_test_run ();
}
