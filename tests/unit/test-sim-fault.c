/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>

#include "sim-fault.h"

/*
 * The table of faults: what a name stands for, and what is summed up where a run is planned.
 */

/* A name means one fault, or one family. */
static void
test_names (void)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const char *name = sim_fault_to_string ((SimFault) i);

    g_assert_cmpstr (sim_fault_get_summary ((SimFault) i), !=, "");
    for (guint other = 0; other < SIM_N_FAULTS; other++) {
      if (other == i)
        continue;
      g_assert_cmpstr (sim_fault_to_string ((SimFault) other), !=, name);
      g_assert_cmpstr (sim_fault_get_family ((SimFault) other), !=, name);
    }
  }
  g_assert_cmpstr (sim_fault_to_string ((SimFault) SIM_N_FAULTS), ==, "unknown");
  g_assert_cmpstr (sim_fault_to_string ((SimFault) -1), ==, "unknown");
}

static void
test_mix (void)
{
  SimWeights weights;

  sim_weights_init (&weights);
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    g_assert_cmpuint (weights.of[i], >, 0);
}

static void
test_set (void)
{
  SimWeights weights = { 0 };

  g_assert_true (sim_weights_set (&weights, "hold", 7));
  g_assert_cmpuint (weights.of[SIM_FAULT_HOLD_DELETE], ==, 7);
  g_assert_cmpuint (weights.of[SIM_FAULT_HOLD_UNLOCK], ==, 7);
  g_assert_true (sim_weights_set (&weights, "hold-unlock", 2));
  g_assert_cmpuint (weights.of[SIM_FAULT_HOLD_DELETE], ==, 7);
  g_assert_cmpuint (weights.of[SIM_FAULT_HOLD_UNLOCK], ==, 2);
  g_assert_false (sim_weights_set (&weights, "", 1));
  g_assert_false (sim_weights_set (&weights, "kil", 1));
  g_assert_cmpuint (weights.of[SIM_FAULT_KILL], ==, 0);
}

/* What comes besides the others is no part of their sum. */
static void
test_sum (void)
{
  SimWeights weights = { .of = { [SIM_FAULT_KILL] = 3, [SIM_FAULT_RESIGN] = 5, [SIM_FAULT_CUT] = 100 } };

  g_assert_cmpuint (sim_weights_sum (&weights, SIM_FAULT_PLAIN), ==, 8);
  g_assert_cmpuint (sim_weights_sum (&weights, SIM_FAULT_KILLS_MASTER), ==, 3);
  g_assert_cmpuint (sim_weights_sum (&weights, SIM_FAULT_NEEDS_TRACE), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-fault/names", test_names);
  g_test_add_func ("/sim-fault/mix", test_mix);
  g_test_add_func ("/sim-fault/set", test_set);
  g_test_add_func ("/sim-fault/sum", test_sum);

  return g_test_run ();
}
