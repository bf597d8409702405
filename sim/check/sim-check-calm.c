/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"
#include "sim-terms.h"

/*
 * Checks what happens when nothing is done to the group, and that is nothing: until the first fault no message is handed
 * over again, and none fails but those that their senders give up. A master that is asked to resign is no fault: it
 * hands over, and nobody notices. An election without any cause ends the calm, too: that is another promise, and the
 * machine may be to blame.
 */

static gboolean
is_fault (const SimEntry *entry)
{
  switch ((guint) entry->kind) {
  case SIM_ENTRY_KILLED:
  case SIM_ENTRY_STOPPED:
  case SIM_ENTRY_ABORTING:
  case SIM_ENTRY_CUT:
  case SIM_ENTRY_INJECTED:
  case SIM_ENTRY_DISTURBED:
  case SIM_ENTRY_EFFECTIVE:
  case SIM_ENTRY_STRANGER:
    return TRUE;
  default: /* what nodes do, and what is seen or planned */
    return FALSE;
  }
}

/* Whether it is an election that nobody has asked for. */
static gboolean
is_upheaval (const SimEntry *entry, gboolean *has_master)
{
  gboolean elected = entry->kind == SIM_ENTRY_ELECTED;
  gboolean upheaval = elected && *has_master;

  if (elected || entry->kind == SIM_ENTRY_RESIGNING)
    *has_master = elected;
  return upheaval;
}

void
sim_check_calm (const SimHistory *history, SimVerdict *verdict)
{
  gboolean has_master = FALSE;

  for (guint i = 0; i < history->events->len; i++) {
    const SimEvent *event = &g_array_index (history->events, SimEvent, i);
    gboolean handled = event->entry.kind == SIM_ENTRY_HANDLED;
    gboolean failed = event->entry.kind == SIM_ENTRY_FAILED && !sim_outcome_is_given_up (&event->entry);

    if (is_fault (&event->entry) || is_upheaval (&event->entry, &has_master))
      return;
    if (!handled && !failed && event->entry.kind != SIM_ENTRY_ANSWERED)
      continue;
    if (!sim_verdict_check (verdict, SIM_INVARIANT_CALM_IS_CALM,
                            !failed && !(handled && (event->entry.flags & SIM_ENTRY_REDELIVERED) != 0)))
      sim_verdict_explain_events (verdict, SIM_INVARIANT_CALM_IS_CALM, history, event, NULL,
                                  "nothing had been done to the group by then");
  }
}
