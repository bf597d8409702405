/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-measure.h"

#include <string.h>

/*
 * From a history to figures: what hit the group, and how long it took it to go on. Pure, like the checker.
 *
 * A fail-over ends with the first answer that anybody gets from an epoch newer than the killed one. When the
 * successor is killed before it has answered, both kills end with the same answer, because that is how long nobody
 * was served. A fail-over that was disturbed besides is measured apart: its duration says more about the disturbance.
 * So are those with other causes than a plain kill, each by its cause.
 */

#define AFTER_EFFECT_NS G_GINT64_CONSTANT (50000000) /* a kill so soon after a disturbance feels it */

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
  const SimMeasureWatcher *watcher; /* (nullable) */
  gpointer user_data;               /* of the watcher */

  Node *nodes;         /* (owned) */
  guint64 n_in_flight; /* of all nodes that live */

  GArray *failovers;              /* (owned) of SimFailover, that go on */
  GArray *latencies;              /* (owned) of gint64, in ns */
  GArray *undisturbed;            /* (owned) of gint64, durations in ns */
  GArray *disturbed;              /* (owned) the same */
  GArray *by_cause[SIM_N_FAULTS]; /* (owned) the same */
  gint64 disturbed_ns;            /* the last disturbance, or 0 */
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
  self->measure->faults[SIM_FAULT_POISON].n_injected += (event->entry.flags & SIM_ENTRY_POISON) != 0;
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
  if (self->watcher != NULL)
    self->watcher->outcome (event, send->sent_ns, self->user_data);
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

/* A code may come from a file. */
static SimFaultCounts *
counts_of (Walk *self, gint32 fault)
{
  static SimFaultCounts nobody;

  return fault >= 0 && fault < SIM_N_FAULTS ? &self->measure->faults[fault] : &nobody;
}

/* A code may come from a file. */
static gboolean
says_so (gint32 fault)
{
  return fault >= 0 && fault < SIM_N_FAULTS && sim_fault_has ((SimFault) fault, SIM_FAULT_SAYS_SO);
}

static void
begin_failover (Walk *self, const SimEvent *event, SimFault cause)
{
  SimFailover failover = { .time_ns = event->entry.time_ns, .epoch = event->entry.epoch, .cause = cause };

  failover.disturbed = self->disturbed_ns != 0 && event->entry.time_ns - self->disturbed_ns < AFTER_EFFECT_NS;
  g_array_append_val (self->failovers, failover);
}

static void
see_master_lost (Walk *self, const SimEvent *event, SimFault cause)
{
  begin_failover (self, event, cause);
  self->measure->n_kills++;
  self->measure->n_kills_in_flight += self->n_in_flight > 0;
  self->measure->n_kills_begun += self->nodes[event->node].n_begun > 0;
}

/* It had an effect if it hit messages on their way: a client's own, or else anybody's. At a point it has in any case.
 * */
static void
see_killed (Walk *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  SimFaultCounts *counts = counts_of (self, entry->code);
  gboolean hit_own = self->nodes[event->node].n_in_flight > 0;
  gboolean at_point = entry->code == SIM_FAULT_KILL_AT && entry->number != 0;

  bury (self, event->node);
  if (entry->epoch != 0)
    see_master_lost (self, event, (SimFault) entry->code);
  if (at_point && entry->number <= IPC_KILL_POINT_N_POINTS)
    self->measure->n_at_point[entry->number - 1]++;
  if (entry->code == SIM_FAULT_KILL_AT) {
    counts->n_effective += at_point;
  } else {
    counts->n_injected += entry->code != SIM_FAULT_TRUNCATE_FILE; /* which is one for all that die of it */
    if (!says_so (entry->code))
      counts->n_effective += entry->code == SIM_FAULT_KILL_CLIENT ? hit_own : self->n_in_flight > 0;
  }
}

/* It has killed its master. */
static void
see_aborting (Walk *self, const SimEvent *event)
{
  bury (self, event->node);
  see_master_lost (self, event, SIM_FAULT_POISON);
  self->measure->faults[SIM_FAULT_POISON].n_effective++;
}

