/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-case.h"

/* The table of all that is measured. A new case is a line here, and the bodies of its children. */

#ifdef HAVE_ZEROMQ
#define ZEROMQ_PAIR { bench_zeromq_serve, bench_zeromq_send }
#else
#define ZEROMQ_PAIR { NULL, NULL }
#endif

static const BenchCase cases[] = {
  {
    .name = "rtt-64",
    .about = "round trip of 64 bytes between two processes, one at a time",
    .run = bench_run_pair,
    .n_in_flight = 1,
    .n_warmup = 1000,
    .n_messages = 10000,
    .n_warmup_quick = 20,
    .n_messages_quick = 200,
    .sides = {
      [BENCH_LIBIPC] = { bench_libipc_serve, bench_libipc_send },
      [BENCH_RAW] = { bench_raw_serve_rtt, bench_raw_rtt },
      [BENCH_ZEROMQ] = ZEROMQ_PAIR,
    },
  },
  {
    .name = "pipeline-64",
    .about = "64 bytes and an answer to each, 1000 in flight; p50 and p99 of the latency of every 64th",
    .run = bench_run_pair,
    .n_in_flight = 1000,
    .n_warmup = 50000,
    .n_messages = 1000000,
    .n_warmup_quick = 1000,
    .n_messages_quick = 20000,
    .sides = {
      [BENCH_LIBIPC] = { bench_libipc_serve, bench_libipc_send },
      [BENCH_RAW] = { bench_raw_serve_pipeline, bench_raw_pipeline },
      [BENCH_ZEROMQ] = ZEROMQ_PAIR,
    },
  },
  {
    .name = "failover-10",
    .about = "kill -9 of the master to the first answer of one of 10 standbys; raw is a lock hand-over in plain C",
    .run = bench_run_failover,
    .pooled = TRUE,
    .n_in_flight = 1,
    .n_warmup = 1,
    .n_messages = 8,
    .n_warmup_quick = 1,
    .n_messages_quick = 2,
    .sides = {
      [BENCH_LIBIPC] = { bench_libipc_candidate, bench_libipc_follow },
      [BENCH_RAW] = { bench_raw_candidate, bench_raw_follow },
    },
  },
  {
    .name = BENCH_RESIGN,
    .about = "the master is told to resign, to the first answer of one of 10 standbys",
    .run = bench_run_failover,
    .pooled = TRUE,
    .n_in_flight = 1,
    .n_warmup = 1,
    .n_messages = 20,
    .n_warmup_quick = 1,
    .n_messages_quick = 2,
    .sides = {
      [BENCH_LIBIPC] = { bench_libipc_candidate, bench_libipc_follow },
    },
  },
};

const char *
bench_contender_get_name (BenchContender contender)
{
  static const char *const names[BENCH_N_CONTENDERS] = { "libipc", "raw", "zeromq" };

  return names[contender];
}

const BenchCase *
bench_cases_get (guint *n_cases)
{
  *n_cases = G_N_ELEMENTS (cases);
  return cases;
}

const BenchCase *
bench_case_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (cases); i++)
    if (g_str_equal (cases[i].name, name))
      return &cases[i];
  return NULL;
}

gboolean
bench_case_has (const BenchCase *self, BenchContender contender)
{
  return self->sides[contender].client != NULL;
}

/* In a child: finds the body that the task names, and runs it. */
gboolean
bench_case_run_child (const BenchTask *task)
{
  const BenchCase *self = bench_case_find (task->case_name);

  for (BenchContender i = 0; self != NULL && i < BENCH_N_CONTENDERS; i++) {
    if (!g_str_equal (bench_contender_get_name (i), task->contender) || !bench_case_has (self, i))
      continue;
    if (g_str_equal (task->side, "server"))
      self->sides[i].server (task);
    else
      self->sides[i].client (task);
    return TRUE;
  }
  return FALSE;
}
