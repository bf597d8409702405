/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger-steps.h"

/*
 * Two masters at once: one is held before his store n, his successor before store m while he takes over; then the master
 * goes on to his end, and after that the successor does.
 */

/* The successor takes over in a thread, only so that he can be held: one of the two runs at a time. */
typedef struct {
  GMutex lock;
  GCond cond;
  gboolean is_his_turn;
  gboolean was_held;
  guint stop_at;
  GThread *thread;
} Contest;

static Contest contest;

static void
hand_over_turn (gboolean is_his_turn)
{
  g_mutex_lock (&contest.lock);
  contest.is_his_turn = is_his_turn;
  g_cond_broadcast (&contest.cond);
  g_mutex_unlock (&contest.lock);
}

static void
wait_for_turn (gboolean is_his_turn)
{
  g_mutex_lock (&contest.lock);
  while (contest.is_his_turn != is_his_turn)
    g_cond_wait (&contest.cond, &contest.lock);
  g_mutex_unlock (&contest.lock);
}

static void
hold_successor (void)
{
  contest.was_held = TRUE;
  hand_over_turn (FALSE);
  wait_for_turn (TRUE);
}

static gpointer
take_over_in_thread (gpointer user_data)
{
  guint64 epoch = world.log->epoch + 1;

  if (successor.ledger != NULL)
    count_deaths (world.log);
  master_clear (&successor);
  stop_before (contest.stop_at, hold_successor);
  master_open (&successor, world.memory, world.log, epoch, SLOT_OF_SUCCESSORS);
  stop_nowhere ();
  hand_over_turn (FALSE);

  return NULL;
}

static void
begin_contest (void)
{
  replace ();
  world.log->is_contested = TRUE;
  contest.is_his_turn = TRUE;
  contest.thread = g_thread_new ("successor", take_over_in_thread, NULL);
  wait_for_turn (FALSE);
}

/* Returns FALSE if one of the two has not so many steps: then nothing was tried. */
static gboolean
contest_at (guint n, guint m)
{
  gboolean right = TRUE;

  world_begin ();
  contest.stop_at = m;
  contest.was_held = FALSE;
  stop_before (n, begin_contest);
  run_writer (world.memory, world.log);
  stop_nowhere ();
  hand_over_turn (TRUE);
  g_clear_pointer (&contest.thread, g_thread_join);
  world.log->is_contested = FALSE;

  if (contest.was_held) {
    for (guint i = 0; i < N_SENDERS; i++)
      right &= judge_sender (&successor, i);
    go_on_as_successor ();
    right &= ipc_ledger_get_born (successor.ledger) == FOUNDER;
    master_clear (&successor);
    right &= judge (world.memory, world.log, world.log->epoch + 1);
    if (!right)
      g_error ("the writer was held before store %u, his successor before store %u", n, m);
  }
  master_clear (&successor);
  world_end ();

  return contest.was_held;
}

static void
test_contested (gconstpointer user_data)
{
  guint n = 1, n_tried = 0;

  g_test_summary ("While a master works another takes over, each held before any of his stores: what the old one was "
                  "told until the end is known to the new one");

  n_successors = GPOINTER_TO_UINT (user_data);
  for (; contest_at (n, 1); n += n < 8 ? 1 : 7 * stride ())
    for (guint m = 1; contest_at (n, m); m += stride ())
      n_tried++;

  g_assert_cmpuint (n_tried, >, 10);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/ledger-contested/by-the-next", GUINT_TO_POINTER (0), test_contested);
  g_test_add_data_func ("/ledger-contested/by-a-later-one", GUINT_TO_POINTER (2), test_contested);

  return g_test_run ();
}
