/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-meter.h"

#include <string.h>

#include "bench-process.h"

/* The slow ends of the stop-watch: making it, and telling the parent what it saw. */

BenchMeter *
bench_meter_new (guint n_warmup, guint n_messages, guint stride_log2)
{
  BenchMeter *self = g_new0 (BenchMeter, 1);

  g_assert (n_warmup > 0 && n_messages > 0);
  self->n_warmup = n_warmup;
  self->n_total = n_warmup + n_messages;
  self->stride_log2 = stride_log2;
  self->times_ns = g_new0 (gint64, (self->n_total >> stride_log2) + 1);
  /* Touch every page now, or the page faults would be measured. */
  memset (self->times_ns, 1, ((self->n_total >> stride_log2) + 1) * sizeof (gint64));
  return self;
}

/* Reports how many messages, in which time, how many times follow, and the times. */
void
bench_meter_report (BenchMeter *self)
{
  gint64 elapsed_ns = bench_now_ns () - self->started_ns;
  guint first = ((self->n_warmup - 1) >> self->stride_log2) + 1;
  guint n_times = ((self->n_total - 1) >> self->stride_log2) + 1 - first;
  gint64 head[] = { self->n_total - self->n_warmup, elapsed_ns, n_times };

  g_assert (bench_meter_is_done (self));
  bench_report (head, G_N_ELEMENTS (head));
  bench_report (self->times_ns + first, n_times);
}

void
bench_meter_free (BenchMeter *self)
{
  g_free (self->times_ns);
  g_free (self);
}
