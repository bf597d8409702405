/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"
#include "sim-options.h"

/* What the records do not say. */
typedef struct {
  double duration_s;    /* of the chaos */
  double cpu;           /* share of a core that the supervisor itself took, while there were processes */
  gboolean interrupted; /* somebody wants it to end */
} SimFacts;

SimHistory *sim_supervisor_run (const SimOptions *options, const char *run_dir, SimFacts *facts, GError **error);
