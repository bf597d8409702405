/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_VIEW_EVENTS 8 /* of the last things that happened, so many are shown */

/* What the live view shows of a run. */
typedef struct {
  gint64 seed;
  const char *phase;
  double at_s;
  double chaos_s;    /* so much of it is over */
  double duration_s; /* and so long it is to be */
  guint n_joined, n_nodes;
  int master; /* or -1 */
  guint64 epoch;
  double master_for_s;
  guint n_kills;
  guint64 n_faults;
  double sent_rate, answered_rate; /* a second */
  double waiting_s;                /* how long somebody has had to wait so far who still waits */
  int waiting_node;                /* or -1 */
  double longest_wait_s;
  const char *const *events; /* (array zero-terminated=1) oldest first */
} SimViewState;

char *sim_view_render (const SimViewState *state, guint width, guint height, gboolean colours);
