/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-connection-util.h"

/*
 * Frames in both directions while both ends live: batching, waiting for room, pauses, and an owner that frees the
 * connection wherever it is called back.
 */

static void
test_frames (Fixture *fixture, gconstpointer user_data)
{
  IpcFrameHeader pong = { .type = IPC_FRAME_PONG, .sequence = 9 }, got;
  guint8 bytes[100];

  g_test_summary ("Frames arrive as they were sent, and all that is queued in one turn goes out at its end");

  say_hello (fixture);
  for (guint i = 1; i <= 50; i++)
    say_message (fixture, i, i * 30);
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 51);
  g_assert_cmpint (ipc_connection_get_credentials (fixture->connection)->pid, ==, getpid ());

  ipc_connection_queue (fixture->connection, &pong, NULL);
  ipc_connection_queue (fixture->connection, &pong, NULL);
  g_assert_cmpint (recv (fixture->peer, bytes, sizeof bytes, 0), ==, -1);
  g_assert_cmpuint (ipc_connection_get_queued (fixture->connection), ==, 48);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, ==, 1);
  g_assert_cmpint (recv (fixture->peer, bytes, sizeof bytes, 0), ==, 48);
  ipc_wire_get_header (bytes + 24, &got);
  g_assert_cmpuint (got.sequence, ==, 9);
  g_assert_cmpint (fixture->n_drained, ==, 0); /* there was never much */
}

static void
test_blocked (Fixture *fixture, gconstpointer user_data)
{
  const guint n = 40;
  gsize total = n * (24 + 100000), seen = 0;

  g_test_summary ("When the peer does not read, writing waits without spinning, goes on when it reads, and tells its "
                  "owner when there is room");

  for (guint i = 0; i < n; i++)
    queue (fixture, 100000);
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, <, 10);
  g_assert_cmpuint (ipc_connection_get_queued (fixture->connection), >, IPC_CONNECTION_WRITE_HIGH);
  g_assert_cmpint (fixture->n_drained, ==, 0);
  while (seen < total) {
    gsize got = listen_to (fixture, G_MAXSIZE);

    g_assert_cmpuint (got, >, 0);
    seen += got;
    settle (fixture);
  }
  g_assert_cmpuint (seen, ==, total);
  g_assert_cmpuint (ipc_connection_get_queued (fixture->connection), ==, 0);
  g_assert_cmpint (fixture->n_drained, >=, 1);
  g_assert_cmpint (fixture->n_drained, <=, 2);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, ==, 0);
}

static void
test_early (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("When much is queued in one turn the peer gets the first of it before the turn ends, and works "
                  "meanwhile");

  for (guint i = 0; i < 10; i++)
    queue (fixture, 10000);
  g_assert_cmpuint (listen_to (fixture, G_MAXSIZE), >, 0);
}

static void
test_relieved (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Whoever had to wait because the socket took no more is told when everything has gone out, however "
                  "little it was");

  while (ipc_connection_get_queued (fixture->connection) == 0) {
    queue (fixture, 20000);
    settle (fixture);
  }
  g_assert_cmpuint (ipc_connection_get_queued (fixture->connection), <=, 20024);
  g_assert_cmpint (fixture->n_drained, ==, 0);
  while (ipc_connection_get_queued (fixture->connection) > 0) {
    g_assert_cmpuint (listen_to (fixture, G_MAXSIZE), >, 0);
    settle (fixture);
  }
  g_assert_cmpint (fixture->n_drained, ==, 1);
}

static void
test_room (Fixture *fixture, gconstpointer user_data)
{
  guint n_between = 0;

  g_test_summary ("Whoever waits for room is told while there is still something to write: the stream must not run "
                  "dry");

  for (guint n = 30; n < 80; n++) {
    gboolean was_high;

    for (guint i = 0; i < n; i++)
      queue (fixture, 10000);
    settle (fixture);
    was_high = ipc_connection_get_queued (fixture->connection) > IPC_CONNECTION_WRITE_HIGH / 4;
    while (ipc_connection_get_queued (fixture->connection) > IPC_CONNECTION_WRITE_HIGH / 4) {
      fixture->n_drained = 0;
      g_assert_cmpuint (listen_to (fixture, G_MAXSIZE), >, 0);
      settle (fixture);
    }
    if (was_high && ipc_connection_get_queued (fixture->connection) > 0) {
      g_assert_cmpint (fixture->n_drained, ==, 1);
      n_between++;
    }
    while (listen_to (fixture, G_MAXSIZE) > 0)
      settle (fixture);
  }
  g_assert_cmpuint (n_between, >, 0);
}

