/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-timeline.h"

/*
 * What a page draws of a run: who was master when, what was done to whom, how each fail-over went, and how long each
 * message took. It watches the measuring, so that what is drawn is what is counted in the report. Pure.
 */

typedef struct {
  SimTimeline *timeline;
  gint64 answered_again_ns; /* when the last fail-over ended */
} Watch;

/* An effect belongs to the latest injection that has none yet: of the same node, or else of anybody. */
static SimIncident *
find_incident (SimTimeline *self, SimFault fault, guint32 node)
{
  SimIncident *found = NULL;

  for (guint i = self->incidents->len; i > 0; i--) {
    SimIncident *incident = &g_array_index (self->incidents, SimIncident, i - 1);

    if (incident->fault != fault || incident->effective_ns != SIM_NEVER_NS)
      continue;
    if (incident->node == node)
      return incident;
    if (found == NULL)
      found = incident;
  }
  return found;
}

static void
watch_injected (const SimEvent *event, SimFault fault, gpointer user_data)
{
  SimTimeline *self = ((Watch *) user_data)->timeline;
  SimIncident incident = { fault, event->node, event->entry.time_ns, SIM_NEVER_NS, SIM_NEVER_NS };

  g_array_append_val (self->incidents, incident);
}

static void
watch_effective (const SimEvent *event, SimFault fault, gpointer user_data)
{
  SimTimeline *self = ((Watch *) user_data)->timeline;
  SimIncident *incident = find_incident (self, fault, event->node);

  if (incident == NULL) {
    watch_injected (event, fault, user_data);
    incident = &g_array_index (self->incidents, SimIncident, self->incidents->len - 1);
  }
  incident->effective_ns = event->entry.time_ns;
}

static void
watch_answered_again (const SimEvent *answer, const SimFailover *failover, gpointer user_data)
{
  Watch *watch = user_data;
  SimSuccession succession = { *failover, answer->entry.epoch, answer->entry.time_ns };

  watch->answered_again_ns = answer->entry.time_ns;
  g_array_append_val (watch->timeline->successions, succession);
}

static SimSlice *
find_slice (SimTimeline *self, gint64 time_ns)
{
  double share = (double) (time_ns - self->start_ns) / (double) MAX (self->end_ns - self->start_ns, 1);

  return &self->slices[(guint) CLAMP (share * SIM_TIMELINE_N_SLICES, 0, SIM_TIMELINE_N_SLICES - 1)];
}

static void
watch_outcome (const SimEvent *event, gint64 sent_ns, gpointer user_data)
{
  Watch *watch = user_data;
  SimTimeline *self = watch->timeline;
  SimSlice *slice = find_slice (self, event->entry.time_ns);
  gboolean answered = event->entry.kind == SIM_ENTRY_ANSWERED;
  SimOutcome outcome = {
    .sent_ns = sent_ns,
    .took_ns = event->entry.time_ns - sent_ns,
    .number = event->entry.number,
    .epoch = event->entry.epoch,
    .sender = event->node,
    .code = answered ? 0 : event->entry.code,
  };

  sim_latencies_add (self->latencies, &outcome);
  if (answered)
    g_array_append_val (watch->answered_again_ns >= sent_ns ? self->waited_ns : self->others_ns, outcome.took_ns);
  slice->n_answered += answered;
  slice->n_failed += !answered;
}

static void
see_first (gint64 *time_ns, const SimEvent *event)
{
  *time_ns = MIN (*time_ns, event->entry.time_ns);
}

static void
see_firsts (SimTimeline *self, const SimEvent *event)
{
  SimMastership *mastership = sim_epochs_find (self->epochs, event->entry.epoch);
  SimFirsts *firsts;

  if (mastership == NULL)
    return;
  firsts = &g_array_index (self->firsts, SimFirsts,
                           mastership - (SimMastership *) (gpointer) self->epochs->masterships->data);
  if (event->entry.kind == SIM_ENTRY_HANDLED)
    see_first (&firsts->handled_ns, event);
  else if (event->entry.kind == SIM_ENTRY_RESPONDED)
    see_first (&firsts->responded_ns, event);
  else
    see_first (&firsts->answered_ns, event);
}

