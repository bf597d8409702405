/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos.h"

#include <errno.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "sim-hold.h"
#include "sim-run-dir.h"
#include "sim-schedule.h"

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
#define HOLD_TIMEOUT_US 20000   /* in which a standby takes over, call by call */
#define RELEASE_TIMEOUT_MS 100  /* in which the others elect somebody else */
#define SETTLED_US 600000       /* in which a node notices what happened to the group's files, and comes back */

enum {
  STREAM_STEPS,
  STREAM_CUTS,
};

struct _SimChaos {
  const SimOptions *options;
  const char *run_dir;
  SimFleet *fleet;     /* (unowned) */
  SimHistory *history; /* (unowned) */
  gboolean running;

  SimSchedule steps;
  SimStep step; /* the next one */
  gint64 last_step_us;
  int timer_fd; /* (owned) */
  guint timer_source;

  SimSchedule cuts;
  SimStep cut; /* the next one */
  guint cut_source;

  guint claim_calls; /* system calls that a successor makes before it publishes, or 0 while that is unknown */
  SimProcess *held;  /* (unowned) (nullable) a candidate that is stopped in the middle of its claim */
  gint64 held_us;
  guint release_source;
  gint64 deleted_us; /* when the group file went last, or 0 */

  guint n_replacements; /* that wait for their time */
  guint replacement_source;
  guint n_kills;
};

static void
note (SimChaos *self, guint32 node, SimEntryKind kind, guint64 epoch, SimFault fault)
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
  guint n_replacements = self->n_replacements;

  self->replacement_source = 0;
  self->n_replacements = 0;
  sim_fleet_want (self->fleet, TRUE, n_replacements);
  return G_SOURCE_REMOVE;
}

static void
kill_master (SimChaos *self)
{
  SimProcess *master = sim_fleet_get_master (self->fleet);

  note (self, master->index, SIM_ENTRY_KILLED, sim_fleet_get_epoch (self->fleet), SIM_FAULT_KILL);
  sim_fleet_kill_master (self->fleet);
  self->n_kills++;

  self->n_replacements++;
  if (self->replacement_source == 0)
    self->replacement_source = g_timeout_add (REPLACEMENT_DELAY_MS, replace_cb, self);
}

/* Deletions */

static void
delete_of_group (SimChaos *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->run_dir, SIM_GROUP, name, NULL);

  self->deleted_us = g_get_monotonic_time ();
  unlink (path);
}

/* At once for whoever looks at the path, then piece by piece for whoever has it open. */
static void
delete_directory (SimChaos *self)
{
  g_autofree char *path = g_build_filename (self->run_dir, SIM_GROUP, NULL);
  g_autofree char *gone = g_build_filename (self->run_dir, "gone", NULL);

  self->deleted_us = g_get_monotonic_time ();
  if (rename (path, gone) == 0)
    sim_run_dir_remove (gone);
}

/* Holds: see sim-hold.c. */

static gboolean
is_standby (SimChaos *self, const SimProcess *process)
{
  return process->candidate && process->joined && !process->killed && sim_process_is_alive (process)
         && process != sim_fleet_get_master (self->fleet);
}

/* (transfer full): of SimProcess */
static GPtrArray *
find_standbys (SimChaos *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  GPtrArray *standbys = g_ptr_array_new ();

  for (guint i = 0; i < processes->len; i++) {
    if (is_standby (self, g_ptr_array_index (processes, i)))
      g_ptr_array_add (standbys, g_ptr_array_index (processes, i));
  }
  return standbys;
}

static void
signal_others (GPtrArray *processes, const SimProcess *except, int signal_number)
{
  for (guint i = 0; i < processes->len; i++) {
    if (g_ptr_array_index (processes, i) != except)
      sim_process_signal (g_ptr_array_index (processes, i), signal_number);
  }
}

/* Lets go whom we hold. If it was overtaken by somebody who had the same group file in hand, and so had to fence it off
 * first, that is written down. A node that came when the file was gone had not. */
static void
release (SimChaos *self)
{
  const SimProcess *master = sim_fleet_get_master (self->fleet);
  SimProcess *held = g_steal_pointer (&self->held);

  g_clear_handle_id (&self->release_source, g_source_remove);
  if (master != NULL && master->joined && master->joined_us < self->held_us)
    note (self, held->index, SIM_ENTRY_OVERTAKEN, sim_fleet_get_epoch (self->fleet), SIM_FAULT_HOLD);
  sim_hold_end (held->pid);
}

static gboolean
release_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  self->release_source = 0;
  release (self);
  return G_SOURCE_REMOVE;
}

/* After how many system calls a successor is to be held: half the time after the last one before it publishes. The
 * first one is only watched, to count them. */
static guint
choose_call (SimChaos *self, guint64 pick)
{
  if (self->claim_calls == 0)
    return G_MAXUINT;
  return pick & 1 ? self->claim_calls : 1 + (guint) (pick >> 1) % self->claim_calls;
}

/* The successor stands still: the group file goes, and the others are to elect somebody else. */
static void
move_on_without (SimChaos *self, SimProcess *successor)
{
  self->held = successor;
  self->held_us = g_get_monotonic_time ();
  self->release_source = g_timeout_add (RELEASE_TIMEOUT_MS, release_cb, self);
  delete_of_group (self, "group");
}

