/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

#include <libipc.h>

#include "sim-fault.h"
#include "sim-phase.h"

/*
 * Checks that a history can be believed at all: that each process may have written what it wrote. The other checks
 * rely on it, and a history that lost an event, or has one too many, must not pass because it is one that none of them
 * asks about. A node begins once, and says nothing after its end; what changes its role is followed by what follows
 * from it; and the phases of a run come in their order. (That messages are numbered without a gap, and that what was
 * done in a handler was done to a message that it was given, is checked where messages are put together.) A kill may
 * cut a record off between any two events, so nothing is missed at the end of one.
 */

/* A kill is carried out as soon as it is written down; this is for a machine that is busy. */
#define KILLED_NS G_GINT64_CONSTANT (5000000000)

typedef enum {
  DUE_NOTHING,
  DUE_ELECTED,
  DUE_DEPOSED,
} Due;

typedef struct {
  gint64 killed_ns;  /* or 0 */
  gboolean at_point; /* it is known to have died by itself, and may have been killed before that was known */
  gboolean started;
  gboolean ended; /* by closing, or in a handler that ends its process */
  gboolean closed;
  gboolean drained;
  Due due; /* what its next event has to be */
  gint32 role;
  guint64 epoch; /* as it was said with the role */
  guint64 elected_epoch;
  guint64 resigning_epoch;
  gboolean resigned; /* from that one */
  guint64 n_sent;
  guint64 n_ended;
  guint n_stops;
  guint n_starvations; /* which begin by being injected, and end as stops do */
  SimEntryKind last; /* of its own */
} Node;

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  Node *nodes; /* (owned) */
  gint32 phase;  /* the last, or -1 */
  guint64 epoch; /* the newest in which anybody was elected */
} Records;

static void
check (Records *self, gboolean held, const SimEvent *event, const char *why)
{
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_RECORDS_SOUND, held))
    sim_verdict_explain_events (self->verdict, SIM_INVARIANT_RECORDS_SOUND, self->history, event, NULL, why);
}

static void
see_started (Records *self, Node *node, const SimEvent *event)
{
  check (self, !node->started && event->entry.pid == sim_history_get_node (self->history, event->node)->pid, event,
         "it had started before, or is another process");
  node->started = TRUE;
}

/* Role and epoch are only written down when they change; and what else there is to say of it follows at once. */
static void
see_role (Records *self, Node *node, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  gboolean was_master = node->role == IPC_ROLE_MASTER, is_master = entry->code == IPC_ROLE_MASTER;

  check (self, entry->code != node->role || entry->epoch != node->epoch, event, "this is what it was before");
  node->role = entry->code;
  node->epoch = entry->epoch;
  if (is_master && entry->epoch != node->elected_epoch)
    node->due = DUE_ELECTED;
  else if (was_master && !is_master && entry->code != IPC_ROLE_IDLE && node->resigning_epoch != node->elected_epoch)
    node->due = DUE_DEPOSED;
}

static void
see_elected (Records *self, Node *node, const SimEvent *event)
{
  check (self, node->role == IPC_ROLE_MASTER && event->entry.epoch == node->epoch, event,
         "its role or its epoch is another");
  node->elected_epoch = event->entry.epoch;
  self->epoch = MAX (self->epoch, node->elected_epoch);
}

static void
see_resigning (Records *self, Node *node, const SimEvent *event)
{
  guint64 epoch = event->entry.epoch;

  check (self, node->role == IPC_ROLE_MASTER && epoch == node->epoch && epoch != node->resigning_epoch, event,
         "it is not master of this epoch, or resigns from it already");
  node->resigning_epoch = epoch;
  node->resigned = FALSE;
}

static void
see_resigned (Records *self, Node *node, const SimEvent *event)
{
  check (self, event->entry.epoch == node->resigning_epoch && !node->resigned, event, "it was not about to");
  node->resigned = TRUE;
}

static void
see_drained (Records *self, Node *node, const SimEvent *event)
{
  check (self, !node->drained && node->n_ended == node->n_sent, event, "it has sends that have not ended");
  node->drained = TRUE;
}

static Due
get_kind_due (SimEntryKind kind)
{
  if (kind == SIM_ENTRY_ELECTED)
    return DUE_ELECTED;
  return kind == SIM_ENTRY_DEPOSED ? DUE_DEPOSED : DUE_NOTHING;
}

