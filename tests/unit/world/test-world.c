/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#include "../test-util.h"
#include "ipc-sabotage.h"
#include "world.h"

/*
 * Groups of processes, all of them in this one, with a clock of their own: a life of some seconds takes half a
 * millisecond. What the library does in them is the library itself; only what makes system calls is another
 * (world.h). Everything follows from the seed.
 *
 *     test-world                    all tests
 *     test-world --seed N           one seed, with its trace
 *     test-world --seeds N          the seeds 1 to N, and what happened in them
 */

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define N_SEEDS 1000
#else
#define N_SEEDS 10000
#endif
#define N_SEEDS_UNDER_VALGRIND 50
#define N_SEEDS_FOR_DEFECTS 10000

static guint
get_n_seeds (void)
{
  return test_under_valgrind () ? N_SEEDS_UNDER_VALGRIND : N_SEEDS;
}

static void
print_stats (guint n_seeds)
{
  const WorldStats *s = &world_stats;

  g_print ("# %u seeds: %" G_GUINT64_FORMAT " events, %u messages, %u of them handled again, %u elections "
           "(%u without a book)\n", n_seeds, s->n_events, s->n_messages, s->n_repeats, s->n_elections, s->n_private);
  g_print ("# kills: %u, and %u at steps; stops: %u, and %u at steps; cuts %u, resignations %u, departures %u, "
           "deletions %u\n", s->n_kills, s->n_kills_at_steps, s->n_stops, s->n_stops_at_steps, s->n_cuts,
           s->n_resignations, s->n_departures, s->n_deletions);
  g_print ("# everything ended at most %.0f ms after the last fault\n", s->longest_us / 1000.0);
}

/* The first of the seeds that breaks a promise, or 0. */
static guint64
find_broken (guint n_seeds, char **violation)
{
  world_stats = (WorldStats) { 0 };
  for (guint64 seed = 1; seed <= n_seeds; seed++) {
    *violation = story_tell (seed);
    if (*violation != NULL)
      return seed;
  }

  return 0;
}

/* Not passed here: the first is in ipc-listener.c, at the others the process dies within its system call. */
static gboolean
is_never_passed (guint step)
{
  return step == IPC_KILL_POINT_BOUND || step == IPC_KILL_POINT_HALF_WRITTEN || step == IPC_KILL_POINT_WRITTEN;
}

static void
check_all_steps_hit (void)
{
  for (guint step = 0; step < WORLD_STEP_ANY; step++) {
    if (world_stats.n_hits[step] == 0 && !is_never_passed (step))
      g_test_fail_printf ("nobody was ever hit %s", world_step_name (step));
  }
}

static void
test_seeds (void)
{
  g_autofree char *violation = NULL;
  guint n_seeds = get_n_seeds ();
  guint64 seed;

  g_test_summary ("In every seed every promise is kept, whatever is done to the processes");

  seed = find_broken (n_seeds, &violation);
  if (seed != 0) {
    g_test_fail_printf ("seed %" G_GUINT64_FORMAT ": %s; `test-world --seed %" G_GUINT64_FORMAT "` shows it", seed,
                        violation, seed);
    return;
  }

  print_stats (n_seeds);
  if (n_seeds == N_SEEDS_FOR_DEFECTS)
    check_all_steps_hit ();
  else
    g_print ("# only %u seeds and not %u, because this build is slow\n", n_seeds, N_SEEDS_FOR_DEFECTS);

  g_assert_cmpuint (world_stats.n_repeats, >, n_seeds / 100);
  g_assert_cmpuint (world_stats.n_kills_at_steps, >, n_seeds / 100);
  g_assert_cmpuint (world_stats.n_stops_at_steps, >, n_seeds / 100);
}

static void
test_repeatable (void)
{
  guint64 fingerprints[20];

  g_test_summary ("A seed is one history, whatever was run before it");

  for (guint i = 0; i < G_N_ELEMENTS (fingerprints); i++) {
    g_free (story_tell (i));
    fingerprints[i] = world_fingerprint;
  }
  for (guint i = G_N_ELEMENTS (fingerprints); i > 0; i--) {
    g_free (story_tell (i - 1));
    g_assert_cmpuint (world_fingerprint, ==, fingerprints[i - 1]);
  }
}

/* A library that is broken in a known way must be found out. What a name means is said in ipc-sabotage.h; where a
 * second line of defence hides a defect, both are chosen. Not here: what only shows in real descriptors, memory and
 * processor time, or with hostile peers; or too seldom (lose-one; and ignore-epochs, in none of 10,000 seeds). */
