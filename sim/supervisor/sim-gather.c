/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-gather.h"

#include "sim-line.h"
#include "sim-record.h"

/*
 * When a run is over: puts together what each of its processes has written down, in the order of time, and what became
 * of them.
 */

/* Nobody saw when a process died at a kill point; only that it had, and it may have been killed once more before that
 * was known. Its own last word is the best that is known: the next master cannot have been elected before. */
static void
date_death (SimHistory *history, guint n_own_events, guint32 node, const GArray *entries)
{
  const SimEntry *last = entries->len > 0 ? &g_array_index (entries, SimEntry, entries->len - 1) : NULL;

  for (guint i = 0; last != NULL && i < n_own_events; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);

    if (event->node == node && event->entry.kind == SIM_ENTRY_KILLED)
      event->entry.time_ns = MIN (event->entry.time_ns, last->time_ns + 1);
  }
}

/* Adds to the history, which has what the supervisor wrote, what all others wrote. */
gboolean
sim_gather_records (SimFleet *fleet, const char *run_dir, SimHistory *history, GError **error)
{
  GPtrArray *processes = sim_fleet_get_processes (fleet);
  guint n_own_events = history->events->len;

  for (guint32 i = 0; i < processes->len; i++) {
    const SimProcess *process = g_ptr_array_index (processes, i);
    g_autofree char *path = sim_process_build_record_path (run_dir, i);
    g_autoptr (GArray) entries = sim_record_load (path, i, error);
    SimNodeInfo info = {
      .pid = (guint32) process->pid,
      .fate = process->fate,
      .candidate = process->candidate,
      .joined = process->joined,
      .end = g_strdup (process->end),
    };

    sim_history_add_node (history, &info);
    if (entries == NULL)
      return FALSE;
    if (process->armed >= 0 || process->truncated)
      date_death (history, n_own_events, i, entries);
    sim_history_add_events (history, i, (const SimEntry *) entries->data, entries->len);
  }
  sim_line_name_handlers (history);
  sim_history_sort (history);
  return TRUE;
}
