/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sim-stranger.h"

/*
 * Carries out the schedule: does to the group what is drawn, when it is time and there is somebody to do it to. A
 * timerfd gives it microseconds; where a fail-over takes half a millisecond, a main loop's milliseconds always hit
 * its end.
 *
 * A master is killed only when a standby is there to follow, unless there is but one candidate: the time that a process
 * takes to start is not what a fail-over measures.
 */

#define CUTS_PER_KILL 2         /* connections are cut more often than masters are killed */
#define REPLACEMENT_DELAY_MS 20 /* starting a process takes a core for a while, which the fail-over needs */

enum {
  STREAM_STEPS,
  STREAM_CUTS,
};

void
sim_chaos_note (SimChaos *self, guint32 node, SimEntryKind kind, guint64 epoch, SimFault fault)
{
  SimEntry entry = {
    .time_ns = sim_entry_now_ns (),
    .kind = (guint16) kind,
    .epoch = epoch,
    .code = (gint32) fault,
  };

  sim_history_add_supervisor_event (self->history, node, &entry);
}

/* Kills */

static gboolean
replace_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  self->replacement_source = 0;
  for (guint candidate = 0; candidate < 2; candidate++) {
    guint n_wanted = self->n_wanted[candidate];

    self->n_wanted[candidate] = 0;
    sim_fleet_want (self->fleet, (gboolean) candidate, n_wanted);
  }
  return G_SOURCE_REMOVE;
}

/* By another one, a little later. Once: who is told to leave may be killed as well. */
void
sim_chaos_replace (SimChaos *self, SimProcess *process)
{
  if (process->replaced)
    return;
  process->replaced = TRUE;
  self->n_wanted[process->candidate ? TRUE : FALSE]++;
  if (self->replacement_source == 0)
    self->replacement_source = g_timeout_add (REPLACEMENT_DELAY_MS, replace_cb, self);
}

void
sim_chaos_kill (SimChaos *self, SimProcess *process, SimFault fault)
{
  gboolean master = process == sim_fleet_get_master (self->fleet);

  sim_chaos_note (self, process->index, SIM_ENTRY_KILLED, master ? sim_fleet_get_epoch (self->fleet) : 0, fault);
  sim_fleet_kill (self->fleet, process);
  self->n_kills += master ? 1 : 0;
  sim_chaos_replace (self, process);
}

/* A process has died by itself, as it was to: of a poisonous message, of which it has written itself, at a point,
 * or of a group file that was cut off. */
void
sim_chaos_lost (SimChaos *self, SimProcess *process, gboolean was_master, gboolean again)
{
  SimEntry entry = {
    .time_ns = sim_entry_now_ns (),
    .kind = SIM_ENTRY_KILLED,
    .epoch = was_master ? sim_fleet_get_epoch (self->fleet) : 0,
    .number = process->bus_error ? 0 : 1 + (guint64) process->armed,
    .code = process->bus_error ? SIM_FAULT_TRUNCATE_FILE : SIM_FAULT_KILL_AT,
  };

  if (!process->aborting)
    sim_history_add_supervisor_event (self->history, process->index, &entry);
  self->n_kills += was_master ? 1 : 0;
  if (again)
    sim_chaos_replace (self, process);
}

/* Whom to do it to */

/* (transfer full): of SimProcess: those that run and are not the master; with candidates or without. */
GPtrArray *
sim_chaos_find_members (SimChaos *self, gboolean candidates)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  GPtrArray *members = g_ptr_array_new ();

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (sim_process_is_running (process) && process != sim_fleet_get_master (self->fleet) && (candidates || !process->candidate))
      g_ptr_array_add (members, process);
  }
  return members;
}

