/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-fleet.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-watch.h"

/*
 * All processes of a run: starts them, a few at a time; hears what they have to say; collects them when they end; and
 * so knows who is alive and who is master. Processes keep their place in the array when they are gone, so that an
 * index means one process for ever.
 */

#define STARTING_MAX 16 /* more at a time only wait for each other on a small machine */

struct _SimFleet {
  const SimOptions *options;
  const char *run_dir;
  SimFleetFuncs funcs;
  gpointer user_data;

  GPtrArray *processes; /* (owned) of SimProcess, by index */
  GHashTable *by_pid;   /* (owned) the living, by pid */
  guint n_wanted[2];    /* clients and candidates that wait to be started */
  guint n_starting;     /* started and neither joined nor ended */
  guint n_crashed;

  SimProcess *master; /* (unowned) (nullable) */
  guint64 epoch;      /* the newest that anybody was elected in */
  gint64 elected_us;
  SimWatch *watch; /* (owned) */

  int notice_fds[2]; /* (owned) */
  guint notice_source;
};

/* Candidates first: clients have nobody to join without one. */
static void
start_wanted (SimFleet *self)
{
  while (self->n_starting < STARTING_MAX && self->n_wanted[0] + self->n_wanted[1] > 0) {
    gboolean candidate = self->n_wanted[TRUE] > 0;
    g_autoptr (GError) error = NULL;
    SimProcess *process =
        sim_process_start (self->options, self->run_dir, self->processes->len, candidate, self->notice_fds[1], &error);

    if (process == NULL) {
      self->n_wanted[FALSE] = self->n_wanted[TRUE] = 0;
      self->funcs.failed (error, self->user_data);
      return;
    }
    self->n_wanted[candidate]--;
    self->n_starting++;
    g_ptr_array_add (self->processes, process);
    g_hash_table_insert (self->by_pid, GINT_TO_POINTER (process->pid), process);
  }
}

static void
refuse_line (SimFleet *self, SimProcess *process)
{
  g_autofree char *line = sim_process_read_last_line (process);
  g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Node %u said %s", process->index, line);

  self->funcs.failed (error, self->user_data);
}

static void
take_election (SimFleet *self, SimProcess *process, guint64 epoch)
{
  g_autofree char *why = NULL;

  if (!sim_watch_elected (self->watch, process->index, epoch, &why))
    self->funcs.wrong (why, self->user_data);
  if (epoch > self->epoch && sim_process_is_alive (process) && !process->killed) {
    self->master = process;
    self->epoch = epoch;
    self->elected_us = g_get_monotonic_time ();
  }
}

static void
take_notice (SimFleet *self, const SimNotice *notice)
{
  SimProcess *process;

  g_assert (notice->node < self->processes->len);
  process = g_ptr_array_index (self->processes, notice->node);

  switch ((SimNoticeKind) notice->kind) {
  case SIM_NOTICE_JOINED:
    process->joined = TRUE;
    process->joined_us = g_get_monotonic_time ();
    self->n_starting -= sim_process_is_alive (process);
    self->funcs.joined (process, self->user_data);
    start_wanted (self);
    break;
  case SIM_NOTICE_ELECTED:
    take_election (self, process, notice->epoch);
    break;
  case SIM_NOTICE_STEPPED_DOWN:
    if (self->master == process && notice->epoch == self->epoch)
      self->master = NULL;
    break;
  case SIM_NOTICE_CONVERGED:
    process->converged = TRUE;
    break;
  case SIM_NOTICE_DRAINED:
    process->drained = TRUE;
    break;
  case SIM_NOTICE_STOPPING:
    self->funcs.stopping (process, self->user_data);
    break;
  case SIM_NOTICE_ABORTING:
    process->aborting = TRUE;
    break;
  case SIM_NOTICE_BAD_LINE:
    refuse_line (self, process);
    break;
  case SIM_NOTICE_FORKED:
    self->funcs.forked (process, (pid_t) notice->epoch, self->user_data);
    break;
  }
}

