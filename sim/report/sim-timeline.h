/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-epochs.h"
#include "sim-latencies.h"
#include "sim-measure.h"

#define SIM_TIMELINE_N_SLICES 1000 /* of the run's time, in which messages are counted */

/* A fault that was injected. What did not happen has SIM_NEVER_NS. */
typedef struct {
  SimFault fault;
  guint32 node;
  gint64 at_ns;
  gint64 effective_ns;
  gint64 until_ns; /* for as long as it stood still */
} SimIncident;

/* How somebody was answered again after the end of a master. */
typedef struct {
  SimFailover failover;
  guint64 epoch; /* that the answer came from */
  gint64 answered_ns;
} SimSuccession;

/* The first signs of a mastership's work. What did not happen has SIM_NEVER_NS. */
typedef struct {
  gint64 handled_ns;
  gint64 responded_ns;
  gint64 answered_ns;
} SimFirsts;

typedef struct {
  guint32 n_sent;
  guint32 n_answered;
  guint32 n_failed;
} SimSlice;

/* What there is to see of a run, in the order of time. */
typedef struct {
  gint64 start_ns; /* the first event */
  gint64 end_ns;   /* and the last */
  SimEpochs *epochs;       /* (owned) */
  GArray *firsts;          /* (owned) of SimFirsts, one for each of its masterships */
  GArray *incidents;       /* (owned) of SimIncident */
  GArray *successions;     /* (owned) of SimSuccession, by when they ended */
  SimLatencies *latencies; /* (owned) */
  GArray *waited_ns;       /* (owned) of gint64, by size: of what was in flight when a fail-over ended */
  GArray *others_ns;       /* (owned) of gint64, by size: of all others */
  SimSlice slices[SIM_TIMELINE_N_SLICES];
} SimTimeline;

SimTimeline *sim_timeline_new (const SimHistory *history);
void sim_timeline_free (SimTimeline *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimTimeline, sim_timeline_free)
