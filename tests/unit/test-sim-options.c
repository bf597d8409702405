/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ipc-kill-point.h>
#include <string.h>

#include "sim-options.h"

/*
 * The command line: what is given goes before a scenario, a scenario before what is drawn, and that before the
 * defaults; what cannot be is refused in words that help; and a run can be written down as the command that repeats it.
 */

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("“%s” is missing in: %s", part, text);
}

static SimOptions *
parse (const char *const *arguments)
{
  g_auto (GStrv) copy = g_strdupv ((GStrv) arguments);
  g_autofree char **argv = g_memdup2 (copy, (g_strv_length (copy) + 1) * sizeof (char *));
  char **rest = argv;
  int argc = (int) g_strv_length (copy);
  g_autoptr (GError) error = NULL;
  SimOptions *options = sim_options_parse (&argc, &rest, &error);

  g_assert_no_error (error);
  return options;
}

static void
test_fault_options (void)
{
  g_autoptr (SimOptions) all = parse ((const char *[]) { "ipc-sim", NULL });
  g_autoptr (SimOptions) some =
      parse ((const char *[]) { "ipc-sim", "--fault=kill=3", "-f", "unlink", "--fault=kill-at=claimed=2", NULL });
  g_autofree char *command = sim_options_to_command (some);

  for (guint i = 0; i < SIM_N_FAULTS; i++)
    g_assert_cmpuint (all->weights.of[i], >, 0);
  g_assert_cmpint (all->kill_point, ==, -1);
  g_assert_cmpuint (some->weights.of[SIM_FAULT_KILL], ==, 3);
  g_assert_cmpuint (some->weights.of[SIM_FAULT_DELETE_SOCKET], ==, 1);
  g_assert_cmpuint (some->weights.of[SIM_FAULT_KILL_AT], ==, 2);
  g_assert_cmpint (some->kill_point, ==, IPC_KILL_POINT_CLAIMED);
  g_assert_cmpuint (some->weights.of[SIM_FAULT_STOP], ==, 0);
  assert_contains (command, "--fault=kill=3 --fault=unlink --fault=kill-at=claimed=2");
}

static void
assert_refused (const char *const *arguments, const char *why)
{
  g_auto (GStrv) copy = g_strdupv ((GStrv) arguments);
  g_autofree char **argv = g_memdup2 (copy, (g_strv_length (copy) + 1) * sizeof (char *));
  char **rest = argv;
  int argc = (int) g_strv_length (copy);
  g_autoptr (GError) error = NULL;

  g_assert_null (sim_options_parse (&argc, &rest, &error));
  g_assert_nonnull (error);
  assert_contains (error->message, why);
}

static void
test_bad_options (void)
{
  assert_refused ((const char *[]) { "ipc-sim", "--nodes=0", NULL }, "--nodes");
  assert_refused ((const char *[]) { "ipc-sim", "--nodes=3", "--candidates=4", NULL }, "--candidates");
  assert_refused ((const char *[]) { "ipc-sim", "--duration=-1", NULL }, "--duration");
  assert_refused ((const char *[]) { "ipc-sim", "--seed=x", NULL }, "--seed");
  assert_refused ((const char *[]) { "ipc-sim", "--size=8", NULL }, "--size");
  assert_refused ((const char *[]) { "ipc-sim", "--nodes=many", NULL }, "many");
  assert_refused ((const char *[]) { "ipc-sim", "--fault=no-such", NULL }, "no-such");
  assert_refused ((const char *[]) { "ipc-sim", "--fault=kill-at=nowhere", NULL }, "nowhere");
  assert_refused ((const char *[]) { "ipc-sim", "--fault=kill=0", NULL }, "kill=0");
  assert_refused ((const char *[]) { "ipc-sim", "--nodes=3.5", NULL }, "3.5");
  assert_refused ((const char *[]) { "ipc-sim", "--at-most-once=101", NULL }, "from 0 to 100");
  assert_refused ((const char *[]) { "ipc-sim", "--give-up=101", NULL }, "--give-up must be from 0 to 100");
  assert_refused ((const char *[]) { "ipc-sim", "--nodes=4", "--candidates=4", "--masters-only=4", NULL },
                  "--masters-only must be from 0 to 3");
  assert_refused ((const char *[]) { "ipc-sim", "surplus", NULL }, "killing-spree, zombie");
  assert_refused ((const char *[]) { "ipc-sim", "--scenario=surplus", NULL }, "surplus");
  assert_refused ((const char *[]) { "ipc-sim", "zombie", "surplus", NULL }, "surplus");
  assert_refused ((const char *[]) { "ipc-sim", "--scenario=zombie", "surplus", NULL }, "surplus");
  assert_refused ((const char *[]) { "ipc-sim", "--no-such-option", NULL }, "no-such-option");
}

