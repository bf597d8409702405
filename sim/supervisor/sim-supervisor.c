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
#include "sim-checker.h"
#include "sim-clock.h"
#include "sim-fence.h"
#include "sim-fleet.h"
#include "sim-gather.h"
#include "sim-live.h"
#include "sim-phase.h"
#include "sim-progress.h"
#include "sim-rest.h"

/*
 * A run from beginning to end, in phases that go one way only:
 *
 *   start      all nodes are started, a few at a time      until all are members and there is a master
 *   warm-up    they send, and nothing is done to them      for a while
 *   chaos      the schedule is carried out                 until the time is up, a node crashed, what nodes say of their
 *                                                          elections cannot be, or Ctrl-C
 *   heal       nothing more is done to the group           until all are members again and there is a master
 *   converge   each node sends one message more            until all have been answered
 *   drain      no node sends any more                      until every send has ended
 *   rest       nothing happens                         until no process runs any more
 *   close      nodes close, the master last of all         until no process is left
 *
 * Each of the others has a deadline. Missing one does not end the run: it goes on, and what was not done by
 * then is found in the records by the checker. The clock of the main loop decides nothing that the verdict depends
 * on.
 */

#define START_TIMEOUT_S 90 /* hundreds of processes on two cores */
#define WARM_UP_MS 300     /* in which the slowest senders have begun; they all have joined before */
#define PROGRESS_INTERVAL_MS 250
#define REST_TIMEOUT_MS 5000 /* in which the last words of programs are written down: far more than it takes */
#define REST_LOOK_MS 300 /* nobody runs in between, or it goes on: longer than a vigil takes to see that nothing is due */

typedef struct {
  const SimOptions *options;
  const char *run_dir;
  GMainLoop *loop;     /* (owned) */
  SimFleet *fleet;     /* (owned) */
  SimChaos *chaos;     /* (owned) */
  SimHistory *history; /* (owned) */
  SimLive *live;       /* (owned) */
  SimRest *rest;       /* (owned) */
  GError *error;       /* (owned) (nullable) why it could not run */
  SimProgress progress;

  SimPhase phase;
  guint deadline_source;
  guint rest_source;
  gint64 chaos_us;   /* when the chaos began, and afterwards how long it was */
  gboolean wrong;    /* what the nodes say of their elections cannot be */
  gboolean interrupted;
  gboolean in_order; /* the chaos was as long as it was to be */

  int signal_fd; /* (owned) */
  guint signal_source;
  guint progress_source;
} Supervisor;

static void enter_phase (Supervisor *self, SimPhase phase);

static void
log_progress (Supervisor *self, gboolean now)
{
  SimFleetCounts counts = sim_fleet_get_counts (self->fleet);
  SimRecordCounts traffic = sim_fleet_get_traffic (self->fleet);
  SimProcess *master = sim_fleet_get_master (self->fleet);
  double at_s = (double) (sim_entry_now_ns () - self->history->start_ns) / 1e9;
  g_autofree char *who = master != NULL ? g_strdup_printf ("node %u", master->index) : g_strdup ("none");

  sim_progress_show (&self->progress, now,
                     "%6.1f s  %-8s  %2u of %2u nodes  master %-8s  %4u kills  %8" G_GUINT64_FORMAT
                     " sent  %8" G_GUINT64_FORMAT " answered",
                     at_s, sim_phase_to_string (self->phase), counts.n_joined, counts.n_alive + counts.n_wanted, who,
                     sim_chaos_get_n_kills (self->chaos), traffic.n_sent, traffic.n_answered);
}

static void
show_progress (Supervisor *self, gboolean now)
{
  if (self->progress.live)
    sim_live_show (self->live, &self->progress, self->phase);
  else
    log_progress (self, now);
}

static void
tell (SimProcess *process, char command)
{
  process->told = command;
  process->told_to_close = command == SIM_COMMAND_CLOSE;
  sim_process_command (process, command, 0, 0);
}

static void
command_all (Supervisor *self, char command, const SimProcess *except)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process == except || process->told_to_close)
      continue;
    tell (process, command);
  }
}

