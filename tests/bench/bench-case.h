/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-process.h"
#include "bench-stats.h"

typedef enum {
  BENCH_LIBIPC,
  BENCH_RAW,
  BENCH_ZEROMQ,
  BENCH_N_CONTENDERS,
} BenchContender;

/* The one case of fail-over in which nobody is killed: SIGUSR1 tells a candidate to resign. */
#define BENCH_RESIGN "resign-10"

/* The body of a child. It returns only when all went well (a server may never return). */
typedef void (*BenchChildFunc) (const BenchTask *task);

/* One round of one contender, in the parent: starts children for the task and adds what they saw to the round. */
typedef gboolean (*BenchRunFunc) (const BenchTask *task, BenchRound *round, GError **error);

typedef struct {
  BenchChildFunc server;
  BenchChildFunc client;
} BenchSides;

typedef struct {
  const char *name;
  const char *about;
  BenchRunFunc run;
  gboolean pooled; /* few events per round: all rounds in one pot, instead of medians over rounds */
  guint n_in_flight;
  guint n_warmup;
  guint n_messages; /* of each round */
  guint n_warmup_quick;
  guint n_messages_quick;
  BenchSides sides[BENCH_N_CONTENDERS];
} BenchCase;

const char *bench_contender_get_name (BenchContender contender);
const BenchCase *bench_cases_get (guint *n_cases);
const BenchCase *bench_case_find (const char *name);
gboolean bench_case_has (const BenchCase *self, BenchContender contender);
gboolean bench_case_run_child (const BenchTask *task);

gboolean bench_run_pair (const BenchTask *task, BenchRound *round, GError **error);
gboolean bench_run_failover (const BenchTask *task, BenchRound *round, GError **error);

void bench_raw_serve_rtt (const BenchTask *task);
void bench_raw_rtt (const BenchTask *task);
void bench_raw_serve_pipeline (const BenchTask *task);
void bench_raw_pipeline (const BenchTask *task);
void bench_raw_candidate (const BenchTask *task);
void bench_raw_follow (const BenchTask *task);

void bench_zeromq_serve (const BenchTask *task);
void bench_zeromq_send (const BenchTask *task);

void bench_libipc_serve (const BenchTask *task);
void bench_libipc_send (const BenchTask *task);
void bench_libipc_candidate (const BenchTask *task);
void bench_libipc_follow (const BenchTask *task);
