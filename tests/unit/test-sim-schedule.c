/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "sim-schedule.h"

/*
 * The schedule is the part of a run that a seed repeats: the same seed must give the same steps for ever, another seed
 * others, and every kind of step must come up often enough to find something.
 */

#define INTERVAL_US 200000
#define N_STEPS 20000

static void
init (SimSchedule *schedule, guint64 seed)
{
  SimWeights weights;

  sim_weights_init (&weights);
  sim_schedule_init (schedule, seed, 0, &weights, INTERVAL_US);
}

static gboolean
steps_equal (const SimStep *one, const SimStep *other)
{
  return one->fault == other->fault && one->wait_us == other->wait_us && one->pick == other->pick
         && one->same_failover == other->same_failover;
}

static void
test_same_seed (void)
{
  SimSchedule one, other;

  init (&one, 42);
  init (&other, 42);
  for (guint i = 0; i < N_STEPS; i++) {
    SimStep a = sim_schedule_next_step (&one);
    SimStep b = sim_schedule_next_step (&other);

    g_assert_true (steps_equal (&a, &b));
  }
}

static void
test_other_seed (void)
{
  SimSchedule one, other;
  guint n_equal = 0;

  init (&one, 42);
  init (&other, 43);
  for (guint i = 0; i < 100; i++) {
    SimStep a = sim_schedule_next_step (&one);
    SimStep b = sim_schedule_next_step (&other);

    n_equal += steps_equal (&a, &b) ? 1 : 0;
  }
  g_assert_cmpuint (n_equal, ==, 0);
}

/* Seeds that people have written down stay what they were, as long as no fault is added to the mix. Change this only
 * knowingly. */
static void
test_first_steps (void)
{
  SimWeights weights = { { 0 } };
  SimSchedule schedule;
  SimStep step;

  weights.of[SIM_FAULT_KILL] = 1;
  weights.of[SIM_FAULT_RESIGN] = 1;
  sim_schedule_init (&schedule, 42, 0, &weights, INTERVAL_US);
  step = sim_schedule_next_step (&schedule);
  g_test_message ("%s after %" G_GINT64_FORMAT " us, pick %" G_GUINT64_FORMAT, sim_fault_to_string (step.fault),
                  step.wait_us, step.pick);
  g_assert_cmpint (step.fault, ==, SIM_FAULT_RESIGN);
  g_assert_cmpint (step.wait_us, ==, 258819);
  g_assert_cmpuint (step.pick, ==, G_GUINT64_CONSTANT (17900680844089648976));
}

/* Of the steps that neither belong to the one before nor are a cascade's. */
static void
test_mean (void)
{
  SimSchedule schedule;
  double sum_us = 0;
  guint n = 0;

  init (&schedule, 1);
  for (guint i = 0; i < N_STEPS; i++) {
    gboolean in_cascade = schedule.cascade_left > 0;
    SimStep step = sim_schedule_next_step (&schedule);

    g_assert_cmpint (step.wait_us, >=, 0);
    if (!step.same_failover && !in_cascade) {
      sum_us += (double) step.wait_us;
      n++;
    }
  }
  g_assert_cmpfloat_with_epsilon (sum_us / n, INTERVAL_US, INTERVAL_US * 0.03);
}

static void
test_all_faults (void)
{
  guint n_of_fault[SIM_N_FAULTS] = { 0 };
  guint n_quick = 0, n_disturbing = 0;
  SimFault before = SIM_FAULT_DELETE_FILE;
  SimSchedule schedule;

  init (&schedule, 1);
  for (guint i = 0; i < N_STEPS; i++) {
    SimStep step = sim_schedule_next_step (&schedule);

    n_of_fault[step.fault]++;
    n_quick += step.wait_us < 3000 && !step.same_failover ? 1 : 0;
    if (step.same_failover) {
      g_assert_cmpint (before, ==, SIM_FAULT_KILL); /* there must be a fail-over to disturb */
      g_assert_cmpint (step.fault, !=, SIM_FAULT_KILL);
      n_disturbing++;
    }
    before = step.fault;
  }

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    if (i == SIM_FAULT_CUT)
      g_assert_cmpuint (n_of_fault[i], ==, 0); /* they have a stream of their own */
    else
      g_assert_cmpuint (n_of_fault[i], >, N_STEPS / 400);
  }
  g_assert_cmpuint (n_of_fault[SIM_FAULT_KILL], >, N_STEPS / 6);
  g_assert_cmpuint (n_quick, >, N_STEPS / 6);
  g_assert_cmpuint (n_disturbing, >, N_STEPS / 70);
}

