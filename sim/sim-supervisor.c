/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-supervisor.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <unistd.h>

#include "sim-chaos.h"
#include "sim-fleet.h"
#include "sim-progress.h"

/*
 * A run from beginning to end, in phases that go one way only:
 *
 *   start   all nodes are started, a few at a time      until all are members and there is a master
 *   chaos   the schedule is carried out                 until the time is up, a node crashed, or Ctrl-C
 *   heal    nothing more is done to the group           until all are members again and there is a master
 *   drain   no node sends any more                      until every send has ended
 *   close   nodes close, the master last of all         until no process is left
 *
 * Each phase but the chaos has a deadline. Missing one does not end the run: it goes on, and what was not done by
 * then is found in the records by the checker. The clock of the main loop decides nothing that the verdict depends
 * on.
 */

/* Far above what a sound group needs on a busy machine, and above the library's own slow timers and deadlines. */
#define PHASE_TIMEOUT_S 30
#define START_TIMEOUT_S 90 /* hundreds of processes on two cores */
#define PROGRESS_INTERVAL_MS 500

typedef enum {
  PHASE_START,
  PHASE_CHAOS,
  PHASE_HEAL,
  PHASE_DRAIN,
  PHASE_CLOSE,
  PHASE_END,
} Phase;

static const char *const phase_names[] = { "starting", "killing", "healing", "draining", "closing", "ended" };

typedef struct {
  const SimOptions *options;
  const char *run_dir;
  GMainLoop *loop;     /* (owned) */
  SimFleet *fleet;     /* (owned) */
  SimChaos *chaos;     /* (owned) */
  SimHistory *history; /* (owned) */
  GError *error;       /* (owned) (nullable) why it could not run */
  SimProgress progress;

  Phase phase;
  guint deadline_source;
  gint64 chaos_us;   /* when the chaos began, and afterwards how long it was */
  gboolean in_order; /* the chaos was as long as it was to be */

  int signal_fd; /* (owned) */
  guint signal_source;
  guint progress_source;
} Supervisor;

static void enter_phase (Supervisor *self, Phase phase);

static void
show_progress (Supervisor *self, gboolean now)
{
  SimFleetCounts counts = sim_fleet_get_counts (self->fleet);
  SimRecordCounts traffic = sim_fleet_get_traffic (self->fleet);
  SimProcess *master = sim_fleet_get_master (self->fleet);
  double at_s = (double) (sim_entry_now_ns () - self->history->start_ns) / 1e9;

  sim_progress_show (&self->progress, now,
                     "%6.1f s  %-8s  %u of %u nodes  master %d  %u kills  %" G_GUINT64_FORMAT
                     " sent  %" G_GUINT64_FORMAT " answered",
                     at_s, phase_names[self->phase], counts.n_joined, counts.n_alive + counts.n_wanted,
                     master != NULL ? (int) master->index : -1, sim_chaos_get_n_kills (self->chaos), traffic.n_sent,
                     traffic.n_answered);
}

static void
command_all (Supervisor *self, char command, const SimProcess *except)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process == except || process->told_to_close)
      continue;
    process->told_to_close = command == SIM_COMMAND_CLOSE;
    sim_process_command (process, command);
  }
}

static void
kill_all (Supervisor *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    process->hung = sim_process_is_alive (process) && !process->killed;
    sim_process_signal (process, SIGKILL);
  }
}

/* What each phase waits for. */
static gboolean
phase_is_done (Supervisor *self)
{
  SimFleetCounts counts = sim_fleet_get_counts (self->fleet);
  gboolean whole = counts.n_wanted == 0 && counts.n_joined == counts.n_alive && counts.n_alive > 0
                   && sim_fleet_get_master (self->fleet) != NULL;

  switch (self->phase) {
  case PHASE_START:
  case PHASE_HEAL:
    return whole || (counts.n_alive == 0 && counts.n_wanted == 0);
  case PHASE_CHAOS:
    return counts.n_crashed > 0;
  case PHASE_DRAIN:
    return counts.n_drained == counts.n_alive;
  case PHASE_CLOSE:
    return counts.n_alive == 0;
  case PHASE_END:
    return FALSE;
  }

  return FALSE;
}

