/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-live.h"

#include "sim-view.h"

/*
 * Gathers what the live view shows: from the fleet, from what the supervisor has written down so far, and from the
 * counts of all nodes, which it compares with those of the last time. So it knows who waits only as exactly as it looks;
 * the report is exact.
 */

typedef struct {
  guint64 n_answered;
  gint64 since_us; /* of its last answer, as far as it is known, while it waits */
} Wait;

struct _SimLive {
  const SimOptions *options;
  SimFleet *fleet;           /* (unowned) */
  SimChaos *chaos;           /* (unowned) */
  const SimHistory *history; /* (unowned) */
  GArray *waits;             /* (owned) of Wait, by process */
  guint n_seen;              /* events of the history */
  guint64 n_faults;
  GPtrArray *events; /* (owned) of char *: the last that are worth showing */
  SimRecordCounts traffic;
  gint64 at_us; /* when that was counted, or 0 */
  double longest_wait_s;
};

SimLive *
sim_live_new (const SimOptions *options, SimFleet *fleet, SimChaos *chaos, const SimHistory *history)
{
  SimLive *self = g_new0 (SimLive, 1);

  self->options = options;
  self->fleet = fleet;
  self->chaos = chaos;
  self->history = history;
  self->waits = g_array_new (FALSE, TRUE, sizeof (Wait));
  self->events = g_ptr_array_new_with_free_func (g_free);
  return self;
}

void
sim_live_free (SimLive *self)
{
  g_array_unref (self->waits);
  g_ptr_array_unref (self->events);
  g_free (self);
}

static void
see_new_events (SimLive *self)
{
  for (; self->n_seen < self->history->events->len; self->n_seen++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, self->n_seen);

    if (event->entry.kind == SIM_ENTRY_PLANNED) {
      self->n_faults++;
      continue;
    }
    g_ptr_array_add (self->events, sim_history_describe (self->history, event));
    if (self->events->len > SIM_VIEW_EVENTS)
      g_ptr_array_remove_index (self->events, 0);
  }
}

/* Who has waited longest of those that still wait: (nullable) none. */
static const SimProcess *
find_longest_wait (SimLive *self, gint64 now_us, double *wait_s)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  const SimProcess *longest = NULL;

  g_array_set_size (self->waits, processes->len);
  for (guint i = 0; i < processes->len; i++) {
    const SimProcess *process = g_ptr_array_index (processes, i);
    Wait *wait = &g_array_index (self->waits, Wait, i);
    SimRecordCounts counts;

    if (!sim_process_is_alive (process) || !process->joined)
      continue;
    counts = sim_record_get_counts (process->record);
    if (wait->since_us == 0 || counts.n_answered != wait->n_answered || counts.n_sent <= counts.n_answered)
      *wait = (Wait) { counts.n_answered, now_us };
    if ((double) (now_us - wait->since_us) / G_USEC_PER_SEC > *wait_s) {
      *wait_s = (double) (now_us - wait->since_us) / G_USEC_PER_SEC;
      longest = process;
    }
  }
  return longest;
}

static void
fill_rates (SimLive *self, SimViewState *state, gint64 now_us)
{
  SimRecordCounts traffic = sim_fleet_get_traffic (self->fleet);
  double passed_s = (double) (now_us - self->at_us) / G_USEC_PER_SEC;

  if (self->at_us != 0 && passed_s > 0) {
    state->sent_rate = (double) (traffic.n_sent - self->traffic.n_sent) / passed_s;
    state->answered_rate = (double) (traffic.n_answered - self->traffic.n_answered) / passed_s;
  }
  self->traffic = traffic;
  self->at_us = now_us;
}

static void
draw (SimLive *self, const SimProgress *progress, SimPhase phase)
{
  gint64 now_us = g_get_monotonic_time ();
  SimFleetCounts counts = sim_fleet_get_counts (self->fleet);
  const SimProcess *master = sim_fleet_get_master (self->fleet);
  g_autoptr (GPtrArray) events = g_ptr_array_new ();
  SimViewState state = {
    .seed = self->options->seed,
    .phase = sim_phase_to_string (phase),
    .chaos_s = sim_chaos_get_elapsed_s (self->chaos),
    .duration_s = self->options->duration_s,
    .n_joined = counts.n_joined,
    .n_nodes = counts.n_alive + counts.n_wanted,
    .master = master != NULL ? (int) master->index : -1,
    .epoch = sim_fleet_get_epoch (self->fleet),
    .master_for_s = (double) (now_us - sim_fleet_get_elected_us (self->fleet)) / G_USEC_PER_SEC,
    .n_kills = sim_chaos_get_n_kills (self->chaos),
    .n_faults = self->n_faults,
    .waiting_node = -1,
  };
  const SimProcess *waiting = find_longest_wait (self, now_us, &state.waiting_s);
  g_autofree char *page = NULL;
  guint width, height;

  self->longest_wait_s = MAX (self->longest_wait_s, state.waiting_s);
  state.longest_wait_s = self->longest_wait_s;
  state.waiting_node = waiting != NULL ? (int) waiting->index : -1;
  fill_rates (self, &state, now_us);
  g_ptr_array_extend (events, self->events, NULL, NULL);
  g_ptr_array_add (events, progress->message);
  g_ptr_array_add (events, NULL);
  state.events = (const char *const *) events->pdata;
  sim_progress_get_size (&width, &height);
  page = sim_view_render (&state, width, height, progress->colours);
  sim_progress_draw (page);
}

/* On a terminal: how it looks now. */
void
sim_live_show (SimLive *self, SimProgress *progress, SimPhase phase)
{
  if (!progress->live)
    return;
  see_new_events (self);
  draw (self, progress, phase);
}
