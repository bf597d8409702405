/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-json.h"
#include "sim-report.h"

/*
 * What a run is reported as: other programs read the JSON, so its keys stay; and a run with a violation must never read
 * like one without.
 */

static void
test_json (void)
{
  SimJson json;
  g_autofree char *text = NULL;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_uint (&json, "a", G_MAXUINT64);
  sim_json_double (&json, "b", 1.5);
  sim_json_boolean (&json, "c", TRUE);
  sim_json_string (&json, "d", "\"\\\n\x01é");
  sim_json_string (&json, "e", NULL);
  sim_json_begin (&json, "f", '[');
  sim_json_end (&json, ']');
  sim_json_begin (&json, "g", '[');
  sim_json_begin (&json, NULL, '{');
  sim_json_end (&json, '}');
  sim_json_boolean (&json, NULL, FALSE);
  sim_json_end (&json, ']');
  sim_json_end (&json, '}');
  text = sim_json_finish (&json);

  g_assert_cmpstr (text, ==,
                   "{\n"
                   "  \"a\": 18446744073709551615,\n"
                   "  \"b\": 1.5,\n"
                   "  \"c\": true,\n"
                   "  \"d\": \"\\\"\\\\\\u000a\\u0001é\",\n"
                   "  \"e\": null,\n"
                   "  \"f\": [],\n"
                   "  \"g\": [\n"
                   "    {},\n"
                   "    false\n"
                   "  ]\n"
                   "}\n");
}

static void
test_json_invalid_utf8 (void)
{
  SimJson json;
  g_autofree char *text = NULL;

  sim_json_init (&json);
  sim_json_string (&json, NULL, "a\xff");
  text = sim_json_finish (&json);

  g_assert_true (g_utf8_validate (text, -1, NULL));
}

typedef struct {
  SimOptions options;
  SimMeasure measure;
  SimVerdict *verdict;
  SimReport report;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->options = (SimOptions) {
    .n_nodes = 20,
    .n_candidates = 5,
    .duration_s = 15,
    .seed = 42,
    .in_flight = 8,
    .rate = 200,
    .kill_interval_ms = 200,
    .size_max = 256,
    .min_kills_in_flight = 3,
  };
  sim_settings_set (&fixture->options.settings, SIM_SETTING_RATE, 200, SIM_SOURCE_GIVEN);
  sim_settings_fill_in (&fixture->options.settings);
  fixture->measure = (SimMeasure) { .n_kills = 10, .n_kills_in_flight = 7, .failover = { 9, 700.5, 2000, 3000 } };
  fixture->verdict = sim_verdict_new ();
  fixture->verdict->n_sent = 1234;
  sim_verdict_check (fixture->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, TRUE);
  fixture->report = (SimReport) { &fixture->options, 15, &fixture->measure, fixture->verdict, 0.05 };
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  sim_verdict_free (fixture->verdict);
}

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("“%s” is missing in: %s", part, text);
}

static void
test_keys (Fixture *fixture, gconstpointer data)
{
  static const char *const parts[] = {
    "\"seed\": 42",
    "\"nodes\": 20",
    "\"candidates\": 5",
    "\"duration_s\": 15",
    "\"kills\": 10",
    "\"kills_in_flight\": 7",
    "\"epochs\": 0",
    "\"sent\": 1234",
    "\"answered\": 0",
    "\"failed\": 0",
    "\"unknown\": 0",
    "\"lost\": 0",
    "\"redelivered\": 0",
    "\"repeated_in_epoch\": 0",
    "\"order_violations\": 0",
    "\"failover_us\": {\n    \"count\": 9,\n    \"p50\": 700.5,\n    \"p99\": 2000,\n    \"max\": 3000\n  }",
    "\"verdict\": \"held\"",
    "{\n      \"name\": \"once-per-epoch\",\n      \"promise\": \"nothing is handled twice in one epoch\",\n      "
    "\"held\": true,\n      \"checked\": 1,\n      \"broken\": 0,\n      \"example\": null,\n      \"examples\": []\n    }",
  };
  g_autofree char *json = sim_report_to_json (&fixture->report);

  for (guint i = 0; i < G_N_ELEMENTS (parts); i++)
    assert_contains (json, parts[i]);
}

static void
test_held (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = sim_report_to_text (&fixture->report);

  assert_contains (text, "All promises held.");
  assert_contains (text, " 1 held, ");
  assert_contains (text, " untested, 0 broken");
  g_assert_null (strstr (text, "BROKEN"));
  g_assert_true (sim_report_has_enough (&fixture->report));
}

