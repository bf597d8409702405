/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-case.h"

typedef struct {
  guint n_rounds;
  gboolean quick;
  gboolean wanted[BENCH_N_CONTENDERS];
} BenchOptions;

/* One line of the table per contender: a case, with one placement. */
typedef struct {
  const BenchCase *bench_case;
  BenchPlacement placement;
  gboolean measured[BENCH_N_CONTENDERS];
  BenchFigures figures[BENCH_N_CONTENDERS];
} BenchResult;

char *bench_result_dup_name (const BenchResult *self);
gboolean bench_run (BenchResult *result, const BenchOptions *options, const char *base_dir, GError **error);
char *bench_make_dir (GError **error);
void bench_remove_dir (const char *path);
