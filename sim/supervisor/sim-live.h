/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-chaos.h"
#include "sim-phase.h"
#include "sim-progress.h"

typedef struct _SimLive SimLive;

SimLive *sim_live_new (const SimOptions *options, SimFleet *fleet, SimChaos *chaos, const SimHistory *history);
void sim_live_free (SimLive *self);

void sim_live_show (SimLive *self, SimProgress *progress, SimPhase phase);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimLive, sim_live_free)
