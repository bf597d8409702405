/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-measure.h"

/*
 * From a history to figures: what hit the group, and how long it took it to go on. Pure, like the checker.
 *
 * A fail-over ends with the first answer that anybody gets from an epoch newer than the killed one. When the
 * successor is killed before it has answered, both kills end with the same answer, because that is how long nobody
 * was served. A fail-over that was disturbed besides is measured apart: its duration says more about the disturbance.
 */

#define AFTER_EFFECT_NS G_GINT64_CONSTANT (50000000) /* a kill so soon after a disturbance feels it */

/* A kill that nobody has been answered after yet. */
typedef struct {
  gint64 time_ns;
  guint64 epoch;
  gboolean disturbed;
} Failover;

typedef struct {
  gint64 sent_ns;
  guint32 begun_by; /* the node that handled it last + 1, or 0 */
  gboolean ended;   /* by an outcome, or with its sender */
} Send;

typedef struct {
  GArray *sends;       /* (owned) of Send, by number - 1 */
  guint64 n_in_flight; /* of its own messages, those that have not ended */
  guint64 n_begun;     /* of the messages that it handled, those that have not ended */
  gboolean killed;
} Node;

typedef struct {
  const SimHistory *history;
  SimMeasure *measure;

  Node *nodes;         /* (owned) */
  guint64 n_in_flight; /* of all nodes that live */

  GArray *failovers;   /* (owned) of Failover, that go on */
  GArray *latencies;   /* (owned) of gint64, in ns */
  GArray *undisturbed; /* (owned) of gint64, durations in ns */
  GArray *disturbed;   /* (owned) the same */
  gint64 disturbed_ns; /* the last disturbance, or 0 */
} Walk;

/* NULL when the message does not count any more. */
static Send *
find_send (Walk *self, guint32 sender, guint64 number)
{
  GArray *sends;
  Send *send;

  if (sender >= self->history->nodes->len)
    return NULL;
  sends = self->nodes[sender].sends;
  send = number == 0 || number > sends->len ? NULL : &g_array_index (sends, Send, number - 1);
  return send != NULL && !send->ended ? send : NULL;
}

static void
set_begun_by (Walk *self, Send *send, guint32 value)
{
  if (send->begun_by != 0)
    self->nodes[send->begun_by - 1].n_begun--;
  send->begun_by = value;
  if (value != 0)
    self->nodes[value - 1].n_begun++;
}

static void
end_send (Walk *self, guint32 sender, Send *send)
{
  set_begun_by (self, send, 0);
  send->ended = TRUE;
  self->nodes[sender].n_in_flight--;
  self->n_in_flight--;
}

static void
see_sent (Walk *self, const SimEvent *event)
{
  Node *node = &self->nodes[event->node];
  Send send = { .sent_ns = event->entry.time_ns };

  if (node->killed)
    return; /* its last words */
  g_array_append_val (node->sends, send);
  node->n_in_flight++;
  self->n_in_flight++;
}

static void
see_handled (Walk *self, const SimEvent *event)
{
  Send *send = find_send (self, event->entry.peer, event->entry.number);

  if (send != NULL)
    set_begun_by (self, send, event->node + 1);
}

static void
see_outcome (Walk *self, const SimEvent *event)
{
  Send *send = find_send (self, event->node, event->entry.number);
  gint64 latency_ns;

  if (send == NULL)
    return;
  end_send (self, event->node, send);
  latency_ns = event->entry.time_ns - send->sent_ns;
  if (event->entry.kind == SIM_ENTRY_ANSWERED)
    g_array_append_val (self->latencies, latency_ns);
}

/* Nobody waits any more for the answers to what it sent. */
static void
bury (Walk *self, guint32 index)
{
  Node *node = &self->nodes[index];

  node->killed = TRUE;
  for (guint i = node->sends->len; i > 0 && node->n_in_flight > 0; i--) {
    Send *send = &g_array_index (node->sends, Send, i - 1);

    if (!send->ended)
      end_send (self, index, send);
  }
}

static void
see_killed (Walk *self, const SimEvent *event)
{
  Failover failover = { .time_ns = event->entry.time_ns, .epoch = event->entry.epoch };

  bury (self, event->node);
  failover.disturbed = self->disturbed_ns != 0 && event->entry.time_ns - self->disturbed_ns < AFTER_EFFECT_NS;
  g_array_append_val (self->failovers, failover);
  self->measure->n_kills++;
  self->measure->n_kills_in_flight += self->n_in_flight > 0;
  self->measure->n_kills_begun += self->nodes[event->node].n_begun > 0;
}