/* (transfer full): of SimProcess, that run */
GPtrArray *
sim_chaos_find_standbys (SimChaos *self)
{
  GPtrArray *standbys = sim_chaos_find_members (self, TRUE);

  for (guint i = standbys->len; i > 0; i--) {
    if (!((const SimProcess *) g_ptr_array_index (standbys, i - 1))->candidate)
      g_ptr_array_remove_index (standbys, i - 1);
  }
  return standbys;
}

void
sim_chaos_signal_others (GPtrArray *processes, const SimProcess *except, int signal_number)
{
  for (guint i = 0; i < processes->len; i++) {
    if (g_ptr_array_index (processes, i) != except)
      sim_process_signal (g_ptr_array_index (processes, i), signal_number);
  }
}

/* (nullable) */
SimProcess *
sim_chaos_pick_one (GPtrArray *processes, guint64 pick)
{
  return processes->len > 0 ? g_ptr_array_index (processes, pick % processes->len) : NULL;
}

/* Steps */

/* Each fault has its function in one of the other files. */
#define DEED(constant, identifier, ...) [SIM_FAULT_##constant] = sim_chaos_do_##identifier,

/* There is a master, and it runs; unless the step belongs to a fail-over. */
static void
do_step (SimChaos *self, const SimStep *step)
{
  static void (*const deeds[SIM_N_FAULTS]) (SimChaos *, const SimStep *) = { SIM_FAULTS (DEED) };

  sim_chaos_note (self, 0, SIM_ENTRY_PLANNED, 0, step->fault);
  deeds[step->fault](self, step);
}

#undef DEED

static gboolean
can_do (SimChaos *self, const SimStep *step)
{
  const SimProcess *master = sim_fleet_get_master (self->fleet);

  if (self->held != NULL || self->armed_source != 0)
    return FALSE;
  if (step->same_failover)
    return TRUE;
  if (master == NULL || master->stopped)
    return FALSE;
  if (!sim_fault_has (step->fault, SIM_FAULT_KILLS_MASTER) || step->fault == SIM_FAULT_KILL_ALL)
    return TRUE;
  return self->options->n_candidates == 1 || sim_fleet_get_counts (self->fleet).n_candidates > 1;
}

static void
set_timer (SimChaos *self, gint64 due_us)
{
  struct itimerspec when = {
    .it_value = { .tv_sec = due_us / G_USEC_PER_SEC, .tv_nsec = due_us % G_USEC_PER_SEC * 1000 },
  };

  timerfd_settime (self->timer_fd, TFD_TIMER_ABSTIME, &when, NULL);
}

static gint64
get_due_us (SimChaos *self)
{
  gint64 since_us = self->last_step_us;

  if (!self->step.same_failover)
    since_us = MAX (since_us, sim_fleet_get_elected_us (self->fleet));
  return since_us + self->step.wait_us;
}

static void
do_due_steps (SimChaos *self)
{
  while (can_do (self, &self->step) && get_due_us (self) <= g_get_monotonic_time ()) {
    SimStep step = self->step;

    self->step = sim_schedule_next_step (&self->steps);
    do_step (self, &step);
    self->last_step_us = g_get_monotonic_time ();
  }
}

/* Looks at what the next step needs, and at whom we hold. To be called when a node has joined, was elected, or ended.
 * */
void
sim_chaos_update (SimChaos *self)
{
  if (!self->running)
    return;
  if (self->held != NULL && sim_fleet_get_master (self->fleet) != NULL)
    sim_chaos_release (self);
  if (self->any_armed && self->armed_source == 0 && sim_fleet_get_epoch (self->fleet) > self->armed_epoch)
    sim_chaos_disarm (self);
  sim_chaos_tell_spells (self);
  sim_chaos_let_leave (self);
  do_due_steps (self);
  set_timer (self, can_do (self, &self->step) ? get_due_us (self) : 0);
}

static gboolean
timer_cb (int fd, GIOCondition condition, gpointer user_data)
{
  guint64 n_expirations;

  if (read (fd, &n_expirations, sizeof n_expirations) == sizeof n_expirations)
    sim_chaos_update (user_data);
  return G_SOURCE_CONTINUE;
}

