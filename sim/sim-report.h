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
} SimReport;

char *sim_report_to_json (const SimReport *self);
char *sim_report_to_text (const SimReport *self);
gboolean sim_report_has_enough (const SimReport *self);
