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
  g_test_add_func ("/sim-measure/failover", test_failover);
  g_test_add_func ("/sim-measure/failover/twice", test_failover_twice);
  g_test_add_func ("/sim-measure/failover/disturbed", test_failover_disturbed);
  g_test_add_func ("/sim-measure/failover/quantiles", test_quantiles);

  return g_test_run ();
}