/* Returns whether there was any. */
static gboolean
take_notices (SimFleet *self)
{
  SimNotice notices[64];
  gboolean any = FALSE;
  gssize n_read;

  while ((n_read = read (self->notice_fds[0], notices, sizeof notices)) > 0) {
    /* Each was written at once, and a pipe never splits what was. */
    g_assert (n_read % (gssize) sizeof (SimNotice) == 0);

    for (gssize i = 0; i < n_read / (gssize) sizeof (SimNotice); i++)
      take_notice (self, &notices[i]);
    any = TRUE;
  }
  return any;
}

static gboolean
notice_cb (int fd, GIOCondition condition, gpointer user_data)
{
  SimFleet *self = user_data;

  if (take_notices (self))
    self->funcs.changed (self->user_data);
  return G_SOURCE_CONTINUE;
}

SimFleet *
sim_fleet_new (const SimOptions *options, const char *run_dir, const SimFleetFuncs *funcs, gpointer user_data,
               GError **error)
{
  SimFleet *self;
  int notice_fds[2];

  if (pipe2 (notice_fds, O_CLOEXEC) < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make a pipe: %s", g_strerror (errno));
    return NULL;
  }

  fcntl (notice_fds[0], F_SETFL, O_NONBLOCK);
  self = g_new0 (SimFleet, 1);
  self->options = options;
  self->run_dir = run_dir;
  self->funcs = *funcs;
  self->user_data = user_data;
  self->processes = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_process_free);
  self->by_pid = g_hash_table_new (NULL, NULL);
  self->watch = sim_watch_new ();
  self->notice_fds[0] = notice_fds[0];
  self->notice_fds[1] = notice_fds[1];
  self->notice_source = g_unix_fd_add (notice_fds[0], G_IO_IN, notice_cb, self);
  return self;
}

/* Kills and collects whatever still lives. */
void
sim_fleet_free (SimFleet *self)
{
  GHashTableIter iter;
  gpointer process;

  g_hash_table_iter_init (&iter, self->by_pid);
  while (g_hash_table_iter_next (&iter, NULL, &process))
    sim_process_signal (process, SIGKILL);
  while (waitpid (-1, NULL, 0) > 0 || errno == EINTR)
    ;

  g_source_remove (self->notice_source);
  close (self->notice_fds[0]);
  close (self->notice_fds[1]);
  g_hash_table_unref (self->by_pid);
  sim_watch_free (self->watch);
  g_ptr_array_unref (self->processes);
  g_free (self);
}

/* Starts so many more nodes, as soon as others have got through their start. */
void
sim_fleet_want (SimFleet *self, gboolean candidate, guint n_nodes)
{
  self->n_wanted[candidate ? TRUE : FALSE] += n_nodes;
  start_wanted (self);
}

static void
process_ended (SimFleet *self, SimProcess *process, const siginfo_t *info)
{
  gboolean was_master = self->master == process;
  g_autoptr (GError) error = NULL;

  sim_process_ended (process, info->si_code, info->si_status);
  g_hash_table_remove (self->by_pid, GINT_TO_POINTER (process->pid));
  self->n_starting -= !process->joined;
  if (self->master == process)
    self->master = NULL;

  if (process->exit_status == SIM_EXIT_CANNOT_RUN) {
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "Node %u could not go on: %s", process->index, process->end);
    self->funcs.failed (error, self->user_data);
  } else if (process->fate == SIM_FATE_CRASHED) {
    self->n_crashed++;
  } else if (process->by_itself) {
    self->funcs.lost (process, was_master, self->user_data);
  }
}

/* Waits for all that has no process of its own any more: what was started beside a node and outlives it, to write down
 * its last words. FALSE if something is still there after the time. */
