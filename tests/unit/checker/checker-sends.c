/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"
#include "sim-phase.h"

/*
 * How a send ends: once, with the answer that a handler gave to this message, and not with an error unless its sender
 * asked for one, or the answer was lost by what was done to the file.
 */

static void
a_number_left_out (SimHistory *history)
{
  add_after (history, ANSWERED_2, 2, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 5 });
}

static void
never_handled (SimHistory *history)
{
  forget (history, HANDLED_3);
  forget (history, ANSWERED_3);
}

static void
failed (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_TIMED_OUT };
}

static void
converged (SimHistory *history)
{
  add_after (history, SENT_2, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_CONVERGE });
}

static void
sends_no_more (SimHistory *history)
{
  add_after (history, SENT_3, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_CONVERGE });
}

static void
answered_twice (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, answered (1, 0, 100));
}

static void
answered_unsent (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, answered (4, 0, 100));
}

static void
answered_unhandled (SimHistory *history)
{
  forget (history, HANDLED_3);
}

static void
answered_by_another (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.peer = 1;
}

static void
answered_in_another_epoch (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.epoch = 99;
  event_at (history, ANSWERED_1)->entry.result_epoch = 99;
}

static void
answered_too_early (SimHistory *history)
{
  gint64 time_ns = event_at (history, HANDLED_3)->entry.time_ns;

  event_at (history, HANDLED_3)->entry.time_ns = time_ns + 100000;
  event_at (history, ANSWERED_3)->entry.time_ns = time_ns;
}

static void
epoch_misnamed (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry.result_epoch = 100;
}

static void
answer_damaged (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry.flags = SIM_ENTRY_DAMAGED;
}

/* Message 3 is handled by the old master after its sender has been answered by the new one, and that answer is
 * taken. */
static void
stale_answer (SimHistory *history)
{
  swap_entries (history, ANSWERED_3, ANSWERED_2); /* 2 is answered from epoch 101 first */
  event_at (history, ANSWERED_2)->entry = answered (3, 0, 100);
  event_at (history, ANSWERED_2)->entry.time_ns = 999999;
  forget (history, HANDLED_3);
  add_after (history, ANSWERED_3, 0, handled (3, 100, 0));
}

/* The answer to message 2 is lost. */
static void
response_lost (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_RESPONSE_LOST };
}

static void
response_lost_by_flips (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2_AGAIN, SIM_FAULT_FLIP_BITS);
}

static void
response_lost_after_flips (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_BITS);
}

static void
response_lost_by_word (SimHistory *history)
{
  response_lost (history);
  inject (history, HANDLED_2_AGAIN, SIM_FAULT_FLIP_WORD);
}

static const Case cases[] = {
  { "/good", nothing, 0 },
  { "/number-left-out", a_number_left_out, BIT (SIM_INVARIANT_RECORDS_SOUND) },
  { "/every-send-ends/lost", no_outcome, BIT (SIM_INVARIANT_SENDS_END) },
  { "/every-send-ends/never-handled", never_handled, BIT (SIM_INVARIANT_SENDS_END) },
  { "/good/killed-sender-without-outcome", no_outcome_of_the_killed, 0 },
  { "/every-send-is-answered", failed, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/good/converged", converged, 0 },
  { "/converges", sends_no_more, BIT (SIM_INVARIANT_CONVERGES) },
  { "/every-send-ends-once/twice", answered_twice, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/every-send-ends-once/unsent", answered_unsent, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/answered-was-handled/unhandled", answered_unhandled, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-node", answered_by_another, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answered-was-handled/other-epoch", answered_in_another_epoch,
    BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) | BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/answered-was-handled/too-early", answered_too_early, BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/answer-names-its-epoch", epoch_misnamed, BIT (SIM_INVARIANT_ANSWER_NAMES_EPOCH) },
  { "/answers-exact", answer_damaged, BIT (SIM_INVARIANT_ANSWERS_EXACT) },
  { "/no-stale-answer", stale_answer, BIT (SIM_INVARIANT_NO_STALE_ANSWER) },
  { "/every-send-is-answered/lost", response_lost, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/good/response-lost-by-flips", response_lost_by_flips, 0 },
  { "/every-send-is-answered/lost-after-flips", response_lost_after_flips, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-is-answered/lost-by-word", response_lost_by_word, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
};

const CaseTable sends_cases = { cases, G_N_ELEMENTS (cases) };
