/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-timeline.h"

/*
 * What is drawn of a run has to be what is counted of it: each fault with its own effect, each fail-over with the steps of
 * the master that answered.
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
  entry.time_ns = at_ms * MS;
  sim_history_add_supervisor_event (history, node, &entry);
}

/* A message that is on its way when its master dies, and is answered by the next one. */
static SimHistory *
make_failover (void)
{
  SimHistory *history = make_history ();

  add (history, 0, 1, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 10 });
  add (history, 10, 3, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 1 });
  add (history, 20, 1, (SimEntry) { .kind = SIM_ENTRY_KILLED, .epoch = 10, .code = SIM_FAULT_KILL });
  add (history, 22, 2, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 11 });
  add (history, 23, 2, (SimEntry) { .kind = SIM_ENTRY_HANDLED, .epoch = 11, .peer = 3, .number = 1 });
  add (history, 24, 2, (SimEntry) { .kind = SIM_ENTRY_RESPONDED, .epoch = 11, .peer = 3, .number = 1 });
  add (history, 26, 3, (SimEntry) { .kind = SIM_ENTRY_ANSWERED, .epoch = 11, .peer = 2, .number = 1 });
  add (history, 30, 3, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 2 });
  add (history, 31, 3, (SimEntry) { .kind = SIM_ENTRY_ANSWERED, .epoch = 11, .peer = 2, .number = 2 });
  add (history, 32, 3, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 3 });
  add (history, 40, 3, (SimEntry) { .kind = SIM_ENTRY_FAILED, .number = 3, .code = 7 });
  sim_history_sort (history);
  return history;
}

static void
test_empty (void)
{
  g_autoptr (SimHistory) history = sim_history_new (0);
  g_autoptr (SimTimeline) timeline = sim_timeline_new (history);

  g_assert_cmpuint (timeline->incidents->len, ==, 0);
  g_assert_cmpuint (timeline->latencies->total, ==, 0);
}

static void
test_failover (void)
{
  g_autoptr (SimHistory) history = make_failover ();
  g_autoptr (SimTimeline) timeline = sim_timeline_new (history);
  const SimSuccession *succession = &g_array_index (timeline->successions, SimSuccession, 0);
  const SimFirsts *firsts = &g_array_index (timeline->firsts, SimFirsts, 1);

  g_assert_cmpuint (timeline->successions->len, ==, 1);
  g_assert_cmpint (succession->failover.time_ns, ==, 20 * MS);
  g_assert_cmpuint (succession->failover.epoch, ==, 10);
  g_assert_cmpuint (succession->epoch, ==, 11);
  g_assert_cmpint (succession->answered_ns, ==, 26 * MS);
  g_assert_cmpint (firsts->handled_ns, ==, 23 * MS);
  g_assert_cmpint (firsts->responded_ns, ==, 24 * MS);
  g_assert_cmpint (firsts->answered_ns, ==, 26 * MS);
}

/* The one whose answer ended the fail-over has waited for it. */
static void
test_messages (void)
{
  g_autoptr (SimHistory) history = make_failover ();
  g_autoptr (SimTimeline) timeline = sim_timeline_new (history);
  const SimOutcome *failed = &g_array_index (timeline->latencies->kept, SimOutcome, 2);

  g_assert_cmpuint (timeline->latencies->total, ==, 3);
  g_assert_cmpint (failed->code, ==, 7);
  g_assert_cmpuint (timeline->waited_ns->len, ==, 1);
  g_assert_cmpint (g_array_index (timeline->waited_ns, gint64, 0), ==, 16 * MS);
  g_assert_cmpuint (timeline->others_ns->len, ==, 1);
}

static void
test_slices (void)
{
  g_autoptr (SimHistory) history = make_failover ();
  g_autoptr (SimTimeline) timeline = sim_timeline_new (history);

  g_assert_cmpuint (timeline->slices[10 * SIM_TIMELINE_N_SLICES / 40].n_sent, ==, 1);
  g_assert_cmpuint (timeline->slices[26 * SIM_TIMELINE_N_SLICES / 40].n_answered, ==, 1);
  g_assert_cmpuint (timeline->slices[SIM_TIMELINE_N_SLICES - 1].n_failed, ==, 1);
}

/* Of two that were asked to resign, the one that did. */
static void
test_effect_of_its_own (void)
{
  g_autoptr (SimHistory) history = make_history ();
  g_autoptr (SimTimeline) timeline = NULL;

  add (history, 1, 1, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = 10 });
  add (history, 2, 2, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = 11 });
  add (history, 3, 1, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = 10 });
  timeline = sim_timeline_new (history);

  g_assert_cmpuint (timeline->incidents->len, ==, 2);
  g_assert_cmpint (g_array_index (timeline->incidents, SimIncident, 0).effective_ns, ==, 3 * MS);
  g_assert_cmpint (g_array_index (timeline->incidents, SimIncident, 1).effective_ns, ==, SIM_NEVER_NS);
}

static void
test_stop_has_an_end (void)
{
  g_autoptr (SimHistory) history = make_history ();
  g_autoptr (SimTimeline) timeline = NULL;

  add (history, 1, 1, (SimEntry) { .kind = SIM_ENTRY_STOPPED, .code = SIM_FAULT_STOP, .epoch = 10 });
  add (history, 9, 1, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STOP });
  timeline = sim_timeline_new (history);

  g_assert_cmpint (g_array_index (timeline->incidents, SimIncident, 0).until_ns, ==, 9 * MS);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-timeline/empty", test_empty);
  g_test_add_func ("/sim-timeline/failover", test_failover);
  g_test_add_func ("/sim-timeline/messages", test_messages);
  g_test_add_func ("/sim-timeline/slices", test_slices);
  g_test_add_func ("/sim-timeline/effect-of-its-own", test_effect_of_its_own);
  g_test_add_func ("/sim-timeline/stop-has-an-end", test_stop_has_an_end);

  return g_test_run ();
}
