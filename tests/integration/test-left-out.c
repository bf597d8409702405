/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

/*
 * Candidates that do not get in, for want of descriptors or memory of their own or of the master's. They hear nothing of
 * a master that serves everybody else, and must not depose it for that.
 */

#define HANG_MS 200
#define HANG_UNDER_VALGRIND_MS 800 /* there code that runs for the first time takes as long as a whole quarter */

/* What the nodes of this process get instead of sockets, or 0. */
static int socket_code;

/* In place of that of the C library. */
int
socket (int domain, int type, int protocol)
{
  errno = socket_code;
  return socket_code != 0 ? -1 : (int) syscall (SYS_socket, domain, type, protocol);
}

/* Whether a node of this process that accepts finds no descriptor, but for the one that it has in reserve. */
static gboolean drop_guests;

int
accept4 (int fd, struct sockaddr *address, socklen_t *len, int flags)
{
  errno = EMFILE;
  return drop_guests && (flags & SOCK_NONBLOCK) != 0 ? -1 : (int) syscall (SYS_accept4, fd, address, len, flags);
}

static guint
get_hang_ms (void)
{
  return under_valgrind () ? HANG_UNDER_VALGRIND_MS : HANG_MS;
}

static Member *
spawn (Fixture *self, const char *name)
{
  g_autofree char *options = g_strdup_printf ("--hang-timeout %u", get_hang_ms ());

  return member_spawn (self, name, options);
}

static IpcNode *
start_candidate (Fixture *self)
{
  IpcNode *candidate = fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

  g_object_set (candidate, "hang-timeout", get_hang_ms (), NULL);
  g_assert_true (ipc_node_start (candidate, NULL));

  return candidate;
}

/* A master that has no descriptor left drops whoever comes. Who is dropped comes again after longer and longer times, at
 * last after more than the timeout: that nothing comes in between is its own doing. */
static void
test_dropped (Fixture *self, gconstpointer data)
{
  IpcNode *master;
  Member *candidate;

  master = start_candidate (self);
  fixture_wait (self, ipc_node_get_role (master) == IPC_ROLE_MASTER);
  drop_guests = TRUE;
  candidate = spawn (self, "candidate");
  fixture_iterate_for (self, 4 * G_TIME_SPAN_SECOND);
  g_assert_cmpint (candidate->role, ==, IPC_ROLE_SEARCHING);
  g_assert_cmpint (ipc_node_get_role (master), ==, IPC_ROLE_MASTER);
  drop_guests = FALSE;
  fixture_wait (self, candidate->role == IPC_ROLE_STANDBY);
}

/* A candidate that cannot connect for want of a descriptor of its own: it hears nothing, and that is no news of the
 * master. */
static void
test_cannot_ask (Fixture *self, gconstpointer data)
{
  IpcNode *candidate;
  Member *first;

  first = spawn (self, "first");
  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  socket_code = GPOINTER_TO_INT (data);
  candidate = start_candidate (self);
  g_assert_cmpint (ipc_node_get_role (candidate), ==, IPC_ROLE_SEARCHING);
  socket_code = 0; /* it looks again when more than the timeout is over */
  fixture_wait (self, ipc_node_get_role (candidate) != IPC_ROLE_SEARCHING);
  g_assert_cmpint (ipc_node_get_role (candidate), ==, IPC_ROLE_STANDBY);
  g_assert_cmpint (first->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (fixture_forget_errors (self, IPC_ERROR, IPC_ERROR_RUNTIME_DIR), ==, 1); /* it says so */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/left-out/dropped", "who is dropped is answered", test_dropped);
  fixture_add_data ("/left-out/cannot-ask/descriptors", "who has none left cannot ask", GINT_TO_POINTER (EMFILE),
                    test_cannot_ask);
  fixture_add_data ("/left-out/cannot-ask/memory", "nor who is short of memory", GINT_TO_POINTER (ENOBUFS),
                    test_cannot_ask);

  return g_test_run ();
}
