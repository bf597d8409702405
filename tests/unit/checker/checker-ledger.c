/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"

/*
 * What a master that was hit leaves to the next one in the ledger: that a message was begun, so that it comes marked,
 * and one sent at most once does not come again but has an unknown outcome; and how many masters it has killed.
 */

/* One message may have been accepted without a trace, two may not. */
static void
marked_unseen (SimHistory *history)
{
  forget (history, HANDLED_2);
}

static void
marked_unseen_twice (SimHistory *history)
{
  marked_unseen (history);
  event_at (history, HANDLED_3)->entry.flags = SIM_ENTRY_REDELIVERED;
}

/* What it was hit by is the kill, long afterwards. */
static void
marked_unseen_and_starved (SimHistory *history)
{
  history->hang_timeout_ms = 10000;
  marked_unseen (history);
  for (guint i = STARTED_0; i <= ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  inject (history, ELECTED_0, SIM_FAULT_STARVE);
}

/* Node 2 is said to be connected to the master of an epoch, and sends when its file has gone and a later one has
 * another. */
static void
sent_to_older_master (SimHistory *history, guint64 epoch)
{
  SimEntry elected = { .kind = SIM_ENTRY_ELECTED, .epoch = 50 };

  marked_unseen_twice (history);
  for (guint i = ELECTED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 200 * MS;
  add_after (history, STARTED_1, 1, elected);
  inject (history, STARTED_2, SIM_FAULT_DELETE_FILE);
  add_after (history, STARTED_2, 2, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = epoch, .code = IPC_ROLE_CLIENT });
}

static void
marked_after_older_master (SimHistory *history)
{
  sent_to_older_master (history, 50);
}

static void
marked_after_present_master (SimHistory *history)
{
  sent_to_older_master (history, 0);
}

static void
marked_after_deletion (SimHistory *history)
{
  marked_unseen_twice (history);
  inject (history, KILLED_0, SIM_FAULT_DELETE_FILE);
}

/* Its master had not noticed, and took messages by the file that was gone already. */
static void
marked_after_unnoticed_deletion (SimHistory *history)
{
  marked_unseen_twice (history);
  for (guint i = STARTED_0; i <= ELECTED_0; i++)
    event_at (history, i)->entry.time_ns -= G_GINT64_CONSTANT (10000000000);
  inject (history, ELECTED_0, SIM_FAULT_DELETE_FILE);
}

static void
marked_without_kill (SimHistory *history)
{
  event_at (history, HANDLED_1)->entry.flags = SIM_ENTRY_REDELIVERED;
}

static void
twice_at_most_once (SimHistory *history)
{
  send_once (history, SENT_2);
}

/* Nobody has said that he began on it; the one who was killed may have accepted it. */
static void
unknown_unseen (SimHistory *history)
{
  unknown (history);
  forget (history, HANDLED_2);
}

/* The one who was killed had been stopped before, long before the message was sent, and had gone on. */
static void
unknown_unseen_after_stop (SimHistory *history)
{
  unknown_unseen (history);
  for (guint i = SENT_1; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 30 * MS;
  add_after (history, ELECTED_0, 0, (SimEntry) { .kind = SIM_ENTRY_STOPPED, .epoch = 100, .code = SIM_FAULT_STOP });
  add_after (history, ELECTED_0, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STOP });
  event_at (history, N_EVENTS + 1)->entry.time_ns += 1;
}

/* It has written nothing for long before it died, and the message was sent meanwhile. */
static void
unknown_unseen_after_silence (SimHistory *history)
{
  unknown_unseen (history);
  event_at (history, SENT_2)->entry.time_ns = event_at (history, KILLED_0)->entry.time_ns + 30 * MS;
  event_at (history, SENT_3)->entry.time_ns = event_at (history, SENT_2)->entry.time_ns + 1;
  for (guint i = ELECTED_1; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 31 * MS;
}

/* It died at a kill point: what is known is when it wrote for the last time. */
static void
unknown_unseen_at_point (SimHistory *history)
{
  unknown_unseen_after_silence (history);
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_KILL_AT;
  event_at (history, KILLED_0)->entry.number = 1;
}

/* But when the message was sent there was another master. */
static void
unknown_unseen_after_point (SimHistory *history)
{
  unknown_unseen_at_point (history);
  event_at (history, ELECTED_1)->entry.time_ns = event_at (history, SENT_2)->entry.time_ns - 1;
}

/* Its successor was there already when it was killed. */
static void
unknown_unseen_after_deposition (SimHistory *history)
{
  unknown_unseen_after_stop (history);
  event_at (history, ELECTED_1)->entry.time_ns = event_at (history, SENT_2)->entry.time_ns;
}

/* But one message only. */
static void
unknown_unseen_twice (SimHistory *history)
{
  unknown_unseen (history);
  send_once (history, SENT_3);
  forget (history, HANDLED_3);
  event_at (history, ANSWERED_3)->entry =
      (SimEntry) { .time_ns = 999998, .kind = SIM_ENTRY_FAILED, .number = 3, .code = IPC_ERROR_OUTCOME_UNKNOWN };
}

static void
unknown_at_least_once (SimHistory *history)
{
  unknown (history);
  event_at (history, SENT_2)->entry.flags = 0;
}

/* Handed to a master that nothing has happened to. */
static void
unknown_before_kill (SimHistory *history)
{
  unknown (history);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, HANDLED_2)->entry.time_ns + 1;
}

/* Message 2 kills three masters, and fails. */
static void
add_poison (SimHistory *history, guint n_masters)
{
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_POISON;
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 9999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_POISONED };
  event_at (history, HANDLED_3)->entry.kind = SIM_ENTRY_CUT;
  event_at (history, ANSWERED_3)->entry.kind = SIM_ENTRY_CUT;
  add_after (history, HANDLED_2_AGAIN, 1, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = 101 });
  for (guint i = 2; i < n_masters; i++) {
    SimNodeInfo info = { .pid = 1001 + i, .fate = SIM_FATE_KILLED, .candidate = TRUE, .joined = TRUE };
    guint32 node = sim_history_add_node (history, &info);
    guint64 epoch = 100 + i;
    SimEntry again = handled (2, epoch, SIM_ENTRY_REDELIVERED);

    again.code = (gint32) i + 1;
    add_after (history, ANSWERED_3, node, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = epoch });
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i;
    add_after (history, ANSWERED_3, node, again);
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i + 1;
    add_after (history, ANSWERED_3, node, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = epoch });
    event_at (history, history->events->len - 1)->entry.time_ns += 100 * i + 2;
  }
  set_fate (history, 2, SIM_FATE_KILLED); /* so that nobody misses the answer to 3 */
}

