/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

/*
 * From a history to a verdict: what the library promises, checked literally and from the outside. Pure: no clock, no
 * process, no file. The parts: sim-check-messages.c (what became of each message), sim-check-ledger.c (across masters),
 * sim-check-masters.c (who was master), sim-check-causes.c (and why), sim-check-fence.c, sim-check-liveness.c,
 * sim-check-resources.c, sim-check-calm.c (when nothing is done); what is here is about the processes themselves.
 *
 * Only what the black box showed is believed. A message is (sender's index, number) as its own bytes say. Entries are
 * written on the safe side of the call that they are about (sent before the call, handled before anything else), so a
 * killed process may have written of something that did not come about, but never the other way round: no kill can
 * make a good run look bad. The history must be sorted by time.
 */

static void
check_nodes (const SimHistory *history, SimVerdict *verdict)
{
  for (guint32 i = 0; i < history->nodes->len; i++) {
    const SimNodeInfo *node = sim_history_get_node (history, i);
    const char *fate = sim_fate_to_string (node->fate);

    if (!sim_verdict_check (verdict, SIM_INVARIANT_NONE_CRASHED, node->fate != SIM_FATE_CRASHED))
      sim_verdict_explain (verdict, SIM_INVARIANT_NONE_CRASHED, "node %u (pid %u) %s: %s", i, node->pid, fate,
                           node->end != NULL ? node->end : "nobody asked it to end");
    if (node->fate == SIM_FATE_KILLED)
      continue;
    if (!sim_verdict_check (verdict, SIM_INVARIANT_ALL_CLOSED, node->fate != SIM_FATE_HUNG))
      sim_verdict_explain (verdict, SIM_INVARIANT_ALL_CLOSED, "node %u (pid %u) %s", i, node->pid, fate);
    if (!sim_verdict_check (verdict, SIM_INVARIANT_ALL_JOINED, node->joined))
      sim_verdict_explain (verdict, SIM_INVARIANT_ALL_JOINED, "node %u (pid %u) never became a member", i, node->pid);
  }
}

/* (transfer full) */
SimVerdict *
sim_checker_check (const SimHistory *history)
{
  SimVerdict *verdict = sim_verdict_new ();

  sim_check_messages (history, verdict);
  sim_check_masters (history, verdict);
  sim_check_causes (history, verdict);
  sim_check_fence (history, verdict);
  sim_check_liveness (history, verdict);
  sim_check_resources (history, verdict);
  sim_check_calm (history, verdict);
  sim_check_records (history, verdict);
  check_nodes (history, verdict);
  return verdict;
}
