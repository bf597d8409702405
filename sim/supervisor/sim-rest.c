/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-rest.h"

#include "sim-resources.h"

/*
 * Looks at what the processes of a run hold: when they have joined, and again and again when all messages have ended,
 * until nobody has run between two looks. What was seen goes into the history, and whether it is as it should be is the
 * checker's business. Other people's programs are left alone: they may have more to do than to be a node.
 */

struct _SimRest {
  SimFleet *fleet;     /* (unowned) */
  SimHistory *history; /* (unowned) */
  GArray *before;      /* (owned) of SimEntry, by process: the look before the last */
  GArray *now;         /* (owned) the last; kind is 0 for those that were not looked at */
};

SimRest *
sim_rest_new (SimFleet *fleet, SimHistory *history)
{
  SimRest *self = g_new0 (SimRest, 1);

  self->fleet = fleet;
  self->history = history;
  self->before = g_array_new (FALSE, TRUE, sizeof (SimEntry));
  self->now = g_array_new (FALSE, TRUE, sizeof (SimEntry));
  return self;
}

void
sim_rest_free (SimRest *self)
{
  g_array_unref (self->before);
  g_array_unref (self->now);
  g_free (self);
}

static void
look_at (const SimProcess *process, SimMoment moment, SimEntry *entry)
{
  *entry = (SimEntry) { .time_ns = sim_entry_now_ns (), .code = (gint32) moment };
  if (sim_process_is_alive (process) && process->joined && !process->foreign
      && sim_resources_read (process->pid, entry))
    entry->kind = SIM_ENTRY_SAMPLED;
}

void
sim_rest_note_joined (SimRest *self, const SimProcess *process)
{
  SimEntry entry;

  look_at (process, SIM_MOMENT_JOINED, &entry);
  if (entry.kind != 0)
    sim_history_add_supervisor_event (self->history, process->index, &entry);
}

/* Looks at all of them. Returns whether all were looked at before, and nobody has run since. */
gboolean
sim_rest_look (SimRest *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  GArray *last = self->now;
  gboolean still = last->len == processes->len;

  self->now = self->before;
  self->before = last;
  g_array_set_size (self->now, processes->len);
  for (guint i = 0; i < processes->len; i++) {
    SimEntry *now = &g_array_index (self->now, SimEntry, i);

    look_at (g_ptr_array_index (processes, i), SIM_MOMENT_RESTED, now);
    still = still && sim_resources_are_still (&g_array_index (last, SimEntry, i), now);
  }
  return still;
}

/* Writes down the last two looks. */
void
sim_rest_note (SimRest *self)
{
  for (guint i = 0; i < self->now->len && i < self->before->len; i++) {
    SimEntry *before = &g_array_index (self->before, SimEntry, i);
    SimEntry *now = &g_array_index (self->now, SimEntry, i);

    if (before->kind == 0 || now->kind == 0)
      continue;
    before->code = SIM_MOMENT_RESTING;
    sim_history_add_supervisor_event (self->history, i, before);
    sim_history_add_supervisor_event (self->history, i, now);
  }
}

/* After the end: who is a child of this process now is nobody's that is known. */
void
sim_rest_note_left (SimRest *self)
{
  g_autoptr (GArray) children = sim_resources_find_children ();

  for (guint i = 0; i < children->len; i++) {
    SimEntry entry = {
      .time_ns = sim_entry_now_ns (),
      .kind = SIM_ENTRY_LEFT,
      .pid = (guint32) g_array_index (children, pid_t, i),
    };

    sim_history_add_supervisor_event (self->history, 0, &entry);
  }
}
