/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-fault.h"
#include "sim-scenario.h"
#include "sim-setting.h"

#define SIM_EXIT_HELD 0
#define SIM_EXIT_BROKEN 1
#define SIM_EXIT_CANNOT_RUN 2
#define SIM_EXIT_TOO_LITTLE 3

#define SIM_MAX_DELIVERIES 3 /* the library's default, set all the same: the checker counts them */

typedef struct {
  gboolean swarm;
  const SimScenario *scenario; /* (nullable) */
  SimSettings settings;        /* with where each comes from; and for all that use them: */
  int n_nodes;
  int n_candidates;
  int n_masters_only;   /* of each n_candidates */
  int n_priorities;     /* of candidates */
  guint at_most_once;   /* percent of all messages */
  guint give_up;        /* likewise */
  double duration_s;
  gint64 seed;
  int in_flight;
  double rate; /* messages per second and node */
  int kill_interval_ms;
  int hang_timeout_ms; /* of all nodes */
  double patience_s;   /* how long each phase after the chaos may take */
  char **faults;       /* (owned) (nullable) as the user asked for them: NAME, NAME=WEIGHT, kill-at=POINT */
  SimSource faults_source;
  SimWeights weights;  /* what follows from that */
  SimWeights wanted;   /* not 0 for those that must have an effect */
  int kill_point;      /* the only IpcKillPoint to use, or -1 for all */
  int size_max;
  char *program; /* (owned) (nullable) the command of the nodes, which is somebody else's; NULL: this one */
  int min_kills_in_flight;
  int count;           /* so many runs, each with the next seed */
  gboolean keep_going; /* also after one of them broke */
  gboolean keep;
  char *json;        /* (owned) (nullable) */
  char *report;      /* (owned) (nullable) the directory for all that is to be kept of the run */
  char *dir;         /* (owned) where the run directory is made */
  char *runtime_dir; /* (owned) (nullable) of the nodes; made when the run begins, if nobody gave it */
  gboolean has_small_disk; /* it is on a file system of its own, which may be filled up */

  /* Of a node's process; the supervisor gives them. */
  int node;   /* its index, or -1 in the supervisor */
  int parent; /* the supervisor's pid */
  gboolean candidate;
  gboolean master_only;
  int priority;
  char *kill_at; /* (owned) (nullable) as ipc_kill_point_arm_by_name() takes it */

  /* Of a stranger's process; likewise. */
  char *hostile; /* (owned) (nullable) its kind, see sim-hostile.c */

  char *sabotage; /* (owned) (nullable) as ipc_sabotage_choose() takes it; only in the program that has defects */
} SimOptions;

SimOptions *sim_options_parse (int *argc, char ***argv, GError **error);
void sim_options_free (SimOptions *self);

char **sim_options_to_node_argv (const SimOptions *self, guint32 node, gboolean candidate, const char *run_dir);
guint sim_options_get_handshake_timeout_ms (const SimOptions *self);
char **sim_options_to_stranger_argv (const SimOptions *self, const char *kind);
char *sim_options_to_command (const SimOptions *self);
char *sim_options_describe (const SimOptions *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimOptions, sim_options_free)