/* Who is swizzled feels it if messages were waiting, for it or for its answers. A long stop has an effect when somebody is answered by a newer master; a short one is to have none that can be seen,
 * and counts if messages were on their way. */
static void
see_stopped (Walk *self, const SimEvent *event)
{
  SimFaultCounts *counts = counts_of (self, event->entry.code);
  const Node *node = &self->nodes[event->node];

  counts->n_injected++;
  if (event->entry.code == SIM_FAULT_STOP || event->entry.code == SIM_FAULT_HALT) {
    begin_failover (self, event, (SimFault) event->entry.code);
  } else if (event->entry.code == SIM_FAULT_SWIZZLE) {
    counts->n_effective += node->n_in_flight > 0 || node->n_begun > 0;
    if (event->entry.epoch != 0)
      begin_failover (self, event, SIM_FAULT_SWIZZLE);
  } else {
    counts->n_effective += self->n_in_flight > 0;
    self->disturbed_ns = event->entry.time_ns;
  }
}

static void
see_resigning (Walk *self, const SimEvent *event)
{
  begin_failover (self, event, SIM_FAULT_RESIGN);
  self->measure->faults[SIM_FAULT_RESIGN].n_injected++;
}

static gboolean
is_hold (gint32 fault)
{
  return fault == SIM_FAULT_HOLD_DELETE || fault == SIM_FAULT_HOLD_UNLOCK;
}

/* For holds it means that the successor stood where it should. */
static void
see_injected (Walk *self, const SimEvent *event)
{
  gint32 fault = event->entry.code;

  if (is_hold (fault)) {
    counts_of (self, fault)->n_effective++;
    return;
  }
  counts_of (self, fault)->n_injected++;
  if (fault != SIM_FAULT_KILL_AT && !says_so (fault))
    counts_of (self, fault)->n_effective++;
}

static void
see_disturbed (Walk *self, const SimEvent *event)
{
  for (guint i = 0; i < self->failovers->len; i++)
    g_array_index (self->failovers, SimFailover, i).disturbed = TRUE;
  self->disturbed_ns = event->entry.time_ns;
  self->measure->n_disturbances++;
  if (is_hold (event->entry.code))
    counts_of (self, event->entry.code)->n_injected++;
}

static void
end_failover (Walk *self, const SimFailover *failover, gint64 duration_ns)
{
  if (failover->cause == SIM_FAULT_STOP || failover->cause == SIM_FAULT_HALT)
    self->measure->faults[failover->cause].n_effective++;
  if (failover->disturbed)
    g_array_append_val (self->disturbed, duration_ns);
  else if (failover->cause == SIM_FAULT_KILL)
    g_array_append_val (self->undisturbed, duration_ns);
  if (!failover->disturbed)
    g_array_append_val (self->by_cause[failover->cause], duration_ns);
}

