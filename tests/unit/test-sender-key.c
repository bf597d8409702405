/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-sender-key.h"

#include <string.h>

static const guint8 id[IPC_NODE_ID_SIZE] = { 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16 };

static void
test_same (void)
{
  IpcSenderKey a, b;

  g_test_summary ("A sender that comes again is found, whatever was in the memory of its key before");

  memset (&a, 0x00, sizeof a);
  memset (&b, 0xff, sizeof b);
  ipc_sender_key_init (&a, id, 42, 1000);
  ipc_sender_key_init (&b, id, 42, 1000);

  g_assert_true (ipc_sender_key_equal (&a, &b));
  g_assert_cmpuint (ipc_sender_key_hash (&a), ==, ipc_sender_key_hash (&b));
}

static void
test_other (void)
{
  guint8 other_id[IPC_NODE_ID_SIZE];
  IpcSenderKey key, other;

  g_test_summary ("Who says to be another node, or is another process or user, is another sender");

  ipc_sender_key_init (&key, id, 42, 1000);

  ipc_sender_key_init (&other, id, 43, 1000);
  g_assert_false (ipc_sender_key_equal (&key, &other));
  ipc_sender_key_init (&other, id, 42, 1001);
  g_assert_false (ipc_sender_key_equal (&key, &other));

  for (guint i = 0; i < IPC_NODE_ID_SIZE; i++) {
    memcpy (other_id, id, sizeof id);
    other_id[i] ^= 0x80;
    ipc_sender_key_init (&other, other_id, 42, 1000);
    g_assert_false (ipc_sender_key_equal (&key, &other));
  }
}

static void
test_spread (void)
{
  IpcSenderKey key, other;

  g_test_summary ("Nodes of one process do not meet in one place of a table");

  ipc_sender_key_init (&key, id, 42, 1000);
  ipc_sender_key_init (&other, (const guint8[IPC_NODE_ID_SIZE]) { 2, 2, 3, 4 }, 42, 1000);

  g_assert_cmpuint (ipc_sender_key_hash (&key), !=, ipc_sender_key_hash (&other));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sender-key/same", test_same);
  g_test_add_func ("/sender-key/other", test_other);
  g_test_add_func ("/sender-key/spread", test_spread);

  return g_test_run ();
}
