/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-report.h"

typedef struct _SimSummary SimSummary;

SimSummary *sim_summary_new (void);
void sim_summary_free (SimSummary *self);

void sim_summary_add (SimSummary *self, const SimReport *report);
void sim_summary_add_failure (SimSummary *self, gint64 seed, const char *command);

int sim_summary_get_status (const SimSummary *self);
char *sim_summary_describe_last (const SimSummary *self);
char *sim_summary_to_text (const SimSummary *self);
char *sim_summary_to_json (const SimSummary *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimSummary, sim_summary_free)
