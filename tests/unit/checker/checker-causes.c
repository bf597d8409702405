/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"
#include "sim-syscalls.h"

/*
 * Why there is an election: the reason is in what was done to the master before. Faults that excuse one, each beside
 * what looks like it and excuses nothing.
 */

static void
no_cause (SimHistory *history)
{
  forget (history, KILLED_0);
}

static void
only_hiccup (SimHistory *history)
{
  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_STOPPED;
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_HICCUP;
}

static void
swizzled (SimHistory *history)
{
  deposed (history);
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_SWIZZLE;
}

/* Node 0 has claimed its epoch and is stopped before it can say so; it does when it goes on and node 1 is master. */
static void
elected_in_its_sleep (SimHistory *history, SimFault fault)
{
  deposed (history);
  forget (history, ELECTED_0);
  forget (history, HANDLED_1);
  forget (history, RESPONDED_1);
  forget (history, HANDLED_2);
  event_at (history, ANSWERED_1)->entry = answered (1, 1, 101);
  event_at (history, ANSWERED_1)->entry.time_ns = 999999;
  event_at (history, HANDLED_2_AGAIN)->entry.flags = 0;
  event_at (history, HANDLED_2_AGAIN)->entry.code = 1;
  add_after (history, ELECTED_1, 1, handled (1, 101, 0));
  for (guint i = N_EVENTS; i < history->events->len; i++) {
    if (event_at (history, i)->entry.kind == SIM_ENTRY_CONTINUED)
      event_at (history, i)->entry.code = fault;
  }
  event_at (history, KILLED_0)->entry.epoch = 0;
  event_at (history, KILLED_0)->entry.code = fault;
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = 100 });
  event_at (history, history->events->len - 1)->entry.time_ns += 5;
}

static void
elected_in_long_sleep (SimHistory *history)
{
  elected_in_its_sleep (history, SIM_FAULT_SWIZZLE);
}

static void
elected_in_short_sleep (SimHistory *history)
{
  elected_in_its_sleep (history, SIM_FAULT_HICCUP);
}

/* The word is another: who was master by it is replaced, and nothing else is forgiven. */
static void
flipped_word (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_WORD);
}

static void
flipped_answers (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_FLIP_BITS);
}

static void
killed_by_truncation (SimHistory *history)
{
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_TRUNCATE_FILE;
}

static void
master_starved (SimHistory *history)
{
  forget (history, KILLED_0);
  inject (history, HANDLED_2, SIM_FAULT_STARVE);
}

static void
another_starved (SimHistory *history)
{
  master_starved (history);
  event_at (history, N_EVENTS)->node = 2;
}

static void
starved_long_ago (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  master_starved (history);
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STARVE });
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100, .code = IPC_ROLE_MASTER });
  event_at (history, N_EVENTS + 1)->entry.time_ns += 1;
  event_at (history, N_EVENTS + 2)->entry.time_ns += 2700000;
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 3000000;
  for (guint i = 1; i < 3; i++) {
    add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 100, .code = IPC_ROLE_MASTER });
    event_at (history, N_EVENTS + 2 + i)->entry.time_ns += i * 900000;
  }
}

static void
accept_fails (SimHistory *history, guint16 count)
{
  const SimRule rule = { .call = SIM_CALL_ACCEPT, .code = ENOMEM, .count = count };

  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_INJECTED;
  event_at (history, KILLED_0)->entry.code = SIM_FAULT_SYSCALL_ERRORS;
  event_at (history, KILLED_0)->entry.sequence = sim_rule_pack (&rule);
}

/* It could take nobody in any more. */
static void
barred (SimHistory *history)
{
  accept_fails (history, 0);
}

static void
barred_for_a_moment (SimHistory *history)
{
  accept_fails (history, 3);
}

/* It was told to close instead of being killed, and its node is idle. */
static void
closed_first (SimHistory *history)
{
  resigned_well (history);
  event_at (history, KILLED_0)->entry.kind = SIM_ENTRY_ROLE;
  event_at (history, KILLED_0)->entry.code = IPC_ROLE_IDLE;
  g_array_set_size (history->events, N_EVENTS);
}