/* What was not asked for does not come. */
static void
test_one_fault (gconstpointer data)
{
  SimFault fault = (SimFault) GPOINTER_TO_UINT (data);
  SimWeights weights = { 0 };
  SimSchedule schedule;

  weights.of[fault] = 3;
  sim_schedule_init (&schedule, 1, 0, &weights, INTERVAL_US);
  for (guint i = 0; i < 200; i++)
    g_assert_cmpint (sim_schedule_next_step (&schedule).fault, ==, fault);
}

/* After the first, three to six more, each within a millisecond. */
static void
test_cascade (void)
{
  SimWeights weights = { .of = { [SIM_FAULT_CASCADE] = 1, [SIM_FAULT_RESIGN] = 1 } };
  guint n_in_row = 0, n_rows = 0;
  SimSchedule schedule;

  sim_schedule_init (&schedule, 1, 0, &weights, INTERVAL_US);
  for (guint i = 0; i < N_STEPS; i++) {
    gboolean in_cascade = schedule.cascade_left > 0;
    SimStep step = sim_schedule_next_step (&schedule);

    if (in_cascade) {
      g_assert_cmpint (step.fault, ==, SIM_FAULT_CASCADE);
      g_assert_cmpint (step.wait_us, <, 1000);
      n_in_row++;
    } else if (n_in_row > 0) {
      g_assert_cmpuint (n_in_row, >=, 3);
      g_assert_cmpuint (n_in_row, <=, 6);
      n_in_row = 0;
      n_rows++;
    }
  }
  g_assert_cmpuint (n_rows, >, N_STEPS / 50);
}

/* Drawing cuts leaves the other stream as it is. */
static void
test_streams (void)
{
  SimSchedule alone, steps, cuts;
  SimWeights weights;

  init (&alone, 5);
  init (&steps, 5);
  sim_weights_init (&weights);
  sim_schedule_init (&cuts, 5, 1, &weights, INTERVAL_US);
  for (guint i = 0; i < 100; i++) {
    SimStep cut = sim_schedule_next_cut (&cuts);
    SimStep a = sim_schedule_next_step (&alone);
    SimStep b = sim_schedule_next_step (&steps);

    g_assert_cmpint (cut.fault, ==, SIM_FAULT_CUT);
    g_assert_cmpint (cut.wait_us, >=, INTERVAL_US / 3);
    g_assert_true (steps_equal (&a, &b));
  }
}

static void
test_names (void)
{
  for (int fault = SIM_FAULT_KILL; fault < SIM_N_FAULTS; fault++)
    g_assert_cmpstr (sim_fault_to_string ((SimFault) fault), !=, "unknown");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-schedule/same-seed", test_same_seed);
  g_test_add_func ("/sim-schedule/other-seed", test_other_seed);
  g_test_add_func ("/sim-schedule/first-steps", test_first_steps);
  g_test_add_func ("/sim-schedule/mean", test_mean);
  g_test_add_func ("/sim-schedule/all-faults", test_all_faults);
  g_test_add_func ("/sim-schedule/cascade", test_cascade);
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    g_autofree char *path = g_strdup_printf ("/sim-schedule/only/%s", sim_fault_to_string ((SimFault) i));

    if (i != SIM_FAULT_CUT)
      g_test_add_data_func (path, GUINT_TO_POINTER (i), test_one_fault);
  }
  g_test_add_func ("/sim-schedule/streams", test_streams);
  g_test_add_func ("/sim-schedule/names", test_names);

  return g_test_run ();
}