static void
test_broken (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;

  sim_verdict_check (fixture->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, FALSE);
  sim_verdict_explain (fixture->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, "2/7 came twice");
  sim_verdict_explain (fixture->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, "a later one");
  text = sim_report_to_text (&fixture->report);
  json = sim_report_to_json (&fixture->report);

  assert_contains (text, "BROKEN           2  once-per-epoch");
  assert_contains (text, "\n  2/7 came twice\n  a later one\n");
  assert_contains (text, "untested         0  every-send-ends ");
  assert_contains (text, "ipc-sim --seed=42 --duration=15 --nodes=20 --candidates=5 --masters-only=0 --priorities=1 "
                         "--rate=200 --in-flight=8 --size=256");
  g_assert_null (strstr (text, "All promises held"));
  assert_contains (json, "\"repeated_in_epoch\": 1");
  assert_contains (json, "\"verdict\": \"broken\"");
  assert_contains (json, "\"held\": false");
  assert_contains (json, "\"example\": \"2/7 came twice\"");
  assert_contains (json, "\"examples\": [\n        \"2/7 came twice\",\n        \"a later one\"\n      ]");
}

static void
test_too_little (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;

  fixture->options.min_kills_in_flight = 8;
  text = sim_report_to_text (&fixture->report);

  assert_contains (text, "Too little happened");
  g_assert_null (strstr (text, "All promises held"));
  g_assert_false (sim_report_has_enough (&fixture->report));
}

static void
test_interrupted (Fixture *fixture, gconstpointer data)
{
  fixture->options.min_kills_in_flight = 20;
  g_assert_false (sim_report_has_enough (&fixture->report));
  fixture->report.duration_s = 5;
  g_assert_true (sim_report_has_enough (&fixture->report));
}

/* With the bound that so many kills without harm give. */
static void
test_bound (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;

  fixture->measure.n_kills_in_flight = 300;
  text = sim_report_to_text (&fixture->report);
  json = sim_report_to_json (&fixture->report);

  assert_contains (text, "less than 0.01 of them");
  assert_contains (json, "\"bound_per_kill\": 0.01");
}

static void
test_faults (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;
  g_autofree char *json = NULL;

  fixture->measure.faults[SIM_FAULT_KILL_AT] = (SimFaultCounts) { 5, 4, 3 };
  fixture->measure.n_at_point[IPC_KILL_POINT_RENAMED] = 3;
  fixture->verdict->n_fenced = 17;
  text = sim_report_to_text (&fixture->report);
  json = sim_report_to_json (&fixture->report);

  assert_contains (text, "kill-at                   5         4          3\n");
  assert_contains (text, "renamed=3");
  assert_contains (text, "17 stale writes refused");
  assert_contains (json, "\"name\": \"kill-at\",\n      \"summary\": ");
  assert_contains (json,
                   "\n      \"planned\": 5,\n      \"injected\": 4,\n      \"effective\": 3");
  assert_contains (json, "\"renamed\": 3");
  assert_contains (json, "\"fenced\": 17");
}

/* Asked for, and without any effect: one of the family is enough. */
static void
test_toothless (Fixture *fixture, gconstpointer data)
{
  g_autofree char *text = NULL;

  fixture->options.wanted.of[SIM_FAULT_KILL] = 1;
  fixture->options.wanted.of[SIM_FAULT_DELETE_FILE] = 1;
  fixture->options.wanted.of[SIM_FAULT_DELETE_SOCKET] = 1;
  fixture->measure.faults[SIM_FAULT_KILL].n_effective = 1;
  text = sim_report_to_text (&fixture->report);
  assert_contains (text, "“unlink” was asked for");
  g_assert_false (sim_report_has_enough (&fixture->report));

  fixture->measure.faults[SIM_FAULT_DELETE_FILE].n_effective = 1;
  g_assert_true (sim_report_has_enough (&fixture->report));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-report/json", test_json);
  g_test_add_func ("/sim-report/json/invalid-utf8", test_json_invalid_utf8);
#define ADD(path, test) g_test_add ("/sim-report" path, Fixture, NULL, set_up, test, tear_down)
  ADD ("/keys", test_keys);
  ADD ("/held", test_held);
  ADD ("/broken", test_broken);
  ADD ("/too-little", test_too_little);
  ADD ("/interrupted", test_interrupted);
  ADD ("/bound", test_bound);
  ADD ("/faults", test_faults);
  ADD ("/toothless", test_toothless);
#undef ADD

  return g_test_run ();
}
