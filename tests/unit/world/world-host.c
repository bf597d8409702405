/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-book-format.h"
#include "world-check.h"
#include "world-system.h"

/*
 * A process. Its code runs when an event says so, in a turn, until there is nothing more to do; and at each step within
 * (a store into the ledger, a system call, a kill point of the library) it can be hit.
 *
 * Stopped in the midst of a turn, it is left where it is on the stack, and the world goes on in a loop within. So of
 * two that are stopped in this way the one that was stopped first cannot go on before the other; it is stopped a little
 * longer then, which is all the same to everybody else.
 *
 * Killed, it dreams on: its code runs to the end of the turn, and nothing that it does has any effect any more. Whoever
 * carries out its wishes asks world_is_real(). Afterwards its memory is freed, as the system would.
 */

/* On the stack at a time: the ledger has a book for two masters that are stopped. */
#define HELD_MAX 2

#define SCHEDULING_US 400 /* until a process that has something to do is given a processor */

Host *world_self;
Host *world_hosts[WORLD_N_HOSTS];
guint world_n_hosts;

static guint n_held;

Host *
host_new (gboolean is_candidate)
{
  Host *self = g_new0 (Host, 1);

  g_assert (world_n_hosts < WORLD_N_HOSTS);
  self->index = world_n_hosts;
  self->is_candidate = is_candidate;
  world_hosts[world_n_hosts++] = self;

  return self;
}

static void
reap (Host *self)
{
  Host *before;

  if (self->node == NULL)
    return;

  before = world_self;
  world_self = self;
  node_free (self);
  world_self = before;
}

/* Its code runs from here on. */
void
host_enter (Host *self, Host **before)
{
  *before = world_self;
  world_self = self;
  self->n_turns++;
}

void
host_leave (Host *self, Host *before)
{
  self->n_turns--;
  world_self = before;
  if (self->n_turns > 0)
    return;

  if (self->is_dead)
    reap (self);
  else if (self->poller != NULL && poller_has_more (self->poller))
    host_wake (self);
}

gboolean
host_can_run (const Host *self)
{
  return !self->is_dead && !self->is_stopped && self->n_turns == 0;
}

static void
turn_cb (gpointer data, guint64 argument)
{
  Host *self = data, *before;

  self->turn_due = FALSE;
  if (!host_can_run (self) || self->poller == NULL)
    return;

  self->n_all_turns++;
  host_enter (self, &before);
  poller_turn (self->poller);
  host_leave (self, before);
}

/* It may have something to do. */
void
host_wake (Host *self)
{
  if (self->turn_due || !host_can_run (self))
    return;

  self->turn_due = TRUE;
  world_at (world_delay (SCHEDULING_US), turn_cb, self, 0);
}

static void
let_go_of_files_cb (gpointer data, guint64 argument)
{
  locks_drop_of (data);
}

static void
let_go_of_sockets_cb (gpointer data, guint64 argument)
{
  group_close_of (data);
  sockets_close_of (data);
}

/* The system takes back what it had, one thing after the other. */
void
host_end (Host *self, const char *why)
{
  if (self->is_dead)
    return;

  WORLD_TRACE ("process %u dies: %s", self->index, why);
  self->is_dead = TRUE;
  self->is_stopped = FALSE;
  world_at (world_delay (100), let_go_of_files_cb, self, 0);
  world_at (world_delay (100), let_go_of_sockets_cb, self, 0);
  if (self->n_turns == 0)
    reap (self);
}

void
host_kill (Host *self, const char *why)
{
  check_hit (self);
  host_end (self, why);
}

static void
go_on_cb (gpointer data, guint64 argument)
{
  host_go_on (data);
}

void
host_go_on (Host *self)
{
  if (!self->is_stopped)
    return;

  WORLD_TRACE ("process %u goes on", self->index);
  self->is_stopped = FALSE;
  host_wake (self);
  locks_grant (); /* it may be its turn */
}

void
host_stop (Host *self, gint64 duration_us)
{
  if (self->is_dead || self->is_stopped)
    return;

  WORLD_TRACE ("process %u stops for %" G_GINT64_FORMAT " us", self->index, duration_us);
  check_hit (self);
  self->is_stopped = TRUE;
  world_at (duration_us, go_on_cb, self, 0);
}

/* In the midst of what its code is doing. */
static void
hold (Host *self, gint64 duration_us)
{
  Host *before = world_self;

  if (n_held >= HELD_MAX)
    return;

  host_stop (self, duration_us);
  world_self = NULL;
  n_held++;
  world_stats.n_stops_at_steps++;
  self->is_held = TRUE;
  while (self->is_stopped && world_go_on ())
    continue;
  self->is_held = FALSE;
  n_held--;
  world_self = before;
}

/* How many stand still, or are kept from going on by another that does. */
guint
world_n_stopped (void)
{
  guint n = 0;

  for (guint i = 0; i < world_n_hosts; i++)
    n += !world_hosts[i]->is_dead && (world_hosts[i]->is_stopped || world_hosts[i]->is_held);

  return n;
}

/* Whether what the running code does has an effect. */
gboolean
world_is_real (void)
{
  return world_self == NULL || !world_self->is_dead;
}

const char *
world_step_name (guint step)
{
  static const char *const names[] = { "before a store", "before a system call", "in its handler" };

  return step < IPC_KILL_POINT_N_POINTS ? ipc_kill_point_to_string (step) : names[step - IPC_KILL_POINT_N_POINTS];
}

/* The running code is at a step: is it hit here? */
void
world_step (guint step)
{
  Host *self = world_self;
  HostFault fault;

  if (self == NULL || self->is_dead || self->fault.n == 0
      || (self->fault.step != WORLD_STEP_ANY && self->fault.step != step) || --self->fault.n > 0)
    return;

  fault = self->fault;
  WORLD_TRACE ("is hit: %s", world_step_name (step));
  world_stats.n_hits[step]++;
  if (step != WORLD_STEP_HANDLER)
    check_hit_at_step ();
  if (fault.stop_us == 0) {
    world_stats.n_kills_at_steps++;
    host_kill (self, "at this step");
  } else {
    hold (self, fault.stop_us);
  }
}

void
world_pass (IpcKillPoint point)
{
  world_step (point);
}

/* The ledger's: whether its next store is to be made. */
gboolean
ipc_ledger_step (void)
{
  world_step (WORLD_STEP_LEDGER);

  return world_is_real ();
}

/* A sender's process is asked for by its number, which is its place and 1. */
int
world_process_kill (pid_t pid, int signal)
{
  if (pid - 1 < (pid_t) world_n_hosts && !world_hosts[pid - 1]->is_dead)
    return 0;

  errno = ESRCH;
  return -1;
}

void
world_hosts_end (void)
{
  for (guint i = 0; i < world_n_hosts; i++) {
    world_hosts[i]->is_dead = TRUE;
    reap (world_hosts[i]);
    g_free (world_hosts[i]);
  }
  world_n_hosts = 0;
}
