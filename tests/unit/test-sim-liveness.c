/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-checker.h"
#include "sim-fault.h"
#include "sim-phase.h"

/*
 * Whether everybody is answered in time: for how long one may wait, what excuses a longer wait and what does not, and
 * what has to come after the group was healed. Node 0 is the master, nodes 1 and 2 send.
 */

#define HANG_TIMEOUT_MS 300
#define MS G_GINT64_CONSTANT (1000000)

static SimHistory *
new_history (void)
{
  SimHistory *history = sim_history_new (0);

  history->hang_timeout_ms = HANG_TIMEOUT_MS;
  for (guint32 i = 0; i < 3; i++)
    sim_history_add_node (history, &(SimNodeInfo) { .pid = 1000 + i, .fate = SIM_FATE_CLOSED, .joined = TRUE });
  return history;
}

static void
add (SimHistory *history, gint64 at_ms, guint32 node, SimEntryKind kind, guint64 number)
{
  SimEvent event = {
    .entry = { .time_ns = at_ms * MS, .kind = (guint16) kind, .number = number },
    .node = node,
    .position = history->events->len,
  };

  g_array_append_val (history->events, event);
}

/* One that the code says more about: a phase or a fault. */
static void
add_deed (SimHistory *history, gint64 at_ms, SimEntryKind kind, int code)
{
  SimEntry entry = { .time_ns = at_ms * MS, .kind = (guint16) kind, .code = code };

  sim_history_add_supervisor_event (history, 0, &entry);
}

static gint64
patience_ms (void)
{
  return sim_check_get_patience_ns (HANG_TIMEOUT_MS) / MS;
}

/* Checks whether the promise held; (transfer full) with all the rest. */
static SimVerdict *
check (SimHistory *history, SimInvariantKind kind, gboolean held)
{
  SimVerdict *verdict = sim_verdict_new ();

  sim_history_sort (history);
  sim_check_liveness (history, verdict);
  g_assert_cmpint (verdict->invariants[kind].n_broken == 0, ==, held);
  g_assert_cmpuint (verdict->invariants[kind].n_checked, >, 0);
  return verdict;
}

static void
test_bound (void)
{
  for (guint late_ms = 0; late_ms < 2; late_ms++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = NULL;

    add (history, 100, 1, SIM_ENTRY_SENT, 1);
    add (history, 100 + patience_ms () + late_ms, 1, SIM_ENTRY_ANSWERED, 1);
    verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, late_ms == 0);
    g_assert_cmpint (verdict->longest_gap.gap_ns, ==, (patience_ms () + late_ms) * MS);
    g_assert_cmpuint (verdict->longest_gap.node, ==, 1);
    g_assert_cmpint (verdict->longest_gap.from_ns, ==, 100 * MS);
  }
}

/* An idle client does not wait, and each answer begins a new wait. */
static void
test_idle (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;
  gint64 half_ms = patience_ms () / 2 + 1;

  add (history, 0, 1, SIM_ENTRY_SENT, 1);
  add (history, half_ms, 1, SIM_ENTRY_SENT, 2);
  add (history, half_ms, 1, SIM_ENTRY_ANSWERED, 1);
  add (history, 2 * half_ms, 1, SIM_ENTRY_FAILED, 2);
  add (history, 20 * half_ms, 1, SIM_ENTRY_SENT, 3);
  add (history, 20 * half_ms + 1, 1, SIM_ENTRY_ANSWERED, 3);
  verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, TRUE);
  g_assert_cmpint (verdict->longest_gap.gap_ns, ==, half_ms * MS);
}

