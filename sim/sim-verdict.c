/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-verdict.h"

/*
 * The promises of the library, and for each how often it was checked, how often it was broken, and how for the first
 * time. A promise that was never checked has held of nothing; the report shows the number for that reason.
 */

static const struct {
  const char *name;
  const char *promise;
} promises[SIM_N_INVARIANTS] = {
  [SIM_INVARIANT_SENDS_END] = { "every-send-ends", "what a survivor sent has an outcome" },
  [SIM_INVARIANT_SENDS_ANSWERED] = { "every-send-is-answered", "and the outcome is the handler's answer" },
  [SIM_INVARIANT_ENDS_ONCE] = { "every-send-ends-once", "an outcome belongs to one send and comes once" },
  [SIM_INVARIANT_ANSWER_WAS_HANDLED] = { "answered-was-handled", "an answer's handler handled it in its epoch" },
  [SIM_INVARIANT_ANSWER_NAMES_EPOCH] = { "answer-names-its-epoch", "the library names the epoch of the handling" },
  [SIM_INVARIANT_ANSWERS_EXACT] = { "answers-exact", "answers arrive byte for byte" },
  [SIM_INVARIANT_NO_STALE_ANSWER] = { "no-stale-answer", "who has seen an epoch takes nothing begun in an older one" },
  [SIM_INVARIANT_MESSAGES_EXACT] = { "messages-exact", "messages arrive byte for byte" },
  [SIM_INVARIANT_HANDLED_WAS_SENT] = { "handled-was-sent", "nothing is handled that was not sent before" },
  [SIM_INVARIANT_ONE_IDENTITY] = { "one-identity", "sender, pid and sequence are true, and stay" },
  [SIM_INVARIANT_ORDER_IN_EPOCH] = { "order-in-epoch", "a master handles a sender's messages in order" },
  [SIM_INVARIANT_ORDER_ACROSS_EPOCHS] = { "order-across-epochs", "first handlings are in order across masters" },
  [SIM_INVARIANT_ONCE_PER_EPOCH] = { "once-per-epoch", "nothing is handled twice in one epoch" },
  [SIM_INVARIANT_REPEATS_MARKED] = { "repeats-are-marked", "a second handling is marked as redelivered" },
  [SIM_INVARIANT_NOT_AFTER_ANSWER] = { "not-after-its-answer", "what its sender saw answered is not handled again" },
  [SIM_INVARIANT_ONE_MASTER_PER_EPOCH] = { "one-master-per-epoch", "an epoch has one master, elected once" },
  [SIM_INVARIANT_EPOCHS_INCREASE] = { "epochs-increase", "no node sees an epoch go back" },
  [SIM_INVARIANT_NO_LATE_CLAIM] = { "no-late-claim", "who was overtaken while it took over is not elected" },
  [SIM_INVARIANT_NO_VIOLATION] = { "no-protocol-error", "no node says that another broke the protocol" },
  [SIM_INVARIANT_ALL_JOINED] = { "every-node-joined", "who was not killed became a member" },
  [SIM_INVARIANT_NONE_CRASHED] = { "no-node-crashed", "no process ended but by our doing" },
  [SIM_INVARIANT_ALL_CLOSED] = { "every-node-closed", "who was told to close did, in time" },
};

SimVerdict *
sim_verdict_new (void)
{
  SimVerdict *self = g_new0 (SimVerdict, 1);

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    self->invariants[i].name = promises[i].name;
    self->invariants[i].promise = promises[i].promise;
  }
  return self;
}

void
sim_verdict_free (SimVerdict *self)
{
  for (guint i = 0; i < SIM_N_INVARIANTS; i++)
    g_free (self->invariants[i].example);
  g_free (self);
}

/* Counts a check, and returns whether it held. If not, the caller explains. */
gboolean
sim_verdict_check (SimVerdict *self, SimInvariantKind kind, gboolean held)
{
  self->invariants[kind].n_checked++;
  if (!held)
    self->invariants[kind].n_broken++;
  return held;
}

void
sim_verdict_explain (SimVerdict *self, SimInvariantKind kind, const char *format, ...)
{
  SimInvariant *invariant = &self->invariants[kind];
  va_list args;

  if (invariant->example != NULL)
    return;

  va_start (args, format);
  invariant->example = g_strdup_vprintf (format, args);
  va_end (args);
}

/* The other event may be NULL. */
void
sim_verdict_explain_events (SimVerdict *self, SimInvariantKind kind, const SimHistory *history, const SimEvent *one,
                            const SimEvent *other, const char *why)
{
  g_autofree char *one_text = NULL;
  g_autofree char *other_text = NULL;

  if (self->invariants[kind].example != NULL)
    return;

  one_text = sim_history_describe (history, one);
  other_text = other != NULL ? sim_history_describe (history, other) : NULL;
  sim_verdict_explain (self, kind, "%s%s%s: %s", one_text, other != NULL ? "; " : "", other != NULL ? other_text : "",
                       why);
}

gboolean
sim_verdict_held (const SimVerdict *self)
{
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    if (self->invariants[i].n_broken > 0)
      return FALSE;
  }
  return TRUE;
}
