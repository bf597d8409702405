/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/syscall.h>

#include "test-connection-util.h"

/*
 * What a connection makes of system calls that fail though the peer is there: nothing is lost, and nobody asks all the
 * time for what is not to be had. The calls of the library come here instead of to the C library, and the next ones
 * fail as a test says.
 */

typedef struct {
  int code;
  guint n_to_fail;
  guint n_calls;
} Call;

static Call writing, reading;

static gboolean
fails (Call *call)
{
  call->n_calls++;
  if (call->n_to_fail == 0)
    return FALSE;
  call->n_to_fail--;
  errno = call->code;
  return TRUE;
}

ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  return fails (&writing) ? -1 : syscall (SYS_sendmsg, fd, message, flags);
}

/* The tests' own reads do not ask not to wait. */
ssize_t
recv (int fd, void *buffer, size_t len, int flags)
{
  if ((flags & MSG_DONTWAIT) != 0 && fails (&reading))
    return -1;
  return syscall (SYS_recvfrom, fd, buffer, len, flags, NULL, NULL);
}

static void
test_write (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("What could not be written for the moment is written later, whole");

  writing = (Call) { GPOINTER_TO_INT (user_data), 3, 0 };
  queue (fixture, 1000);
  while (ipc_connection_get_queued (fixture->connection) > 0)
    g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (writing.n_to_fail, ==, 0);
  g_assert_cmpuint (listen_to (fixture, 10000), ==, 24 + 1000);
  g_assert_cmpint (fixture->n_ended, ==, 0);
}

static void
test_no_memory_for_long (Fixture *fixture, gconstpointer user_data)
{
  gint64 end_us = g_get_monotonic_time () + 100 * G_TIME_SPAN_MILLISECOND;

  g_test_summary ("As long as the kernel has no memory, it is not asked in every turn");

  writing = (Call) { GPOINTER_TO_INT (user_data), G_MAXUINT, 0 };
  queue (fixture, 1000);
  while (g_get_monotonic_time () < end_us)
    g_main_context_iteration (fixture->context, TRUE);
  g_assert_cmpuint (writing.n_calls, <=, 15); /* one for each 10 ms, and the first */
  g_assert_cmpuint (writing.n_calls, >=, 2);
  g_assert_cmpint (fixture->n_ended, ==, 0);
  writing.n_to_fail = 0;
  ipc_connection_flush (fixture->connection);
  g_assert_cmpuint (listen_to (fixture, 10000), ==, 24 + 1000);
}

static void
test_freed_while_waiting (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A connection that waits for memory can be freed");

  writing = (Call) { ENOMEM, G_MAXUINT, 0 };
  queue (fixture, 1000);
  ipc_connection_flush (fixture->connection);
  g_clear_pointer (&fixture->connection, ipc_connection_free);
  writing.n_to_fail = 0;
  settle (fixture);
}

static void
test_read_rest (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Who leaves a connection has read all of it, though a signal came in between");

  say_hello (fixture);
  settle (fixture);
  say_message (fixture, 1, 100);
  reading = (Call) { EINTR, 1, 0 };
  g_assert_true (ipc_connection_read_rest (fixture->connection));
  g_assert_cmpuint (fixture->last_sequence, ==, 1);
}

static void
add (const char *path, int code, void (*test) (Fixture *, gconstpointer))
{
  g_test_add (path, Fixture, GINT_TO_POINTER (code), set_up, test, tear_down);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  add ("/connection-errors/write/EINTR", EINTR, test_write);
  add ("/connection-errors/write/EAGAIN", EAGAIN, test_write);
  add ("/connection-errors/write/ENOBUFS", ENOBUFS, test_write);
  add ("/connection-errors/write/ENOMEM", ENOMEM, test_write);
  add ("/connection-errors/no-memory-for-long/ENOBUFS", ENOBUFS, test_no_memory_for_long);
  add ("/connection-errors/no-memory-for-long/ENOMEM", ENOMEM, test_no_memory_for_long);
  add ("/connection-errors/freed-while-waiting", 0, test_freed_while_waiting);
  add ("/connection-errors/read-rest", 0, test_read_rest);

  return g_test_run ();
}
