/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-run.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "sim-checker.h"
#include "sim-disk.h"
#include "sim-hostile.h"
#include "sim-jsonl.h"
#include "sim-node.h"
#include "sim-program.h"
#include "sim-report.h"
#include "sim-report-dir.h"
#include "sim-run-dir.h"
#include "sim-summary.h"
#include "sim-supervisor.h"

/*
 * `ipc-sim run`: from its options to its exit status; one run, or one for each of many seeds. The same command line,
 * with a hidden option, is that of a node: supervisor and nodes are one program.
 */

/* What is asked for, and what has come of it so far. */
typedef struct {
  SimOptions *options;  /* (unowned) of the present run */
  SimSummary *summary;  /* (unowned) (nullable) of many runs */
  gboolean interrupted; /* no further one is wanted */
} Run;

/* One of many: a line, or all of it if something broke. */
static void
summarize (SimSummary *summary, const SimReport *report)
{
  g_autofree char *text = sim_report_to_text (report);
  g_autofree char *line = NULL;

  sim_summary_add (summary, report);
  line = sim_summary_describe_last (summary);
  fputs (line, stdout);
  if (!sim_verdict_held (report->verdict))
    fputs (text, stdout);
  fflush (stdout);
}

/* Each of many has a directory of its own in the one that was asked for. */
static gboolean
write_directory (Run *self, const SimReport *report, const SimHistory *history, GError **error)
{
  const SimOptions *options = report->options;
  g_autofree char *seed = g_strdup_printf ("seed-%" G_GINT64_FORMAT, options->seed);
  g_autofree char *directory = NULL;

  if (options->report == NULL)
    return TRUE;
  directory = g_build_filename (options->report, self->summary != NULL ? seed : NULL, NULL);
  if (!sim_report_dir_make (directory, error) || !sim_report_dir_write (directory, report, history, error))
    return FALSE;
  if (self->summary == NULL)
    g_print ("To look at: %s/" SIM_REPORT_PAGE "\n", directory);
  return TRUE;
}