static void
assert_setting (const SimOptions *options, SimSetting setting, double value, SimSource source)
{
  g_test_message ("%s", sim_setting_to_string (setting));
  g_assert_cmpfloat (options->settings.values[setting], ==, value);
  g_assert_cmpint (options->settings.sources[setting], ==, source);
}

static void
test_defaults (void)
{
  g_autoptr (SimOptions) plain = parse ((const char *[]) { "ipc-sim", NULL });
  g_autoptr (SimOptions) large = parse ((const char *[]) { "ipc-sim", "--nodes=200", NULL });

  assert_setting (plain, SIM_SETTING_NODES, 20, SIM_SOURCE_DEFAULT);
  assert_setting (plain, SIM_SETTING_CANDIDATES, 5, SIM_SOURCE_DEFAULT);
  assert_setting (plain, SIM_SETTING_RATE, 300, SIM_SOURCE_DEFAULT);
  assert_setting (plain, SIM_SETTING_HANG_TIMEOUT, 300, SIM_SOURCE_DEFAULT);
  assert_setting (large, SIM_SETTING_RATE, 30, SIM_SOURCE_DEFAULT);
  assert_setting (large, SIM_SETTING_HANG_TIMEOUT, 2000, SIM_SOURCE_DEFAULT);
}

static void
test_sources (void)
{
  g_autoptr (SimOptions) options =
      parse ((const char *[]) { "ipc-sim", "--swarm", "stampede", "--nodes=30", "--seed=1", NULL });

  assert_setting (options, SIM_SETTING_NODES, 30, SIM_SOURCE_GIVEN);
  assert_setting (options, SIM_SETTING_CANDIDATES, 12, SIM_SOURCE_SCENARIO);
  g_assert_cmpint (options->settings.sources[SIM_SETTING_SIZE], ==, SIM_SOURCE_DRAWN);
  g_assert_cmpint (options->faults_source, ==, SIM_SOURCE_SCENARIO);
  g_assert_cmpint (options->n_nodes, ==, 30);
}

/* Each is a run that the simulator accepts, and has a fault that it is about. */
static void
test_scenarios (void)
{
  for (guint i = 0; sim_scenario_get (i) != NULL; i++) {
    const SimScenario *scenario = sim_scenario_get (i);
    g_autoptr (SimOptions) options = parse ((const char *[]) { "ipc-sim", scenario->name, NULL });

    g_assert_true (options->scenario == scenario);
    g_assert_true (g_str_has_suffix (scenario->question, "?"));
    g_assert_cmpuint (sim_weights_sum (&options->wanted, SIM_FAULT_PLAIN), >, 0);
  }
}

/* Whatever is drawn, the command that is printed is the same run. */
static void
test_command (void)
{
  for (guint seed = 0; seed < 50; seed++) {
    g_autofree char *argument = g_strdup_printf ("--seed=%u", seed);
    g_autoptr (SimOptions) one = parse ((const char *[]) { "ipc-sim", "--swarm", argument, NULL });
    g_autofree char *command = sim_options_to_command (one);
    g_auto (GStrv) arguments = g_strsplit (command, " ", -1);
    g_autoptr (SimOptions) other = parse ((const char *const *) arguments);

    for (guint i = 0; i < SIM_N_SETTINGS; i++)
      assert_setting (other, (SimSetting) i, one->settings.values[i], SIM_SOURCE_GIVEN);
    g_assert_cmpmem (&one->weights, sizeof one->weights, &other->weights, sizeof other->weights);
    g_assert_cmpint (one->min_kills_in_flight, ==, other->min_kills_in_flight);
  }
}

static void
test_description (void)
{
  g_autoptr (SimOptions) options =
      parse ((const char *[]) { "ipc-sim", "zombie", "--rate=2.5", "--fault=kill=3", "--fault=stop", NULL });
  g_autofree char *text = sim_options_describe (options);

  assert_contains (text, "zombie: Can a master do harm");
  assert_contains (text, "rate           given    2.5 a second and node\n");
  assert_contains (text, "nodes          scenario 12\n");
  assert_contains (text, "size           default  256 bytes at most\n");
  assert_contains (text, "faults         given    kill=3 stop=1\n");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-options/faults", test_fault_options);
  g_test_add_func ("/sim-options/bad", test_bad_options);
  g_test_add_func ("/sim-options/defaults", test_defaults);
  g_test_add_func ("/sim-options/sources", test_sources);
  g_test_add_func ("/sim-options/scenarios", test_scenarios);
  g_test_add_func ("/sim-options/command", test_command);
  g_test_add_func ("/sim-options/description", test_description);

  return g_test_run ();
}