/* Who comes in the place of one that died late does as all others have been told. */
static void
tell_newcomer (Supervisor *self, SimProcess *process)
{
  if (process->told != 0 || process->told_to_close)
    return;
  if (self->phase == SIM_PHASE_CONVERGE && !self->history->foreign)
    tell (process, SIM_COMMAND_PROBE);
  else if (self->phase == SIM_PHASE_DRAIN || self->phase == SIM_PHASE_REST)
    tell (process, SIM_COMMAND_DRAIN);
  else if (self->phase == SIM_PHASE_CLOSE)
    tell (process, SIM_COMMAND_CLOSE);
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
  case SIM_PHASE_START:
  case SIM_PHASE_HEAL:
    return whole || (counts.n_alive == 0 && counts.n_wanted == 0);
  case SIM_PHASE_WARM_UP:
  case SIM_PHASE_CHAOS:
    return counts.n_crashed > 0 || self->wrong;
  case SIM_PHASE_CONVERGE:
    return counts.n_converged == counts.n_alive || self->history->foreign;
  case SIM_PHASE_DRAIN:
    return counts.n_drained == counts.n_alive;
  case SIM_PHASE_REST:
    return FALSE; /* rest_cb() says so */
  case SIM_PHASE_CLOSE:
    return counts.n_alive == 0;
  case SIM_PHASE_END:
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

  if (self->phase == SIM_PHASE_CHAOS)
    sim_chaos_update (self->chaos);
  if (self->phase == SIM_PHASE_CLOSE)
    close_last (self);
  if (phase_is_done (self))
    enter_phase (self, self->phase + 1);
}

static gboolean
deadline_cb (gpointer user_data)
{
  Supervisor *self = user_data;

  self->deadline_source = 0;
  if (self->phase == SIM_PHASE_CLOSE) {
    kill_all (self);
    return G_SOURCE_REMOVE;
  }
  if (self->phase != SIM_PHASE_CHAOS && self->phase != SIM_PHASE_WARM_UP)
    sim_progress_show (&self->progress, TRUE, "%s took too long; going on", sim_phase_to_string (self->phase));
  self->in_order = self->in_order || self->phase == SIM_PHASE_CHAOS;
  enter_phase (self, self->phase + 1);
  return G_SOURCE_REMOVE;
}

static gboolean
rest_cb (gpointer user_data)
{
  Supervisor *self = user_data;

  if (!sim_rest_look (self->rest))
    return G_SOURCE_CONTINUE;
  self->rest_source = 0;
  enter_phase (self, SIM_PHASE_CLOSE);
  return G_SOURCE_REMOVE;
}

static void
begin_phase (Supervisor *self)
{
  switch (self->phase) {
  case SIM_PHASE_START:
    sim_fleet_want (self->fleet, TRUE, (guint) self->options->n_candidates);
    sim_fleet_want (self->fleet, FALSE, (guint) (self->options->n_nodes - self->options->n_candidates));
    break;
  case SIM_PHASE_WARM_UP:
    break;
  case SIM_PHASE_CHAOS:
    self->chaos_us = g_get_monotonic_time ();
    sim_chaos_start (self->chaos);
    break;
  case SIM_PHASE_HEAL:
    self->chaos_us = self->chaos_us != 0 ? g_get_monotonic_time () - self->chaos_us : 0;
    sim_chaos_stop (self->chaos);
    break;
  case SIM_PHASE_CONVERGE:
    if (!self->history->foreign)
      command_all (self, SIM_COMMAND_PROBE, NULL);
    break;
  case SIM_PHASE_DRAIN:
    command_all (self, SIM_COMMAND_DRAIN, NULL);
    break;
  case SIM_PHASE_REST:
    self->rest_source = g_timeout_add (REST_LOOK_MS, rest_cb, self);
    break;
  case SIM_PHASE_CLOSE:
    g_clear_handle_id (&self->rest_source, g_source_remove);
    sim_rest_note (self->rest);
    command_all (self, SIM_COMMAND_CLOSE, sim_fleet_get_master (self->fleet));
    close_last (self);
    break;
  case SIM_PHASE_END:
    if (self->options->program == NULL) /* whose scribes still read what was said last */
      sim_rest_note_left (self->rest);
    g_main_loop_quit (self->loop);
    break;
  }
}