/* The master closes when it is alone: then nobody has to be elected just to close in turn. */
static void
close_last (Supervisor *self)
{
  if (sim_fleet_get_counts (self->fleet).n_alive == 1)
    command_all (self, SIM_COMMAND_CLOSE, NULL);
}

static void
changed_cb (gpointer user_data)
{
  Supervisor *self = user_data;

  if (self->phase == PHASE_CHAOS)
    sim_chaos_update (self->chaos);
  if (self->phase == PHASE_CLOSE)
    close_last (self);
  if (phase_is_done (self))
    enter_phase (self, self->phase + 1);
}

static gboolean
deadline_cb (gpointer user_data)
{
  Supervisor *self = user_data;

  self->deadline_source = 0;
  if (self->phase == PHASE_CLOSE) {
    kill_all (self);
    return G_SOURCE_REMOVE;
  }
  if (self->phase != PHASE_CHAOS)
    sim_progress_show (&self->progress, TRUE, "%s took too long; going on", phase_names[self->phase]);
  self->in_order = self->in_order || self->phase == PHASE_CHAOS;
  enter_phase (self, self->phase + 1);
  return G_SOURCE_REMOVE;
}

static void
begin_phase (Supervisor *self)
{
  switch (self->phase) {
  case PHASE_START:
    sim_fleet_want (self->fleet, TRUE, (guint) self->options->n_candidates);
    sim_fleet_want (self->fleet, FALSE, (guint) (self->options->n_nodes - self->options->n_candidates));
    break;
  case PHASE_CHAOS:
    self->chaos_us = g_get_monotonic_time ();
    sim_chaos_start (self->chaos);
    break;
  case PHASE_HEAL:
    self->chaos_us = self->chaos_us != 0 ? g_get_monotonic_time () - self->chaos_us : 0;
    sim_chaos_stop (self->chaos);
    break;
  case PHASE_DRAIN:
    command_all (self, SIM_COMMAND_DRAIN, NULL);
    break;
  case PHASE_CLOSE:
    command_all (self, SIM_COMMAND_CLOSE, sim_fleet_get_master (self->fleet));
    close_last (self);
    break;
  case PHASE_END:
    g_main_loop_quit (self->loop);
    break;
  }
}

static guint
phase_timeout_ms (Supervisor *self)
{
  if (self->phase == PHASE_CHAOS)
    return (guint) (self->options->duration_s * 1000);
  return (self->phase == PHASE_START ? START_TIMEOUT_S : PHASE_TIMEOUT_S) * 1000;
}

static void
enter_phase (Supervisor *self, Phase phase)
{
  g_assert (phase == PHASE_START || phase > self->phase);

  self->phase = phase;
  g_clear_handle_id (&self->deadline_source, g_source_remove);
  if (phase != PHASE_END)
    self->deadline_source = g_timeout_add (phase_timeout_ms (self), deadline_cb, self);
  show_progress (self, TRUE);
  begin_phase (self);
  if (self->phase == phase && phase_is_done (self))
    enter_phase (self, phase + 1);
}

static void
failed_cb (const GError *error, gpointer user_data)
{
  Supervisor *self = user_data;

  if (self->error == NULL)
    self->error = g_error_copy (error);
  g_main_loop_quit (self->loop);
}

/* The first time it heals and reports what there is, the second time it gives up. */
static void
interrupt (Supervisor *self)
{
  if (self->phase >= PHASE_HEAL) {
    g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted");

    failed_cb (error, self);
    return;
  }
  sim_progress_show (&self->progress, TRUE, "Interrupted; checking what there is (once more to give up)");
  enter_phase (self, PHASE_HEAL);
}

static gboolean
signal_cb (int fd, GIOCondition condition, gpointer user_data)
{
  Supervisor *self = user_data;
  struct signalfd_siginfo info;

  if (read (fd, &info, sizeof info) != sizeof info)
    return G_SOURCE_CONTINUE;

  if (info.ssi_signo == SIGCHLD)
    sim_fleet_reap (self->fleet);
  else
    interrupt (self);
  return G_SOURCE_CONTINUE;
}

