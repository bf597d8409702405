/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"
#include "raw-peer.h"

#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Senders that come, send one message and go. The ledger has room for 1024 that it remembers something of; whoever went
 * is forgotten in time, also when he did not say goodbye.
 */

#define N_VISITORS 1100
#define N_VISITORS_UNDER_VALGRIND 300 /* too few to fill the ledger, but what is done for each is done */

static guint
get_n_visitors (void)
{
  return under_valgrind () ? N_VISITORS_UNDER_VALGRIND : N_VISITORS;
}

static gboolean
receive (int fd, guint8 type)
{
  guint8 frame[24 + 40];
  gsize size = type == WELCOME ? sizeof frame : 24 + 1;

  return recv (fd, frame, size, MSG_WAITALL) == (gssize) size && frame[4] == type;
}

/* In a process of its own: says who it is, sends one byte, and waits for it to come back. */
static gboolean
visit (const struct sockaddr_un *address)
{
  RawHeader header = { .length = 40, .type = HELLO };
  RawHeader message = { .length = 1, .type = MESSAGE, .sequence = 1 };
  guint8 hello[24 + 40] = { 0 }, text[24 + 1] = { 0 };
  pid_t pid = getpid ();
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  raw_put_header (hello, &header);
  memcpy (hello + 24, "LIPC\1\0\1", 7);
  memcpy (hello + 32, &pid, sizeof pid);
  hello[24 + 26] = 16; /* a megabyte */
  hello[24 + 28] = 1;
  raw_put_header (text, &message);

  return connect (fd, (const struct sockaddr *) address, sizeof *address) == 0
         && send (fd, hello, sizeof hello, MSG_NOSIGNAL) == sizeof hello && receive (fd, WELCOME)
         && send (fd, text, sizeof text, MSG_NOSIGNAL) == sizeof text && receive (fd, RESPONSE);
}

/* A master that reports nothing of what it handles: nobody would read it meanwhile. */
static Member *
spawn_master (Fixture *self, const char *name)
{
  return member_spawn_program (self, "streamer", name, "--mode master --answer-size 1");
}

/* One after the other, so that they meet no limit but that of memory. */
static void
send_visitors (Fixture *self, guint n)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = fixture_path (self, "socket");

  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  for (guint i = 0; i < n; i++) {
    pid_t pid = fork ();
    int status;

    if (pid == 0)
      _exit (visit (&address) ? raise (SIGKILL) : 1);
    g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
    g_assert_true (WIFSIGNALED (status));
  }
}

/* They leave without a word. What the first master has not forgotten by then does not fill the next one's ledger. */
static void
test_killed (Fixture *self, gconstpointer data)
{
  Member *first = spawn_master (self, "first"), *second;
  g_autoptr (Reply) reply = NULL;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  second = spawn_master (self, "second");
  fixture_wait (self, second->role == IPC_ROLE_STANDBY);
  send_visitors (self, get_n_visitors ());
  member_kill (first);
  fixture_wait (self, second->role == IPC_ROLE_MASTER);
  send_visitors (self, get_n_visitors ());
  reply = fixture_send (self, fixture_client (self), "x");
  fixture_expect_text (self, reply, "\1");
}

/* They say goodbye, and come from one process. */
static void
test_closed (Fixture *self, gconstpointer data)
{
  Member *master = spawn_master (self, "master");

  fixture_wait (self, master->role == IPC_ROLE_MASTER);
  for (guint i = 0; i < get_n_visitors (); i++) {
    IpcNode *client = fixture_client (self);
    g_autoptr (Reply) reply = fixture_send (self, client, "x");

    fixture_expect_text (self, reply, "\1");
    fixture_close (self, client);
    fixture_drop (self, client);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/senders/killed", "processes that end are forgotten", test_killed);
  fixture_add ("/senders/closed", "nodes that say goodbye are forgotten at once", test_closed);

  return g_test_run ();
}
