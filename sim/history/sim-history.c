/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-history.h"

#include "sim-fault.h"
#include "sim-options.h"
#include "sim-phase.h"
#include "sim-syscalls.h"

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
  self->max_deliveries = SIM_MAX_DELIVERIES;
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
  g_free (self->command);
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
  g_string_append_printf (text, " %u/%" G_GUINT64_FORMAT " (sequence %" G_GUINT64_FORMAT ", delivery %d)%s",
                          entry->peer, entry->number, entry->sequence, entry->code,
                          entry->flags & SIM_ENTRY_REDELIVERED ? " redelivered" : "");
}

static void
append_terms (GString *text, const SimEntry *entry)
{
  static const struct {
    guint16 flag;
    const char *words;
  } rows[] = {
    { SIM_ENTRY_ONCE, " at most once" },
    { SIM_ENTRY_POISON, " as poison" },
    { SIM_ENTRY_DEADLINE, " with a deadline" },
    { SIM_ENTRY_CANCEL, " to be cancelled" },
    { SIM_ENTRY_FAIL_FAST, " failing fast" },
    { SIM_ENTRY_REFUSABLE, " not waiting for room" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    if (entry->flags & rows[i].flag)
      g_string_append (text, rows[i].words);
    if (entry->flags & rows[i].flag & (SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL))
      g_string_append_printf (text, " after %d ms", entry->code);
  }
}

static void
append_rule (GString *text, const SimEntry *entry)
{
  SimRule rule = sim_rule_unpack (entry->sequence);
  g_autofree char *words = sim_rule_describe (&rule);

  g_string_append_printf (text, ": %s", words);
}

static void
append_sample (GString *text, const SimEntry *entry)
{
  g_string_append_printf (text,
                          " %s: %u descriptors, %u threads, %" G_GUINT64_FORMAT " KiB, %" G_GUINT64_FORMAT
                          " switches, %" G_GUINT64_FORMAT " ms of processor time",
                          sim_moment_to_string ((SimMoment) entry->code), entry->n_descriptors, entry->n_threads, entry->memory_kib, entry->n_switches,
                          entry->cpu_ms);
}

static gboolean
is_about_fault (const SimEntry *entry)
{
  return entry->kind == SIM_ENTRY_DISTURBED || entry->kind == SIM_ENTRY_KILLED || entry->kind == SIM_ENTRY_STOPPED
         || entry->kind == SIM_ENTRY_CONTINUED || entry->kind == SIM_ENTRY_PLANNED || entry->kind == SIM_ENTRY_INJECTED
         || entry->kind == SIM_ENTRY_EFFECTIVE || entry->kind == SIM_ENTRY_STRANGER;
}

/* (transfer full): what happened, in words. A message is called sender/number. */
char *
sim_history_describe (const SimHistory *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  double at_s = (double) (entry->time_ns - self->start_ns) / 1e9;
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "node %u at %+.6f s %s", event->node, at_s, sim_entry_kind_to_string (entry->kind));
  if (entry->kind == SIM_ENTRY_SAMPLED) {
    append_sample (text, entry);
    return g_string_free (text, FALSE);
  }
  if (entry->kind == SIM_ENTRY_HANDLED)
    append_handling (text, entry);
  else if (entry->kind == SIM_ENTRY_RESPONDED || entry->kind == SIM_ENTRY_WROTE || entry->kind == SIM_ENTRY_FENCED)
    g_string_append_printf (text, " %u/%" G_GUINT64_FORMAT, entry->peer, entry->number);
  else if (entry->kind == SIM_ENTRY_KILLED && entry->number != 0)
    g_string_append_printf (text, " at point %" G_GUINT64_FORMAT, entry->number - 1);
  else if (entry->number != 0)
    g_string_append_printf (text, " %u/%" G_GUINT64_FORMAT, event->node, entry->number);
  if (entry->kind == SIM_ENTRY_ANSWERED)
    g_string_append_printf (text, " by node %u", entry->peer);
  if (entry->kind == SIM_ENTRY_FAILED)
    g_string_append_printf (text, " with code %d", entry->code);
  if (entry->kind == SIM_ENTRY_CANCELLED)
    g_string_append (text, entry->flags & SIM_ENTRY_UNSENT ? " before it was sent" : " when it had been sent");
  if (entry->kind == SIM_ENTRY_SENT)
    append_terms (text, entry);
  if (entry->kind == SIM_ENTRY_STRANGER && (entry->flags & SIM_ENTRY_FAILURE) != 0)
    g_string_append (text, " treated wrongly");
  if (entry->kind == SIM_ENTRY_PHASE)
    g_string_append_printf (text, " %s", sim_phase_to_string ((SimPhase) entry->code));
  if (is_about_fault (entry))
    g_string_append_printf (text, " by %s", sim_fault_to_string ((SimFault) entry->code));
  if (entry->kind == SIM_ENTRY_INJECTED && entry->sequence != 0)
    append_rule (text, entry);
  if (entry->kind == SIM_ENTRY_ROLE)
    g_string_append_printf (text, " %d", entry->code);
  if (entry->epoch != 0)
    g_string_append_printf (text, " in epoch %" G_GUINT64_FORMAT, entry->epoch);
  return g_string_free (text, FALSE);
}
