/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* Up to so many outcomes are kept one by one: about 1 MB in a page, which a phone draws at once. */
#define SIM_LATENCIES_ALL_MAX 30000
/* Of more, these are kept: the slowest of all, and the slowest of each slice of the time. A screen has fewer columns
 * than there are slices, so that none of them lacks its slowest. */
#define SIM_LATENCIES_SLOWEST 4000
#define SIM_LATENCIES_N_SLICES 2000
#define SIM_LATENCIES_PER_SLICE 8
/* And the rest is counted in cells: columns of time, rows of a logarithm. */
#define SIM_LATENCIES_N_COLUMNS 500
#define SIM_LATENCIES_ROWS_PER_DECADE 16
#define SIM_LATENCIES_N_DECADES 9 /* from 1 us to 1000 s */
#define SIM_LATENCIES_N_ROWS (SIM_LATENCIES_ROWS_PER_DECADE * SIM_LATENCIES_N_DECADES)

/* How a message ended. */
typedef struct {
  gint64 sent_ns;
  gint64 took_ns;
  guint64 number;
  guint64 epoch; /* of the master that answered, or 0 */
  guint32 sender;
  gint32 code; /* 0 when it was answered, or why it was not */
} SimOutcome;

typedef struct {
  guint16 column;
  guint16 row;
  guint32 count; /* never 0 */
} SimLatencyCell;

typedef struct {
  guint64 total;
  GArray *kept;  /* (owned) of SimOutcome, by the time they were sent once they are reduced */
  GArray *cells; /* (owned) of SimLatencyCell: all that are not kept */
} SimLatencies;

SimLatencies *sim_latencies_new (void);
void sim_latencies_free (SimLatencies *self);

void sim_latencies_add (SimLatencies *self, const SimOutcome *outcome);
void sim_latencies_reduce (SimLatencies *self, gint64 start_ns, gint64 end_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimLatencies, sim_latencies_free)
