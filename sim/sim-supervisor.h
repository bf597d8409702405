/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"
#include "sim-options.h"

SimHistory *sim_supervisor_run (const SimOptions *options, const char *run_dir, double *duration_s, GError **error);
