/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-verdict.h"

#include "sim-jsonl.h"

/*
 * The promises of the library, and for each how often it was checked, how often it was broken, and how the first few
 * times. A promise that was never checked has held of nothing: people are told that it is untested.
 */

static const struct {
  const char *name;
  const char *promise;
} promises[SIM_N_INVARIANTS] = {
  [SIM_INVARIANT_SENDS_END] = { "every-send-ends", "what a survivor sent has an outcome" },
  [SIM_INVARIANT_SENDS_ANSWERED] = { "every-send-is-answered",
                                     "and the outcome is the handler's answer, or one that it may be" },
  [SIM_INVARIANT_ENDS_ONCE] = { "every-send-ends-once", "an outcome belongs to one send and comes once" },
  [SIM_INVARIANT_UNSENT_NOT_HANDLED] = { "not-sent-is-not-handled", "what the library says was not sent, nobody handles" },
  [SIM_INVARIANT_GIVEN_UP_IN_TIME] = { "given-up-in-time", "a deadline ends a send, neither early nor late" },
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
  [SIM_INVARIANT_NOT_AFTER_RESPONSE] = { "not-after-its-handling", "nor what a handler had answered by then" },
  [SIM_INVARIANT_AT_MOST_ONCE] = { "at-most-once", "what is to be handled at most once is" },
  [SIM_INVARIANT_UNKNOWN_HAS_CAUSE] = { "unknown-has-a-cause", "no outcome is unknown unless a master was hit" },
  [SIM_INVARIANT_MARKS_HAVE_REASON] = { "marks-have-a-reason", "what no master had begun comes unmarked" },
  [SIM_INVARIANT_DELIVERIES_COUNTED] = { "deliveries-are-counted", "delivery counts begin at 1 and rise" },
  [SIM_INVARIANT_POISON_CONTAINED] = { "poison-is-contained", "what kills its handlers fails after so many masters" },
  [SIM_INVARIANT_RESIGNING_HARMLESS] = { "resigning-repeats-nothing", "what a master that resigned or closed began is finished" },
  [SIM_INVARIANT_DEPOSED_IDLE] = { "deposed-handles-no-more", "who was replaced while it stood still begins nothing" },
  [SIM_INVARIANT_DEPOSED_STEPS_DOWN] = { "deposed-steps-down", "and finds out that it is not master any more" },
  [SIM_INVARIANT_ELECTION_HAS_CAUSE] = { "no-needless-election", "no master is replaced that nothing happened to" },
  [SIM_INVARIANT_FENCE_HOLDS] = { "fence-holds", "a resource that compares epochs takes no older master's write" },
  [SIM_INVARIANT_ONE_MASTER_PER_EPOCH] = { "one-master-per-epoch", "an epoch has one master, elected once" },
  [SIM_INVARIANT_EPOCHS_INCREASE] = { "epochs-increase", "no node sees an epoch go back" },
  [SIM_INVARIANT_NO_LATE_CLAIM] = { "no-late-claim", "who was overtaken while it took over is not elected" },
  [SIM_INVARIANT_NOBODY_STARVES] = { "nobody-starves", "no wait is longer than what was done to the group explains" },
  [SIM_INVARIANT_CONVERGES] = { "converges", "once the group is healed, everybody is soon answered" },
  [SIM_INVARIANT_NO_VIOLATION] = { "no-protocol-error", "no node says that another broke the protocol" },
  [SIM_INVARIANT_STRANGERS] = { "strangers-are-judged", "who breaks the protocol is refused, who keeps to it is not" },
  [SIM_INVARIANT_RECORDS_SOUND] = { "records-are-sound", "what each process wrote down is something that it may have" },
  [SIM_INVARIANT_ALL_JOINED] = { "every-node-joined", "who was not killed became a member" },
  [SIM_INVARIANT_NONE_CRASHED] = { "no-node-crashed", "no process ended but by our doing" },
  [SIM_INVARIANT_ALL_CLOSED] = { "every-node-closed", "who was told to close did, in time" },
  [SIM_INVARIANT_CALM_IS_CALM] = { "calm-is-calm", "before anything is done nothing is repeated, and nothing fails" },
  [SIM_INVARIANT_DESCRIPTORS_RETURN] = { "descriptors-return", "in the end a node has no more than it began with" },
  [SIM_INVARIANT_THREADS_RETURN] = { "threads-return", "nor more threads" },
  [SIM_INVARIANT_MEMORY_RETURNS] = { "memory-returns", "nor much more memory" },
  [SIM_INVARIANT_REST_IS_REST] = { "rest-is-rest", "nobody runs while nothing happens" },
  [SIM_INVARIANT_NO_BUSY_LOOP] = { "no-busy-loop", "nobody runs longer than what it does can take" },
  [SIM_INVARIANT_NO_PROCESS_LEFT] = { "no-process-left", "nobody lives on when all have ended" },
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
    for (guint j = 0; j < SIM_EXAMPLES_MAX; j++)
      g_free (self->invariants[i].examples[j]);
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

  if (invariant->n_examples == SIM_EXAMPLES_MAX)
    return;

  va_start (args, format);
  invariant->examples[invariant->n_examples++] = g_strdup_vprintf (format, args);
  va_end (args);
}

