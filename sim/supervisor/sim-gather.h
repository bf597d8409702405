/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fleet.h"
#include "sim-history.h"

gboolean sim_gather_records (SimFleet *fleet, const char *run_dir, SimHistory *history, GError **error);