static gboolean
progress_cb (gpointer user_data)
{
  show_progress (user_data, FALSE);
  return G_SOURCE_CONTINUE;
}

/* Everything that the kernel has to know about this process before it has children. */
static gboolean
prepare_process (Supervisor *self, GError **error)
{
  struct rlimit limit;
  sigset_t signals;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
  }
  prctl (PR_SET_CHILD_SUBREAPER, 1);
  signal (SIGPIPE, SIG_IGN); /* a node may die before it has read its command */

  sigemptyset (&signals);
  sigaddset (&signals, SIGCHLD);
  sigaddset (&signals, SIGINT);
  sigaddset (&signals, SIGTERM);
  sigaddset (&signals, SIGHUP);
  sigprocmask (SIG_BLOCK, &signals, NULL);
  self->signal_fd = signalfd (-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK);
  if (self->signal_fd < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot wait for signals: %s",
                 g_strerror (errno));
    return FALSE;
  }
  self->signal_source = g_unix_fd_add (self->signal_fd, G_IO_IN, signal_cb, self);
  return TRUE;
}

static gboolean
supervisor_init (Supervisor *self, GError **error)
{
  static const SimFleetFuncs funcs = { changed_cb, failed_cb };

  self->loop = g_main_loop_new (NULL, FALSE);
  self->history = sim_history_new (sim_entry_now_ns ());
  sim_progress_init (&self->progress);
  if (!prepare_process (self, error))
    return FALSE;

  self->fleet = sim_fleet_new (self->options, self->run_dir, &funcs, self, error);
  if (self->fleet == NULL)
    return FALSE;
  self->chaos = sim_chaos_new (self->options, self->run_dir, self->fleet, self->history, error);
  if (self->chaos == NULL)
    return FALSE;
  self->progress_source = g_timeout_add (PROGRESS_INTERVAL_MS, progress_cb, self);
  return TRUE;
}

static void
supervisor_clear (Supervisor *self)
{
  g_clear_handle_id (&self->deadline_source, g_source_remove);
  g_clear_handle_id (&self->progress_source, g_source_remove);
  g_clear_handle_id (&self->signal_source, g_source_remove);
  g_clear_pointer (&self->chaos, sim_chaos_free);
  g_clear_pointer (&self->fleet, sim_fleet_free);
  g_clear_pointer (&self->history, sim_history_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_error (&self->error);
  if (self->signal_fd >= 0)
    close (self->signal_fd);
}

static gboolean
load_records (Supervisor *self, GError **error)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint32 i = 0; i < processes->len; i++) {
    const SimProcess *process = g_ptr_array_index (processes, i);
    g_autofree char *path = sim_process_build_record_path (self->run_dir, i);
    g_autoptr (GArray) entries = sim_record_load (path, i, error);
    SimNodeInfo info = {
      .pid = (guint32) process->pid,
      .fate = process->fate,
      .candidate = process->candidate,
      .joined = process->joined,
      .end = g_strdup (process->end),
    };

    sim_history_add_node (self->history, &info);
    if (entries == NULL)
      return FALSE;
    sim_history_add_events (self->history, i, (const SimEntry *) entries->data, entries->len);
  }
  sim_history_sort (self->history);
  return TRUE;
}

/* (transfer full) (nullable): what happened. NULL when it could not run, or cannot be known. duration_s is changed
 * when the chaos was not as long as wanted. No process is left afterwards. */
SimHistory *
sim_supervisor_run (const SimOptions *options, const char *run_dir, double *duration_s, GError **error)
{
  Supervisor self = { .options = options, .run_dir = run_dir, .signal_fd = -1 };
  SimHistory *history = NULL;

  if (supervisor_init (&self, error)) {
    enter_phase (&self, PHASE_START);
    if (self.error == NULL)
      g_main_loop_run (self.loop);
    sim_progress_end (&self.progress);

    *duration_s = self.in_order ? options->duration_s : (double) (self.chaos_us / 1000) / 1000;
    if (self.error != NULL)
      g_propagate_error (error, g_steal_pointer (&self.error));
    else if (load_records (&self, error))
      history = g_steal_pointer (&self.history);
  }
  supervisor_clear (&self);
  return history;
}
