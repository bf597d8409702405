/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-measure.h"
#include "sim-options.h"
#include "sim-verdict.h"

typedef struct {
  const SimOptions *options;
  double duration_s;
  const SimMeasure *measure;
  const SimVerdict *verdict;
  double supervisor_cpu; /* share of a core, while there were processes */
} SimReport;

char *sim_report_to_json (const SimReport *self);
char *sim_report_to_text (const SimReport *self);
char *sim_report_conclude (guint64 n_kills_in_flight, guint64 n_wanted, const char *toothless);
void sim_report_append_heading (GString *text);
gboolean sim_report_append_counts (GString *text, SimFault fault, const SimFaultCounts *counts);
double sim_report_get_bound (guint64 n_kills_in_flight);
gboolean sim_report_has_enough (const SimReport *self);
const char *sim_report_find_toothless (const SimWeights *wanted, const SimFaultCounts *counts);
