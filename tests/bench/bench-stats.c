/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-stats.h"

#include <stdlib.h>

/*
 * From rounds to three figures. Where a round has thousands of times, each figure is computed per round and the median
 * over the rounds is taken: one disturbed round changes nothing. Where a round has only a few (kills of a master), all
 * times are put into one pot, or a 99th percentile would mean nothing.
 */

BenchRound *
bench_round_new (void)
{
  BenchRound *self = g_new0 (BenchRound, 1);

  self->times_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
  return self;
}

void
bench_round_free (BenchRound *self)
{
  g_array_unref (self->times_ns);
  g_free (self);
}

/* Adds one event that took this long, where events follow each other. */
void
bench_round_add (BenchRound *self, gint64 time_ns)
{
  g_array_append_val (self->times_ns, time_ns);
  self->n_messages++;
  self->elapsed_ns += time_ns;
}

static int
compare_times (gconstpointer a, gconstpointer b)
{
  gint64 x = *(const gint64 *) a;
  gint64 y = *(const gint64 *) b;

  return (x > y) - (x < y);
}

static int
compare_doubles (const void *a, const void *b)
{
  double x = *(const double *) a;
  double y = *(const double *) b;

  return (x > y) - (x < y);
}

/* The nearest-rank percentile: the smallest time that at least this fraction of all does not exceed. */
gint64
bench_stats_percentile (GArray *sorted, double fraction)
{
  double rank = fraction * sorted->len;
  guint index = (guint) rank;

  g_assert (sorted->len > 0);
  if (index == rank && index > 0)
    index--;
  return g_array_index (sorted, gint64, MIN (index, sorted->len - 1));
}

static BenchFigures
figures_of_round (BenchRound *round)
{
  g_array_sort (round->times_ns, compare_times);
  return (BenchFigures) {
    .p50_us = bench_stats_percentile (round->times_ns, 0.50) / 1e3,
    .p99_us = bench_stats_percentile (round->times_ns, 0.99) / 1e3,
    .rate = round->n_messages * 1e9 / round->elapsed_ns,
  };
}

static double
median (double *values, guint n_values)
{
  qsort (values, n_values, sizeof *values, compare_doubles);
  return (values[(n_values - 1) / 2] + values[n_values / 2]) / 2;
}

BenchFigures
bench_stats_medians (GPtrArray *rounds)
{
  g_autofree double *p50 = g_new (double, rounds->len);
  g_autofree double *p99 = g_new (double, rounds->len);
  g_autofree double *rate = g_new (double, rounds->len);

  g_assert (rounds->len > 0);
  for (guint i = 0; i < rounds->len; i++) {
    BenchFigures figures = figures_of_round (rounds->pdata[i]);

    p50[i] = figures.p50_us;
    p99[i] = figures.p99_us;
    rate[i] = figures.rate;
  }
  return (BenchFigures) { median (p50, rounds->len), median (p99, rounds->len), median (rate, rounds->len) };
}

BenchFigures
bench_stats_pooled (GPtrArray *rounds)
{
  g_autoptr (BenchRound) pool = bench_round_new ();

  g_assert (rounds->len > 0);
  for (guint i = 0; i < rounds->len; i++) {
    BenchRound *round = rounds->pdata[i];

    g_array_append_vals (pool->times_ns, round->times_ns->data, round->times_ns->len);
    pool->n_messages += round->n_messages;
    pool->elapsed_ns += round->elapsed_ns;
  }
  return figures_of_round (pool);
}
