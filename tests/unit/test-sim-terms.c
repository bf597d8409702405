/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "sim-terms.h"

/*
 * What a message that may be given up is sent with, and which outcomes that allows: the tables of docs/guarantees.md,
 * written down once more.
 */

#define N_DRAWS 20000

static void
test_draw (void)
{
  gboolean seen[SIM_ENTRY_REFUSABLE << 1] = { FALSE };
  guint n_at_once = 0, n_seen = 0;
  SimRandom random;
  int longest_ms = 0;

  sim_random_init (&random, 1, 2);
  for (guint i = 0; i < N_DRAWS; i++) {
    SimTerms terms = sim_terms_draw (&random);
    gboolean timed = terms.flags & (SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL);

    g_assert_cmphex (terms.flags & ~SIM_ENTRY_GIVES_UP, ==, 0);
    g_assert_cmpint (terms.after_ms, >=, 0);
    g_assert_true (timed || terms.after_ms == 0);
    n_at_once += timed && terms.after_ms == 0;
    longest_ms = MAX (longest_ms, terms.after_ms);
    n_seen += !seen[terms.flags];
    seen[terms.flags] = TRUE;
  }
  g_assert_cmpint (longest_ms, ==, SIM_TERMS_AFTER_MAX_MS);
  g_assert_cmpuint (n_at_once, >, N_DRAWS / 10);
  /* A deadline, or a cancellation, or neither and fail-fast; with or without the others. */
  g_assert_cmpuint (n_seen, ==, 4 + 4 + 2);
  g_assert_false (seen[0] || seen[SIM_ENTRY_REFUSABLE] || seen[SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL]);
}

static const struct {
  SimEntry outcome;
  guint16 reasons; /* any of these allows it */
  gboolean unsent;
} rows[] = {
  { { .kind = SIM_ENTRY_CANCELLED }, SIM_ENTRY_CANCEL, FALSE },
  { { .kind = SIM_ENTRY_CANCELLED, .flags = SIM_ENTRY_UNSENT }, SIM_ENTRY_CANCEL, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT }, SIM_ENTRY_DEADLINE, FALSE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_SENT }, SIM_ENTRY_DEADLINE, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NO_MASTER }, SIM_ENTRY_DEADLINE | SIM_ENTRY_FAIL_FAST, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL }, SIM_ENTRY_REFUSABLE, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_CLOSED }, 0, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NOT_A_CLIENT }, 0, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_MESSAGE_TOO_LARGE }, 0, TRUE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_OUTCOME_UNKNOWN }, 0, FALSE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_POISONED }, 0, FALSE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NO_RESPONSE }, 0, FALSE },
  { { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_RESPONSE_LOST }, 0, FALSE },
  { { .kind = SIM_ENTRY_FAILED, .code = -1 }, 0, FALSE },
  { { .kind = SIM_ENTRY_ANSWERED }, 0, FALSE },
};

static void
test_outcomes (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const SimEntry *outcome = &rows[i].outcome;

    g_test_message ("%s %d", sim_entry_kind_to_string ((SimEntryKind) outcome->kind), outcome->code);
    g_assert_cmpint (sim_outcome_is_unsent (outcome), ==, rows[i].unsent);
    g_assert_cmpint (sim_outcome_is_given_up (outcome), ==, rows[i].reasons != 0);
    for (guint flags = 0; flags < SIM_ENTRY_REFUSABLE << 1; flags++)
      g_assert_cmpint (sim_terms_allow ((guint16) flags, outcome), ==, (flags & rows[i].reasons) != 0);
  }
}

/* NO_MASTER comes at any time to what does not wait for a master. */
static void
test_time (void)
{
  const SimEntry no_master = { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_NO_MASTER };
  const SimEntry full = { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_QUEUE_FULL };
  const SimEntry timed_out = { .kind = SIM_ENTRY_FAILED, .code = IPC_ERROR_TIMED_OUT };
  const SimEntry cancelled = { .kind = SIM_ENTRY_CANCELLED };

  g_assert_true (sim_terms_took_time (SIM_ENTRY_DEADLINE, &no_master));
  g_assert_false (sim_terms_took_time (SIM_ENTRY_DEADLINE | SIM_ENTRY_FAIL_FAST, &no_master));
  g_assert_false (sim_terms_took_time (SIM_ENTRY_GIVES_UP, &full));
  g_assert_true (sim_terms_took_time (SIM_ENTRY_GIVES_UP, &timed_out));
  g_assert_true (sim_terms_took_time (SIM_ENTRY_GIVES_UP, &cancelled));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-terms/draw", test_draw);
  g_test_add_func ("/sim-terms/outcomes", test_outcomes);
  g_test_add_func ("/sim-terms/time", test_time);

  return g_test_run ();
}
