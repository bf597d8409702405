/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"
#include "sim-epochs.h"

#include <libipc.h>

/*
 * Checks why masters change, and what becomes of those that were replaced while they stood still.
 *
 * A master is replaced when its process has ended, when it resigns or closes, when its group file is deleted, when it
 * cannot put its socket back for want of something that was kept from it, or when it stands still for longer than the hang timeout; and for nothing else: not when others come and go, and not when it
 * is stopped for a moment. Only what the machine does by itself is excused: a master that has written nothing for the
 * whole timeout, though it was asked, stood still all the same.
 */

#define NOTICE_NS G_GINT64_CONSTANT (100000000) /* in which who was replaced finds out, if it is not closed before */

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  SimEpochs *epochs; /* (owned) */
} Causes;

/* (transfer full): of const SimEvent *, by node and position; the supervisor's are left out. */
static GPtrArray **
collect_by_node (const SimHistory *history)
{
  GPtrArray **records = g_new0 (GPtrArray *, history->nodes->len);

  for (guint32 i = 0; i < history->nodes->len; i++)
    records[i] = g_ptr_array_new ();
  for (guint i = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);

    if (event->position != G_MAXUINT32)
      g_ptr_array_add (records[event->node], event);
  }
  return records;
}

static void
free_by_node (const SimHistory *history, GPtrArray **records)
{
  for (guint32 i = 0; i < history->nodes->len; i++)
    g_ptr_array_unref (records[i]);
  g_free (records);
}

static void
check_cause (Causes *self, const SimMastership *old, const SimMastership *new)
{
  gint64 at_ns = new->since_ns;
  gboolean held = sim_mastership_was_cut_short (old, at_ns) || sim_mastership_gave_up (old, at_ns)
                  || sim_epochs_forgot (self->epochs, old->since_ns, at_ns);

  self->verdict->n_stalls += old->stalled ? 1 : 0;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_ELECTION_HAS_CAUSE, held))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_ELECTION_HAS_CAUSE,
                         "node %u was elected at %+.6f s in epoch %" G_GUINT64_FORMAT
                         ", and nothing had happened to node %u, master of epoch %" G_GUINT64_FORMAT " since %+.6f s",
                         new->node, (double) (at_ns - self->history->start_ns) / 1e9, new->epoch, old->node, old->epoch,
                         (double) (old->since_ns - self->history->start_ns) / 1e9);
}

/* The first that was elected after this one had been stopped, and before it went on. */
static const SimMastership *
find_deposer (Causes *self, const SimMastership *stopped)
{
  GArray *masterships = self->epochs->masterships;

  for (guint i = 0; i < masterships->len; i++) {
    const SimMastership *other = &g_array_index (masterships, SimMastership, i);

    if (other->epoch > stopped->epoch)
      return other->since_ns > stopped->stopped_ns && other->since_ns < stopped->continued_ns ? other : NULL;
  }
  return NULL;
}

/* That of a node that is closed is none. */
static gboolean
is_lesser_role (const SimEntry *entry)
{
  return entry->kind == SIM_ENTRY_ROLE && entry->code != IPC_ROLE_MASTER && entry->code != IPC_ROLE_IDLE;
}

/* Where it stopped it may have accepted a message; unless it is known that it had not, and the ledger in which it cannot
 * do so any more has not gone. */
static guint
count_accepted (Causes *self, const SimMastership *stopped)
{
  return stopped->unwritten && !sim_epochs_forgot (self->epochs, stopped->since_ns, stopped->continued_ns) ? 0 : 1;
}

/* Who was replaced while it stood still begins on nothing more: but for one message that it had accepted before. */
static void
check_deposed (Causes *self, GPtrArray *record, const SimMastership *stopped)
{
  const SimEvent *late = NULL;
  gboolean stepped_down = FALSE;
  guint n_late = 0;

  for (guint i = 0; i < record->len; i++) {
    const SimEvent *event = g_ptr_array_index (record, i);

    if (event->entry.time_ns <= stopped->continued_ns)
      continue;
    if (event->entry.kind == SIM_ENTRY_HANDLED && event->entry.epoch == stopped->epoch) {
      n_late++;
      late = event;
    }
    stepped_down = stepped_down || event->entry.kind == SIM_ENTRY_ELECTED || is_lesser_role (&event->entry);
  }

  self->verdict->n_deposed++;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_DEPOSED_IDLE, n_late <= count_accepted (self, stopped)))
    sim_verdict_explain_events (self->verdict, SIM_INVARIANT_DEPOSED_IDLE, self->history, late, NULL,
                                "it had been replaced while it was stopped");
  if (sim_history_get_node (self->history, stopped->node)->fate == SIM_FATE_KILLED
      || (stopped->closed_ns != SIM_NEVER_NS && stopped->closed_ns - stopped->continued_ns < NOTICE_NS))
    return;
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_DEPOSED_STEPS_DOWN, stepped_down))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_DEPOSED_STEPS_DOWN,
                         "node %u, master of epoch %" G_GUINT64_FORMAT ", was replaced and never noticed",
                         stopped->node, stopped->epoch);
}

void
sim_check_causes (const SimHistory *history, SimVerdict *verdict)
{
  g_autoptr (SimEpochs) epochs = sim_epochs_new (history);
  Causes self = { history, verdict, epochs };
  GPtrArray **records = collect_by_node (history);

  for (guint i = 0; i < epochs->masterships->len; i++) {
    const SimMastership *mastership = &g_array_index (epochs->masterships, SimMastership, i);

    if (i > 0)
      check_cause (&self, mastership - 1, mastership);
    if (mastership->stopped_ns != SIM_NEVER_NS && find_deposer (&self, mastership) != NULL
        && mastership->continued_ns != SIM_NEVER_NS)
      check_deposed (&self, records[mastership->node], mastership);
  }
  free_by_node (history, records);
}
