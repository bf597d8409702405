/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <ipc-kill-point.h>
#include <string.h>

#include "sim-fault.h"
#include "sim-list.h"
#include "sim-scenario.h"
#include "sim-verdict.h"

/*
 * Whatever can be asked for by name can be found out, and so can all that is checked.
 */

static void
assert_listed (const char *text, const char *name)
{
  g_autofree char *line = g_strdup_printf ("(?m)^  %s( |$)", name);

  g_test_message ("%s", name);
  g_assert_true (g_regex_match_simple (line, text, 0, 0));
}

static void
test_all (void)
{
  g_autoptr (SimVerdict) verdict = sim_verdict_new ();
  g_autofree char *text = sim_list_to_text (NULL);

  for (guint i = 0; i < SIM_N_FAULTS; i++)
    assert_listed (text, sim_fault_to_string ((SimFault) i));
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++)
    assert_listed (text, ipc_kill_point_to_string ((IpcKillPoint) i));
  for (guint i = 0; i < SIM_N_INVARIANTS; i++)
    assert_listed (text, verdict->invariants[i].name);
  for (guint i = 0; sim_scenario_get (i) != NULL; i++)
    assert_listed (text, sim_scenario_get (i)->name);
}

static void
test_topic (void)
{
  g_autofree char *points = sim_list_to_text ("points");
  g_autofree char *none = sim_list_to_text ("nonsense");

  assert_listed (points, "claimed");
  g_assert_null (strstr (points, "one-master-per-epoch"));
  g_assert_null (none);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-list/all", test_all);
  g_test_add_func ("/sim-list/topic", test_topic);

  return g_test_run ();
}