/* Of a node's own record. */
static void
see_own (Records *self, Node *node, const SimEvent *event)
{
  SimEntryKind kind = (SimEntryKind) event->entry.kind;

  check (self, (node->started || kind == SIM_ENTRY_STARTED) && !node->ended, event,
         "it had not started, or had ended before");
  check (self, node->killed_ns == 0 || event->entry.time_ns - node->killed_ns < KILLED_NS, event,
         "it had been killed long before");
  check (self, node->due == get_kind_due (kind), event, "its role does not lead to it, or to something else first");
  node->due = DUE_NOTHING;

  if (kind == SIM_ENTRY_STARTED)
    see_started (self, node, event);
  else if (kind == SIM_ENTRY_ROLE)
    see_role (self, node, event);
  else if (kind == SIM_ENTRY_ELECTED)
    see_elected (self, node, event);
  else if (kind == SIM_ENTRY_DEPOSED)
    check (self, event->entry.epoch == node->elected_epoch, event, "it was master of another epoch");
  else if (kind == SIM_ENTRY_HANDLED || kind == SIM_ENTRY_ABORTING)
    check (self, event->entry.epoch == node->elected_epoch, event, "it was not elected in this epoch");
  if (kind == SIM_ENTRY_ABORTING)
    check (self, node->last == SIM_ENTRY_HANDLED, event, "it was not given the message just before");
  else if (kind == SIM_ENTRY_RESIGNING)
    see_resigning (self, node, event);
  else if (kind == SIM_ENTRY_RESIGNED)
    see_resigned (self, node, event);
  else if (kind == SIM_ENTRY_SENT)
    check (self, !node->drained, event, "it had been told to send no more");
  else if (kind == SIM_ENTRY_DRAINED)
    see_drained (self, node, event);

  node->last = kind;
  node->n_sent += kind == SIM_ENTRY_SENT;
  node->n_ended += sim_entry_is_outcome (&event->entry);
  node->closed = node->closed || kind == SIM_ENTRY_CLOSED;
  node->ended = node->ended || kind == SIM_ENTRY_CLOSED || kind == SIM_ENTRY_ABORTING;
}

static void
see_phase (Records *self, const SimEvent *event)
{
  gint32 phase = event->entry.code;

  check (self, phase > self->phase && (self->phase >= 0 || phase == SIM_PHASE_START), event,
         "the phases of a run come in their order; one that is interrupted may miss some");
  self->phase = phase;
}

static void
see_killed (Records *self, Node *node, const SimEvent *event)
{
  gboolean at_point = event->entry.number != 0;

  check (self, node->killed_ns == 0 || node->at_point || at_point, event, "it had been killed before");
  check (self, event->entry.epoch <= node->elected_epoch, event, "it has not been master of this epoch");
  node->at_point = node->at_point || at_point;
  if (node->killed_ns == 0)
    node->killed_ns = event->entry.time_ns;
}

/* What is about no node in particular. */
static gboolean
is_about_all (const SimEvent *event)
{
  return event->entry.kind == SIM_ENTRY_PHASE || event->entry.kind == SIM_ENTRY_PLANNED
         || event->entry.kind == SIM_ENTRY_STRANGER;
}

/* Whoever goes on stood still, or was starved. */
static void
see_pause (Records *self, Node *node, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  guint *n_pauses = entry->code == SIM_FAULT_STARVE ? &node->n_starvations : &node->n_stops;

  if (entry->kind == SIM_ENTRY_STOPPED)
    check (self, entry->epoch <= node->elected_epoch, event, "it has not been master of this epoch");
  if (entry->kind == SIM_ENTRY_STOPPED || (entry->kind == SIM_ENTRY_INJECTED && entry->code == SIM_FAULT_STARVE))
    (*n_pauses)++;
  if (entry->kind == SIM_ENTRY_CONTINUED)
    check (self, *n_pauses > 0 && (*n_pauses)--, event, "it had not been stopped");
}

static void
see_event (Records *self, const SimEvent *event)
{
  Node *node = &self->nodes[event->node];

  if (event->entry.kind == SIM_ENTRY_PHASE)
    see_phase (self, event);
  else
    check (self, self->phase != SIM_PHASE_END || event->entry.kind == SIM_ENTRY_LEFT, event, "the run had ended");

  if (is_about_all (event))
    check (self, event->node == 0, event, "it is about no node");
  see_pause (self, node, event);
  if (event->entry.kind == SIM_ENTRY_OVERTAKEN)
    check (self, event->entry.epoch <= self->epoch && event->entry.epoch != node->elected_epoch, event,
           "nobody else has been elected in this epoch");
  if (event->entry.kind == SIM_ENTRY_KILLED)
    see_killed (self, node, event);
  if (event->position != G_MAXUINT32)
    see_own (self, node, event);
}

/* What has to be there in the end. */
static void
check_end (Records *self, guint32 index)
{
  const Node *node = &self->nodes[index];
  SimFate fate = sim_history_get_node (self->history, index)->fate;
  gboolean drained = node->drained || node->n_ended < node->n_sent || self->history->foreign;
  gboolean held = TRUE;

  if (fate == SIM_FATE_CLOSED)
    held = node->closed && node->n_stops + node->n_starvations == 0 && drained;
  else if (fate == SIM_FATE_KILLED)
    held = node->killed_ns != 0 || node->last == SIM_ENTRY_ABORTING;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_RECORDS_SOUND, held))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_RECORDS_SOUND,
                         "node %u was %s, and its record has no such end", index, sim_fate_to_string (fate));
}

void
sim_check_records (const SimHistory *history, SimVerdict *verdict)
{
  g_autofree Node *nodes = g_new0 (Node, history->nodes->len);
  Records self = { history, verdict, nodes, -1, 0 };

  for (guint i = 0; i < history->events->len; i++)
    see_event (&self, &g_array_index (history->events, SimEvent, i));
  for (guint32 i = 0; i < history->nodes->len; i++)
    check_end (&self, i);
  if (!sim_verdict_check (verdict, SIM_INVARIANT_RECORDS_SOUND, self.phase == -1 || self.phase == SIM_PHASE_END))
    sim_verdict_explain (verdict, SIM_INVARIANT_RECORDS_SOUND, "the run never ended");
}
