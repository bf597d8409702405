/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>

#include "test-connection-util.h"

/*
 * How a connection ends: the peer hangs up, vanishes with our bytes unread, stops in the middle of a frame or breaks
 * the protocol. Everything that it sent before is read, the end is told once, and nothing spins.
 */

static void
test_paused_hang_up (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A peer that vanishes while we do not read costs no turns, and its last frames and its end are "
                  "still found");

  say_hello (fixture);
  settle (fixture);
  ipc_connection_set_paused (fixture->connection, TRUE);
  if (user_data != NULL)
    queue (fixture, 1 << 20); /* and writing is blocked */
  settle (fixture);
  say_message (fixture, 1, 10);
  close_peer (fixture);
  fixture->n_turns = 0;
  settle (fixture);
  g_assert_cmpint (fixture->n_turns, <=, 3);
  g_assert_cmpint (fixture->n_ended, ==, 0);
  g_assert_true (ipc_connection_has_hung_up (fixture->connection));
  queue (fixture, 100);
  settle (fixture);
  fixture->free_where = FREE_IN_ENDED;
  ipc_connection_set_paused (fixture->connection, FALSE);
  settle (fixture);
  g_assert_cmpuint (fixture->last_sequence, ==, 1);
  g_assert_cmpint (fixture->n_ended, ==, 1);
  g_assert_null (fixture->violation);
}

static void
test_end (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("At a hang-up everything that is queued is read before the end is told, once, though the peer left "
                  "bytes of ours unread (ECONNRESET) and our writing fails");

  say_hello (fixture);
  queue (fixture, 100);
  settle (fixture); /* the peer does not read this */
  for (guint i = 1; i <= 50; i++)
    say_message (fixture, i, 1000);
  close_peer (fixture);
  queue (fixture, 100);
  ipc_connection_flush (fixture->connection); /* fails, and that is not the end */
  g_assert_cmpint (fixture->n_ended, ==, 0);
  fixture->free_where = FREE_IN_ENDED;
  settle (fixture);
  g_assert_cmpuint (fixture->last_sequence, ==, 50);
  g_assert_cmpint (fixture->n_ended, ==, 1);
  g_assert_null (fixture->violation);
}

static void
test_end_and_kept (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("The end is told once, and not for every frame that was cut in the middle");

  say_hello (fixture);
  say (fixture, "\5\0\0\0\4\0\0\0\1", 9); /* part of a MESSAGE */
  settle (fixture);
  close_peer (fixture);
  for (guint i = 0; i < 5; i++)
    g_main_context_iteration (fixture->context, FALSE);
  g_assert_cmpint (fixture->n_ended, ==, 1);
  g_assert_null (fixture->violation);
  g_assert_false (ipc_connection_read_rest (fixture->connection));
}

static void
test_half_closed (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A peer that only stops writing is at its end too: it could not send anything more");

  say_hello (fixture);
  shutdown (fixture->peer, SHUT_WR);
  g_assert_true (ipc_connection_has_hung_up (fixture->connection));
  fixture->free_where = FREE_IN_ENDED;
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 1);
  g_assert_cmpint (fixture->n_ended, ==, 1);
}

static void
test_drain (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Who leaves a connection reads it to the end first, also when it is paused: answers may be in there");

  say_hello (fixture);
  settle (fixture);
  ipc_connection_set_paused (fixture->connection, TRUE);
  for (guint i = 1; i <= 50; i++)
    say_message (fixture, i, 1000);
  g_assert_false (ipc_connection_has_hung_up (fixture->connection));
  g_assert_true (ipc_connection_read_rest (fixture->connection));
  g_assert_cmpuint (fixture->last_sequence, ==, 50);
  g_assert_cmpint (fixture->n_ended, ==, 0);

  say_message (fixture, 51, 1000);
  close_peer (fixture);
  fixture->free_where = FREE_IN_FRAME;
  ipc_connection_read_rest (fixture->connection);
  g_assert_cmpuint (fixture->last_sequence, ==, 51);
}

static void
test_drain_with_descriptors (Fixture *fixture, gconstpointer user_data)
{
  union {
    struct cmsghdr header;
    char bytes[CMSG_SPACE (sizeof (int))];
  } control = { .header = { CMSG_LEN (sizeof (int)), SOL_SOCKET, SCM_RIGHTS } };
  IpcFrameHeader header = { .length = 0, .type = IPC_FRAME_MESSAGE };
  guint n_fds = test_count_fds ();

  g_test_summary ("Descriptors that a peer attaches to its bytes cut a read short; they are closed unseen, and "
                  "nothing behind them is lost");

  say_hello (fixture);
  settle (fixture);
  ipc_connection_set_paused (fixture->connection, TRUE);
  memcpy (CMSG_DATA (&control.header), &fixture->peer, sizeof (int));
  for (guint i = 1; i <= 10; i++) {
    guint8 bytes[IPC_WIRE_HEADER_SIZE];
    struct iovec vector = { bytes, sizeof bytes };
    struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = &control,
                              .msg_controllen = sizeof control.bytes };

    header.sequence = i;
    ipc_wire_put_header (bytes, &header);
    g_assert_cmpint (sendmsg (fixture->peer, &message, 0), ==, sizeof bytes);
  }
  ipc_connection_read_rest (fixture->connection);
  g_assert_cmpuint (fixture->last_sequence, ==, 10);
  g_assert_cmpuint (test_count_fds (), ==, n_fds);
}

static void
test_violation (Fixture *fixture, gconstpointer user_data)
{
  IpcFrameHeader header;
  guint8 bytes[2000];
  gssize n;

  g_test_summary ("Who breaks the protocol is told how, with a REFUSED, and then the stream ends; what follows is not "
                  "looked at");

  say_hello (fixture);
  say_message (fixture, 1, 10);
  say_hello (fixture);
  say_message (fixture, 2, 10);
  fixture->free_where = FREE_IN_ENDED;
  settle (fixture);
  g_assert_cmpuint (fixture->n_frames, ==, 2);
  g_assert_cmpint (fixture->n_ended, ==, 1);
  g_assert_nonnull (fixture->violation);

  n = recv (fixture->peer, bytes, sizeof bytes, 0);
  g_assert_cmpint (n, >, 24);
  ipc_wire_get_header (bytes, &header);
  g_assert_cmpint (header.type, ==, IPC_FRAME_REFUSED);
  g_assert_cmpuint (header.number, ==, IPC_REFUSAL_PROTOCOL);
  g_assert_cmpmem (bytes + 24, n - 24, fixture->violation, strlen (fixture->violation));
  n = recv (fixture->peer, bytes, sizeof bytes, 0);
  g_assert_true (n == 0 || (n == -1 && errno == ECONNRESET));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD_DATA(path, func, data) \
  g_test_add ("/connection/" path, Fixture, GINT_TO_POINTER (data), set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, func, 0)
  ADD ("hang-up/paused", test_paused_hang_up);
  ADD_DATA ("hang-up/paused-and-blocked", test_paused_hang_up, FREE_IN_ENDED);
  ADD ("end/reads-all-first", test_end);
  ADD ("end/told-once", test_end_and_kept);
  ADD ("end/half-closed", test_half_closed);
  ADD ("drain/paused", test_drain);
  ADD ("drain/descriptors", test_drain_with_descriptors);
  ADD ("violation", test_violation);

  return g_test_run ();
}