static void
see_disturbed (Walk *self, const SimEvent *event)
{
  for (guint i = 0; i < self->failovers->len; i++)
    g_array_index (self->failovers, Failover, i).disturbed = TRUE;
  self->disturbed_ns = event->entry.time_ns;
  self->measure->n_disturbances++;
}

static void
end_failovers (Walk *self, const SimEvent *answer)
{
  for (guint i = self->failovers->len; i > 0; i--) {
    const Failover *failover = &g_array_index (self->failovers, Failover, i - 1);
    gint64 duration_ns = answer->entry.time_ns - failover->time_ns;

    if (answer->entry.epoch <= failover->epoch)
      continue;
    g_array_append_val (failover->disturbed ? self->disturbed : self->undisturbed, duration_ns);
    g_array_remove_index (self->failovers, i - 1);
  }
}

static void
see_event (Walk *self, const SimEvent *event)
{
  switch ((SimEntryKind) event->entry.kind) {
  case SIM_ENTRY_SENT:
    see_sent (self, event);
    break;
  case SIM_ENTRY_HANDLED:
    see_handled (self, event);
    break;
  case SIM_ENTRY_ANSWERED:
    see_outcome (self, event);
    end_failovers (self, event);
    break;
  case SIM_ENTRY_FAILED:
    see_outcome (self, event);
    break;
  case SIM_ENTRY_KILLED:
    see_killed (self, event);
    break;
  case SIM_ENTRY_DISTURBED:
    see_disturbed (self, event);
    break;
  case SIM_ENTRY_OVERTAKEN:
    self->measure->n_overtaken++;
    break;
  case SIM_ENTRY_CUT:
    self->measure->n_cuts++;
    break;
  case SIM_ENTRY_ERROR:
    self->measure->n_errors++;
    break;
  case SIM_ENTRY_STARTED:
  case SIM_ENTRY_ROLE:
  case SIM_ENTRY_ELECTED:
  case SIM_ENTRY_DRAINED:
  case SIM_ENTRY_CLOSED:
    break;
  }
}

static int
compare_durations (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 other = *(const gint64 *) b;

  return (one > other) - (one < other);
}

/* The smallest value that at least so many percent of the values do not exceed. */
static double
percentile_us (GArray *sorted_ns, guint percent)
{
  guint rank = (guint) (((guint64) sorted_ns->len * percent + 99) / 100);

  return (double) g_array_index (sorted_ns, gint64, MAX (rank, 1) - 1) / 1000.0;
}

static SimQuantiles
summarize (GArray *durations_ns)
{
  if (durations_ns->len == 0)
    return (SimQuantiles) { 0 };

  g_array_sort (durations_ns, compare_durations);
  return (SimQuantiles) {
    .count = durations_ns->len,
    .p50_us = percentile_us (durations_ns, 50),
    .p99_us = percentile_us (durations_ns, 99),
    .max_us = percentile_us (durations_ns, 100),
  };
}

static void
walk_init (Walk *self, const SimHistory *history, SimMeasure *measure)
{
  guint32 n_nodes = history->nodes->len;

  *self = (Walk) { .history = history, .measure = measure };
  self->nodes = g_new0 (Node, n_nodes);
  for (guint32 i = 0; i < n_nodes; i++)
    self->nodes[i].sends = g_array_new (FALSE, FALSE, sizeof (Send));
  self->failovers = g_array_new (FALSE, FALSE, sizeof (Failover));
  self->latencies = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->undisturbed = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->disturbed = g_array_new (FALSE, FALSE, sizeof (gint64));
}

static void
walk_clear (Walk *self)
{
  for (guint32 i = 0; i < self->history->nodes->len; i++)
    g_array_unref (self->nodes[i].sends);
  g_free (self->nodes);
  g_array_unref (self->failovers);
  g_array_unref (self->latencies);
  g_array_unref (self->undisturbed);
  g_array_unref (self->disturbed);
}

/* The history must be sorted by time. */
void
sim_measure_run (const SimHistory *history, SimMeasure *measure)
{
  Walk walk;

  *measure = (SimMeasure) { 0 };
  walk_init (&walk, history, measure);
  for (guint i = 0; i < history->events->len; i++)
    see_event (&walk, &g_array_index (history->events, SimEvent, i));

  measure->latency = summarize (walk.latencies);
  measure->failover = summarize (walk.undisturbed);
  measure->disturbed = summarize (walk.disturbed);
  walk_clear (&walk);
}
