/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-options.h"
#include "sim-record.h"

int sim_node_run (const SimOptions *options);
void sim_node_note (SimRecord *record, SimEntry entry);
