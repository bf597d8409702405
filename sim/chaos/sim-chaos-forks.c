/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <poll.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <unistd.h>

/*
 * Children that outlive a master: it forks one, which keeps all descriptors that it can and does nothing, and then is
 * killed. From a child made by fork() the library takes what it must not have, and nobody waits for it. One that was
 * made behind the library's back keeps the lock and the connections, and the dead master counts as one that hangs.
 */

#define LIFE_TIMEOUTS 4 /* a child lives for so many hang timeouts, unless somebody is elected before */

typedef struct {
  SimFault fault;
  int pidfd; /* (owned) of the child, or -1 before it is known */
  guint32 master;
} Child;

static gboolean
is_alive (const Child *child)
{
  struct pollfd pollfd = { .fd = child->pidfd, .events = POLLIN };

  return child->pidfd >= 0 && poll (&pollfd, 1, 0) == 0;
}

static void
child_elected (SimChaos *self, gpointer data)
{
  Child *child = data;

  if (is_alive (child))
    sim_chaos_note (self, child->master, SIM_ENTRY_EFFECTIVE, sim_fleet_get_epoch (self->fleet), child->fault);
  sim_chaos_end_spell (self, child->fault);
}

static void
child_end (SimChaos *self, gpointer data)
{
  Child *child = data;

  if (child->pidfd >= 0) {
    pidfd_send_signal (child->pidfd, SIGKILL, NULL, 0);
    close (child->pidfd);
  }
  self->n_stopped--;
  g_free (child);
}

/* The master says that it has a child; now it dies. */
void
sim_chaos_forked (SimChaos *self, SimProcess *process, pid_t pid)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    Child *child = self->spells[i].funcs != NULL ? self->spells[i].data : NULL;

    if ((i != SIM_FAULT_FORK_CHILD && i != SIM_FAULT_CLONE_CHILD) || child == NULL || child->master != process->index
        || child->pidfd >= 0)
      continue;
    child->pidfd = pidfd_open (pid, 0);
    if (process == sim_fleet_get_master (self->fleet))
      sim_chaos_kill (self, process, child->fault);
  }
}

static void
ask_for_child (SimChaos *self, SimFault fault)
{
  static const SimSpellFuncs funcs = { .elected = child_elected, .end = child_end };
  guint life_ms = LIFE_TIMEOUTS * (guint) self->options->hang_timeout_ms;
  SimProcess *master = sim_fleet_get_master (self->fleet);
  Child *child;

  if (self->n_stopped >= SIM_STOPPED_MAX || sim_chaos_has_spell (self, fault))
    return;
  child = g_new (Child, 1);
  *child = (Child) { .fault = fault, .pidfd = -1, .master = master->index };
  self->n_stopped++; /* what the child holds keeps a book of the ledger from being used again */
  sim_chaos_begin_spell (self, fault, life_ms, &funcs, child);
  sim_process_command (master, SIM_COMMAND_FORK, fault == SIM_FAULT_CLONE_CHILD, (guint16) MIN (life_ms, G_MAXUINT16));
}

void
sim_chaos_do_fork_child (SimChaos *self, const SimStep *step)
{
  ask_for_child (self, step->fault);
}

void
sim_chaos_do_clone_child (SimChaos *self, const SimStep *step)
{
  ask_for_child (self, step->fault);
}
