/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "sim-swarm.h"

/*
 * The swarm: the same seed draws the same run for ever; what is given stays, and changes nothing else that is drawn;
 * every draw is within its range and reaches both of its ends; every fault is in sooner or later, and sooner or later
 * missing.
 */

#define N_SEEDS 3000

static SimSettings
draw (guint64 seed)
{
  SimSettings settings = { 0 };

  sim_swarm_draw_settings (&settings, seed);
  return settings;
}

static void
test_same_seed (void)
{
  for (guint seed = 0; seed < 100; seed++) {
    SimSettings one = draw (seed), other = draw (seed);
    SimWeights of_one, of_other;

    sim_swarm_draw_weights (&of_one, seed);
    sim_swarm_draw_weights (&of_other, seed);
    g_assert_cmpmem (&one, sizeof one, &other, sizeof other);
    g_assert_cmpmem (&of_one, sizeof of_one, &of_other, sizeof of_other);
  }
}

/* Seeds that people have written down stay what they were. Change this only knowingly. */
static void
test_first_seed (void)
{
  static const double values[SIM_N_SETTINGS] = { 31, 1, 0, 4, 135, 35, 44, 100, 671, 184, 27 };
  SimSettings settings = draw (42);

  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    g_test_message ("%s %g", sim_setting_to_string ((SimSetting) i), settings.values[i]);
    g_assert_cmpfloat (settings.values[i], ==, values[i]);
  }
}

static void
test_ranges (void)
{
  gboolean low[SIM_N_SETTINGS] = { FALSE }, high[SIM_N_SETTINGS] = { FALSE };

  for (guint seed = 0; seed < N_SEEDS; seed++) {
    SimSettings settings = draw (seed);
    g_autoptr (GError) error = NULL;

    g_assert_true (sim_settings_check (&settings, &error));
    g_assert_no_error (error);
    for (guint i = 0; i < SIM_N_SETTINGS; i++) {
      double min = sim_swarm_get_min ((SimSetting) i), max = sim_swarm_get_max ((SimSetting) i);

      g_assert_cmpint (settings.sources[i], ==, SIM_SOURCE_DRAWN);
      g_assert_cmpfloat (settings.values[i], >=, min);
      g_assert_cmpfloat (settings.values[i], <=, max);
      low[i] = low[i] || settings.values[i] <= min + (max - min) / 10;
      high[i] = high[i] || settings.values[i] >= max - (max - min) / 4;
    }
  }
  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    g_test_message ("%s", sim_setting_to_string ((SimSetting) i));
    g_assert_true (low[i]);
    g_assert_true (high[i]);
  }
}

/* Neither the machine nor the ledger is asked for more than it has. */
static void
test_sums (void)
{
  for (guint seed = 0; seed < N_SEEDS; seed++) {
    SimSettings settings = draw (seed);
    const double *values = settings.values;

    g_assert_cmpfloat (values[SIM_SETTING_NODES] * values[SIM_SETTING_RATE], <=, 6000);
    g_assert_cmpfloat (values[SIM_SETTING_NODES] * values[SIM_SETTING_IN_FLIGHT] * values[SIM_SETTING_SIZE], <=,
                       512 * 1024);
  }
}

/* A setting that no other one has to fit to. */
static void
test_given (void)
{
  for (guint seed = 0; seed < 100; seed++) {
    SimSettings drawn = draw (seed), given = { 0 };

    sim_settings_set (&given, SIM_SETTING_KILL_INTERVAL, 12345, SIM_SOURCE_GIVEN);
    sim_swarm_draw_settings (&given, seed);
    for (guint i = 0; i < SIM_N_SETTINGS; i++) {
      double expected = i == SIM_SETTING_KILL_INTERVAL ? 12345 : drawn.values[i];

      g_assert_cmpfloat (given.values[i], ==, expected);
    }
  }
}

/* Others fit to what is given. */
static void
test_given_nodes (void)
{
  for (guint seed = 0; seed < 100; seed++) {
    SimSettings settings = { 0 };

    sim_settings_set (&settings, SIM_SETTING_NODES, 3, SIM_SOURCE_GIVEN);
    sim_swarm_draw_settings (&settings, seed);
    g_assert_cmpfloat (settings.values[SIM_SETTING_NODES], ==, 3);
    g_assert_true (sim_settings_check (&settings, NULL));
  }
}

static void
test_faults (void)
{
  guint n_in[SIM_N_FAULTS] = { 0 };
  guint n_alone = 0;
  SimWeights mix;

  sim_weights_init (&mix);
  for (guint seed = 0; seed < N_SEEDS; seed++) {
    SimWeights weights;
    guint n_different = 0;

    sim_swarm_draw_weights (&weights, seed);
    g_assert_cmpuint (sim_weights_sum (&weights, SIM_FAULT_PLAIN), >, 0);
    for (guint i = 0; i < SIM_N_FAULTS; i++) {
      n_in[i] += weights.of[i] > 0 ? 1 : 0;
      n_different += weights.of[i] > 0 ? 1 : 0;
    }
    n_alone += n_different == 1 ? 1 : 0;
  }
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    g_test_message ("%s: in %u of %u", sim_fault_to_string ((SimFault) i), n_in[i], N_SEEDS);
    g_assert_cmpuint (n_in[i], <, N_SEEDS * 3 / 4);
    if (mix.of[i] > 0)
      g_assert_cmpuint (n_in[i], >, N_SEEDS / 4);
  }
  g_assert_cmpuint (n_alone, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-swarm/same-seed", test_same_seed);
  g_test_add_func ("/sim-swarm/first-seed", test_first_seed);
  g_test_add_func ("/sim-swarm/ranges", test_ranges);
  g_test_add_func ("/sim-swarm/sums", test_sums);
  g_test_add_func ("/sim-swarm/given", test_given);
  g_test_add_func ("/sim-swarm/given-nodes", test_given_nodes);
  g_test_add_func ("/sim-swarm/faults", test_faults);

  return g_test_run ();
}
