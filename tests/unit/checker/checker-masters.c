/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <ipc-kill-point.h>
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"

/*
 * One master in each epoch, epochs that only grow, and what becomes of a master that was replaced while it was stopped:
 * it finishes the one message that it had accepted, steps down, and no longer writes to what is fenced.
 */

static void
two_masters (SimHistory *history)
{
  event_at (history, ELECTED_1)->entry.epoch = 100;
}

static void
two_handlers_of_epoch (SimHistory *history)
{
  event_at (history, HANDLED_2_AGAIN)->node = 0;
}

static void
epoch_back (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 99 });
}

static void
elected_twice (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 101 });
}

static void
role_epoch_back (SimHistory *history)
{
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100 });
}

static void
late_claim (SimHistory *history)
{
  add_after (history, KILLED_0, 1, (SimEntry) { .kind = SIM_ENTRY_OVERTAKEN, .epoch = 105 });
}

static void
overtaken_but_newer (SimHistory *history)
{
  add_after (history, KILLED_0, 1, (SimEntry) { .kind = SIM_ENTRY_OVERTAKEN, .epoch = 100 });
}

static void
deposed_and_unaware (SimHistory *history)
{
  deposed (history);
  g_array_set_size (history->events, history->events->len - 1);
}

/* To be closed is not to have noticed, unless it comes at once. */
static void
deposed_and_closed (SimHistory *history, gint64 after_ns)
{
  deposed_and_unaware (history);
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_IDLE });
  event_at (history, history->events->len - 1)->entry.time_ns += after_ns;
}

static void
deposed_and_closed_at_once (SimHistory *history)
{
  deposed_and_closed (history, 1000);
}

static void
deposed_and_closed_later (SimHistory *history)
{
  deposed_and_closed (history, G_GINT64_CONSTANT (1000000000));
}

static void
deposed_handles (SimHistory *history, guint n_messages)
{
  deposed (history);
  for (guint i = 1; i <= n_messages; i++) {
    add_after (history, SENT_3, 1, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = i });
    event_at (history, history->events->len - 1)->entry.time_ns += i;
    add_after (history, ANSWERED_2, 0, handled (i, 100, 0));
    event_at (history, history->events->len - 1)->entry.time_ns += 1 + i;
    event_at (history, history->events->len - 1)->entry.peer = 1;
    event_at (history, history->events->len - 1)->entry.pid = 1001;
    event_at (history, history->events->len - 1)->entry.node_id[0] = 1;
  }
  set_fate (history, 1, SIM_FATE_KILLED);
}

static void
deposed_finishes_one (SimHistory *history)
{
  deposed_handles (history, 1);
}

/* It stopped before it could write down that it had accepted a message: it has accepted none. */
static void
deposed_begins_what_it_looked_at (SimHistory *history)
{
  deposed_finishes_one (history);
  event_at (history, KILLED_0)->entry.number = 1 + IPC_KILL_POINT_SELF_CHECKED;
}

static void
deposed_with_its_file (SimHistory *history)
{
  deposed_begins_what_it_looked_at (history);
  inject (history, KILLED_0, SIM_FAULT_DELETE_FILE);
}

static void
deposed_begins_more (SimHistory *history)
{
  deposed_handles (history, 2);
}

static void
add_write (SimHistory *history, guint index, guint32 node, guint64 number, guint64 epoch, guint64 place)
{
  add_after (history, index, node,
             (SimEntry) { .kind = SIM_ENTRY_WROTE, .peer = 2, .number = number, .epoch = epoch, .sequence = place });
}

static void
fenced (SimHistory *history)
{
  add_write (history, HANDLED_2, 0, 2, 100, 1);
  add_write (history, HANDLED_3, 1, 3, 101, 2);
  add_after (history, ANSWERED_3, 0, (SimEntry) { .kind = SIM_ENTRY_FENCED, .peer = 2, .number = 2, .epoch = 100 });
}

/* The same node is master once more and handles the message again, while what began on it the first time goes on. */
static void
fenced_and_handled_again (SimHistory *history)
{
  SimEntry again = handled (2, 102, SIM_ENTRY_REDELIVERED);

  again.code = 3;
  event_at (history, ANSWERED_2)->entry.epoch = event_at (history, ANSWERED_2)->entry.result_epoch = 102;
  inject (history, HANDLED_2_AGAIN, SIM_FAULT_DELETE_FILE);
  add_after (history, HANDLED_3, 1, again);
  add_write (history, ANSWERED_3, 1, 2, 101, 1);
  add_write (history, ANSWERED_2, 1, 3, 101, 2);
}

/* In the name of the new epoch, which it was not begun in. */
static void
stale_write (SimHistory *history)
{
  add_write (history, HANDLED_3, 1, 3, 101, 1);
  add_write (history, ANSWERED_3, 0, 2, 101, 2);
}

static void
write_of_nobody (SimHistory *history)
{
  add_write (history, HANDLED_3, 1, 1, 101, 1);
}

static const Case cases[] = {
  { "/one-master-per-epoch/elected", two_masters, BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) },
  { "/one-master-per-epoch/handling", two_handlers_of_epoch,
    BIT (SIM_INVARIANT_ONE_MASTER_PER_EPOCH) | BIT (SIM_INVARIANT_ANSWER_WAS_HANDLED) },
  { "/epochs-increase/back", epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) | BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/epochs-increase/again", elected_twice, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/epochs-increase/role", role_epoch_back, BIT (SIM_INVARIANT_EPOCHS_INCREASE) },
  { "/no-late-claim", late_claim, BIT (SIM_INVARIANT_NO_LATE_CLAIM) },
  { "/good/overtaken-and-elected-later", overtaken_but_newer, 0 },
  { "/good/deposed", deposed, 0 },
  { "/deposed-steps-down", deposed_and_unaware, BIT (SIM_INVARIANT_DEPOSED_STEPS_DOWN) },
  { "/good/deposed-and-closed", deposed_and_closed_at_once, 0 },
  { "/deposed-steps-down/closed", deposed_and_closed_later, BIT (SIM_INVARIANT_DEPOSED_STEPS_DOWN) },
  { "/good/deposed-with-one-accepted", deposed_finishes_one, 0 },
  { "/deposed-handles-no-more/looked-at", deposed_begins_what_it_looked_at, BIT (SIM_INVARIANT_DEPOSED_IDLE) },
  { "/good/deposed-with-its-file", deposed_with_its_file, 0 },
  { "/deposed-handles-no-more", deposed_begins_more, BIT (SIM_INVARIANT_DEPOSED_IDLE) },
  { "/good/fenced", fenced, 0 },
  { "/good/fenced-and-handled-again", fenced_and_handled_again, 0 },
  { "/fence-holds/stale", stale_write, BIT (SIM_INVARIANT_FENCE_HOLDS) },
  { "/fence-holds/nobody", write_of_nobody, BIT (SIM_INVARIANT_FENCE_HOLDS) },
};

const CaseTable masters_cases = { cases, G_N_ELEMENTS (cases) };
