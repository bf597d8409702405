/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

/*
 * Checks who was master, and of which epoch. A node claims an epoch by saying that it was elected, and by handling a
 * message in it. No node may see epochs go back, and all claims of one epoch must be one node's.
 *
 * What is not checked: that masterships of different epochs never overlap. They do, for a moment, when the group file
 * is deleted under a living master, or when a master is stopped between two instructions; the epoch is there to make
 * that harmless, and no-stale-answer checks that it did. But a candidate that was stopped before it put its socket in
 * place has yet to look at its position a last time: if another was elected before it went on, it must find out.
 */

typedef struct {
  guint64 epoch_seen;
  guint64 epoch_elected;
  guint64 epoch_handled;
  const SimEvent *overtaken; /* (nullable) the last time */
} Node;

/* The epochs of a node's own roles never go back; and it is not elected twice in one. */
static void
check_epoch (const SimHistory *history, SimVerdict *verdict, Node *node, const SimEvent *event)
{
  guint64 epoch = event->entry.epoch;
  gboolean elected = event->entry.kind == SIM_ENTRY_ELECTED;
  gboolean held = epoch >= node->epoch_seen && (!elected || epoch > node->epoch_elected);

  if (!sim_verdict_check (verdict, SIM_INVARIANT_EPOCHS_INCREASE, held))
    sim_verdict_explain_events (verdict, SIM_INVARIANT_EPOCHS_INCREASE, history, event, NULL,
                                elected ? "it had seen a newer one, or been elected in this one, before"
                                        : "it had seen a newer one before");
  node->epoch_seen = MAX (node->epoch_seen, epoch);
  if (elected)
    node->epoch_elected = epoch;
}

/* Who was elected although another had overtaken it before it could publish claimed what was no longer to be had. */
static void
check_not_late (const SimHistory *history, SimVerdict *verdict, const Node *node, const SimEvent *event)
{
  if (node->overtaken == NULL)
    return;
  if (!sim_verdict_check (verdict, SIM_INVARIANT_NO_LATE_CLAIM, event->entry.epoch > node->overtaken->entry.epoch))
    sim_verdict_explain_events (verdict, SIM_INVARIANT_NO_LATE_CLAIM, history, node->overtaken, event,
                                "it was elected all the same");
}

/* (transfer full): the first sign of each mastership, as const SimEvent *. */
static GPtrArray *
collect_claims (const SimHistory *history, SimVerdict *verdict)
{
  g_autofree Node *nodes = g_new0 (Node, history->nodes->len);
  GPtrArray *claims = g_ptr_array_new ();

  for (guint i = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);
    Node *node = &nodes[event->node];

    if (event->entry.kind == SIM_ENTRY_ELECTED) {
      check_epoch (history, verdict, node, event);
      check_not_late (history, verdict, node, event);
      g_ptr_array_add (claims, event);
    } else if (event->entry.kind == SIM_ENTRY_OVERTAKEN) {
      sim_verdict_check (verdict, SIM_INVARIANT_NO_LATE_CLAIM, TRUE);
      node->overtaken = event;
    } else if (event->entry.kind == SIM_ENTRY_ROLE && event->entry.epoch != 0) {
      check_epoch (history, verdict, node, event);
    } else if (event->entry.kind == SIM_ENTRY_HANDLED && event->entry.epoch != node->epoch_handled) {
      node->epoch_handled = event->entry.epoch;
      g_ptr_array_add (claims, event);
    }
  }
  return claims;
}

static int
compare_claims (gconstpointer a, gconstpointer b)
{
  const SimEvent *one = *(const SimEvent *const *) a;
  const SimEvent *other = *(const SimEvent *const *) b;

  if (one->entry.epoch != other->entry.epoch)
    return one->entry.epoch < other->entry.epoch ? -1 : 1;
  return (one->entry.time_ns > other->entry.time_ns) - (one->entry.time_ns < other->entry.time_ns);
}

void
sim_check_masters (const SimHistory *history, SimVerdict *verdict)
{
  g_autoptr (GPtrArray) claims = collect_claims (history, verdict);
  const SimEvent *first = NULL;

  g_ptr_array_sort (claims, compare_claims);

  for (guint i = 0; i < claims->len; i++) {
    const SimEvent *claim = g_ptr_array_index (claims, i);

    if (first == NULL || claim->entry.epoch != first->entry.epoch) {
      first = claim;
      verdict->n_epochs++;
    }
    if (!sim_verdict_check (verdict, SIM_INVARIANT_ONE_MASTER_PER_EPOCH, claim->node == first->node))
      sim_verdict_explain_events (verdict, SIM_INVARIANT_ONE_MASTER_PER_EPOCH, history, first, claim,
                                  "two masters of one epoch");
  }
}