static void
end_failovers (Walk *self, const SimEvent *answer)
{
  for (guint i = self->failovers->len; i > 0; i--) {
    const SimFailover *failover = &g_array_index (self->failovers, SimFailover, i - 1);

    if (answer->entry.epoch <= failover->epoch)
      continue;
    end_failover (self, failover, answer->entry.time_ns - failover->time_ns);
    if (self->watcher != NULL)
      self->watcher->answered_again (answer, failover, self->user_data);
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
  case SIM_ENTRY_ABORTING:
    see_aborting (self, event);
    break;
  case SIM_ENTRY_STOPPED:
    see_stopped (self, event);
    break;
  case SIM_ENTRY_RESIGNING:
    see_resigning (self, event);
    break;
  case SIM_ENTRY_RESIGNED:
    self->measure->faults[SIM_FAULT_RESIGN].n_effective++;
    break;
  case SIM_ENTRY_PLANNED:
    counts_of (self, event->entry.code)->n_planned++;
    break;
  case SIM_ENTRY_INJECTED:
    see_injected (self, event);
    break;
  case SIM_ENTRY_EFFECTIVE:
    counts_of (self, event->entry.code)->n_effective++;
    break;
  case SIM_ENTRY_HANDLED:
    see_handled (self, event);
    break;
  case SIM_ENTRY_ANSWERED:
    end_failovers (self, event);
    see_outcome (self, event);
    break;
  case SIM_ENTRY_FAILED:
  case SIM_ENTRY_CANCELLED:
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
    self->measure->faults[SIM_FAULT_CUT].n_injected++;
    self->measure->faults[SIM_FAULT_CUT].n_effective++;
    break;
  case SIM_ENTRY_ERROR:
    self->measure->n_errors++;
    break;
  case SIM_ENTRY_STARTED:
  case SIM_ENTRY_ROLE:
  case SIM_ENTRY_ELECTED:
  case SIM_ENTRY_DEPOSED:
  case SIM_ENTRY_RESPONDED:
  case SIM_ENTRY_WROTE:
  case SIM_ENTRY_FENCED:
  case SIM_ENTRY_CONTINUED:
  case SIM_ENTRY_PHASE:
  case SIM_ENTRY_DRAINED:
  case SIM_ENTRY_CLOSED:
  case SIM_ENTRY_SAMPLED:
  case SIM_ENTRY_LEFT:
  case SIM_ENTRY_STRANGER:
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

/* The smallest value that at least so many of a thousand values do not exceed. There must be some. */
gint64
sim_measure_quantile (GArray *sorted_ns, guint permille)
{
  guint rank = (guint) (((guint64) sorted_ns->len * permille + 999) / 1000);

  return g_array_index (sorted_ns, gint64, MAX (rank, 1) - 1);
}

static SimQuantiles
summarize (GArray *durations_ns)
{
  if (durations_ns->len == 0)
    return (SimQuantiles) { 0 };

  g_array_sort (durations_ns, compare_durations);
  return (SimQuantiles) {
    .count = durations_ns->len,
    .p50_us = (double) sim_measure_quantile (durations_ns, 500) / 1000.0,
    .p99_us = (double) sim_measure_quantile (durations_ns, 990) / 1000.0,
    .max_us = (double) sim_measure_quantile (durations_ns, 1000) / 1000.0,
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
  self->failovers = g_array_new (FALSE, FALSE, sizeof (SimFailover));
  self->latencies = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->undisturbed = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->disturbed = g_array_new (FALSE, FALSE, sizeof (gint64));
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    self->by_cause[i] = g_array_new (FALSE, FALSE, sizeof (gint64));
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
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    g_array_unref (self->by_cause[i]);
}

/* What an event has changed is seen in the counts: so nothing is told that is not counted. */
static void
tell_watcher (Walk *self, const SimEvent *event, const SimFaultCounts *before)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const SimFaultCounts *now = &self->measure->faults[i];

    for (guint64 n = before[i].n_injected; n < now->n_injected; n++)
      self->watcher->injected (event, (SimFault) i, self->user_data);
    for (guint64 n = before[i].n_effective; n < now->n_effective; n++)
      self->watcher->effective (event, (SimFault) i, self->user_data);
  }
}

static void
see_event_watched (Walk *self, const SimEvent *event)
{
  SimFaultCounts before[SIM_N_FAULTS];

  memcpy (before, self->measure->faults, sizeof before);
  see_event (self, event);
  if (memcmp (before, self->measure->faults, sizeof before) != 0)
    tell_watcher (self, event, before);
}

/* The history must be sorted by time. */
void
sim_measure_run (const SimHistory *history, SimMeasure *measure)
{
  sim_measure_watch (history, measure, NULL, NULL);
}

/* The same, and tells the watcher, which may be NULL. */
void
sim_measure_watch (const SimHistory *history, SimMeasure *measure, const SimMeasureWatcher *watcher, gpointer user_data)
{
  void (*see) (Walk *, const SimEvent *) = watcher != NULL ? see_event_watched : see_event;
  Walk walk;

  *measure = (SimMeasure) { 0 };
  walk_init (&walk, history, measure);
  walk.watcher = watcher;
  walk.user_data = user_data;
  for (guint i = 0; i < history->events->len; i++)
    see (&walk, &g_array_index (history->events, SimEvent, i));

  measure->latency = summarize (walk.latencies);
  measure->failover = summarize (walk.undisturbed);
  measure->disturbed = summarize (walk.disturbed);
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    measure->by_cause[i] = summarize (walk.by_cause[i]);
  walk_clear (&walk);
}
