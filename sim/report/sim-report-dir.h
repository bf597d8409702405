/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"
#include "sim-report.h"

#define SIM_REPORT_PAGE "report.html"
#define SIM_REPORT_HISTORY "history.jsonl" /* also in the directory of a run that was kept */

gboolean sim_report_dir_make (const char *dir, GError **error);
gboolean sim_report_dir_write (const char *dir, const SimReport *report, const SimHistory *history, GError **error);
