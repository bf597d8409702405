/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <locale.h>
#include <stdio.h>
#include <unistd.h>

#include "sim-checker.h"
#include "sim-node.h"
#include "sim-report.h"
#include "sim-run-dir.h"
#include "sim-supervisor.h"

/*
 * ipc-sim: one program for the supervisor and, started by it, the nodes.
 */

/* Prints and writes the report, and finds the exit status. */
static int
conclude (const SimReport *report)
{
  g_autofree char *text = sim_report_to_text (report);
  g_autofree char *json = sim_report_to_json (report);
  g_autoptr (GError) error = NULL;

  fputs (text, stdout);
  if (report->options->json != NULL && !g_file_set_contents (report->options->json, json, -1, &error)) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  if (!sim_verdict_held (report->verdict))
    return SIM_EXIT_BROKEN;
  return sim_report_has_enough (report) ? SIM_EXIT_HELD : SIM_EXIT_TOO_LITTLE;
}

static void
keep (const SimHistory *history, const char *run_dir)
{
  g_autofree char *path = g_build_filename (run_dir, "history.txt", NULL);
  g_autoptr (GError) error = NULL;

  if (!sim_history_write (history, path, &error))
    g_printerr ("ipc-sim: %s\n", error->message);
  g_printerr ("Records and logs are in %s, all events in %s\n", run_dir, path);
}

static int
run_and_check (const SimOptions *options, const char *run_dir)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SimHistory) history = NULL;
  g_autoptr (SimVerdict) verdict = NULL;
  SimMeasure measure;
  SimReport report = { .options = options, .measure = &measure };
  int status;

  history = sim_supervisor_run (options, run_dir, &report.duration_s, &error);
  if (history == NULL) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }

  verdict = sim_checker_check (history);
  sim_measure_run (history, &measure);
  report.verdict = verdict;
  status = conclude (&report);
  if (options->keep || status == SIM_EXIT_BROKEN)
    keep (history, run_dir);
  return status;
}

/* Better now than after the run. */
static gboolean
check_json_path (const SimOptions *options, GError **error)
{
  int fd = options->json != NULL ? g_open (options->json, O_WRONLY | O_CREAT | O_CLOEXEC, 0666) : -1;

  if (options->json != NULL && fd < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot write %s: %s", options->json,
                 g_strerror (errno));
    return FALSE;
  }
  if (fd >= 0)
    close (fd);
  return TRUE;
}

static int
simulate (const SimOptions *options)
{
  g_autoptr (GError) error = NULL;
  g_autofree char *run_dir = check_json_path (options, &error) ? sim_run_dir_make (options->dir, &error) : NULL;
  int status;

  if (run_dir == NULL) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }

  g_printerr ("seed %" G_GINT64_FORMAT "\n", options->seed);
  status = run_and_check (options, run_dir);

  if (!options->keep && status != SIM_EXIT_BROKEN)
    sim_run_dir_remove (run_dir);
  return status;
}

int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SimOptions) options = NULL;

  setlocale (LC_ALL, "");
  options = sim_options_parse (&argc, &argv, &error);
  if (options == NULL) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  return options->node >= 0 ? sim_node_run (options) : simulate (options);
}
