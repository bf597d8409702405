/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-report.h"
#include "sim-timeline.h"

/* What is drawn one by one. With all of it, the 72,000 cells that latencies can have and the script, a page has less
 * than SIM_PAGE_SIZE_MAX: a phone opens that, and it can be sent to somebody. More is thinned out, and the page says
 * what it leaves out: the shortest masterships, the shortest fail-overs, faults by turns. An hour of kills at the usual
 * rate has about 18,000 of each. */
#define SIM_PAGE_N_MASTERSHIPS_MAX 10000
#define SIM_PAGE_N_INCIDENTS_MAX 20000
#define SIM_PAGE_N_FAILOVERS_MAX 10000
#define SIM_PAGE_SIZE_MAX (6 * 1024 * 1024)

char *sim_page_to_json (const SimReport *report, const SimHistory *history);
char *sim_page_to_html (const char *title, const char *json);

gboolean sim_page_write (const SimReport *report, const SimHistory *history, const char *path, GError **error);
