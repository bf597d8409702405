/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"

/*
 * What is handled again by the next master: not what was answered, unless the ledger was lost in between; and nothing
 * at all if the one before resigned, or closed, or had no reason to go.
 */

/* The first master closes instead of being killed, and yet the next one is given what it had begun. */
static void
closed_and_repeated (SimHistory *history)
{
  SimEntry *entry = &event_at (history, KILLED_0)->entry;

  *entry = (SimEntry) { .time_ns = entry->time_ns, .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_IDLE, .epoch = 100 };
  set_fate (history, 0, SIM_FATE_CLOSED);
}

/* The first master is about to resign, and is not done with it when the next one is elected. */
static void
repeated_in_calm (SimHistory *history)
{
  forget (history, KILLED_0);
  set_fate (history, 0, SIM_FATE_CLOSED);
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = 100 });
}

static void
repeated_after_cut (SimHistory *history)
{
  add_after (history, SENT_1, 2, (SimEntry) { .kind = SIM_ENTRY_CUT });
}

/* A master that was stopped inside a handler comes back: nothing can prevent that. */
static void
stopped_in_handler (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0, (SimEntry) { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP });
  event_at (history, HANDLED_2)->entry.time_ns = 999999;
}

static void
old_master_goes_on (SimHistory *history)
{
  event_at (history, HANDLED_2)->entry.time_ns = 999999;
}

static void
handled_after_answer (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, handled (1, 101, SIM_ENTRY_REDELIVERED));
}

static void
handled_after_answer_and_deletion (SimHistory *history)
{
  SimEntry again = handled (1, 101, SIM_ENTRY_REDELIVERED);

  inject (history, KILLED_0, SIM_FAULT_DELETE_FILE);
  again.code = 1; /* nobody knows of the first */
  add_after (history, ELECTED_1, 1, again);
}

/* In the ledger of the same file, whatever was deleted before. */
static void
handled_after_answer_and_old_deletion (SimHistory *history)
{
  for (guint i = STARTED_0; i < ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  inject (history, STARTED_2, SIM_FAULT_DELETE_FILE);
  handled_after_answer (history);
}

static void
handled_after_answer_and_socket (SimHistory *history)
{
  inject (history, KILLED_0, SIM_FAULT_DELETE_SOCKET);
  handled_after_answer (history);
}

static void
handled_after_answer_and_flipped_word (SimHistory *history)
{
  inject (history, KILLED_0, SIM_FAULT_FLIP_WORD);
  handled_after_answer (history);
}

static void
handled_after_answer_and_flipped_answers (SimHistory *history)
{
  inject (history, KILLED_0, SIM_FAULT_FLIP_BITS);
  handled_after_answer (history);
}

/* Another file: as after a deletion, a repeat is marked. */
static void
handled_after_answer_and_replacement (SimHistory *history)
{
  handled_after_answer_and_deletion (history);
  event_at (history, N_EVENTS)->entry.code = SIM_FAULT_REPLACE_FILE;
}

static void
unmarked_after_replacement (SimHistory *history)
{
  handled_after_answer_and_replacement (history);
  event_at (history, N_EVENTS + 1)->entry.flags = 0;
}

/* It is deleted in the end; a hold is not when it begins. */
static void
handled_after_answer_and_disturbance (SimHistory *history, SimFault fault)
{
  handled_after_answer_and_deletion (history);
  event_at (history, N_EVENTS)->entry.kind = SIM_ENTRY_DISTURBED;
  event_at (history, N_EVENTS)->entry.code = (gint32) fault;
}

static void
handled_after_answer_and_truncation (SimHistory *history)
{
  handled_after_answer_and_disturbance (history, SIM_FAULT_TRUNCATE_FILE);
}

static void
handled_after_answer_and_hold (SimHistory *history)
{
  handled_after_answer_and_disturbance (history, SIM_FAULT_HOLD_DELETE);
}

/* Its sender has not seen the answer, but the library had it. */
static void
handled_after_response (SimHistory *history)
{
  event_at (history, ANSWERED_1)->entry = (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_CUT };
  add_after (history, ANSWERED_2, 2, answered (1, 1, 101));
  add_after (history, ELECTED_1, 1, handled (1, 101, SIM_ENTRY_REDELIVERED));
}

/* An answer of a master that had been stopped, and replaced, may have come too late. */
static void
handled_after_late_response (SimHistory *history)
{
  SimEntry stopped = { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP };

  handled_after_response (history);
  add_after (history, HANDLED_1, 0, stopped);
}

static void
handled_after_response_and_hiccup (SimHistory *history)
{
  SimEntry stopped = { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_HICCUP };

  handled_after_response (history);
  add_after (history, HANDLED_1, 0, stopped);
}

static const Case cases[] = {
  { "/good/resigned", resigned_well, 0 },
  { "/resigning-repeats-nothing", resigned, BIT (SIM_INVARIANT_RESIGNING_HARMLESS) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/resigning-repeats-nothing/closed", closed_and_repeated, BIT (SIM_INVARIANT_RESIGNING_HARMLESS) },
  { "/calm-is-calm/repeated", repeated_in_calm, BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/calm-is-calm/good/after-a-cut", repeated_after_cut, 0 },
  { "/good/stopped-in-handler", stopped_in_handler, 0 },
  { "/not-after-its-answer/old-master", old_master_goes_on, BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) },
  { "/not-after-its-answer", handled_after_answer,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/after-its-answer-and-a-deletion", handled_after_answer_and_deletion, 0 },
  { "/not-after-its-answer/other-deletion", handled_after_answer_and_old_deletion,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-answer/socket", handled_after_answer_and_socket,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-answer/flipped-word", handled_after_answer_and_flipped_word,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/not-after-its-answer/flipped-answers", handled_after_answer_and_flipped_answers,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/after-its-answer-and-a-replacement", handled_after_answer_and_replacement, 0 },
  { "/repeats-are-marked/replacement", unmarked_after_replacement, BIT (SIM_INVARIANT_REPEATS_MARKED) },
  { "/good/after-its-answer-and-a-truncation", handled_after_answer_and_truncation, 0 },
  { "/not-after-its-answer/hold", handled_after_answer_and_hold,
    BIT (SIM_INVARIANT_NOT_AFTER_ANSWER) | BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE)
        | BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/not-after-its-handling", handled_after_response, BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
  { "/good/answered-too-late-to-count", handled_after_late_response, 0 },
  { "/not-after-its-handling/hiccup", handled_after_response_and_hiccup, BIT (SIM_INVARIANT_NOT_AFTER_RESPONSE) },
};

const CaseTable repeats_cases = { cases, G_N_ELEMENTS (cases) };
