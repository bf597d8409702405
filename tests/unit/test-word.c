/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-word.h"

/* The 64 bits that an election is decided by. */

static void
test_pack (void)
{
  static const guint64 epochs[] = { 0, 1, 0xffff, 0x10000, 1732300000000, (G_GUINT64_CONSTANT (1) << 47),
                                    (G_GUINT64_CONSTANT (1) << 48) - 1 };

  g_test_summary ("Epoch and slot share one word and never mix: 48 bits above, 16 below");

  for (guint i = 0; i < G_N_ELEMENTS (epochs); i++) {
    for (guint slot = 0; slot <= IPC_SLOT_RETIRED; slot += slot < 16 || slot > 0xffe0 ? 1 : 0x111) {
      IpcWord word = ipc_word_make (epochs[i], slot);

      g_assert_cmpuint (word, ==, epochs[i] * 65536 + slot);
      g_assert_cmpuint (ipc_word_get_epoch (word), ==, epochs[i]);
      g_assert_cmpuint (ipc_word_get_slot (word), ==, slot);
    }
  }
  g_assert_cmpuint (IPC_SLOT_RETIRED, ==, 65535);
}

static void
test_claim (void)
{
  IpcWord word = ipc_word_make (7, 1);

  g_test_summary ("An epoch belongs to whoever changes the word from what it was, and to nobody else");

  g_assert_false (ipc_word_claim (&word, ipc_word_make (7, 0), ipc_word_make (8, 0)));
  g_assert_cmpuint (ipc_word_load (&word), ==, ipc_word_make (7, 1));
  g_assert_true (ipc_word_claim (&word, ipc_word_make (7, 1), ipc_word_make (8, 2)));
  g_assert_cmpuint (ipc_word_load (&word), ==, ipc_word_make (8, 2));
}

static void
test_next_epoch (void)
{
  IpcWord word = ipc_word_make (1000, 3);

  g_test_summary ("The next epoch is the wall clock, but above the last one whatever the clock says");

  g_assert_cmpuint (ipc_word_next_epoch (word, 5000), ==, 5000);
  g_assert_cmpuint (ipc_word_next_epoch (word, 1001), ==, 1001);
  g_assert_cmpuint (ipc_word_next_epoch (word, 1000), ==, 1001);
  g_assert_cmpuint (ipc_word_next_epoch (word, 0), ==, 1001);
}

static void
test_retire (void)
{
  IpcWord word = ipc_word_make (7, 1);

  g_test_summary ("A retired word is no master's, and when it is revived its old epochs do not come back");

  ipc_word_retire (&word);
  g_assert_cmpuint (word, ==, ipc_word_make (8, IPC_SLOT_RETIRED));
  ipc_word_retire (&word);
  g_assert_cmpuint (word, ==, ipc_word_make (8, IPC_SLOT_RETIRED));
  ipc_word_revive (&word);
  g_assert_cmpuint (word, ==, ipc_word_make (9, 0));
  ipc_word_revive (&word);
  g_assert_cmpuint (word, ==, ipc_word_make (9, 0));
}

static void
test_raise (void)
{
  IpcWord word = ipc_word_make (7, 1);

  g_test_summary ("A word is raised to what was seen, never lowered, and its slot stays");

  ipc_word_raise (&word, 12);
  g_assert_cmpuint (word, ==, ipc_word_make (12, 1));
  ipc_word_raise (&word, 12);
  ipc_word_raise (&word, 3);
  g_assert_cmpuint (word, ==, ipc_word_make (12, 1));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/word/pack", test_pack);
  g_test_add_func ("/word/claim", test_claim);
  g_test_add_func ("/word/next-epoch", test_next_epoch);
  g_test_add_func ("/word/retire", test_retire);
  g_test_add_func ("/word/raise", test_raise);

  return g_test_run ();
}
