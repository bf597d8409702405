/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

/*
 * Nodes that are slow for a while without standing still: handlers that answer late, and main loops that are held up in
 * a callback while answers pile up in their sockets. Nobody is to be replaced for either.
 */

#define LATE_MIN_MS 20
#define LATE_MAX_MS 400
#define LATE_UNIT_MS 10        /* of the command */
#define LATE_FOR_MS 1000       /* handlers are slow for so long */
#define BLOCKED_PER_TIMEOUT 2  /* a loop is held up for at most one of so many parts of the hang timeout */
#define BLOCKED_SHARE 4        /* one of so many nodes is */

/* All that are candidates now, also those that stand still and read it later. */
static void
slow_down (SimChaos *self, guint late_ms, guint for_ms)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (!process->candidate || !process->joined || !sim_process_is_alive (process))
      continue;
    if (late_ms > 0)
      sim_chaos_note (self, process->index, SIM_ENTRY_INJECTED, 0, SIM_FAULT_SLOW_HANDLERS);
    sim_process_command (process, SIM_COMMAND_SLOW, (guint8) (late_ms / LATE_UNIT_MS), (guint16) for_ms);
  }
}

static void
slow_end (SimChaos *self, gpointer data)
{
  slow_down (self, 0, 0);
}

void
sim_chaos_do_slow_handlers (SimChaos *self, const SimStep *step)
{
  static const SimSpellFuncs funcs = { .end = slow_end };

  if (sim_chaos_has_spell (self, step->fault))
    return;
  slow_down (self, LATE_MIN_MS + (guint) (step->pick % (LATE_MAX_MS - LATE_MIN_MS)), LATE_FOR_MS);
  sim_chaos_begin_spell (self, step->fault, LATE_FOR_MS, &funcs, NULL);
}

/* The master among them in one of three times. */
void
sim_chaos_do_slow_readers (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  guint longest_ms = (guint) self->options->hang_timeout_ms / BLOCKED_PER_TIMEOUT;

  if (step->pick % 3 == 0)
    g_ptr_array_add (members, sim_fleet_get_master (self->fleet));
  for (guint i = 0; i < members->len; i++) {
    SimProcess *process = g_ptr_array_index (members, i);
    guint64 drawn = sim_random_mix (step->pick ^ process->index);

    if (drawn % BLOCKED_SHARE != 0 && process != sim_fleet_get_master (self->fleet))
      continue;
    sim_chaos_note (self, process->index, SIM_ENTRY_INJECTED, 0, step->fault);
    sim_process_command (process, SIM_COMMAND_BLOCK, 0, (guint16) (1 + (drawn >> 8) % longest_ms));
  }
}