/* What its sender gives up is no answer to the rest, and ends the wait only when there is no rest. */
static void
test_given_up (void)
{
  for (guint rest = 0; rest < 2; rest++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = NULL;

    add (history, 0, 1, SIM_ENTRY_SENT, 1);
    add (history, 0, 1, SIM_ENTRY_SENT, 2);
    add (history, 50, 1, SIM_ENTRY_CANCELLED, 1);
    if (rest == 0)
      add (history, 100, 1, SIM_ENTRY_CANCELLED, 2);
    add (history, patience_ms () - 1, 1, SIM_ENTRY_SENT, 3);
    add (history, patience_ms () + 1, 1, SIM_ENTRY_CANCELLED, 3);
    add (history, patience_ms () + 1, 1, SIM_ENTRY_ANSWERED, 2);
    verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, rest == 0);
    g_assert_cmpint (verdict->longest_gap.gap_ns, ==, rest > 0 ? (patience_ms () + 1) * MS : 100 * MS);
  }
}

/* The dead do not wait, though they have the last word: a kill is written down before it is done. */
static void
test_sent_when_killed (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add (history, 0, 1, SIM_ENTRY_SENT, 1);
  add (history, 10, 1, SIM_ENTRY_KILLED, 0);
  add (history, 11, 1, SIM_ENTRY_SENT, 2);
  add (history, 20, 2, SIM_ENTRY_SENT, 1);
  add (history, 40, 2, SIM_ENTRY_ANSWERED, 1);
  add (history, 50 + 2 * patience_ms (), 2, SIM_ENTRY_CLOSED, 0);
  verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, TRUE);
  g_assert_cmpint (verdict->longest_gap.gap_ns, ==, 20 * MS);
}

/* Nobody can answer while no candidate lives; but one that lives is enough. */
static void
test_vacancy (void)
{
  for (guint another = 0; another < 2; another++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = NULL;

    g_array_index (history->nodes, SimNodeInfo, 0).candidate = TRUE;
    g_array_index (history->nodes, SimNodeInfo, 2).candidate = TRUE;
    add (history, 1, 0, SIM_ENTRY_STARTED, 0);
    add (history, 50, 1, SIM_ENTRY_SENT, 1);
    add (history, another > 0 ? 99 : 100 + patience_ms (), 2, SIM_ENTRY_STARTED, 0);
    add (history, 100, 0, SIM_ENTRY_KILLED, 0);
    add (history, 50 + 2 * patience_ms (), 1, SIM_ENTRY_ANSWERED, 1);
    verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, another == 0);
  }
}

/* However often others are answered. */
static void
test_one_of_many (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add (history, 0, 1, SIM_ENTRY_SENT, 1);
  for (guint i = 1; i <= 100; i++) {
    add (history, 100 * i, 2, SIM_ENTRY_SENT, i);
    add (history, 100 * i + 1, 2, SIM_ENTRY_ANSWERED, i);
  }
  verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, FALSE);
  g_assert_nonnull (strstr (verdict->invariants[SIM_INVARIANT_NOBODY_STARVES].examples[0], "node 1 had messages"));
}

/* A stop makes the bound longer by two hang timeouts, and an election by a little. */
static void
test_excuses (void)
{
  static const struct {
    SimEntryKind kind;
    gint64 at_ms;
    gint64 excuse_ms;
  } rows[] = {
    { SIM_ENTRY_STOPPED, 1000, 2 * HANG_TIMEOUT_MS },
    { SIM_ENTRY_STOPPED, -2 * HANG_TIMEOUT_MS, 2 * HANG_TIMEOUT_MS }, /* it is noticed later */
    { SIM_ENTRY_STOPPED, -2 * HANG_TIMEOUT_MS - 1, 0 },
    { SIM_ENTRY_DISTURBED, 1000, 2 * HANG_TIMEOUT_MS },
    { SIM_ENTRY_INJECTED, 1000, 2 * HANG_TIMEOUT_MS },
    { SIM_ENTRY_ELECTED, 1000, 100 },
    { SIM_ENTRY_PLANNED, 1000, 0 },
    { SIM_ENTRY_CONTINUED, 1000, 0 },
    { SIM_ENTRY_STOPPED, 20000, 0 }, /* too late to be the reason */
  };

  for (guint i = 0; i < 2 * G_N_ELEMENTS (rows); i++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = NULL;
    gint64 late_ms = i % 2;

    add_deed (history, rows[i / 2].at_ms, rows[i / 2].kind, SIM_FAULT_STOP);
    add (history, 0, 1, SIM_ENTRY_SENT, 1);
    add (history, patience_ms () + rows[i / 2].excuse_ms + late_ms, 1, SIM_ENTRY_ANSWERED, 1);
    verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, late_ms == 0);
  }
}

