/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fleet.h"
#include "sim-history.h"
#include "sim-options.h"

typedef struct _SimChaos SimChaos;

SimChaos *sim_chaos_new (const SimOptions *options, const char *run_dir, SimFleet *fleet, SimHistory *history,
                         GError **error);
void sim_chaos_free (SimChaos *self);

void sim_chaos_start (SimChaos *self);
void sim_chaos_update (SimChaos *self);
void sim_chaos_stop (SimChaos *self);
guint sim_chaos_get_n_kills (SimChaos *self);
