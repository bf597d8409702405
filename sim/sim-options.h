/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_EXIT_HELD 0
#define SIM_EXIT_BROKEN 1
#define SIM_EXIT_CANNOT_RUN 2
#define SIM_EXIT_TOO_LITTLE 3

typedef struct {
  int n_nodes;
  int n_candidates;
  double duration_s;
  gint64 seed;
  int in_flight;
  double rate; /* messages per second and node */
  int kill_interval_ms;
  int size_max;
  int min_kills_in_flight;
  gboolean keep;
  char *json; /* (owned) (nullable) */
  char *dir;  /* (owned) where the run directory is made */

  /* Of a node's process; the supervisor gives them. */
  int node;   /* its index, or -1 in the supervisor */
  int parent; /* the supervisor's pid */
  gboolean candidate;
} SimOptions;

SimOptions *sim_options_parse (int *argc, char ***argv, GError **error);
void sim_options_free (SimOptions *self);

char **sim_options_to_node_argv (const SimOptions *self, guint32 node, gboolean candidate, const char *run_dir);
char *sim_options_to_command (const SimOptions *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimOptions, sim_options_free)
