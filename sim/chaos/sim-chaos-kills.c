/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

/*
 * Ends of processes by SIGKILL, at an instant of the schedule's.
 */

void
sim_chaos_do_kill (SimChaos *self, const SimStep *step)
{
  sim_chaos_kill (self, sim_fleet_get_master (self->fleet), step->fault);
}

/* Each step is one of its kills; the schedule has them follow each other closely. */
void
sim_chaos_do_cascade (SimChaos *self, const SimStep *step)
{
  sim_chaos_do_kill (self, step);
}

void
sim_chaos_do_kill_all (SimChaos *self, const SimStep *step)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->candidate && process->joined && !process->killed && sim_process_is_alive (process))
      sim_chaos_kill (self, process, step->fault);
  }
}

static void
kill_one_of (SimChaos *self, GPtrArray *processes, const SimStep *step)
{
  SimProcess *process = sim_chaos_pick_one (processes, step->pick);

  if (process != NULL)
    sim_chaos_kill (self, process, step->fault);
}

void
sim_chaos_do_kill_standby (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) standbys = sim_chaos_find_standbys (self);

  kill_one_of (self, standbys, step);
}

void
sim_chaos_do_kill_client (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) clients = sim_chaos_find_members (self, FALSE);

  kill_one_of (self, clients, step);
}