/* Kills the master, with one standby free to succeed it, who is stopped before it puts its socket in place. */
static void
hold_successor (SimChaos *self, guint64 pick)
{
  g_autoptr (GPtrArray) standbys = find_standbys (self);
  SimProcess *successor = g_ptr_array_index (standbys, pick % standbys->len);
  guint n_calls = choose_call (self, pick / standbys->len);
  SimHoldResult result;

  if (!sim_hold_begin (successor->pid)) {
    kill_master (self);
    return;
  }

  signal_others (standbys, successor, SIGSTOP);
  kill_master (self);
  note (self, successor->index, SIM_ENTRY_DISTURBED, 0, SIM_FAULT_HOLD);
  result = sim_hold_run_to_claim (successor->pid, &n_calls, HOLD_TIMEOUT_US);
  if (result == SIM_HOLD_PUBLISHED)
    self->claim_calls = n_calls;
  if (result == SIM_HOLD_HELD)
    move_on_without (self, successor);
  else
    sim_hold_end (successor->pid);
  signal_others (standbys, successor, SIGCONT);
  sim_fleet_reap (self->fleet); /* its signal may have been taken by the wait for stops */
}

/* Whether all standbys have had the time to be standbys by the present group file. */
static gboolean
is_settled (SimChaos *self)
{
  g_autoptr (GPtrArray) standbys = find_standbys (self);

  return g_get_monotonic_time () - self->deleted_us > SETTLED_US && standbys->len > 1;
}

/* Steps */

static void
do_deletion (SimChaos *self, SimFault fault)
{
  note (self, 0, SIM_ENTRY_DISTURBED, 0, fault);
  if (fault == SIM_FAULT_DELETE_SOCKET)
    delete_of_group (self, "socket");
  else if (fault == SIM_FAULT_DELETE_FILE)
    delete_of_group (self, "group");
  else
    delete_directory (self);
}

static void
do_step (SimChaos *self, const SimStep *step)
{
  switch (step->fault) {
  case SIM_FAULT_HOLD:
    if (is_settled (self)) {
      hold_successor (self, step->pick);
      break;
    }
    /* FALLTHROUGH */
  case SIM_FAULT_KILL:
    kill_master (self);
    break;
  case SIM_FAULT_DELETE_SOCKET:
  case SIM_FAULT_DELETE_FILE:
  case SIM_FAULT_DELETE_DIRECTORY:
    do_deletion (self, step->fault);
    break;
  case SIM_FAULT_CUT:
    g_assert_not_reached ();
  }
}

static gboolean
can_do (SimChaos *self, const SimStep *step)
{
  if (self->held != NULL)
    return FALSE;
  if (step->same_failover)
    return TRUE;
  if (sim_fleet_get_master (self->fleet) == NULL)
    return FALSE;
  if (step->fault != SIM_FAULT_KILL && step->fault != SIM_FAULT_HOLD)
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
    release (self);
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
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  g_autoptr (GPtrArray) members = g_ptr_array_new ();

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->joined && sim_process_is_alive (process) && process != sim_fleet_get_master (self->fleet))
      g_ptr_array_add (members, process);
  }
  if (members->len > 0)
    sim_process_command (g_ptr_array_index (members, self->cut.pick % members->len), SIM_COMMAND_CUT);
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
sim_chaos_new (const SimOptions *options, const char *run_dir, SimFleet *fleet, SimHistory *history, GError **error)
{
  gint64 interval_us = options->kill_interval_ms * G_GINT64_CONSTANT (1000);
  int timer_fd = timerfd_create (CLOCK_MONOTONIC, TFD_CLOEXEC | TFD_NONBLOCK);
  SimChaos *self;

  if (timer_fd < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make a timer: %s", g_strerror (errno));
    return NULL;
  }

  self = g_new0 (SimChaos, 1);
  self->options = options;
  self->run_dir = run_dir;
  self->fleet = fleet;
  self->history = history;
  self->timer_fd = timer_fd;
  self->timer_source = g_unix_fd_add (timer_fd, G_IO_IN, timer_cb, self);
  sim_schedule_init (&self->steps, (guint64) options->seed, STREAM_STEPS, interval_us);
  sim_schedule_init (&self->cuts, (guint64) options->seed, STREAM_CUTS, MAX (interval_us / CUTS_PER_KILL, 1));
  return self;
}

void
sim_chaos_free (SimChaos *self)
{
  sim_chaos_stop (self);
  g_source_remove (self->timer_source);
  close (self->timer_fd);
  g_free (self);
}

void
sim_chaos_start (SimChaos *self)
{
  self->running = TRUE;
  self->last_step_us = g_get_monotonic_time ();
  self->step = sim_schedule_next_step (&self->steps);
  schedule_cut (self);
  sim_chaos_update (self);
}

/* Nothing more is done, what was stopped continues, and what was killed is replaced. */
void
sim_chaos_stop (SimChaos *self)
{
  if (!self->running)
    return;
  self->running = FALSE;
  set_timer (self, 0);
  if (self->held != NULL)
    release (self);
  g_clear_handle_id (&self->cut_source, g_source_remove);
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