/* As the history file has it: what the process itself wrote down. */
static void
append_line (GString *text, const SimHistory *history, const SimEvent *event)
{
  g_string_append (text, "\n    ");
  sim_jsonl_append_event (text, history, event);
  g_string_truncate (text, text->len - 1);
}

/* The other event may be NULL. */
void
sim_verdict_explain_events (SimVerdict *self, SimInvariantKind kind, const SimHistory *history, const SimEvent *one,
                            const SimEvent *other, const char *why)
{
  g_autofree char *one_text = NULL;
  g_autofree char *other_text = NULL;
  g_autoptr (GString) lines = g_string_new (NULL);

  if (self->invariants[kind].n_examples == SIM_EXAMPLES_MAX)
    return;

  one_text = sim_history_describe (history, one);
  other_text = other != NULL ? sim_history_describe (history, other) : NULL;
  append_line (lines, history, one);
  if (other != NULL)
    append_line (lines, history, other);
  sim_verdict_explain (self, kind, "%s%s%s: %s%s", one_text, other != NULL ? "; " : "", other != NULL ? other_text : "",
                       why, lines->str);
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

/* For people. */
const char *
sim_invariant_get_state (const SimInvariant *self)
{
  if (self->n_broken > 0)
    return "BROKEN";
  return self->n_checked > 0 ? "held" : "untested";
}

static void
append_examples (const SimInvariant *self, GString *text)
{
  g_string_append_printf (text, "\n%s broke %" G_GUINT64_FORMAT " times, first:\n", self->name, self->n_broken);
  for (guint i = 0; i < self->n_examples; i++)
    g_string_append_printf (text, "  %s\n", self->examples[i]);
}

static void
append_header (const SimVerdict *self, GString *text)
{
  guint n_broken = 0, n_untested = 0;

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    n_broken += self->invariants[i].n_broken > 0 ? 1 : 0;
    n_untested += self->invariants[i].n_broken == 0 && self->invariants[i].n_checked == 0 ? 1 : 0;
  }
  g_string_append_printf (text, "\n%-8s %9s  %u invariants: %u held, %u untested, %u broken\n", "", "checked",
                          (guint) SIM_N_INVARIANTS, SIM_N_INVARIANTS - n_broken - n_untested, n_untested, n_broken);
}

/* A table of all, and below it the counter-examples. */
void
sim_verdict_append_text (const SimVerdict *self, GString *text)
{
  append_header (self, text);
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &self->invariants[i];

    g_string_append_printf (text, "%-8s %9" G_GUINT64_FORMAT "  %-25s  %s\n", sim_invariant_get_state (invariant),
                            invariant->n_checked, invariant->name, invariant->promise);
  }
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    if (self->invariants[i].n_broken > 0)
      append_examples (&self->invariants[i], text);
  }
}

static void
write_invariant (const SimInvariant *self, SimJson *json)
{
  sim_json_begin (json, NULL, '{');
  sim_json_string (json, "name", self->name);
  sim_json_string (json, "promise", self->promise);
  sim_json_boolean (json, "held", self->n_broken == 0);
  sim_json_uint (json, "checked", self->n_checked);
  sim_json_uint (json, "broken", self->n_broken);
  sim_json_string (json, "example", self->n_examples > 0 ? self->examples[0] : NULL);
  sim_json_begin (json, "examples", '[');
  for (guint i = 0; i < self->n_examples; i++)
    sim_json_string (json, NULL, self->examples[i]);
  sim_json_end (json, ']');
  sim_json_end (json, '}');
}

void
sim_verdict_write_json (const SimVerdict *self, SimJson *json)
{
  sim_json_begin (json, "invariants", '[');
  for (guint i = 0; i < SIM_N_INVARIANTS; i++)
    write_invariant (&self->invariants[i], json);
  sim_json_end (json, ']');
}
