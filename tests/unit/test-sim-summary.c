/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-summary.h"

/*
 * What many runs come to: sums where sums mean something, extremes where they do not, one bad seed is enough to call all
 * of them broken, and it is named with the command that repeats it.
 */

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("“%s” is missing in: %s", part, text);
}

/* A run of this seed, whose kills took so long. */
static void
add_run (SimSummary *summary, gint64 seed, guint64 n_kills, double p50_us, gboolean broken)
{
  g_autoptr (SimVerdict) verdict = sim_verdict_new ();
  SimOptions options = { .seed = seed, .duration_s = 1, .min_kills_in_flight = 3, .count = 9 };
  SimMeasure measure = { .n_kills = n_kills, .n_kills_in_flight = n_kills };
  SimReport report = { .options = &options, .duration_s = 1, .measure = &measure, .verdict = verdict };

  options.wanted.of[SIM_FAULT_KILL] = 1;
  sim_settings_fill_in (&options.settings);
  measure.faults[SIM_FAULT_KILL] = (SimFaultCounts) { n_kills, n_kills, n_kills };
  measure.by_cause[SIM_FAULT_KILL] = (SimQuantiles) { n_kills, p50_us, 2 * p50_us, 3 * p50_us };
  verdict->longest_gap.gap_ns = seed * 1000000;
  sim_verdict_check (verdict, SIM_INVARIANT_ONCE_PER_EPOCH, !broken);
  sim_summary_add (summary, &report);
}

static void
test_held (void)
{
  g_autoptr (SimSummary) summary = sim_summary_new ();
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;

  add_run (summary, 1, 10, 500, FALSE);
  add_run (summary, 2, 20, 900, FALSE);
  text = sim_summary_to_text (summary);
  json = sim_summary_to_json (summary);

  g_assert_cmpint (sim_summary_get_status (summary), ==, SIM_EXIT_HELD);
  assert_contains (text, "2 runs, 0 broken");
  assert_contains (text, "30 kills with messages in flight");
  assert_contains (text, "less than 0.1 of them");
  assert_contains (text, "medians 0.50 to 0.90 ms  max 2.70 ms  (30)");
  assert_contains (text, "2.00 ms without an answer");
  assert_contains (json, "\"bound_per_kill\": 0.1");
  assert_contains (json, "\"kills_in_flight\": 30");
}

static void
test_broken (void)
{
  g_autoptr (SimSummary) summary = sim_summary_new ();
  g_autofree char *line = NULL;
  g_autofree char *text = NULL;

  add_run (summary, 1, 10, 500, FALSE);
  add_run (summary, 77, 10, 500, TRUE);
  line = sim_summary_describe_last (summary);
  text = sim_summary_to_text (summary);

  g_assert_cmpint (sim_summary_get_status (summary), ==, SIM_EXIT_BROKEN);
  assert_contains (line, "BROKEN");
  assert_contains (line, "once-per-epoch");
  assert_contains (text, "1 of         2  once-per-epoch");
  assert_contains (text, "ipc-sim --seed=77");
  g_assert_null (strstr (text, "held"));
  g_assert_null (strstr (text, "--count"));
}

/* What cannot run proves nothing, and neither does what hardly anything happened in. */
static void
test_too_little (void)
{
  g_autoptr (SimSummary) few = sim_summary_new ();
  g_autoptr (SimSummary) none = sim_summary_new ();
  g_autoptr (SimSummary) failed = sim_summary_new ();
  g_autofree char *text = NULL, *few_text = NULL, *failed_text = NULL;

  add_run (few, 1, 1, 500, FALSE);
  add_run (few, 2, 4, 500, FALSE);
  few_text = sim_summary_to_text (few);
  g_assert_cmpint (sim_summary_get_status (few), ==, SIM_EXIT_TOO_LITTLE);
  assert_contains (few_text, "5 kills hit messages in flight, wanted");
  g_assert_null (strstr (few_text, "held"));

  add_run (none, 1, 0, 0, FALSE);
  text = sim_summary_to_text (none);
  g_assert_cmpint (sim_summary_get_status (none), ==, SIM_EXIT_TOO_LITTLE);
  assert_contains (text, "“kill” was asked for");

  add_run (failed, 1, 10, 500, FALSE);
  sim_summary_add_failure (failed, 2, "ipc-sim --seed=2");
  failed_text = sim_summary_to_text (failed);
  g_assert_null (strstr (failed_text, "held"));
  g_assert_cmpint (sim_summary_get_status (failed), ==, SIM_EXIT_CANNOT_RUN);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-summary/held", test_held);
  g_test_add_func ("/sim-summary/broken", test_broken);
  g_test_add_func ("/sim-summary/too-little", test_too_little);

  return g_test_run ();
}
