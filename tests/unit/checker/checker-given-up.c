/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-cases.h"

/*
 * Sends by somebody less patient: with a deadline, cancelled, failing fast, not waiting for room. Message 2 is given
 * up, for a reason that its sender gave or did not give, in its time or not; and what is said not to have been sent is
 * handled by nobody.
 */

/* See test-sim-liveness.c for what excuses it. */
static void
starved (SimHistory *history)
{
  event_at (history, ANSWERED_2)->entry.time_ns += G_GINT64_CONSTANT (20000000000);
}

static void
send_with (SimHistory *history, guint index, guint16 flags, int after_ms)
{
  event_at (history, index)->entry.flags |= flags;
  event_at (history, index)->entry.code = after_ms;
}

/* Message 2 in this way, at a time. */
static void
give_up (SimHistory *history, SimEntry outcome, gint64 time_ns)
{
  outcome.time_ns = time_ns;
  outcome.number = 2;
  event_at (history, ANSWERED_2)->entry = outcome;
}

static void
never_handle_2 (SimHistory *history)
{
  forget (history, HANDLED_2);
  forget (history, HANDLED_2_AGAIN);
}

/* Handled or not: that is what TIMED_OUT says. */
static void
timed_out (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 8 * MS);
}

/* Its sequence number is passed over. */
static void
timed_out_unhandled (SimHistory *history)
{
  timed_out (history);
  never_handle_2 (history);
}

static void
handled_after_time_out (SimHistory *history)
{
  timed_out (history);
  event_at (history, HANDLED_3)->entry.time_ns += 20 * MS;
  event_at (history, HANDLED_2_AGAIN)->entry.time_ns += 19 * MS;
  event_at (history, ANSWERED_3)->entry.time_ns += 20 * MS;
}

static void
timed_out_early (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 7 * MS);
}

static void
timed_out_late (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, 10100 * MS);
}

static void
answered_late (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  starved (history);
}

static void
not_sent (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_SENT }, 8 * MS);
}

static void
not_sent_without_deadline (SimHistory *history)
{
  not_sent (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_CANCEL | SIM_ENTRY_FAIL_FAST | SIM_ENTRY_REFUSABLE;
}

static void
not_sent_and_handled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_DEADLINE, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_SENT }, 8 * MS);
}

/* The deadline is not what ended it. */
static void
no_master (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_FAIL_FAST | SIM_ENTRY_DEADLINE, 7);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NO_MASTER }, 2 * MS);
}

static void
no_master_but_waits (SimHistory *history)
{
  no_master (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_CANCEL | SIM_ENTRY_REFUSABLE;
}

static void
no_master_early (SimHistory *history)
{
  no_master (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE;
}

/* Only when it has been given up. */
static void
no_master_and_handled_later (SimHistory *history)
{
  no_master (history);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, SENT_3)->entry.time_ns + 1;
  add_after (history, ELECTED_1, 1, handled (2, 101, 0));
}

static void
queue_full (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_REFUSABLE, 0);
  never_handle_2 (history);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL }, 2 * MS);
}

static void
queue_full_but_waits (SimHistory *history)
{
  queue_full (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL | SIM_ENTRY_FAIL_FAST;
}

static void
queue_full_and_handled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_REFUSABLE, 0);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL }, 2 * MS);
}

static void
cancelled (SimHistory *history)
{
  send_with (history, SENT_2, SIM_ENTRY_CANCEL, 7);
  give_up (history, (SimEntry) { .kind = SIM_ENTRY_CANCELLED }, 8 * MS);
}

static void
cancelled_unsent (SimHistory *history)
{
  cancelled (history);
  never_handle_2 (history);
  event_at (history, ANSWERED_2)->entry.flags = SIM_ENTRY_UNSENT;
}

static void
cancelled_unsent_and_handled (SimHistory *history)
{
  cancelled (history);
  event_at (history, ANSWERED_2)->entry.flags = SIM_ENTRY_UNSENT;
}

static void
cancelled_early (SimHistory *history)
{
  cancelled (history);
  event_at (history, ANSWERED_2)->entry.time_ns = 7 * MS;
}

static void
cancelled_by_nobody (SimHistory *history)
{
  cancelled (history);
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_DEADLINE | SIM_ENTRY_FAIL_FAST | SIM_ENTRY_REFUSABLE;
}

static void
cancelled_twice (SimHistory *history)
{
  cancelled (history);
  add_after (history, ANSWERED_2, 2, (SimEntry) { .kind = SIM_ENTRY_CANCELLED, .number = 2 });
}

/* What may be given up may be handled at most once all the same. */
static void
timed_out_twice_handled (SimHistory *history)
{
  timed_out (history);
  event_at (history, SENT_2)->entry.flags |= SIM_ENTRY_ONCE;
}

static const Case cases[] = {
  { "/nobody-starves", starved, BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/good/timed-out", timed_out, 0 },
  { "/good/timed-out-and-not-handled", timed_out_unhandled, 0 },
  { "/good/timed-out-and-handled-later", handled_after_time_out, 0 },
  { "/given-up-in-time/early", timed_out_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/given-up-in-time/late", timed_out_late,
    BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) | BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/given-up-in-time/answered", answered_late,
    BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) | BIT (SIM_INVARIANT_NOBODY_STARVES) },
  { "/good/not-sent", not_sent, 0 },
  { "/every-send-is-answered/no-deadline", not_sent_without_deadline, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/not-sent-is-not-handled/not-sent", not_sent_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/good/no-master", no_master, 0 },
  { "/every-send-is-answered/waits-for-master", no_master_but_waits, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/given-up-in-time/no-master", no_master_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/not-sent-is-not-handled/no-master-later", no_master_and_handled_later, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/good/queue-full", queue_full, 0 },
  { "/every-send-is-answered/waits-for-room", queue_full_but_waits, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/not-sent-is-not-handled/queue-full", queue_full_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/good/cancelled", cancelled, 0 },
  { "/good/cancelled-unsent", cancelled_unsent, 0 },
  { "/not-sent-is-not-handled/cancelled", cancelled_unsent_and_handled, BIT (SIM_INVARIANT_UNSENT_NOT_HANDLED) },
  { "/given-up-in-time/cancelled", cancelled_early, BIT (SIM_INVARIANT_GIVEN_UP_IN_TIME) },
  { "/every-send-is-answered/cancelled-by-nobody", cancelled_by_nobody, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/every-send-ends-once/cancelled", cancelled_twice, BIT (SIM_INVARIANT_ENDS_ONCE) },
  { "/at-most-once/timed-out", timed_out_twice_handled, BIT (SIM_INVARIANT_AT_MOST_ONCE) },
};

const CaseTable given_up_cases = { cases, G_N_ELEMENTS (cases) };
