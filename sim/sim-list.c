/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-list.h"

#include <ipc-kill-point.h>
#include <stdio.h>

#include "sim-options.h"
#include "sim-verdict.h"

/*
 * `ipc-sim list`: all that a run can be asked for by name and all that it checks, each from the table in which it is
 * kept. One entry a line, name first, so that other programs can read it.
 */

typedef void (*ListFunc) (GString *text);

static void
append_entry (GString *text, const char *name, const char *what)
{
  if (*what == '\0')
    g_string_append_printf (text, "  %s\n", name);
  else
    g_string_append_printf (text, "  %-27s%s\n", name, what);
}

static void
list_faults (GString *text)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    append_entry (text, sim_fault_to_string ((SimFault) i), sim_fault_get_summary ((SimFault) i));
  }
}

static void
list_scenarios (GString *text)
{
  const SimScenario *scenario;

  for (guint i = 0; (scenario = sim_scenario_get (i)) != NULL; i++)
    append_entry (text, scenario->name, scenario->question);
}

static void
list_invariants (GString *text)
{
  g_autoptr (SimVerdict) verdict = sim_verdict_new ();

  for (guint i = 0; i < SIM_N_INVARIANTS; i++)
    append_entry (text, verdict->invariants[i].name, verdict->invariants[i].promise);
}

static void
list_points (GString *text)
{
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++)
    append_entry (text, ipc_kill_point_to_string ((IpcKillPoint) i), "");
}

static const struct {
  const char *topic;
  const char *what;
  ListFunc list;
} topics[] = {
  { "scenarios", "Runs that answer one question (ipc-sim run NAME)", list_scenarios },
  { "faults", "What can be done to a group (--fault NAME)", list_faults },
  { "points", "Where the library can be made to die (--fault kill-at=POINT)", list_points },
  { "invariants", "What is checked after every run", list_invariants },
};

/* (transfer full) (nullable): all topics if it is NULL; NULL if there is no such topic. */
char *
sim_list_to_text (const char *topic)
{
  GString *text = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (topics); i++) {
    if (topic != NULL && !g_str_equal (topic, topics[i].topic))
      continue;
    if (topic == NULL)
      g_string_append_printf (text, "%s%s:\n", i > 0 ? "\n" : "", topics[i].what);
    topics[i].list (text);
  }
  return g_string_free (text, text->len == 0);
}

static char *
describe_topics (void)
{
  GString *text = g_string_new ("Says what a run can be asked for by name, and what it checks. Topics:");

  for (guint i = 0; i < G_N_ELEMENTS (topics); i++)
    g_string_append_printf (text, "\n  %-12s %s", topics[i].topic, topics[i].what);
  return g_string_free (text, FALSE);
}

/* Returns the exit status. */
int
sim_list_main (int argc, char **argv)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("[TOPIC]");
  g_autofree char *summary = describe_topics ();
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;

  g_option_context_set_summary (context, summary);
  if (!g_option_context_parse (context, &argc, &argv, &error)) {
    g_printerr ("ipc-sim list: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  text = argc <= 2 ? sim_list_to_text (argc == 2 ? argv[1] : NULL) : NULL;
  if (text == NULL) {
    g_printerr ("ipc-sim list: %s “%s”\n%s\n", argc > 2 ? "one topic at a time, not" : "there is no topic",
                argv[argc - 1], summary);
    return SIM_EXIT_CANNOT_RUN;
  }
  fputs (text, stdout);
  return SIM_EXIT_HELD;
}