/* Cuts */

static void schedule_cut (SimChaos *self);

static gboolean
cut_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  do_step (self, &self->cut);
  schedule_cut (self);
  return G_SOURCE_REMOVE;
}

static void
schedule_cut (SimChaos *self)
{
  self->cut = sim_schedule_next_cut (&self->cuts);
  self->cut_source = g_timeout_add ((guint) (self->cut.wait_us / 1000), cut_cb, self);
}

/* The whole */

SimChaos *
sim_chaos_new (const SimOptions *options, SimFleet *fleet, SimHistory *history, const char *run_dir, GError **error)
{
  gint64 interval_us = options->kill_interval_ms * G_GINT64_CONSTANT (1000);
  int timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  g_autofree char *clock_path = g_build_filename (run_dir, SIM_PATH_CLOCK, NULL);
  SimClock *clock = sim_clock_open (clock_path, error);
  SimChaos *self;

  if (clock == NULL)
    return NULL;
  if (timer_fd < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make a timer: %s", g_strerror (errno));
    return NULL;
  }

  self = g_new0 (SimChaos, 1);
  self->options = options;
  self->fleet = fleet;
  self->history = history;
  self->timer_fd = timer_fd;
  self->clock = clock;
  self->timer_source = g_unix_fd_add (timer_fd, G_IO_IN, timer_cb, self);
  sim_schedule_init (&self->steps, (guint64) options->seed, STREAM_STEPS, &options->weights, interval_us);
  sim_schedule_init (&self->cuts, (guint64) options->seed, STREAM_CUTS, &options->weights,
                     MAX (interval_us / CUTS_PER_KILL, 1));
  self->hiccuping = g_ptr_array_new ();
  self->strangers = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_stranger_free);
  return self;
}

void
sim_chaos_free (SimChaos *self)
{
  sim_chaos_stop (self);
  g_source_remove (self->timer_source);
  g_clear_handle_id (&self->replacement_source, g_source_remove);
  g_ptr_array_unref (self->hiccuping);
  g_ptr_array_unref (self->strangers);
  sim_clock_free (self->clock);
  close (self->timer_fd);
  g_free (self);
}

/* Without any weight nothing is ever done. */
void
sim_chaos_start (SimChaos *self)
{
  if (sim_weights_are_none (&self->options->weights))
    return;
  self->began_us = g_get_monotonic_time ();
  self->running = TRUE;
  self->last_step_us = g_get_monotonic_time ();
  self->step = sim_schedule_next_step (&self->steps);
  if (self->options->weights.of[SIM_FAULT_CUT] > 0)
    schedule_cut (self);
  sim_chaos_update (self);
}

/* Nothing more is done, what was stopped continues, and what was killed is replaced. */
void
sim_chaos_stop (SimChaos *self)
{
  if (!self->running)
    return;
  self->elapsed_s = sim_chaos_get_elapsed_s (self);
  self->running = FALSE;
  set_timer (self, 0);
  if (self->held != NULL)
    sim_chaos_release (self);
  g_clear_handle_id (&self->cut_source, g_source_remove);
  g_clear_handle_id (&self->armed_source, g_source_remove);
  sim_chaos_disarm (self);
  sim_chaos_end_spells (self);
  sim_chaos_continue_all (self);
  sim_chaos_end_rules (self);
  sim_chaos_end_strangers (self);
  if (self->replacement_source != 0) {
    g_source_remove (self->replacement_source);
    replace_cb (self);
  }
}

guint
sim_chaos_get_n_kills (SimChaos *self)
{
  return self->n_kills;
}

/* How long it has been going on, or was. */
double
sim_chaos_get_elapsed_s (SimChaos *self)
{
  return self->running ? (double) (g_get_monotonic_time () - self->began_us) / G_USEC_PER_SEC : self->elapsed_s;
}
