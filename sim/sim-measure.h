/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-history.h"
#include "sim-schedule.h"

typedef struct {
  guint64 count;
  double p50_us;
  double p99_us;
  double max_us;
} SimQuantiles;

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
  SimQuantiles failover;     /* kill to the first answer from a newer epoch */
  SimQuantiles disturbed;    /* the same, for kills whose fail-over was disturbed */
} SimMeasure;

void sim_measure_run (const SimHistory *history, SimMeasure *measure);
