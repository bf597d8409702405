/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-history.h"

#include "sim-schedule.h"

/*
 * The records of all nodes and the deeds of the supervisor, merged by time. One clock for all processes of a machine is
 * what makes this simple: if one event caused another, it has the smaller time. Every process that was ever started
 * is a node of its own; a replacement does not inherit the index of the one that it replaces.
 */

static void
clear_node (gpointer data)
{
  SimNodeInfo *info = data;

  g_free (info->end);
}

SimHistory *
sim_history_new (gint64 start_ns)
{
  SimHistory *self = g_new0 (SimHistory, 1);

  self->start_ns = start_ns;
  self->nodes = g_array_new (FALSE, FALSE, sizeof (SimNodeInfo));
  g_array_set_clear_func (self->nodes, clear_node);
  self->events = g_array_new (FALSE, FALSE, sizeof (SimEvent));
  return self;
}

void
sim_history_free (SimHistory *self)
{
  g_array_unref (self->nodes);
  g_array_unref (self->events);
  g_free (self);
}

/* Takes info->end. */
guint32
sim_history_add_node (SimHistory *self, const SimNodeInfo *info)
{
  g_array_append_vals (self->nodes, info, 1);
  return self->nodes->len - 1;
}

void
sim_history_add_events (SimHistory *self, guint32 node, const SimEntry *entries, guint n_entries)
{
  for (guint32 i = 0; i < n_entries; i++) {
    SimEvent event = { .entry = entries[i], .node = node, .position = i };

    g_array_append_val (self->events, event);
  }
}

void
sim_history_add_supervisor_event (SimHistory *self, guint32 node, const SimEntry *entry)
{
  SimEvent event = { .entry = *entry, .node = node, .position = G_MAXUINT32 };

  g_array_append_val (self->events, event);
}

static int
compare_events (gconstpointer a, gconstpointer b)
{
  const SimEvent *one = a;
  const SimEvent *other = b;

  if (one->entry.time_ns != other->entry.time_ns)
    return one->entry.time_ns < other->entry.time_ns ? -1 : 1;
  if (one->node != other->node)
    return one->node < other->node ? -1 : 1;
  return (one->position > other->position) - (one->position < other->position);
}

void
sim_history_sort (SimHistory *self)
{
  g_array_sort (self->events, compare_events);
}

const SimNodeInfo *
sim_history_get_node (const SimHistory *self, guint32 node)
{
  return &g_array_index (self->nodes, SimNodeInfo, node);
}

const char *
sim_fate_to_string (SimFate fate)
{
  switch (fate) {
  case SIM_FATE_CLOSED:
    return "closed";
  case SIM_FATE_KILLED:
    return "killed";
  case SIM_FATE_CRASHED:
    return "crashed";
  case SIM_FATE_HUNG:
    return "hung";
  }

  return "unknown";
}

static void
append_handling (GString *text, const SimEntry *entry)
{
  g_string_append_printf (text, " %u/%" G_GUINT64_FORMAT " (sequence %" G_GUINT64_FORMAT ")%s", entry->peer,
                          entry->number, entry->sequence, entry->flags & SIM_ENTRY_REDELIVERED ? " redelivered" : "");
}

/* (transfer full): what happened, in words. A message is called sender/number. */
char *
sim_history_describe (const SimHistory *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  double at_s = (double) (entry->time_ns - self->start_ns) / 1e9;
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "node %u at %+.6f s %s", event->node, at_s, sim_entry_kind_to_string (entry->kind));
  if (entry->kind == SIM_ENTRY_HANDLED)
    append_handling (text, entry);
  else if (entry->number != 0)
    g_string_append_printf (text, " %u/%" G_GUINT64_FORMAT, event->node, entry->number);
  if (entry->kind == SIM_ENTRY_ANSWERED)
    g_string_append_printf (text, " by node %u", entry->peer);
  if (entry->kind == SIM_ENTRY_FAILED)
    g_string_append_printf (text, " with code %d", entry->code);
  if (entry->kind == SIM_ENTRY_DISTURBED)
    g_string_append_printf (text, " by %s", sim_fault_to_string ((SimFault) entry->code));
  if (entry->kind == SIM_ENTRY_ROLE)
    g_string_append_printf (text, " %d", entry->code);
  if (entry->epoch != 0)
    g_string_append_printf (text, " in epoch %" G_GUINT64_FORMAT, entry->epoch);
  return g_string_free (text, FALSE);
}

/* All events as text, one a line, for whoever wants to know how it came about. */
gboolean
sim_history_write (const SimHistory *self, const char *path, GError **error)
{
  g_autoptr (GString) text = g_string_new (NULL);

  for (guint i = 0; i < self->events->len; i++) {
    g_autofree char *line = sim_history_describe (self, &g_array_index (self->events, SimEvent, i));

    g_string_append_printf (text, "%s\n", line);
  }
  return g_file_set_contents (path, text->str, (gssize) text->len, error);
}
