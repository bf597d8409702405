/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fleet.h"
#include "sim-history.h"
#include "sim-options.h"

typedef struct _SimChaos SimChaos;

SimChaos *sim_chaos_new (const SimOptions *options, SimFleet *fleet, SimHistory *history, const char *run_dir,
                         GError **error);
void sim_chaos_free (SimChaos *self);

void sim_chaos_start (SimChaos *self);
void sim_chaos_update (SimChaos *self);
void sim_chaos_lost (SimChaos *self, SimProcess *process, gboolean was_master, gboolean again);
void sim_chaos_stopping (SimChaos *self, SimProcess *process);
void sim_chaos_forked (SimChaos *self, SimProcess *process, pid_t pid);
void sim_chaos_stop (SimChaos *self);
guint sim_chaos_get_n_kills (SimChaos *self);
double sim_chaos_get_elapsed_s (SimChaos *self);
