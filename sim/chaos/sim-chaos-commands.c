/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include "sim-payload.h"

/*
 * What nodes do to themselves or to each other when they are told to. The command is no more than a wish: whether it
 * came to that, their own records say.
 */

void
sim_chaos_do_poison (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  SimProcess *sender = sim_chaos_pick_one (members, step->pick);

  if (sender != NULL)
    sim_process_command (sender, SIM_COMMAND_SEND, SIM_DEED_ABORT, 0);
}

void
sim_chaos_do_resign (SimChaos *self, const SimStep *step)
{
  sim_process_command (sim_fleet_get_master (self->fleet), SIM_COMMAND_RESIGN, 0, 0);
}

void
sim_chaos_do_cut (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  SimProcess *process = sim_chaos_pick_one (members, step->pick);

  if (process != NULL)
    sim_process_command (process, SIM_COMMAND_CUT, 0, 0);
}

/* The oldest: so all of them have their turn. */
void
sim_chaos_do_restart (SimChaos *self, const SimStep *step)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (!sim_process_is_running (process) || process->leaving)
      continue;
    sim_chaos_note (self, i, SIM_ENTRY_INJECTED, 0, SIM_FAULT_RESTART);
    process->leaving = TRUE;
    self->any_leaving = TRUE;
    sim_process_command (process, SIM_COMMAND_DRAIN, 0, 0);
    return;
  }
}

/* Who was to leave, and has nothing on its way any more, closes; its successor may come meanwhile. */
void
sim_chaos_let_leave (SimChaos *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  gboolean any = FALSE;

  for (guint i = 0; self->any_leaving && i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (!process->leaving || process->told_to_close || !sim_process_is_alive (process))
      continue;
    any = any || !process->drained;
    if (!process->drained)
      continue;
    sim_chaos_note (self, i, SIM_ENTRY_EFFECTIVE, 0, SIM_FAULT_RESTART);
    process->told_to_close = TRUE;
    sim_process_command (process, SIM_COMMAND_CLOSE, 0, 0);
    sim_chaos_replace (self, process);
  }
  self->any_leaving = any;
}
