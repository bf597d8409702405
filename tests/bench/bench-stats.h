/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What one round of one contender gave. */
typedef struct {
  GArray *times_ns; /* (owned) of gint64 */
  gint64 n_messages;
  gint64 elapsed_ns;
} BenchRound;

/* The three figures of every result. */
typedef struct {
  double p50_us;
  double p99_us;
  double rate; /* per second */
} BenchFigures;

BenchRound *bench_round_new (void);
void bench_round_free (BenchRound *self);
void bench_round_add (BenchRound *self, gint64 time_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchRound, bench_round_free)

gint64 bench_stats_percentile (GArray *sorted, double fraction);
BenchFigures bench_stats_medians (GPtrArray *rounds);
BenchFigures bench_stats_pooled (GPtrArray *rounds);
