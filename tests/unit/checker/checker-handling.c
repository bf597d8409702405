/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checker-cases.h"

/*
 * What is handled: what was sent, as it was sent, by whom it was sent; in the order of sending, within an epoch and
 * across epochs; once in each, and marked and counted when it is not for the first time.
 */

static void
message_damaged (SimHistory *history)
{
  SimEntry entry = { .kind = SIM_ENTRY_HANDLED, .flags = SIM_ENTRY_DAMAGED, .epoch = 101 };

  add_after (history, HANDLED_3, 1, entry);
}

static void
handled_unsent (SimHistory *history)
{
  add_after (history, HANDLED_3, 1, handled (4, 101, 0));
}

static void
handled_before_sent (SimHistory *history)
{
  event_at (history, SENT_3)->entry.time_ns = event_at (history, HANDLED_3)->entry.time_ns + 1;
}

static void
false_sender (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.node_id[0] = 7;
}

static void
false_pid (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.pid = 1;
}

static void
other_sequence (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.sequence = 14;
}

static void
no_sequence (SimHistory *history)
{
  event_at (history, HANDLED_3)->entry.sequence = 0;
}

static void
wrong_order_in_epoch (SimHistory *history)
{
  swap_entries (history, HANDLED_2_AGAIN, HANDLED_3);
}

/* 3 before 2, which nobody had handled: wrong across epochs, though each epoch by itself is in order. */
static void
wrong_order_across_epochs (SimHistory *history)
{
  SimEvent *second = event_at (history, HANDLED_2);

  second->entry.number = 3;
  second->entry.sequence = 13;
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
  event_at (history, HANDLED_3)->entry.code = 2;
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
twice_in_epoch (SimHistory *history)
{
  add_after (history, HANDLED_3, 1, handled (3, 101, SIM_ENTRY_REDELIVERED));
}

static void
unmarked_repeat (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
}

static void
marked_but_first (SimHistory *history)
{
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
first_is_second (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.code = 2;
}

static void
count_stays (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
}

static const Case cases[] = {
  { "/messages-exact", message_damaged, BIT (SIM_INVARIANT_MESSAGES_EXACT) },
  { "/handled-was-sent/never", handled_unsent, BIT (SIM_INVARIANT_HANDLED_WAS_SENT) },
  { "/handled-was-sent/later", handled_before_sent,
    BIT (SIM_INVARIANT_HANDLED_WAS_SENT) | BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/one-identity/node-id", false_sender, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/pid", false_pid, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/sequence", other_sequence, BIT (SIM_INVARIANT_ONE_IDENTITY) },
  { "/one-identity/no-sequence", no_sequence,
    BIT (SIM_INVARIANT_ONE_IDENTITY) | BIT (SIM_INVARIANT_ORDER_ACROSS_EPOCHS) },
  { "/order-in-epoch", wrong_order_in_epoch, BIT (SIM_INVARIANT_ORDER_IN_EPOCH) },
  { "/order-across-epochs", wrong_order_across_epochs, BIT (SIM_INVARIANT_ORDER_ACROSS_EPOCHS) },
  { "/once-per-epoch", twice_in_epoch, BIT (SIM_INVARIANT_ONCE_PER_EPOCH) },
  { "/repeats-are-marked", unmarked_repeat,
    BIT (SIM_INVARIANT_REPEATS_MARKED) | BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/good/first-but-marked", marked_but_first, 0 },
  { "/deliveries-are-counted/first", first_is_second, BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
  { "/deliveries-are-counted/next", count_stays, BIT (SIM_INVARIANT_DELIVERIES_COUNTED) },
};

const CaseTable handling_cases = { cases, G_N_ELEMENTS (cases) };
