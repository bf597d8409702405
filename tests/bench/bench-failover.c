/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <signal.h>

#include "bench-case.h"
#include "bench-meter.h"

/*
 * One round of the fail-over case. A client sends all the time, one message after the other, and reports whenever the
 * answer comes from another process than before: who it is, and when it came (the monotonic clock is the same in all
 * processes). The parent kills whoever answers now, and the time is that from the kill to this report. Each dead
 * process is replaced at once, and the next kill waits until its replacement queues and the machine is quiet again. Or it
 * is told to resign, and is a standby of the next.
 */

#define N_STANDBYS 10
#define QUIET_US 20000

typedef struct {
  BenchTask task;
  GPtrArray *candidates; /* (owned) (element-type BenchProcess) */
  BenchProcess *client;  /* (owned) */
} Failover;

static void
failover_clear (Failover *self)
{
  g_clear_pointer (&self->client, bench_process_free);
  g_clear_pointer (&self->candidates, g_ptr_array_unref);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Failover, failover_clear)

static gboolean
add_candidate (Failover *self, GError **error)
{
  BenchProcess *candidate;
  gint64 pid;

  self->task.side = "server";
  candidate = bench_process_start (&self->task, error);
  if (candidate == NULL)
    return FALSE;
  g_ptr_array_add (self->candidates, candidate);
  return bench_process_read (candidate, &pid, 1, error);
}

static BenchProcess *
find_candidate (Failover *self, gint64 pid, GError **error)
{
  for (guint i = 0; i < self->candidates->len; i++) {
    BenchProcess *candidate = self->candidates->pdata[i];

    if (candidate->pid == pid)
      return candidate;
  }
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED,
               "An answer came from process %" G_GINT64_FORMAT ", which is no candidate", pid);
  return NULL;
}

/* Ends the mastership of this pid; afterwards this is the pid of its successor. */
static gboolean
replace_master (Failover *self, gint64 *pid, gint64 *time_ns, GError **error)
{
  BenchProcess *master = find_candidate (self, *pid, error);
  gboolean resigns = g_str_equal (self->task.case_name, BENCH_RESIGN);
  gint64 successor[2];
  gint64 ended_ns;

  if (master == NULL)
    return FALSE;

  /* Not in step with anything. */
  g_usleep (QUIET_US + g_random_int_range (0, 1000));
  ended_ns = bench_now_ns ();
  kill (master->pid, resigns ? SIGUSR1 : SIGKILL);
  if (!bench_process_read (self->client, successor, G_N_ELEMENTS (successor), error))
    return FALSE;

  *pid = successor[0];
  *time_ns = successor[1] - ended_ns;
  if (resigns)
    return TRUE;

  g_ptr_array_remove (self->candidates, master);
  return add_candidate (self, error);
}

static gboolean
start_all (Failover *self, gint64 *master_pid, GError **error)
{
  gint64 first[2];

  for (guint i = 0; i < N_STANDBYS + 1; i++)
    if (!add_candidate (self, error))
      return FALSE;

  self->task.side = "client";
  self->client = bench_process_start (&self->task, error);
  if (self->client == NULL || !bench_process_read (self->client, first, G_N_ELEMENTS (first), error))
    return FALSE;
  *master_pid = first[0];
  return TRUE;
}

gboolean
bench_run_failover (const BenchTask *task, BenchRound *round, GError **error)
{
  g_auto (Failover) self = { .task = *task };
  gint64 master_pid;

  self.candidates = g_ptr_array_new_with_free_func ((GDestroyNotify) bench_process_free);
  if (!start_all (&self, &master_pid, error))
    return FALSE;

  for (guint i = 0; i < task->n_warmup + task->n_messages; i++) {
    gint64 time_ns;

    if (!replace_master (&self, &master_pid, &time_ns, error))
      return FALSE;
    if (i >= task->n_warmup)
      bench_round_add (round, time_ns);
  }
  return TRUE;
}
