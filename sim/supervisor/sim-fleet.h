/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-notice.h"
#include "sim-process.h"

typedef struct _SimFleet SimFleet;

typedef struct {
  void (*changed) (gpointer user_data); /* a node joined, was elected, stepped down, drained or ended */
  void (*joined) (SimProcess *process, gpointer user_data); /* for the first time */
  void (*lost) (SimProcess *process, gboolean was_master, gpointer user_data); /* it died by itself, as it should */
  void (*stopping) (SimProcess *process, gpointer user_data); /* it stops itself, and has to be continued */
  void (*wrong) (const char *why, gpointer user_data); /* what the nodes say cannot be, if all is well */
  void (*forked) (SimProcess *process, pid_t child, gpointer user_data); /* it has made a child */
  void (*failed) (const GError *error, gpointer user_data); /* a node could not be started, or could not go on */
} SimFleetFuncs;

typedef struct {
  guint n_alive;
  guint n_joined;     /* of these */
  guint n_converged;  /* of these */
  guint n_drained;    /* of these */
  guint n_candidates; /* of these that joined */
  guint n_started;    /* ever */
  guint n_wanted;     /* that wait to be started */
  guint n_crashed;    /* ever */
} SimFleetCounts;

SimFleet *sim_fleet_new (const SimOptions *options, const char *run_dir, const SimFleetFuncs *funcs, gpointer user_data,
                         GError **error);
void sim_fleet_free (SimFleet *self);

void sim_fleet_want (SimFleet *self, gboolean candidate, guint n_nodes);
void sim_fleet_reap (SimFleet *self);
gboolean sim_fleet_wait_for_rest (SimFleet *self, int signal_fd, int timeout_ms);

GPtrArray *sim_fleet_get_processes (SimFleet *self);
SimFleetCounts sim_fleet_get_counts (SimFleet *self);
SimRecordCounts sim_fleet_get_traffic (SimFleet *self);

void sim_fleet_kill (SimFleet *self, SimProcess *process);
SimProcess *sim_fleet_get_master (SimFleet *self);
guint64 sim_fleet_get_epoch (SimFleet *self);
gint64 sim_fleet_get_elected_us (SimFleet *self);