static void
test_paused (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A paused connection gives out nothing, not even what it has read already, and loses nothing");

  fixture->pause_at = 3;
  say_hello (fixture);
  for (guint i = 1; i <= 10; i++)
    say_message (fixture, i, 10);
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 3);
  for (guint i = 11; i <= 20; i++)
    say_message (fixture, i, 10);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, ==, 0);
  g_assert_cmpuint (fixture->n_frames, ==, 3);

  fixture->pause_at = 7;
  ipc_connection_set_paused (fixture->connection, FALSE);
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 7);
  ipc_connection_set_paused (fixture->connection, FALSE);
  ipc_connection_set_paused (fixture->connection, TRUE); /* before the turn */
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 7);
  ipc_connection_set_paused (fixture->connection, FALSE);
  settle (fixture);
  g_assert_cmpuint (fixture->last_sequence, ==, 20);
}

static void
test_nested (Fixture *fixture, gconstpointer user_data)
{
  const guint n = 20;

  g_test_summary ("Whoever is given a frame and turns the poller meanwhile gets the frames behind it, which have been "
                  "read already; each once and in order");

  fixture->nest_blocking = GPOINTER_TO_INT (user_data);
  fixture->free_where = FREE_NEVER;
  fixture->nest_at = 5;
  fixture->nest_until = n + 1;
  say_hello (fixture);
  for (guint i = 1; i <= n; i++)
    say_message (fixture, i, i == 12 ? 20000 : 10);
  settle (fixture);
  g_assert_cmpuint (fixture->last_sequence, ==, n);
  g_assert_cmpuint (fixture->depth_max, ==, n + 1 - fixture->nest_at + 1);

  fixture->nest_at = 0;
  say_message (fixture, n + 1, 10);
  settle (fixture);
  g_assert_cmpuint (fixture->last_sequence, ==, n + 1);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, ==, 0);
}

static void
test_nested_free (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("In the innermost turn the connection may be freed");

  fixture->nest_at = 3;
  fixture->nest_until = 10;
  say_hello (fixture);
  for (guint i = 1; i <= 20; i++)
    say_message (fixture, i, 10);
  settle (fixture);
  g_assert_null (fixture->connection);
  g_assert_cmpuint (fixture->n_frames, ==, 10);
}

static void
test_free (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("The owner may free the connection in each callback; nothing of it is called afterwards");

  if (fixture->free_where == FREE_IN_DRAINED) {
    for (guint i = 0; i < 10; i++)
      queue (fixture, 100000);
    settle (fixture);
    say_hello (fixture); /* ready to be read as well */
    while (fixture->connection != NULL && listen_to (fixture, G_MAXSIZE) > 0)
      settle (fixture);
    g_assert_cmpuint (fixture->n_frames, <=, 1);
  } else {
    say_hello (fixture);
    for (guint i = 1; i <= 20; i++)
      say_message (fixture, i, 1000);
    queue (fixture, 100000);
    close_peer (fixture);
    settle (fixture);
    g_assert_cmpuint (fixture->n_frames, ==, fixture->free_where == FREE_IN_FRAME ? 1 : 21);
    g_assert_cmpint (fixture->n_ended, ==, fixture->free_where == FREE_IN_ENDED);
  }
  g_assert_null (fixture->connection);
}

static void
test_idle (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("An idle connection costs no turn");

  say_hello (fixture);
  settle (fixture);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, ==, 0);
}

int
main (int argc, char **argv)
{
  static const char *const names[] = { "never", "frame", "drained", "ended" };

  g_test_init (&argc, &argv, NULL);

#define ADD_DATA(path, func, data) \
  g_test_add ("/connection/" path, Fixture, GINT_TO_POINTER (data), set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, func, 0)
  ADD ("frames", test_frames);
  ADD ("write/blocked", test_blocked);
  ADD ("write/early", test_early);
  ADD ("write/relieved", test_relieved);
  ADD ("write/room", test_room);
  ADD ("paused", test_paused);
  ADD ("idle", test_idle);
  ADD_DATA ("nested/loop", test_nested, FALSE);
  ADD_DATA ("nested/blocking", test_nested, TRUE);
  ADD_DATA ("nested/free", test_nested_free, FREE_INNERMOST);
  for (int i = FREE_IN_FRAME; i <= FREE_IN_ENDED; i++) {
    g_autofree char *path = g_strconcat ("/connection/free/", names[i], NULL);

    g_test_add (path, Fixture, GINT_TO_POINTER (i), set_up, test_free, tear_down);
  }

  return g_test_run ();
}
