/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include <ipc-kill-point.h>

#include "sim-history.h"
#include "sim-fault.h"

typedef struct {
  guint64 count;
  double p50_us;
  double p99_us;
  double max_us;
} SimQuantiles;

/* What became of a fault. */
typedef struct {
  guint64 n_planned;   /* the schedule wanted it */
  guint64 n_injected;  /* it was done to somebody */
  guint64 n_effective; /* and somebody was the worse for it; see see_killed() and others for what that means */
} SimFaultCounts;

/* What a run had to go through, as far as the records show it. */
typedef struct {
  guint64 n_kills;           /* of masters */
  guint64 n_kills_in_flight; /* when a message of somebody else was sent and had no outcome */
  guint64 n_kills_begun;     /* when one of these was handed to the very master */
  guint64 n_cuts;            /* connections that were broken */
  guint64 n_disturbances;    /* deletions, and candidates that were held as they became master */
  guint64 n_overtaken;       /* of these, candidates that woke up to a newer master */
  guint64 n_errors;          /* signals of the library about what no call returns */
  SimQuantiles latency;      /* from the call to the answer */
  SimQuantiles failover;     /* plain kill to the first answer from a newer epoch */
  SimQuantiles disturbed;    /* the same, for kills whose fail-over was disturbed */
  SimFaultCounts faults[SIM_N_FAULTS];
  SimQuantiles by_cause[SIM_N_FAULTS];         /* fault to the first answer from a newer epoch */
  guint64 n_at_point[IPC_KILL_POINT_N_POINTS]; /* processes that died there */
} SimMeasure;

/* The end of a master that somebody has been answered after: by a newer one. */
typedef struct {
  gint64 time_ns;
  guint64 epoch; /* of the master that was lost */
  SimFault cause;
  gboolean disturbed;
} SimFailover;

/* Who wants to know more than sums. Each is called in the order of time, when the walk comes to it. A fault that takes
 * its time is injected at one event and effective at a later one. */
typedef struct {
  void (*injected) (const SimEvent *event, SimFault fault, gpointer user_data);
  void (*effective) (const SimEvent *event, SimFault fault, gpointer user_data);
  void (*answered_again) (const SimEvent *answer, const SimFailover *failover, gpointer user_data);
  void (*outcome) (const SimEvent *event, gint64 sent_ns, gpointer user_data);
} SimMeasureWatcher;

void sim_measure_run (const SimHistory *history, SimMeasure *measure);
void sim_measure_watch (const SimHistory *history, SimMeasure *measure, const SimMeasureWatcher *watcher,
                        gpointer user_data);

gint64 sim_measure_quantile (GArray *sorted_ns, guint permille);
