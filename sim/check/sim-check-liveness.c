/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"
#include "sim-fault.h"
#include "sim-phase.h"
#include "sim-terms.h"

/*
 * Checks that the group goes on: that nobody waits for longer than what was done to the group explains, and that once
 * nothing more is done to it, everybody is soon answered again.
 *
 * A client waits while it has something in flight, from its last answer, or from its send if there was nothing before.
 * How long it may wait follows from what happened meanwhile: each new master may take a moment until all have come back
 * to it; each stop, deletion or other fault may take two hang timeouts, one until it is noticed and one until it is
 * certain; and the machine may be busy. So a client that starves while others are answered stands out, however much is
 * done to the group. The time before the warm-up does not count: then there may be nobody yet who could answer.
 * How fast somebody else's program answers is not for us to judge. What a sender gives up is no answer: the wait goes on
 * as long as there is something else in flight.
 */

#define MACHINE_NS G_GINT64_CONSTANT (5000000000)   /* in which a busy machine gets round to every process */
#define COME_BACK_NS G_GINT64_CONSTANT (100000000)  /* in which all have come back to a new master */
#define ONE_DEED_NS G_GINT64_CONSTANT (10000000)    /* what is done within this time is one fault that hits many */
#define TIMEOUTS_PER_FAULT 2

/* Something that excuses that nobody is answered for a while. */
typedef struct {
  gint64 time_ns;
  gint64 excuse_ns;
} Trouble;

typedef struct {
  guint n_in_flight;
  gboolean sends;
  gboolean killed;
  gboolean leaving; /* told to close before the group was healed: it sends nothing more */
  gboolean lives; /* and is a candidate */
  gint64 since_ns; /* while something is in flight: the last answer, or the first send */

  guint64 probe;      /* the number of its first message after the group was healed that it does not give up, or 0 */
  gint64 answered_ns; /* when that was answered or, as it may have another outcome, a later one; or 0 */
} Client;

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  Client *clients;  /* (owned) by node */
  GArray *troubles; /* (owned) of Trouble, by time */
  guint n_candidates; /* that live */
  gint64 vacant_ns;   /* when the last of them had gone, while there is none */
  gint64 warm_ns;   /* when the warm-up began */
  gint64 healed_ns; /* or 0 */
} Liveness;

static gint64
get_timeout_ns (const SimHistory *history)
{
  return history->hang_timeout_ms * G_GINT64_CONSTANT (1000000);
}

/* How long one may have to wait in a group to which nothing is done. */
gint64
sim_check_get_patience_ns (guint hang_timeout_ms)
{
  return MACHINE_NS + TIMEOUTS_PER_FAULT * (hang_timeout_ms * G_GINT64_CONSTANT (1000000));
}

static void
see_trouble (Liveness *self, const SimEntry *entry)
{
  gint64 fault_ns = TIMEOUTS_PER_FAULT * get_timeout_ns (self->history);
  gboolean elected = entry->kind == SIM_ENTRY_ELECTED;
  Trouble trouble = { entry->time_ns, elected ? COME_BACK_NS : fault_ns };
  const Trouble *last =
      self->troubles->len > 0 ? &g_array_index (self->troubles, Trouble, self->troubles->len - 1) : NULL;

  if (last == NULL || last->excuse_ns != trouble.excuse_ns || trouble.time_ns - last->time_ns > ONE_DEED_NS)
    g_array_append_val (self->troubles, trouble);
}

/* When no candidate lives, nobody can be master, and how long that lasts is for who starts them to say. */
static void
see_started (Liveness *self, const SimEvent *event)
{
  Trouble trouble = { event->entry.time_ns, event->entry.time_ns - self->vacant_ns };

  if (!sim_history_get_node (self->history, event->node)->candidate || self->clients[event->node].lives)
    return;
  self->clients[event->node].lives = TRUE;
  if (self->n_candidates++ == 0 && self->vacant_ns != 0)
    g_array_append_val (self->troubles, trouble);
}

static void
see_gone (Liveness *self, const SimEvent *event)
{
  if (!self->clients[event->node].lives)
    return;
  self->clients[event->node].lives = FALSE;
  if (--self->n_candidates == 0)
    self->vacant_ns = event->entry.time_ns;
}

/* For a wait from one time to another. A fault that came shortly before may only be noticed in it. */
static gint64
get_bound_ns (Liveness *self, gint64 from_ns, gint64 to_ns)
{
  gint64 bound_ns = sim_check_get_patience_ns (self->history->hang_timeout_ms);

  from_ns -= TIMEOUTS_PER_FAULT * get_timeout_ns (self->history);
  for (guint i = self->troubles->len; i > 0; i--) {
    const Trouble *trouble = &g_array_index (self->troubles, Trouble, i - 1);

    if (trouble->time_ns < from_ns)
      break;
    bound_ns += trouble->time_ns < to_ns ? trouble->excuse_ns : 0;
  }
  return bound_ns;
}

static double
in_seconds (gint64 time_ns)
{
  return (double) time_ns / 1e9;
}

