/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-report-dir.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "sim-jsonl.h"
#include "sim-page.h"

/*
 * What is left of a run for whoever comes later: one directory, with report.json and history.jsonl for programs and
 * report.html for people. What is there already is written over, file by file.
 */

/* Before the run, because then it is not too late to say that it cannot be. */
gboolean
sim_report_dir_make (const char *dir, GError **error)
{
  if (g_mkdir_with_parents (dir, 0777) == 0 && g_access (dir, W_OK | X_OK) == 0)
    return TRUE;

  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot write reports to %s: %s", dir,
               g_strerror (errno));
  return FALSE;
}

gboolean
sim_report_dir_write (const char *dir, const SimReport *report, const SimHistory *history, GError **error)
{
  g_autofree char *json_path = g_build_filename (dir, "report.json", NULL);
  g_autofree char *history_path = g_build_filename (dir, SIM_REPORT_HISTORY, NULL);
  g_autofree char *page_path = g_build_filename (dir, SIM_REPORT_PAGE, NULL);
  g_autofree char *json = sim_report_to_json (report);

  return g_file_set_contents (json_path, json, -1, error) && sim_jsonl_write (history, history_path, error)
         && sim_page_write (report, history, page_path, error);
}
