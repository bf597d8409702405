/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fault.h"
#include "sim-setting.h"

void sim_swarm_draw_settings (SimSettings *settings, guint64 seed);
void sim_swarm_draw_weights (SimWeights *weights, guint64 seed);

double sim_swarm_get_min (SimSetting setting);
double sim_swarm_get_max (SimSetting setting);
