/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"
#include "sim-verdict.h"

SimVerdict *sim_checker_check (const SimHistory *history);
gint64 sim_check_get_patience_ns (guint hang_timeout_ms);

/* The parts of a check; each adds to the verdict what it is about. */
void sim_check_messages (const SimHistory *history, SimVerdict *verdict);
void sim_check_masters (const SimHistory *history, SimVerdict *verdict);
void sim_check_causes (const SimHistory *history, SimVerdict *verdict);
void sim_check_fence (const SimHistory *history, SimVerdict *verdict);
void sim_check_liveness (const SimHistory *history, SimVerdict *verdict);
void sim_check_resources (const SimHistory *history, SimVerdict *verdict);
void sim_check_calm (const SimHistory *history, SimVerdict *verdict);
void sim_check_records (const SimHistory *history, SimVerdict *verdict);