/* One fault that hits many at once is one. */
static void
test_one_deed (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  for (guint i = 0; i < 10; i++)
    add_deed (history, 1000, SIM_ENTRY_INJECTED, SIM_FAULT_KILL_AT);
  add (history, 0, 1, SIM_ENTRY_SENT, 1);
  add (history, patience_ms () + 3 * HANG_TIMEOUT_MS, 1, SIM_ENTRY_ANSWERED, 1);
  verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, FALSE);
}

/* Who never is answered starves as well; who is killed does not. */
static void
test_never (void)
{
  for (guint killed = 0; killed < 2; killed++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = NULL;

    add (history, 0, 1, SIM_ENTRY_SENT, 1);
    if (killed > 0)
      add (history, 1000, 1, SIM_ENTRY_KILLED, 0);
    add (history, 3 * patience_ms (), 2, SIM_ENTRY_CLOSED, 0);
    verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, killed > 0);
  }
}

/* While all are being started, there may be nobody who could answer. */
static void
test_start (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add (history, 0, 1, SIM_ENTRY_SENT, 1);
  add_deed (history, 30000, SIM_ENTRY_PHASE, SIM_PHASE_WARM_UP);
  add (history, 30000 + patience_ms (), 1, SIM_ENTRY_ANSWERED, 1);
  verdict = check (history, SIM_INVARIANT_NOBODY_STARVES, TRUE);
  g_assert_cmpint (verdict->longest_gap.gap_ns, ==, patience_ms () * MS);
}

/* After it was healed at 1000 ms: node 1 sends and is answered by this time, or fails, or is not heard of. */
static void
check_converged (gint64 sent_ms, SimEntryKind outcome, gint64 outcome_ms, gboolean held)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add (history, 10, 1, SIM_ENTRY_SENT, 1);
  add (history, 11, 1, SIM_ENTRY_ANSWERED, 1);
  add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
  add (history, sent_ms, 1, SIM_ENTRY_SENT, 2);
  add (history, outcome_ms, 1, outcome, 2);
  verdict = check (history, SIM_INVARIANT_CONVERGES, held);
}

static void
test_converges (void)
{
  check_converged (1001, SIM_ENTRY_ANSWERED, 1002, TRUE);
  check_converged (1001, SIM_ENTRY_ANSWERED, 1000 + patience_ms (), TRUE);
  check_converged (1001, SIM_ENTRY_ANSWERED, 1001 + patience_ms (), FALSE);
  check_converged (1001, SIM_ENTRY_FAILED, 1002, FALSE);
  check_converged (999, SIM_ENTRY_ANSWERED, 1002, FALSE); /* nothing was sent afterwards */
}

/* Who was told to leave before sends no more. */
static void
test_left (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  for (guint32 node = 1; node < 3; node++) {
    add (history, 10, node, SIM_ENTRY_SENT, 1);
    add (history, 11, node, SIM_ENTRY_ANSWERED, 1);
  }
  add (history, 20, 1, SIM_ENTRY_DRAINED, 0);
  add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
  add (history, 1001, 2, SIM_ENTRY_SENT, 2);
  add (history, 1002, 2, SIM_ENTRY_ANSWERED, 2);
  add (history, 1003, 2, SIM_ENTRY_DRAINED, 0);
  verdict = check (history, SIM_INVARIANT_CONVERGES, TRUE);
  g_assert_cmpuint (verdict->invariants[SIM_INVARIANT_CONVERGES].n_checked, ==, 1);
}

