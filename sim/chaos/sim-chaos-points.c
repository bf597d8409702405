/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

/*
 * Deaths at the kill points of the library. Masters are armed and then have to get there; standbys are armed, and then
 * their master goes: by a kill, by a stop if somebody is to depose it, or because it resigns.
 */

#define ARM_DELAY_MS 5 /* in which a process reads that it is armed */
#define PASSES_MAX 20  /* a master dies at one of so many messages */

static void
arm (SimChaos *self, SimProcess *process, guint64 pick)
{
  guint16 n_passes = self->armed >= IPC_KILL_POINT_MESSAGE_READ && self->armed <= IPC_KILL_POINT_WRITTEN
                         ? (guint16) (1 + pick % PASSES_MAX)
                         : 1;

  process->armed = (int) self->armed;
  sim_chaos_note (self, process->index, SIM_ENTRY_INJECTED, 0, SIM_FAULT_KILL_AT);
  sim_process_command (process, SIM_COMMAND_ARM, (guint8) self->armed, n_passes);
}

/* One that has died of it before it could read this stays what it was. */
void
sim_chaos_disarm (SimChaos *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; self->any_armed && i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->armed >= 0)
      sim_process_command (process, SIM_COMMAND_ARM, IPC_KILL_POINT_N_POINTS, 1);
  }
  self->any_armed = FALSE;
}

/* The standbys have heard of it: now one of them has to be master. */
static gboolean
armed_cb (gpointer user_data)
{
  SimChaos *self = user_data;
  SimProcess *master = sim_fleet_get_master (self->fleet);

  self->armed_source = 0;
  if (master == NULL || master->stopped) {
    sim_chaos_update (self);
    return G_SOURCE_REMOVE;
  }
  if (self->armed == IPC_KILL_POINT_SLOT_TAKEN && self->n_stopped < SIM_STOPPED_MAX) {
    sim_chaos_stop_master (self, sim_chaos_choose_pause_ms (self));
  } else if (self->armed <= IPC_KILL_POINT_SERVING) {
    sim_chaos_kill (self, master, SIM_FAULT_KILL_AT);
  } else {
    sim_process_command (master, SIM_COMMAND_RESIGN, 0, 0);
  }
  sim_chaos_update (self);
  return G_SOURCE_REMOVE;
}

void
sim_chaos_do_kill_at (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) standbys = sim_chaos_find_standbys (self);
  guint64 pick = step->pick / IPC_KILL_POINT_N_POINTS;

  if (self->any_armed || self->hiccup_source != 0)
    return;
  self->armed = self->options->kill_point >= 0 ? (IpcKillPoint) self->options->kill_point
                                               : (IpcKillPoint) (step->pick % IPC_KILL_POINT_N_POINTS);
  self->any_armed = TRUE;
  self->armed_epoch = sim_fleet_get_epoch (self->fleet);
  if (self->armed > IPC_KILL_POINT_SERVING)
    arm (self, sim_fleet_get_master (self->fleet), pick);
  for (guint i = 0; self->armed <= IPC_KILL_POINT_SERVING && i < standbys->len; i++)
    arm (self, g_ptr_array_index (standbys, i), pick);
  if (self->armed <= IPC_KILL_POINT_SERVING || self->armed >= IPC_KILL_POINT_RESIGN_BEGUN)
    self->armed_source = g_timeout_add (ARM_DELAY_MS, armed_cb, self);
}
