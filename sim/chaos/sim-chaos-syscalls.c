/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include "sim-syscalls.h"

/*
 * System calls that fail or do less than they were asked for, in one process or another: the shim that is loaded into
 * it (shim/sim-shim.c) is given a rule, for a while. Afterwards it is known how many calls the rule has hit.
 */

#define RULE_MIN_MS 150
#define RULE_MAX_MS 900

typedef struct {
  SimChaos *chaos;
  SimProcess *process;
} Armed;

static void
end_rule (SimChaos *self, SimProcess *process)
{
  if (sim_shim_page_disarm (process->shim) > 0)
    sim_chaos_note (self, process->index, SIM_ENTRY_EFFECTIVE, 0, process->rule_fault);
}

static gboolean
rule_over_cb (gpointer user_data)
{
  Armed *armed = user_data;

  armed->process->rule_source = 0;
  end_rule (armed->chaos, armed->process);
  return G_SOURCE_REMOVE;
}

static void
note_rule (SimChaos *self, const SimProcess *process, SimFault fault, const SimRule *rule)
{
  SimEntry entry = {
    .time_ns = sim_entry_now_ns (),
    .kind = SIM_ENTRY_INJECTED,
    .sequence = sim_rule_pack (rule),
    .code = (gint32) fault,
  };

  sim_history_add_supervisor_event (self->history, process->index, &entry);
}

/* Also when the process ends meanwhile: it may have done so because of it. */
static void
give_rule (SimChaos *self, SimProcess *process, const SimStep *step, const SimRule *rule)
{
  guint duration_ms = RULE_MIN_MS + (guint) (step->pick >> 40) % (RULE_MAX_MS - RULE_MIN_MS);
  Armed *armed;

  if (process == NULL || process->rule_source != 0)
    return;
  armed = g_new (Armed, 1);
  *armed = (Armed) { self, process };
  process->rule_fault = step->fault;
  process->rule_source = g_timeout_add_full (G_PRIORITY_DEFAULT, duration_ms, rule_over_cb, armed, g_free);
  note_rule (self, process, step->fault, rule);
  sim_shim_page_arm (process->shim, rule);
}

static void
give_rule_to_all (SimChaos *self, GPtrArray *processes, const SimStep *step, const SimRule *rule)
{
  for (guint i = 0; i < processes->len; i++)
    give_rule (self, g_ptr_array_index (processes, i), step, rule);
}

/* Its connection breaks, and it has to make another. */
static void
cut_one (SimChaos *self, GPtrArray *members, const SimStep *step, const SimRule *rule)
{
  SimProcess *process = sim_chaos_pick_one (members, sim_random_mix (step->pick));

  give_rule (self, process, step, rule);
  if (process != NULL)
    sim_process_command (process, SIM_COMMAND_CUT, 0, 0);
}

/* Connections of all members break: they come back to the master, who cannot take them in. */
static void
cut_all (GPtrArray *members)
{
  for (guint i = 0; i < members->len; i++)
    sim_process_command (g_ptr_array_index (members, i), SIM_COMMAND_CUT, 0, 0);
}

/* Arms the rule in whoever will make such a call, and then brings about that it is made. */
void
sim_chaos_do_syscall_errors (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  g_autoptr (GPtrArray) standbys = sim_chaos_find_standbys (self);
  SimStep besides = { .fault = SIM_FAULT_DELETE_FILE, .pick = step->pick };
  SimOccasion occasion;
  SimRule rule = sim_syscalls_draw_failure (step->pick, &occasion);

  switch (occasion) {
  case SIM_OCCASION_SERVING:
    give_rule (self, sim_fleet_get_master (self->fleet), step, &rule);
    break;
  case SIM_OCCASION_CROWD:
    give_rule (self, sim_fleet_get_master (self->fleet), step, &rule);
    cut_all (members);
    break;
  case SIM_OCCASION_CUT:
    cut_one (self, members, step, &rule);
    break;
  case SIM_OCCASION_RESIGNATION:
    give_rule (self, sim_fleet_get_master (self->fleet), step, &rule);
    sim_chaos_do_resign (self, step);
    break;
  case SIM_OCCASION_SUCCESSION:
    give_rule_to_all (self, standbys, step, &rule);
    sim_chaos_do_resign (self, step);
    break;
  case SIM_OCCASION_NEW_FILE:
    give_rule_to_all (self, standbys, step, &rule);
    sim_chaos_do_delete_file (self, &besides);
    break;
  case SIM_OCCASION_NEW_DIRECTORY:
    besides.fault = SIM_FAULT_DELETE_DIRECTORY;
    give_rule_to_all (self, members, step, &rule);
    sim_chaos_do_delete_directory (self, &besides);
    break;
  default:
    g_assert_not_reached ();
  }
}

/* Everybody reads and writes. */
void
sim_chaos_do_short_io (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  SimProcess *process = step->pick % 2 == 0 ? sim_fleet_get_master (self->fleet)
                                            : sim_chaos_pick_one (members, sim_random_mix (step->pick));
  SimRule rule = sim_syscalls_draw_short (step->pick / 2);

  give_rule (self, process, step, &rule);
}

/* All calls do what they should again. */
void
sim_chaos_end_rules (SimChaos *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->rule_source == 0)
      continue;
    g_clear_handle_id (&process->rule_source, g_source_remove);
    end_rule (self, process);
  }
}
