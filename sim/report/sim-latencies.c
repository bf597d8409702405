/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-latencies.h"

#include <math.h>

/*
 * What became of millions of messages, in as much room as a page has. What is rare is what one looks for: failures and
 * the slowest stay as they are, each with its name, and the many that are alike are counted in cells. Every outcome is
 * in one of the two, so that nothing is left out; it is only drawn coarser. Pure.
 */

SimLatencies *
sim_latencies_new (void)
{
  SimLatencies *self = g_new0 (SimLatencies, 1);

  self->kept = g_array_new (FALSE, FALSE, sizeof (SimOutcome));
  self->cells = g_array_new (FALSE, FALSE, sizeof (SimLatencyCell));
  return self;
}

void
sim_latencies_free (SimLatencies *self)
{
  g_array_unref (self->kept);
  g_array_unref (self->cells);
  g_free (self);
}

void
sim_latencies_add (SimLatencies *self, const SimOutcome *outcome)
{
  g_array_append_vals (self->kept, outcome, 1);
  self->total++;
}

/* Failures first, then the slowest. */
static int
compare_rarity (gconstpointer a, gconstpointer b)
{
  const SimOutcome *one = a;
  const SimOutcome *other = b;

  if ((one->code != 0) != (other->code != 0))
    return one->code != 0 ? -1 : 1;
  return (one->took_ns < other->took_ns) - (one->took_ns > other->took_ns);
}

static int
compare_sent (gconstpointer a, gconstpointer b)
{
  const SimOutcome *one = a;
  const SimOutcome *other = b;

  return (one->sent_ns > other->sent_ns) - (one->sent_ns < other->sent_ns);
}

/* In which of n equal parts of the time it was sent. */
static guint
find_part (const SimOutcome *outcome, gint64 start_ns, gint64 end_ns, guint n)
{
  double share = (double) (outcome->sent_ns - start_ns) / (double) MAX (end_ns - start_ns, 1);

  return (guint) CLAMP (share * n, 0, n - 1);
}

static guint
find_row (gint64 took_ns)
{
  double us = MAX ((double) took_ns / 1000, 1);

  return (guint) CLAMP (log10 (us) * SIM_LATENCIES_ROWS_PER_DECADE, 0, SIM_LATENCIES_N_ROWS - 1);
}

static void
append_cells (SimLatencies *self, const guint32 *counts)
{
  for (guint i = 0; i < SIM_LATENCIES_N_COLUMNS * SIM_LATENCIES_N_ROWS; i++) {
    SimLatencyCell cell = { (guint16) (i / SIM_LATENCIES_N_ROWS), (guint16) (i % SIM_LATENCIES_N_ROWS), counts[i] };

    if (cell.count > 0)
      g_array_append_val (self->cells, cell);
  }
}

/* What was sent before the start or after the end belongs to the first or the last slice. */
void
sim_latencies_reduce (SimLatencies *self, gint64 start_ns, gint64 end_ns)
{
  g_autofree guint32 *counts = g_new0 (guint32, SIM_LATENCIES_N_COLUMNS * SIM_LATENCIES_N_ROWS);
  g_autofree guint *n_in_slice = g_new0 (guint, SIM_LATENCIES_N_SLICES);
  guint n_kept = 0;

  if (self->kept->len > SIM_LATENCIES_ALL_MAX) {
    g_array_sort (self->kept, compare_rarity);
    for (guint i = 0; i < self->kept->len; i++) {
      SimOutcome *outcome = &g_array_index (self->kept, SimOutcome, i);
      guint slice = find_part (outcome, start_ns, end_ns, SIM_LATENCIES_N_SLICES);
      guint column = find_part (outcome, start_ns, end_ns, SIM_LATENCIES_N_COLUMNS);

      if (i < SIM_LATENCIES_SLOWEST || n_in_slice[slice]++ < SIM_LATENCIES_PER_SLICE)
        g_array_index (self->kept, SimOutcome, n_kept++) = *outcome;
      else
        counts[column * SIM_LATENCIES_N_ROWS + find_row (outcome->took_ns)]++;
    }
    g_array_set_size (self->kept, n_kept);
    append_cells (self, counts);
  }
  g_array_sort (self->kept, compare_sent);
}