/* It was told to close, and says that it has when its successor is there already. */
static void
closed_and_said_so_later (SimHistory *history)
{
  closed_first (history);
  event_at (history, KILLED_0)->entry.time_ns = event_at (history, ELECTED_1)->entry.time_ns + 500;
  add_after (history, HANDLED_2, 0, (SimEntry) { .kind = SIM_ENTRY_EFFECTIVE, .code = SIM_FAULT_RESTART });
}

/* Nobody told it to. */
static void
closed_later (SimHistory *history)
{
  closed_and_said_so_later (history);
  event_at (history, N_EVENTS)->entry.code = SIM_FAULT_STARVE;
}

/* It finds that it is master no more, and says that its files are the reason. @wanting: what was done to it before. */
static void
fail_master (SimHistory *history, SimFault wanting)
{
  resigned_well (history);
  g_array_set_size (history->events, N_EVENTS);
  event_at (history, KILLED_0)->entry =
      (SimEntry) { .time_ns = event_at (history, KILLED_0)->entry.time_ns, .kind = SIM_ENTRY_DEPOSED, .epoch = 100 };
  add_after (history, ELECTED_1, 0, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_RUNTIME_DIR });
  inject (history, HANDLED_2, wanting);
}

static void
failed_in_a_flood (SimHistory *history)
{
  fail_master (history, SIM_FAULT_FLOOD);
}

static void
failed_without_socket (SimHistory *history)
{
  fail_master (history, SIM_FAULT_DELETE_SOCKET);
}

/* Nobody did it, but it wrote nothing for longer than the timeout. */
static void
held_up (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  no_cause (history);
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 2000000;
}

/* What it answered when it ran again came too late to count. */
static void
held_up_and_answered (SimHistory *history)
{
  held_up (history);
  add_after (history, ELECTED_1, 0, (SimEntry) { .kind = SIM_ENTRY_RESPONDED, .peer = 2, .number = 2, .epoch = 100 });
}

/* What it was given had no answer when it was replaced. */
static void
held_up_and_unknown (SimHistory *history)
{
  unknown (history);
  held_up (history);
}

/* For a little less than the timeout. */
static void
held_up_too_shortly (SimHistory *history)
{
  history->hang_timeout_ms = 1;
  no_cause (history);
  for (guint i = KILLED_0; i < N_EVENTS; i++)
    event_at (history, i)->entry.time_ns += 900000;
}

static const Case cases[] = {
  { "/no-needless-election", no_cause, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/no-needless-election/hiccup", only_hiccup, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/swizzled", swizzled, 0 },
  { "/good/elected-in-its-sleep", elected_in_long_sleep, 0 },
  { "/no-needless-election/in-a-short-sleep", elected_in_short_sleep, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/flipped-word", flipped_word, 0 },
  { "/no-needless-election/flipped-answers", flipped_answers, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/killed-by-truncation", killed_by_truncation, 0 },
  { "/good/starved", master_starved, 0 },
  { "/no-needless-election/another-starved", another_starved, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/no-needless-election/starved-long-ago", starved_long_ago, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/barred", barred, 0 },
  { "/no-needless-election/barred-for-a-moment", barred_for_a_moment, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/closed", closed_first, 0 },
  { "/good/closed-and-said-so-later", closed_and_said_so_later, 0 },
  { "/no-needless-election/closed-later", closed_later, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/failed-in-a-flood", failed_in_a_flood, 0 },
  { "/no-needless-election/failed-without-socket", failed_without_socket, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
  { "/good/held-up-by-the-machine", held_up, 0 },
  { "/good/held-up-and-answered", held_up_and_answered, 0 },
  { "/good/held-up-and-unknown", held_up_and_unknown, 0 },
  { "/no-needless-election/held-up-too-shortly", held_up_too_shortly, BIT (SIM_INVARIANT_ELECTION_HAS_CAUSE) },
};

const CaseTable causes_cases = { cases, G_N_ELEMENTS (cases) };