typedef struct {
  const char *names;
  gboolean aborts; /* an assertion of the library may be what finds it */
} Defect;

static const Defect defects[] = {
  { "forget-unanswered", FALSE },
  { "newest-first", TRUE },
  { "answer-misnamed", FALSE },
  { "deaf-vigil", FALSE },
  { "restless", FALSE },
  { "answer-early", FALSE },
  { "no-repeat-detection", FALSE },
  { "mark-never-set", FALSE },
  { "deliveries-uncounted", FALSE },
  { "once-repeated", FALSE },
  { "poison-unbounded", FALSE },
  { "handover-drops-queue", FALSE },
  { "ledger-late", FALSE },
  { "ledger-blind", FALSE },
  { "ledger-lost", FALSE },
  { "identity-shared", FALSE },
  { "claim-blind", FALSE },
  { "epoch-reused", FALSE },
  { "connection-survives,ledger-blind", FALSE },
  { "no-self-check,ledger-blind", FALSE },
  { "not-republished", FALSE },
  { "queue-stays", FALSE },
};

/* What a child has found; shared with it. */
typedef struct {
  guint64 seed; /* that it is at */
  char violation[256];
} Finding;

static Finding *finding;

static int
look_for_defect (gpointer names)
{
  /* An assertion that fails says so, and would end the parent's report. */
  if (freopen ("/dev/null", "w", stdout) == NULL || freopen ("/dev/null", "w", stderr) == NULL)
    return 2;

  ipc_sabotage_choose (names);
  alarm (100);
  for (finding->seed = 1; finding->seed <= get_n_seeds (); finding->seed++) {
    g_autofree char *violation = story_tell (finding->seed);

    if (violation != NULL) {
      g_strlcpy (finding->violation, violation, sizeof finding->violation);
      return 0;
    }
  }

  return 1;
}

/* In a child, because what is chosen stays so, and the library may not survive it. */
static void
test_defect (gconstpointer user_data)
{
  const Defect *defect = user_data;
  int status;

  *finding = (Finding) { 0 };
  status = test_run_child (look_for_defect, (gpointer) defect->names);

  if (status == 0)
    g_print ("# %s: seed %" G_GUINT64_FORMAT ": %s\n", defect->names, finding->seed, finding->violation);
  else if (status == 128 + SIGABRT && defect->aborts)
    g_print ("# %s: seed %" G_GUINT64_FORMAT ": an assertion of the library\n", defect->names, finding->seed);
  else
    g_test_fail_printf ("%s: nobody has noticed up to seed %" G_GUINT64_FORMAT ", exit status %d", defect->names,
                        finding->seed, status);
}

static void
add_defects (void)
{
  finding = mmap (NULL, sizeof *finding, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  for (guint i = 0; i < G_N_ELEMENTS (defects); i++) {
    g_autofree char *path = g_strdup_printf ("/world/defects/%s", defects[i].names);

    g_test_add_data_func (path, &defects[i], test_defect);
  }
}

static int
tell_one (guint64 seed)
{
  g_autofree char *violation = NULL;

  world_is_tracing = TRUE;
  violation = story_tell (seed);
  g_print ("# seed %" G_GUINT64_FORMAT ": %s\n", seed, violation != NULL ? violation : "every promise was kept");

  return violation != NULL;
}

static int
tell_many (guint n_seeds)
{
  g_autofree char *violation = NULL;
  guint64 seed = find_broken (n_seeds, &violation);

  print_stats (n_seeds);
  if (seed != 0)
    g_print ("# seed %" G_GUINT64_FORMAT ": %s\n", seed, violation);

  return seed != 0;
}

int
main (int argc, char **argv)
{
  int result;

  if (argc == 3 && g_str_equal (argv[1], "--seed"))
    return tell_one (g_ascii_strtoull (argv[2], NULL, 10));
  if (argc == 3 && g_str_equal (argv[1], "--seeds"))
    return tell_many (g_ascii_strtoull (argv[2], NULL, 10));

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/world/seeds", test_seeds);
  g_test_add_func ("/world/repeatable", test_repeatable);
  /* What a defect changes is the same in every build, and some take thousands of seeds to be noticed. */
  if (get_n_seeds () >= N_SEEDS_FOR_DEFECTS)
    add_defects ();

  result = g_test_run ();
  nodes_end ();
  return result;
}
