/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-check.h"

#include <gio/gio.h>
#include <stdio.h>

#include "sim-checker.h"
#include "sim-json.h"
#include "sim-jsonl.h"
#include "sim-options.h"

/*
 * `ipc-sim check`: the checker alone, from a history file to a verdict. Nothing is run, so it says the same each time, of
 * a history that is a year old or somebody else's, too.
 */

/* (transfer full) */
static char *
describe (const SimHistory *history, const SimVerdict *verdict)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%u events of %u nodes, seed %" G_GUINT64_FORMAT "\n", history->events->len,
                          history->nodes->len, history->seed);
  sim_verdict_append_text (verdict, text);
  g_string_append (text, sim_verdict_held (verdict) ? "\nAll promises held.\n" : "\nSomething broke.\n");
  return g_string_free (text, FALSE);
}

/* (transfer full) */
static char *
to_json (const SimHistory *history, const SimVerdict *verdict)
{
  SimJson json;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_boolean (&json, "held", sim_verdict_held (verdict));
  sim_json_uint (&json, "seed", history->seed);
  sim_json_uint (&json, "nodes", history->nodes->len);
  sim_json_uint (&json, "events", history->events->len);
  sim_verdict_write_json (verdict, &json);
  sim_json_end (&json, '}');
  return sim_json_finish (&json);
}

static int
check (const char *path, const char *json_path, GError **error)
{
  g_autoptr (SimHistory) history = sim_jsonl_read (path, error);
  g_autoptr (SimVerdict) verdict = NULL;
  g_autofree char *text = NULL, *json = NULL;

  if (history == NULL)
    return SIM_EXIT_CANNOT_RUN;
  verdict = sim_checker_check (history);
  text = describe (history, verdict);
  json = to_json (history, verdict);

  fputs (text, stdout);
  if (json_path != NULL && !g_file_set_contents (json_path, json, -1, error))
    return SIM_EXIT_CANNOT_RUN;
  return sim_verdict_held (verdict) ? SIM_EXIT_HELD : SIM_EXIT_BROKEN;
}

/* Returns the exit status. */
int
sim_check_main (int argc, char **argv)
{
  g_autofree char *json_path = NULL;
  g_autoptr (GOptionContext) context = g_option_context_new ("HISTORY");
  g_autoptr (GError) error = NULL;
  const GOptionEntry entries[] = {
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &json_path, "Write the verdict to FILE, too", "FILE" },
    G_OPTION_ENTRY_NULL,
  };
  int status = SIM_EXIT_CANNOT_RUN;

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context, "Checks the history.jsonl of a run (“-”: the standard input), and nothing\n"
                                         "else. docs/history.md says what is in it.");
  g_option_context_set_description (context, "Exit status: 0 all promises held; 1 something broke; 2 it cannot be read.");
  if (!g_option_context_parse (context, &argc, &argv, &error))
    ;
  else if (argc != 2)
    g_set_error (&error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "One history is needed: ipc-sim check HISTORY");
  else
    status = check (argv[1], json_path, &error);

  if (error != NULL)
    g_printerr ("ipc-sim: %s\n", error->message);
  return status;
}
