/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-priority.h"
#include "test-util.h"

/*
 * Who goes first among those who wait. Every open of the file is a candidate of its own, as in different processes.
 */

#define N_CANDIDATES 3

typedef struct {
  char *base; /* (owned) */
  IpcGroupDir *dir; /* (owned) */
  IpcGroupFile *files[N_CANDIDATES]; /* (owned) */
  IpcPriority priorities[N_CANDIDATES];
  gint64 now_us;
  guint n_fds;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->base = test_make_base ();
  fixture->dir = test_open_group (fixture->base);
  for (int i = 0; i < N_CANDIDATES; i++)
    fixture->files[i] = ipc_group_file_open (fixture->dir, TEST_NODE_ID, 0, NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  for (int i = 0; i < N_CANDIDATES; i++)
    g_clear_pointer (&fixture->files[i], ipc_group_file_free);
  ipc_group_dir_free (fixture->dir);
  test_remove_tree (fixture->base);
  g_free (fixture->base);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static void
show (Fixture *fixture, int candidate, int priority)
{
  fixture->priorities[candidate].value = priority;
  ipc_priority_show (&fixture->priorities[candidate], fixture->files[candidate]);
}

static gboolean
must_yield (Fixture *fixture, int candidate)
{
  return ipc_priority_must_yield (&fixture->priorities[candidate], fixture->files[candidate], fixture->now_us);
}

/* Somebody has been elected. */
static void
change_word (Fixture *fixture)
{
  IpcWord word = ipc_group_file_get_word (fixture->files[0]);

  g_assert_true (ipc_group_file_claim (fixture->files[0], word, ipc_word_make (ipc_word_get_epoch (word) + 1, 0)));
}

static void
test_every_pair (Fixture *fixture, gconstpointer user_data)
{
  static const int values[] = { IPC_PRIORITY_MIN, IPC_PRIORITY_MIN + 1, -1, 0, 1, IPC_PRIORITY_MAX - 1,
                                IPC_PRIORITY_MAX };

  g_test_summary ("One yields to who has more, and to nobody who has as much or less, from the lowest to the highest");

  for (gsize i = 0; i < G_N_ELEMENTS (values); i++) {
    for (gsize j = 0; j < G_N_ELEMENTS (values); j++) {
      fixture->priorities[0] = (IpcPriority) { 0 };
      show (fixture, 0, values[i]);
      show (fixture, 1, values[j]);
      g_assert_cmpint (must_yield (fixture, 0), ==, values[j] > values[i]);
      ipc_priority_hide (&fixture->priorities[0], fixture->files[0]);
      ipc_priority_hide (&fixture->priorities[1], fixture->files[1]);
    }
  }
}

static void
test_patience (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("One yields for a moment in each vacancy, or a candidate that is stopped would leave the group without a "
                  "master");

  show (fixture, 0, 0);
  show (fixture, 1, 5);
  for (int i = 0; i < 3; i++) {
    g_assert_true (must_yield (fixture, 0));
    fixture->now_us += IPC_PRIORITY_PATIENCE_US - 1;
    g_assert_true (must_yield (fixture, 0));
    fixture->now_us++;
    g_assert_false (must_yield (fixture, 0));
    fixture->now_us += G_TIME_SPAN_DAY;
    g_assert_false (must_yield (fixture, 0));
    change_word (fixture);
  }
}

static void
test_gone (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Who is elected or dead is not waited for, and one of two that are alike still is");

  show (fixture, 0, 0);
  show (fixture, 1, 5);
  show (fixture, 2, 5);
  ipc_priority_hide (&fixture->priorities[1], fixture->files[1]);
  g_assert_true (must_yield (fixture, 0));

  change_word (fixture);
  g_clear_pointer (&fixture->files[2], ipc_group_file_free);
  g_assert_false (must_yield (fixture, 0));
  fixture->files[2] = ipc_group_file_open (fixture->dir, TEST_NODE_ID, 0, NULL);
}

static void
test_resigned (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Who was the last master yields to everybody, and not to himself; once another has served, no more");

  show (fixture, 0, 7);
  fixture->priorities[0].served = ipc_word_get_epoch (ipc_group_file_get_word (fixture->files[0]));
  g_assert_false (must_yield (fixture, 0));
  for (int i = IPC_PRIORITY_MIN; i <= IPC_PRIORITY_MAX; i += IPC_PRIORITY_MAX) {
    show (fixture, 1, i);
    g_assert_true (must_yield (fixture, 0));
    ipc_priority_hide (&fixture->priorities[1], fixture->files[1]);
  }
  g_assert_false (must_yield (fixture, 0));

  change_word (fixture);
  show (fixture, 1, 7);
  g_assert_false (must_yield (fixture, 0));
}

static void
test_slots (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("The bytes of slots and of priorities are different ones, however the word may go");

  g_assert_cmpint (IPC_BYTE_OF_SLOT (IPC_SLOT_RETIRED), <, IPC_BYTE_OF_PRIORITY (IPC_PRIORITY_MIN));
  for (guint slot = 0; slot < IPC_SLOT_RETIRED; slot += 257)
    g_assert_true (ipc_byte_lock_try (ipc_group_file_get_fd (fixture->files[1]), IPC_BYTE_OF_SLOT (slot)));
  g_assert_false (ipc_byte_lock_try (ipc_group_file_get_fd (fixture->files[0]), IPC_BYTE_OF_SLOT (0)));
  show (fixture, 0, IPC_PRIORITY_MIN);
  g_assert_false (must_yield (fixture, 0));
  ipc_byte_lock_release (ipc_group_file_get_fd (fixture->files[1]), IPC_BYTE_OF_SLOT (0));
  g_assert_true (ipc_byte_lock_try (ipc_group_file_get_fd (fixture->files[0]), IPC_BYTE_OF_SLOT (0)));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/priority/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("yield/every-pair", test_every_pair);
  ADD ("yield/patience", test_patience);
  ADD ("yield/gone", test_gone);
  ADD ("yield/resigned", test_resigned);
  ADD ("bytes", test_slots);

  return g_test_run ();
}
