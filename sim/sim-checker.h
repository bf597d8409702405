/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"
#include "sim-verdict.h"

SimVerdict *sim_checker_check (const SimHistory *history);

/* The parts of a check; each adds to the verdict what it is about. */
void sim_check_messages (const SimHistory *history, SimVerdict *verdict);
void sim_check_masters (const SimHistory *history, SimVerdict *verdict);
void sim_check_nodes (const SimHistory *history, SimVerdict *verdict);