/* Who was killed need not converge. */
static void
test_killed (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = sim_verdict_new ();

  g_array_index (history->nodes, SimNodeInfo, 1).fate = SIM_FATE_KILLED;
  add (history, 10, 1, SIM_ENTRY_SENT, 1);
  add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
  sim_check_liveness (history, verdict);
  g_assert_cmpuint (verdict->invariants[SIM_INVARIANT_CONVERGES].n_checked, ==, 0);
}

/* The first message may have been lost with the group file; the next one is answered. */
static void
test_first_unknown (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
  add (history, 1001, 1, SIM_ENTRY_SENT, 1);
  add (history, 1002, 1, SIM_ENTRY_SENT, 2);
  add (history, 1003, 1, SIM_ENTRY_FAILED, 1);
  add (history, 1004, 1, SIM_ENTRY_ANSWERED, 2);
  verdict = check (history, SIM_INVARIANT_CONVERGES, TRUE);
}

/* Nor need who was told to close, which may take until the group is healed; but who is told so later must. */
static void
test_restarted (void)
{
  for (guint late = 0; late < 2; late++) {
    g_autoptr (SimHistory) history = new_history ();
    g_autoptr (SimVerdict) verdict = sim_verdict_new ();

    add (history, 10, 1, SIM_ENTRY_SENT, 1);
    add (history, late > 0 ? 1001 : 20, 1, SIM_ENTRY_INJECTED, 0);
    g_array_index (history->events, SimEvent, history->events->len - 1).entry.code = SIM_FAULT_RESTART;
    add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
    add (history, 1002, 1, SIM_ENTRY_ANSWERED, 1);
    sim_history_sort (history);
    sim_check_liveness (history, verdict);
    g_assert_cmpuint (verdict->invariants[SIM_INVARIANT_CONVERGES].n_checked, ==, late);
  }
}

/* What says whether somebody is answered again is a message that is not given up. */
static void
test_given_up_converged (void)
{
  g_autoptr (SimHistory) history = new_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  add_deed (history, 1000, SIM_ENTRY_PHASE, SIM_PHASE_CONVERGE);
  add (history, 1001, 1, SIM_ENTRY_SENT, 1);
  g_array_index (history->events, SimEvent, history->events->len - 1).entry.flags = SIM_ENTRY_CANCEL;
  add (history, 1002, 1, SIM_ENTRY_SENT, 2);
  add (history, 1003, 1, SIM_ENTRY_CANCELLED, 1);
  add (history, 1004, 1, SIM_ENTRY_ANSWERED, 2);
  verdict = check (history, SIM_INVARIANT_CONVERGES, TRUE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-liveness/bound", test_bound);
  g_test_add_func ("/sim-liveness/idle", test_idle);
  g_test_add_func ("/sim-liveness/given-up", test_given_up);
  g_test_add_func ("/sim-liveness/sent-when-killed", test_sent_when_killed);
  g_test_add_func ("/sim-liveness/vacancy", test_vacancy);
  g_test_add_func ("/sim-liveness/first-unknown", test_first_unknown);
  g_test_add_func ("/sim-liveness/restarted", test_restarted);
  g_test_add_func ("/sim-liveness/given-up/converged", test_given_up_converged);
  g_test_add_func ("/sim-liveness/one-of-many", test_one_of_many);
  g_test_add_func ("/sim-liveness/excuses", test_excuses);
  g_test_add_func ("/sim-liveness/one-deed", test_one_deed);
  g_test_add_func ("/sim-liveness/never", test_never);
  g_test_add_func ("/sim-liveness/start", test_start);
  g_test_add_func ("/sim-liveness/converges", test_converges);
  g_test_add_func ("/sim-liveness/left", test_left);
  g_test_add_func ("/sim-liveness/killed", test_killed);

  return g_test_run ();
}
