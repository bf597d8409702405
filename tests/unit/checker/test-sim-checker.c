/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "checker-cases.h"
#include "sim-checker.h"
#include "sim-fault.h"
#include "sim-phase.h"

/*
 * The checker of the simulator, checked: one history in which all is well, and for each promise histories that differ
 * from it in one thing and must be rejected, for that promise and no other. The histories are in checker-SUBJECT.c;
 * here the checker is shown them, and what it counts is counted again.
 */

static const CaseTable *const tables[] = {
  &sends_cases,  &given_up_cases, &handling_cases, &repeats_cases,
  &ledger_cases, &masters_cases,  &causes_cases,   &nodes_cases,
};

static void
test_case (gconstpointer data)
{
  const Case *test = data;
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;
  guint64 broken = 0;

  test->twist (history);
  sim_history_sort (history);
  verdict = sim_checker_check (history);

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &verdict->invariants[i];

    if (invariant->n_broken > 0)
      g_test_message ("%s: %s", invariant->name, invariant->examples[0]);
    g_assert_cmpint (invariant->n_broken > 0, ==, invariant->n_examples > 0);
    broken |= invariant->n_broken > 0 ? BIT (i) : 0;
  }
  /* These histories leave out what the other checks do not ask about; test-sim-mutations.c is about that. */
  if ((test->broken & BIT (SIM_INVARIANT_RECORDS_SOUND)) == 0)
    broken &= ~BIT (SIM_INVARIANT_RECORDS_SOUND);
  g_assert_cmphex (broken, ==, test->broken);
}

/* A promise that no case breaks might as well not be checked. */
static void
test_all_broken (void)
{
  guint64 broken = 0;

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++) {
    for (guint j = 0; j < tables[i]->n_cases; j++)
      broken |= tables[i]->cases[j].broken;
  }
  g_assert_cmphex (broken, ==, BIT (SIM_N_INVARIANTS) - 1);
}

static void
test_counts (void)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = sim_checker_check (history);

  g_assert_cmpuint (verdict->n_sent, ==, 3);
  g_assert_cmpuint (verdict->n_answered, ==, 3);
  g_assert_cmpuint (verdict->n_failed, ==, 0);
  g_assert_cmpuint (verdict->n_unknown, ==, 0);
  g_assert_cmpuint (verdict->n_lost, ==, 0);
  g_assert_cmpuint (verdict->n_orphaned, ==, 0);
  g_assert_cmpuint (verdict->n_redelivered, ==, 1);
  g_assert_cmpuint (verdict->n_epochs, ==, 2);
}

static void
test_counts_of_ends (void)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  no_outcome (history);
  no_outcome_of_the_killed (history);
  sim_history_sort (history);
  verdict = sim_checker_check (history);

  g_assert_cmpuint (verdict->n_lost, ==, 1);
  g_assert_cmpuint (verdict->n_orphaned, ==, 1);
  g_assert_cmpuint (verdict->n_answered, ==, 2);
}

static void
not_starved_any_more (SimHistory *history)
{
  add_after (history, HANDLED_1, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STARVE });
}

static void
starved_for_a_while (SimHistory *history)
{
  inject (history, ELECTED_0, SIM_FAULT_STARVE);
  not_starved_any_more (history);
}

static void
end_run (SimHistory *history)
{
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = SIM_PHASE_END });
}

static void
leave_process_at_the_end (SimHistory *history)
{
  end_run (history);
  leave_process (history);
}

/* Of this history some records are unsound anyway. */
static guint64
count_unsound (Twist twist)
{
  g_autoptr (SimHistory) history = make_good_history ();
  g_autoptr (SimVerdict) verdict = NULL;

  twist (history);
  for (guint i = N_EVENTS; i < history->events->len; i++)
    event_at (history, i)->position = G_MAXUINT32; /* the supervisor's */
  sim_history_sort (history);
  verdict = sim_checker_check (history);
  return verdict->invariants[SIM_INVARIANT_RECORDS_SOUND].n_broken;
}

static void
test_starved_goes_on (void)
{
  g_assert_cmpuint (count_unsound (starved_for_a_while), ==, count_unsound (nothing));
  g_assert_cmpuint (count_unsound (not_starved_any_more), ==, count_unsound (nothing) + 1);
}

/* That somebody is left can only be seen when all have ended. */
static void
test_left_after_the_end (void)
{
  g_assert_cmpuint (count_unsound (leave_process_at_the_end), ==, count_unsound (end_run));
}

static void
add_cases (const CaseTable *table)
{
  for (guint i = 0; i < table->n_cases; i++) {
    g_autofree char *path = g_strconcat ("/sim-checker", table->cases[i].path, NULL);

    g_test_add_data_func (path, &table->cases[i], test_case);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (tables); i++)
    add_cases (tables[i]);
  g_test_add_func ("/sim-checker/every-promise-is-broken-once", test_all_broken);
  g_test_add_func ("/sim-checker/counts", test_counts);
  g_test_add_func ("/sim-checker/counts/ends", test_counts_of_ends);
  g_test_add_func ("/sim-checker/records-are-sound/starved-goes-on", test_starved_goes_on);
  g_test_add_func ("/sim-checker/records-are-sound/left-after-the-end", test_left_after_the_end);

  return g_test_run ();
}