/* Prints and writes the report, and finds the exit status. */
static int
conclude (Run *self, const SimReport *report, const SimHistory *history)
{
  g_autofree char *text = sim_report_to_text (report);
  g_autofree char *json = sim_report_to_json (report);
  g_autoptr (GError) error = NULL;

  if (self->summary != NULL) {
    summarize (self->summary, report);
    if (!write_directory (self, report, history, &error))
      g_printerr ("ipc-sim: %s\n", error->message);
    return sim_verdict_held (report->verdict) ? SIM_EXIT_HELD : SIM_EXIT_BROKEN;
  }
  fputs (text, stdout);
  if (report->options->json != NULL && !g_file_set_contents (report->options->json, json, -1, &error)) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  if (!write_directory (self, report, history, &error)) {
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
  g_autofree char *path = g_build_filename (run_dir, SIM_REPORT_HISTORY, NULL);
  g_autoptr (GError) error = NULL;

  if (!sim_jsonl_write (history, path, &error))
    g_printerr ("ipc-sim: %s\n", error->message);
  g_printerr ("Records and logs are in %s, all events in %s\n", run_dir, path);
}

static int
run_and_check (Run *self, const char *run_dir)
{
  const SimOptions *options = self->options;
  g_autoptr (GError) error = NULL;
  g_autoptr (SimHistory) history = NULL;
  g_autoptr (SimVerdict) verdict = NULL;
  SimMeasure measure;
  SimReport report = { .options = options, .measure = &measure };
  SimFacts facts = { 0 };
  int status;

  history = sim_supervisor_run (options, run_dir, &facts, &error);
  self->interrupted = facts.interrupted;
  if (history == NULL) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }

  verdict = sim_checker_check (history);
  sim_measure_run (history, &measure);
  report.verdict = verdict;
  report.duration_s = facts.duration_s;
  report.supervisor_cpu = facts.cpu;
  status = conclude (self, &report, history);
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

/* Before anything can go wrong: what to give to have the same again. */
static void
introduce (const SimOptions *options)
{
  g_autofree char *description = sim_options_describe (options);

  g_printerr ("seed %" G_GINT64_FORMAT "\n", options->seed);
  if (options->swarm || options->scenario != NULL)
    g_printerr ("%s", description);
}

static int
simulate_in (Run *self, GError **error)
{
  const SimOptions *options = self->options;
  g_autofree char *run_dir = sim_run_dir_make (options->dir, error);
  int status;

  if (run_dir == NULL)
    return SIM_EXIT_CANNOT_RUN;

  introduce (options);
  status = run_and_check (self, run_dir);

  if (!options->keep && status != SIM_EXIT_BROKEN)
    sim_run_dir_remove (run_dir);
  return status;
}

/* For a fault that fills up the file system of the group's files. It goes without where it has to. */
static void
mount_disk (SimOptions *options)
{
  g_autoptr (GError) error = NULL;

  if (options->weights.of[SIM_FAULT_FULL_DISK] == 0)
    return;
  options->has_small_disk = sim_disk_mount (options->runtime_dir, &error);
  if (!options->has_small_disk)
    g_printerr ("No full-disk: %s\n", error->message);
}

static void
unmount_disk (SimOptions *options)
{
  if (options->has_small_disk)
    sim_disk_unmount (options->runtime_dir);
  options->has_small_disk = FALSE;
}

static int
simulate (Run *self)
{
  SimOptions *options = self->options;
  g_autoptr (GError) error = NULL;
  gboolean make_runtime_dir = options->runtime_dir == NULL;
  int status = SIM_EXIT_CANNOT_RUN;

  if (check_json_path (options, &error)
      && (options->report == NULL || sim_report_dir_make (options->report, &error))) {
    if (make_runtime_dir)
      options->runtime_dir = sim_run_dir_make (sim_run_dir_find_memory (options->dir), &error);
    if (make_runtime_dir && options->runtime_dir != NULL)
      mount_disk (options);
    if (options->runtime_dir != NULL)
      status = simulate_in (self, &error);
    unmount_disk (options);
    if (make_runtime_dir && options->runtime_dir != NULL)
      sim_run_dir_remove (options->runtime_dir);
  }

  if (error != NULL)
    g_printerr ("ipc-sim: %s\n", error->message);
  return status;
}

/* (transfer full) (nullable): the same command line with another seed, so that all is drawn anew. */
static SimOptions *
parse_for_seed (char **arguments, gint64 seed, GError **error)
{
  g_autofree char *option = g_strdup_printf ("--seed=%" G_GINT64_FORMAT, seed);
  g_autoptr (GPtrArray) argv = g_ptr_array_new ();
  char **rest;
  int argc;

  for (guint i = 0; arguments[i] != NULL; i++)
    g_ptr_array_add (argv, arguments[i]);
  g_ptr_array_add (argv, option);
  argc = (int) argv->len;
  g_ptr_array_add (argv, NULL);
  rest = (char **) argv->pdata;
  return sim_options_parse (&argc, &rest, error);
}

static int
conclude_all (const SimOptions *options, const SimSummary *summary)
{
  g_autofree char *text = sim_summary_to_text (summary);
  g_autofree char *json = sim_summary_to_json (summary);
  g_autoptr (GError) error = NULL;

  fputs (text, stdout);
  if (options->report != NULL)
    g_print ("To look at: %s/seed-*/" SIM_REPORT_PAGE "\n", options->report);
  if (options->json != NULL && !g_file_set_contents (options->json, json, -1, &error)) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  return sim_summary_get_status (summary);
}

/* One seed after the other, until all are through, one of them broke, or Ctrl-C. */
static int
simulate_many (const SimOptions *first, char **arguments)
{
  g_autoptr (SimSummary) summary = sim_summary_new ();
  Run run = { .summary = summary };
  int status = SIM_EXIT_HELD;

  for (int i = 0; i < first->count && !run.interrupted && (status == SIM_EXIT_HELD || first->keep_going); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (SimOptions) options = parse_for_seed (arguments, first->seed + i, &error);

    g_assert_no_error (error); /* it was parsed once already */
    run.options = options;
    status = simulate (&run);
    if (status == SIM_EXIT_CANNOT_RUN) {
      g_autofree char *command = sim_options_to_command (options);

      sim_summary_add_failure (summary, options->seed, command);
    }
  }
  return conclude_all (first, summary);
}

/* Returns the exit status. */
int
sim_run_main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  g_autofree char **arguments = g_memdup2 (argv, ((gsize) argc + 1) * sizeof (char *)); /* parsing takes them apart */
  g_autoptr (SimOptions) options = sim_options_parse (&argc, &argv, &error);
  Run run = { .options = options };

  if (options == NULL) {
    g_printerr ("ipc-sim: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  if (options->hostile != NULL)
    return sim_hostile_run (options);
  if (options->node < 0)
    return options->count > 1 ? simulate_many (options, arguments) : simulate (&run);
  return options->program != NULL ? sim_program_run (options) : sim_node_run (options);
}