static void
poisoned (SimHistory *history)
{
  add_poison (history, 3);
}

static void
poisoned_too_soon (SimHistory *history)
{
  add_poison (history, 2);
}

static void
poisoned_too_late (SimHistory *history)
{
  add_poison (history, 4);
}

static void
poison_answered (SimHistory *history)
{
  event_at (history, SENT_2)->entry.flags = SIM_ENTRY_POISON;
}

static const Case cases[] = {
  { "/good/marked-unseen", marked_unseen, 0 },
  { "/marks-have-a-reason/twice", marked_unseen_twice, BIT (SIM_INVARIANT_MARKS_HAVE_REASON) },
  { "/good/marked-unseen-and-starved", marked_unseen_and_starved, 0 },
  { "/good/marked-after-older-master", marked_after_older_master, 0 },
  { "/marks-have-a-reason/present-master", marked_after_present_master, BIT (SIM_INVARIANT_MARKS_HAVE_REASON) },
  { "/good/marked-after-deletion", marked_after_deletion, 0 },
  { "/good/marked-after-unnoticed-deletion", marked_after_unnoticed_deletion, 0 },
  { "/marks-have-a-reason/before", marked_without_kill,
    BIT (SIM_INVARIANT_MARKS_HAVE_REASON) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/at-most-once", twice_at_most_once, BIT (SIM_INVARIANT_AT_MOST_ONCE) },
  { "/good/unknown", unknown, 0 },
  { "/good/unknown-unseen", unknown_unseen, 0 },
  { "/good/unknown-unseen-after-a-stop", unknown_unseen_after_stop, 0 },
  { "/good/unknown-unseen-at-a-point", unknown_unseen_at_point, 0 },
  { "/unknown-has-a-cause/after-a-silence", unknown_unseen_after_silence, BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/unknown-has-a-cause/after-a-point", unknown_unseen_after_point, BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/unknown-has-a-cause/after-a-deposition", unknown_unseen_after_deposition, BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/unknown-has-a-cause/twice", unknown_unseen_twice, BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) },
  { "/every-send-is-answered/unknown", unknown_at_least_once, BIT (SIM_INVARIANT_SENDS_ANSWERED) },
  { "/unknown-has-a-cause/before", unknown_before_kill,
    BIT (SIM_INVARIANT_UNKNOWN_HAS_CAUSE) | BIT (SIM_INVARIANT_CALM_IS_CALM) },
  { "/good/poisoned", poisoned, 0 },
  { "/poison-is-contained/too-soon", poisoned_too_soon, BIT (SIM_INVARIANT_POISON_CONTAINED) },
  { "/poison-is-contained/too-late", poisoned_too_late, BIT (SIM_INVARIANT_POISON_CONTAINED) },
  { "/poison-is-contained/answered", poison_answered, BIT (SIM_INVARIANT_POISON_CONTAINED) },
};

const CaseTable ledger_cases = { cases, G_N_ELEMENTS (cases) };