gboolean
sim_fleet_wait_for_rest (SimFleet *self, int signal_fd, int timeout_ms)
{
  gint64 end_us = g_get_monotonic_time () + timeout_ms * G_TIME_SPAN_MILLISECOND;
  GPollFD child_ended = { signal_fd, G_IO_IN, 0 };
  siginfo_t info = { 0 };

  for (;;) {
    gint64 left_us = end_us - g_get_monotonic_time ();
    int result = waitid (P_ALL, 0, &info, WEXITED | WNOHANG);
    struct signalfd_siginfo signals[16];

    if (result != 0)
      return errno == ECHILD;
    if (info.si_pid == 0 && left_us <= 0)
      return FALSE;
    if (info.si_pid == 0 && g_poll (&child_ended, 1, (int) (left_us / 1000) + 1) > 0
        && read (signal_fd, signals, sizeof signals) < 0)
      return FALSE;
    info.si_pid = 0;
  }
}

/* A traced child's stop is reported whether one asks for it or not. Who traces waits for the stops himself (sim-hold.c):
 * this one came after he had given up, as a process that gets no processor may, and nobody else would let it go on. */
static gboolean
let_go_on (const siginfo_t *info)
{
  if (info->si_code != CLD_TRAPPED && info->si_code != CLD_STOPPED)
    return FALSE;

  ptrace (PTRACE_DETACH, info->si_pid, NULL, NULL);
  return TRUE;
}

/* To be called when children may have ended: those of our own, and those that the system gave us to bury. */
void
sim_fleet_reap (SimFleet *self)
{
  gboolean any = FALSE;
  siginfo_t info = { 0 };

  while (waitid (P_ALL, 0, &info, WEXITED | WNOHANG) == 0 && info.si_pid != 0) {
    SimProcess *process = g_hash_table_lookup (self->by_pid, GINT_TO_POINTER (info.si_pid));

    if (let_go_on (&info))
      continue;
    take_notices (self); /* its last words among them */
    if (process != NULL)
      process_ended (self, process, &info);
    any = TRUE;
    info.si_pid = 0;
  }

  if (any) {
    start_wanted (self);
    self->funcs.changed (self->user_data);
  }
}

/* (transfer none): of SimProcess, by index. */
GPtrArray *
sim_fleet_get_processes (SimFleet *self)
{
  return self->processes;
}

SimFleetCounts
sim_fleet_get_counts (SimFleet *self)
{
  SimFleetCounts counts = {
    .n_started = self->processes->len,
    .n_wanted = self->n_wanted[0] + self->n_wanted[1],
    .n_crashed = self->n_crashed,
  };
  GHashTableIter iter;
  gpointer value;

  g_hash_table_iter_init (&iter, self->by_pid);
  while (g_hash_table_iter_next (&iter, NULL, &value)) {
    const SimProcess *process = value;

    counts.n_alive++;
    counts.n_joined += process->joined ? 1 : 0;
    counts.n_converged += process->converged ? 1 : 0;
    counts.n_drained += process->drained ? 1 : 0;
    counts.n_candidates += process->joined && process->candidate ? 1 : 0;
  }
  return counts;
}

SimRecordCounts
sim_fleet_get_traffic (SimFleet *self)
{
  SimRecordCounts sum = { 0 };

  for (guint i = 0; i < self->processes->len; i++) {
    const SimProcess *process = g_ptr_array_index (self->processes, i);
    SimRecordCounts counts = sim_record_get_counts (process->record);

    sum.n_sent += counts.n_sent;
    sum.n_handled += counts.n_handled;
    sum.n_answered += counts.n_answered;
  }
  return sum;
}

/* From now on it is not master, if it was. */
void
sim_fleet_kill (SimFleet *self, SimProcess *process)
{
  if (self->master == process)
    self->master = NULL;
  process->killed = TRUE;
  sim_process_signal (process, SIGKILL);
}

/* (nullable): who said last that it was elected, unless it has stepped down or ended since. */
SimProcess *
sim_fleet_get_master (SimFleet *self)
{
  return self->master;
}

guint64
sim_fleet_get_epoch (SimFleet *self)
{
  return self->epoch;
}

gint64
sim_fleet_get_elected_us (SimFleet *self)
{
  return self->elected_us;
}
