/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"
#include "raw-peer.h"

/*
 * Clients that take more than their share: of connections, by opening hundreds and saying nothing; of memory, by
 * sending and never reading. The master bounds both, and the others are served.
 */

static void
expect_honest (Fixture *self, IpcNode *client)
{
  g_autoptr (Reply) reply = fixture_send (self, client, "honest");

  fixture_expect_text (self, reply, "honest");
}

static void
count_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  fixture_echo (node, message, NULL);
}

/* 600 silent connections of one process: it gets its share, and others come in at once. */
static void
test_flood (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) flood = g_ptr_array_new_with_free_func ((GDestroyNotify) raw_free);
  guint n_refused = 0;

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 600; i++) {
    g_ptr_array_add (flood, raw_connect (self));
    if (i % 50 == 0)
      fixture_iterate (self);
  }
  Member *honest = member_spawn (self, "honest", "--mode client");
  fixture_wait (self, honest->role == IPC_ROLE_CLIENT);
  member_tell (honest, "send 1");
  fixture_wait (self, honest->answered == 1);
  expect_honest (self, client);
  for (guint i = 0; i < flood->len; i++) {
    if (raw_has_frame (flood->pdata[i])) {
      raw_expect_refused (flood->pdata[i], TOO_MANY, "one process");
      n_refused++;
    }
  }
  g_assert_cmpuint (n_refused, ==, 600 - 64);
}

/* The same from twelve processes, so that the limit of all is reached: who is honest comes in when the first of them
 * have run out of time. */
static void
test_flood_of_many (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_new_node (self, IPC_MODE_MASTER, fixture_echo, NULL);
  Member *honest;

  g_object_set (master, "handshake-timeout", 1000, NULL);
  g_assert_true (ipc_node_start (master, NULL));
  fixture_wait (self, ipc_node_get_role (master) == IPC_ROLE_MASTER);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 12; i++)
    member_tell (member_spawn (self, "flood", "--wait"), "flood 50");
  for (int i = 0; i < 12; i++)
    fixture_wait (self, member_has (self->members->pdata[i], "flooded"));
  honest = member_spawn (self, "honest", "--mode client");
  expect_honest (self, client);
  fixture_wait (self, honest->role == IPC_ROLE_CLIENT);
}

/* A client that never reads its answers: the master stops reading from it, holds a bounded number of answers, and
 * serves the others. */
static void
test_never_reads (Fixture *self, gconstpointer data)
{
  enum { SIZE = 1024 * 1024 };
  g_autofree guint8 *frame = g_malloc0 (24 + SIZE);
  guint n_handled = 0, sequence = 0;
  gsize offset = 24 + SIZE;
  gint64 idle_since_us = g_get_monotonic_time ();

  fixture_master (self, count_handler, &n_handled);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) peer = raw_join (self);

  /* Until it takes no more for a while. */
  while (g_get_monotonic_time () - idle_since_us < 200 * G_TIME_SPAN_MILLISECOND && sequence < 900) {
    gssize n;

    if (offset == 24 + SIZE) {
      RawHeader header = { SIZE, MESSAGE, 0, 0, ++sequence, 0 };

      raw_put_header (frame, &header);
      offset = 0;
    }
    n = raw_try_write (peer, frame + offset, 24 + SIZE - offset);
    g_assert_cmpint (n, >=, 0);
    offset += n;
    if (n > 0)
      idle_since_us = g_get_monotonic_time ();
    fixture_iterate (self);
  }
  g_test_message ("%u messages of 1 MiB taken", n_handled);
  g_assert_cmpuint (n_handled, <, 24);
  expect_honest (self, client);
}

static void
test_unread_at_close (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, fixture_echo, NULL);
  g_autoptr (RawPeer) peer = raw_join (self);
  g_autofree guint8 *payload = g_malloc0 (4 * 1024 * 1024);

  raw_send (peer, MESSAGE, 1, 0, payload, 4 * 1024 * 1024);
  fixture_close (self, master); /* bounded, though the client reads nothing */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/flood/one", "a process gets its share of unfinished handshakes", test_flood);
  fixture_add ("/flood/many", "a flood delays others by the handshake's timeout at most", test_flood_of_many);
  fixture_add ("/flood/never-reads", "memory for a client that does not read is bounded", test_never_reads);
  fixture_add ("/flood/unread-at-close", "nor does it hold up the end", test_unread_at_close);

  return g_test_run ();
}