static void
end_wait (Liveness *self, guint32 node, gint64 to_ns)
{
  gint64 from_ns = MAX (self->clients[node].since_ns, self->warm_ns);
  gint64 gap_ns = to_ns - from_ns;
  gint64 bound_ns;

  if (gap_ns < 0)
    return;
  if (gap_ns > self->verdict->longest_gap.gap_ns)
    self->verdict->longest_gap = (SimGap) { node, gap_ns, from_ns - self->history->start_ns };
  if (self->history->foreign)
    return;
  bound_ns = gap_ns > MACHINE_NS ? get_bound_ns (self, from_ns, to_ns) : MACHINE_NS;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_NOBODY_STARVES, gap_ns <= bound_ns))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_NOBODY_STARVES,
                         "node %u had messages in flight and was not answered for %.3f s from %+.6f s on; what was done "
                         "to the group explains %.3f s",
                         node, in_seconds (gap_ns), in_seconds (from_ns - self->history->start_ns),
                         in_seconds (bound_ns));
}

static void
see_sent (Liveness *self, const SimEvent *event)
{
  Client *client = &self->clients[event->node];

  if (client->killed)
    return;
  client->sends = TRUE;
  if (client->n_in_flight++ == 0)
    client->since_ns = event->entry.time_ns;
  if (self->healed_ns != 0 && client->probe == 0 && (event->entry.flags & SIM_ENTRY_GIVES_UP) == 0)
    client->probe = event->entry.number;
}

static void
see_outcome (Liveness *self, const SimEvent *event)
{
  Client *client = &self->clients[event->node];

  if (client->n_in_flight == 0)
    return;
  client->n_in_flight--;
  if (sim_outcome_is_given_up (&event->entry) && client->n_in_flight > 0)
    return;
  end_wait (self, event->node, event->entry.time_ns);
  client->since_ns = event->entry.time_ns;
  if (client->probe != 0 && client->answered_ns == 0 && event->entry.number >= client->probe
      && event->entry.kind == SIM_ENTRY_ANSWERED)
    client->answered_ns = event->entry.time_ns;
}

/* Who is killed waits no longer. It may have sent something after this, because the kill is written down before. */
static void
see_killed (Liveness *self, const SimEvent *event)
{
  Client *client = &self->clients[event->node];

  if (client->n_in_flight > 0)
    end_wait (self, event->node, event->entry.time_ns);
  client->n_in_flight = 0;
  client->killed = TRUE;
}

static void
see_restart (Liveness *self, const SimEvent *event)
{
  if (event->entry.code == SIM_FAULT_RESTART && self->healed_ns == 0)
    self->clients[event->node].leaving = TRUE;
}

static void
see_phase (Liveness *self, const SimEntry *entry)
{
  if (entry->code == SIM_PHASE_WARM_UP)
    self->warm_ns = entry->time_ns;
  else if (entry->code == SIM_PHASE_CONVERGE)
    self->healed_ns = entry->time_ns;
}

static void
see_event (Liveness *self, const SimEvent *event)
{
  switch ((guint) event->entry.kind) {
  case SIM_ENTRY_STARTED:
    see_started (self, event);
    break;
  case SIM_ENTRY_CLOSED:
    see_gone (self, event);
    break;
  case SIM_ENTRY_SENT:
    see_sent (self, event);
    break;
  case SIM_ENTRY_ANSWERED:
  case SIM_ENTRY_FAILED:
  case SIM_ENTRY_CANCELLED:
    see_outcome (self, event);
    break;
  case SIM_ENTRY_KILLED:
  case SIM_ENTRY_ABORTING:
    see_killed (self, event);
    see_gone (self, event);
    break;
  case SIM_ENTRY_DRAINED: /* it was told to leave, and will not send again */
    self->clients[event->node].sends = self->clients[event->node].sends && self->healed_ns != 0;
    break;
  case SIM_ENTRY_PHASE:
    see_phase (self, &event->entry);
    break;
  case SIM_ENTRY_INJECTED:
    see_restart (self, event);
    see_trouble (self, &event->entry);
    break;
  case SIM_ENTRY_ELECTED:
  case SIM_ENTRY_STOPPED:
  case SIM_ENTRY_DISTURBED:
    see_trouble (self, &event->entry);
    break;
  default: /* tells nothing about who waits */
    break;
  }
}

static void
check_converged (Liveness *self, guint32 node)
{
  const Client *client = &self->clients[node];
  gint64 bound_ns = sim_check_get_patience_ns (self->history->hang_timeout_ms);
  gboolean held = client->answered_ns != 0 && client->answered_ns - self->healed_ns <= bound_ns;

  if (!client->sends || client->leaving || sim_history_get_node (self->history, node)->fate == SIM_FATE_KILLED)
    return;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_CONVERGES, held))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_CONVERGES,
                         "node %u %s within %.3f s after %+.6f s, when the group was healed", node,
                         client->probe == 0 ? "sent nothing" : "was not answered", in_seconds (bound_ns),
                         in_seconds (self->healed_ns - self->history->start_ns));
}

void
sim_check_liveness (const SimHistory *history, SimVerdict *verdict)
{
  const GArray *events = history->events;
  g_autofree Client *clients = g_new0 (Client, history->nodes->len);
  g_autoptr (GArray) troubles = g_array_new (FALSE, FALSE, sizeof (Trouble));
  Liveness self = { .history = history, .verdict = verdict, .clients = clients, .troubles = troubles };
  gint64 end_ns = events->len > 0 ? g_array_index (events, SimEvent, events->len - 1).entry.time_ns : 0;

  for (guint i = 0; i < events->len; i++)
    see_event (&self, &g_array_index (events, SimEvent, i));
  for (guint32 i = 0; i < history->nodes->len; i++) {
    if (clients[i].n_in_flight > 0)
      end_wait (&self, i, end_ns);
    if (self.healed_ns != 0 && !history->foreign)
      check_converged (&self, i);
  }
}