/* Of the warm-up and the chaos: how long they are. */
static guint
phase_timeout_ms (Supervisor *self)
{
  guint patience_ms = (guint) (self->options->patience_s * 1000);

  switch (self->phase) {
  case SIM_PHASE_START:
    return START_TIMEOUT_S * 1000;
  case SIM_PHASE_WARM_UP:
    return WARM_UP_MS;
  case SIM_PHASE_CHAOS:
    return (guint) (self->options->duration_s * 1000);
  case SIM_PHASE_CONVERGE:
    return MIN (patience_ms,
                (guint) (sim_check_get_patience_ns ((guint) self->options->hang_timeout_ms) / 1000000));
  case SIM_PHASE_HEAL:
  case SIM_PHASE_DRAIN:
  case SIM_PHASE_REST:
  case SIM_PHASE_CLOSE:
  case SIM_PHASE_END:
    break;
  }

  return patience_ms;
}

static void
note_phase (Supervisor *self)
{
  SimEntry entry = { .time_ns = sim_entry_now_ns (), .kind = SIM_ENTRY_PHASE, .code = (gint32) self->phase };

  sim_history_add_supervisor_event (self->history, 0, &entry);
}

static void
enter_phase (Supervisor *self, SimPhase phase)
{
  g_assert (phase == SIM_PHASE_START || phase > self->phase);

  self->phase = phase;
  note_phase (self);
  g_clear_handle_id (&self->deadline_source, g_source_remove);
  if (phase != SIM_PHASE_END)
    self->deadline_source = g_timeout_add (phase_timeout_ms (self), deadline_cb, self);
  show_progress (self, TRUE);
  begin_phase (self);
  if (self->phase == phase && phase_is_done (self))
    enter_phase (self, phase + 1);
}

static void
joined_cb (SimProcess *process, gpointer user_data)
{
  Supervisor *self = user_data;

  sim_rest_note_joined (self->rest, process);
  tell_newcomer (self, process);
}

static void
lost_cb (SimProcess *process, gboolean was_master, gpointer user_data)
{
  Supervisor *self = user_data;

  sim_chaos_lost (self->chaos, process, was_master, self->phase < SIM_PHASE_CLOSE);
}

static void
stopping_cb (SimProcess *process, gpointer user_data)
{
  Supervisor *self = user_data;

  sim_chaos_stopping (self->chaos, process);
}

/* No need to go on; the checker says what it was. */
static void
wrong_cb (const char *why, gpointer user_data)
{
  Supervisor *self = user_data;

  sim_progress_show (&self->progress, TRUE, "%s", why);
  self->wrong = TRUE;
}

static void
forked_cb (SimProcess *process, pid_t child, gpointer user_data)
{
  Supervisor *self = user_data;

  sim_chaos_forked (self->chaos, process, child);
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
  self->interrupted = TRUE;
  if (self->phase >= SIM_PHASE_HEAL) {
    g_autoptr (GError) error = g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted");

    failed_cb (error, self);
    return;
  }
  sim_progress_show (&self->progress, TRUE, "Interrupted; checking what there is (once more to give up)");
  enter_phase (self, SIM_PHASE_HEAL);
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
  g_setenv ("LD_BIND_NOW", "1", TRUE); /* nodes look nothing up later: the way to a claim is always as long */
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
create_fence (Supervisor *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->run_dir, SIM_PATH_FENCE, NULL);

  return sim_fence_create (path, error);
}

static gboolean
create_clock (Supervisor *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->run_dir, SIM_PATH_CLOCK, NULL);

  return sim_clock_create (path, error);
}