/* It goes on, or dies standing. */
static void
see_standing_end (SimTimeline *self, const SimEvent *event)
{
  for (guint i = self->incidents->len; i > 0; i--) {
    SimIncident *incident = &g_array_index (self->incidents, SimIncident, i - 1);

    if (incident->node != event->node || incident->at_ns >= event->entry.time_ns)
      continue;
    if (incident->fault != SIM_FAULT_STOP && incident->fault != SIM_FAULT_HALT && incident->fault != SIM_FAULT_HICCUP)
      continue;
    if (incident->until_ns == SIM_NEVER_NS)
      incident->until_ns = event->entry.time_ns;
    return;
  }
}

static void
see_event (SimTimeline *self, const SimEvent *event)
{
  SimEntryKind kind = (SimEntryKind) event->entry.kind;

  if (kind == SIM_ENTRY_SENT)
    find_slice (self, event->entry.time_ns)->n_sent++;
  else if (kind == SIM_ENTRY_HANDLED || kind == SIM_ENTRY_RESPONDED || kind == SIM_ENTRY_ANSWERED)
    see_firsts (self, event);
  else if (kind == SIM_ENTRY_CONTINUED || kind == SIM_ENTRY_KILLED)
    see_standing_end (self, event);
}

static int
compare_durations (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 other = *(const gint64 *) b;

  return (one > other) - (one < other);
}

static SimTimeline *
make (const SimHistory *history)
{
  SimTimeline *self = g_new0 (SimTimeline, 1);
  guint n_events = history->events->len;

  if (n_events > 0) {
    self->start_ns = g_array_index (history->events, SimEvent, 0).entry.time_ns;
    self->end_ns = g_array_index (history->events, SimEvent, n_events - 1).entry.time_ns;
  }
  self->epochs = sim_epochs_new (history);
  self->firsts = g_array_new (FALSE, FALSE, sizeof (SimFirsts));
  for (guint i = 0; i < self->epochs->masterships->len; i++) {
    SimFirsts firsts = { SIM_NEVER_NS, SIM_NEVER_NS, SIM_NEVER_NS };

    g_array_append_val (self->firsts, firsts);
  }
  self->incidents = g_array_new (FALSE, FALSE, sizeof (SimIncident));
  self->successions = g_array_new (FALSE, FALSE, sizeof (SimSuccession));
  self->latencies = sim_latencies_new ();
  self->waited_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->others_ns = g_array_new (FALSE, FALSE, sizeof (gint64));
  return self;
}

/* (transfer full): the history must be sorted by time. */
SimTimeline *
sim_timeline_new (const SimHistory *history)
{
  static const SimMeasureWatcher watcher = { watch_injected, watch_effective, watch_answered_again, watch_outcome };
  SimTimeline *self = make (history);
  Watch watch = { self, G_MININT64 };
  SimMeasure measure;

  sim_measure_watch (history, &measure, &watcher, &watch);
  for (guint i = 0; i < history->events->len; i++)
    see_event (self, &g_array_index (history->events, SimEvent, i));

  sim_latencies_reduce (self->latencies, self->start_ns, self->end_ns);
  g_array_sort (self->waited_ns, compare_durations);
  g_array_sort (self->others_ns, compare_durations);
  return self;
}

void
sim_timeline_free (SimTimeline *self)
{
  sim_epochs_free (self->epochs);
  sim_latencies_free (self->latencies);
  g_array_unref (self->firsts);
  g_array_unref (self->incidents);
  g_array_unref (self->successions);
  g_array_unref (self->waited_ns);
  g_array_unref (self->others_ns);
  g_free (self);
}
