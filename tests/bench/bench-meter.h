/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <time.h>

/*
 * The stop-watch that every client of a pair uses, so that the measuring itself costs the same everywhere. Messages
 * are numbered from 0; the first n_warmup of them are not measured. Every message whose number is a multiple of the
 * stride is timed from its sending to its answer: all of them in a round trip, one in 64 in a pipeline, where two
 * looks at the clock would be a good part of a message.
 */

typedef struct {
  guint n_warmup;
  guint n_total; /* with the warm-up */
  guint stride_log2;
  guint n_sent;
  guint n_answered;
  gint64 started_ns;
  gint64 *times_ns; /* (owned) one per timed message: when it was sent, then how long it took */
} BenchMeter;

BenchMeter *bench_meter_new (guint n_warmup, guint n_messages, guint stride_log2);
void bench_meter_report (BenchMeter *self);
void bench_meter_free (BenchMeter *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchMeter, bench_meter_free)

static inline gint64
bench_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

static inline gboolean
bench_meter_is_timed (BenchMeter *self, guint index)
{
  return (index & ((1u << self->stride_log2) - 1)) == 0;
}

/* May another message be sent? */
static inline gboolean
bench_meter_has_more (BenchMeter *self)
{
  return self->n_sent < self->n_total;
}

static inline gboolean
bench_meter_is_done (BenchMeter *self)
{
  return self->n_answered == self->n_total;
}

/* To be called just before message n_sent goes out. */
static inline void
bench_meter_sent (BenchMeter *self)
{
  guint index = self->n_sent++;

  if (bench_meter_is_timed (self, index))
    self->times_ns[index >> self->stride_log2] = bench_now_ns ();
}

/* To be called when the answer to message n_answered is there. */
static inline void
bench_meter_answered (BenchMeter *self)
{
  guint index = self->n_answered++;

  if (bench_meter_is_timed (self, index))
    self->times_ns[index >> self->stride_log2] = bench_now_ns () - self->times_ns[index >> self->stride_log2];
  if (self->n_answered == self->n_warmup)
    self->started_ns = bench_now_ns ();
}