static gboolean
supervisor_init (Supervisor *self, GError **error)
{
  static const SimFleetFuncs funcs = { changed_cb, joined_cb, lost_cb, stopping_cb, wrong_cb, forked_cb, failed_cb };

  self->loop = g_main_loop_new (NULL, FALSE);
  self->history = sim_history_new (sim_entry_now_ns ());
  self->history->seed = (guint64) self->options->seed;
  self->history->command = sim_options_to_command (self->options);
  self->history->hang_timeout_ms = (guint) self->options->hang_timeout_ms;
  self->history->foreign = self->options->program != NULL;
  sim_progress_init (&self->progress);
  if (!prepare_process (self, error) || !create_fence (self, error) || !create_clock (self, error))
    return FALSE;

  self->fleet = sim_fleet_new (self->options, self->run_dir, &funcs, self, error);
  if (self->fleet == NULL)
    return FALSE;
  self->rest = sim_rest_new (self->fleet, self->history);
  self->chaos = sim_chaos_new (self->options, self->fleet, self->history, self->run_dir, error);
  if (self->chaos == NULL)
    return FALSE;
  self->live = sim_live_new (self->options, self->fleet, self->chaos, self->history);
  self->progress_source = g_timeout_add (PROGRESS_INTERVAL_MS, progress_cb, self);
  return TRUE;
}

static void
supervisor_clear (Supervisor *self)
{
  g_clear_handle_id (&self->deadline_source, g_source_remove);
  g_clear_handle_id (&self->rest_source, g_source_remove);
  g_clear_handle_id (&self->progress_source, g_source_remove);
  g_clear_handle_id (&self->signal_source, g_source_remove);
  g_clear_pointer (&self->live, sim_live_free);
  g_clear_pointer (&self->chaos, sim_chaos_free);
  g_clear_pointer (&self->rest, sim_rest_free);
  g_clear_pointer (&self->fleet, sim_fleet_free);
  g_clear_pointer (&self->history, sim_history_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_error (&self->error);
  if (self->signal_fd >= 0)
    close (self->signal_fd);
}

/* What programs said last may not be written down yet. */
static gboolean
wait_for_scribes (Supervisor *self, GError **error)
{
  if (self->options->program == NULL || sim_fleet_wait_for_rest (self->fleet, self->signal_fd, REST_TIMEOUT_MS))
    return TRUE;

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_BUSY,
               "A program has left processes behind that keep its standard output open: what it said is not known");
  return FALSE;
}

static gint64
get_cpu_us (void)
{
  struct rusage usage;

  getrusage (RUSAGE_SELF, &usage);
  return (usage.ru_utime.tv_sec + usage.ru_stime.tv_sec) * G_USEC_PER_SEC + usage.ru_utime.tv_usec
         + usage.ru_stime.tv_usec;
}

/* Runs it, and finds out what no record says. */
static void
run_phases (Supervisor *self, SimFacts *facts)
{
  gint64 began_us = g_get_monotonic_time (), cpu_us = get_cpu_us ();

  enter_phase (self, SIM_PHASE_START);
  if (self->error == NULL)
    g_main_loop_run (self->loop);
  sim_progress_end (&self->progress);

  facts->duration_s = self->in_order ? self->options->duration_s : (double) (self->chaos_us / 1000) / 1000;
  facts->cpu = (double) (get_cpu_us () - cpu_us) / (double) MAX (g_get_monotonic_time () - began_us, 1);
  facts->interrupted = self->interrupted;
}

/* (transfer full) (nullable): what happened. NULL when it could not run, or cannot be known. No process is left
 * afterwards. */
SimHistory *
sim_supervisor_run (const SimOptions *options, const char *run_dir, SimFacts *facts, GError **error)
{
  Supervisor self = { .options = options, .run_dir = run_dir, .signal_fd = -1 };
  SimHistory *history = NULL;

  if (supervisor_init (&self, error)) {
    run_phases (&self, facts);
    if (self.error != NULL)
      g_propagate_error (error, g_steal_pointer (&self.error));
    else if (wait_for_scribes (&self, error) && sim_gather_records (self.fleet, run_dir, self.history, error))
      history = g_steal_pointer (&self.history);
  }
  supervisor_clear (&self);
  return history;
}
