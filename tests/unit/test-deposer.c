/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-byte-lock.h"
#include "ipc-deposer.h"
#include "test-util.h"

/*
 * Taking the place of a holder that does not answer. Every open of the file is a candidate of its own, as in different
 * processes.
 */

#define N_DEPOSERS 3

typedef struct {
  char *base; /* (owned) */
  IpcGroupDir *dir; /* (owned) */
  IpcGroupFile *holder; /* (owned) */
  IpcGroupFile *files[N_DEPOSERS]; /* (owned) */
  IpcDeposer deposers[N_DEPOSERS];
  guint slot; /* of the word, whose lock the holder has */
  guint n_fds;
} Fixture;

static gboolean
try_slot (IpcGroupFile *file, guint slot)
{
  return ipc_byte_lock_try (ipc_group_file_get_fd (file), IPC_BYTE_OF_SLOT (slot));
}

static void
change_word (Fixture *fixture, guint slot)
{
  IpcWord word = ipc_group_file_get_word (fixture->holder);

  g_assert_true (ipc_group_file_claim (fixture->holder, word, ipc_word_make (ipc_word_get_epoch (word) + 1, slot)));
}

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->base = test_make_base ();
  fixture->dir = test_open_group (fixture->base);
  fixture->slot = GPOINTER_TO_UINT (user_data);
  fixture->holder = ipc_group_file_open (fixture->dir, TEST_NODE_ID, 0, NULL);
  change_word (fixture, fixture->slot);
  g_assert_true (try_slot (fixture->holder, fixture->slot));
  for (int i = 0; i < N_DEPOSERS; i++) {
    fixture->files[i] = ipc_group_file_open (fixture->dir, TEST_NODE_ID, 0, NULL);
    ipc_deposer_suspect (&fixture->deposers[i], fixture->files[i]);
  }
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  g_clear_pointer (&fixture->holder, ipc_group_file_free);
  for (int i = 0; i < N_DEPOSERS; i++)
    g_clear_pointer (&fixture->files[i], ipc_group_file_free);
  ipc_group_dir_free (fixture->dir);
  test_remove_tree (fixture->base);
  g_free (fixture->base);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

/* Returns the slot that was taken, or -1. */
static int
take (Fixture *fixture, int deposer)
{
  guint slot = fixture->slot;

  return ipc_deposer_take_slot (&fixture->deposers[deposer], fixture->files[deposer], &slot) ? (int) slot : -1;
}

static void
test_next (Fixture *fixture, gconstpointer user_data)
{
  int next = fixture->slot + 1 == IPC_SLOT_RETIRED ? 0 : (int) fixture->slot + 1;

  g_test_summary ("The next slot is taken, in a circle that leaves out the one of retired files; the old one stays held");

  g_assert_cmpint (take (fixture, 0), ==, next);
  g_assert_false (try_slot (fixture->files[1], next));
  g_assert_false (try_slot (fixture->files[1], fixture->slot));
}

static void
test_two (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("One of two takes it. The other comes again after another timeout and goes further, because the first "
                  "may have been stopped there");

  g_assert_cmpint (take (fixture, 0), ==, 1);
  g_assert_cmpint (take (fixture, 1), ==, -1);
  ipc_deposer_suspect (&fixture->deposers[1], fixture->files[1]); /* the same word */
  g_assert_cmpint (take (fixture, 1), ==, 2);
  g_assert_cmpint (take (fixture, 2), ==, -1);
  g_assert_cmpint (take (fixture, 2), ==, -1);
  g_assert_cmpint (take (fixture, 2), ==, 3);
}

static void
test_new_word (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A word that has changed is another master, who gets all of his time, and whose next slot is tried");

  g_assert_true (try_slot (fixture->files[1], 1));
  g_assert_cmpint (take (fixture, 0), ==, -1);
  change_word (fixture, fixture->slot);
  g_assert_cmpint (take (fixture, 0), ==, -1);
  ipc_byte_lock_release (ipc_group_file_get_fd (fixture->files[1]), IPC_BYTE_OF_SLOT (1));
  g_assert_cmpint (take (fixture, 0), ==, -1);
  ipc_deposer_suspect (&fixture->deposers[0], fixture->files[0]);
  g_assert_cmpint (take (fixture, 0), ==, 1);
}

static void
test_free (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Nobody is deposed when nobody holds the lock: it is about to be granted");

  ipc_byte_lock_release (ipc_group_file_get_fd (fixture->holder), IPC_BYTE_OF_SLOT (fixture->slot));
  g_assert_cmpint (take (fixture, 0), ==, -1);
  g_assert_true (try_slot (fixture->holder, fixture->slot));
  g_assert_cmpint (take (fixture, 0), ==, 1);
}

static void
test_moved (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Who still waits for an old slot deposes nobody");

  change_word (fixture, 5);
  ipc_deposer_suspect (&fixture->deposers[0], fixture->files[0]);
  g_assert_cmpint (take (fixture, 0), ==, -1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, slot, func) g_test_add ("/deposer/" path, Fixture, GUINT_TO_POINTER (slot), set_up, func, tear_down)
  ADD ("next/first", 0, test_next);
  ADD ("next/middle", 1000, test_next);
  ADD ("next/last", IPC_SLOT_RETIRED - 1, test_next);
  ADD ("two", 0, test_two);
  ADD ("new-word", 0, test_new_word);
  ADD ("free", 0, test_free);
  ADD ("moved", 0, test_moved);

  return g_test_run ();
}
