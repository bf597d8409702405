/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "raw-peer.h"

#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A socket in the master's place that is not what it seems: silent, wrong, or too old. A node does not fall for it,
 * says what is wrong where that is an error, and is served as soon as a real master publishes itself, with the message
 * that it had to send meanwhile.
 */

/* A real master comes: it takes the socket's place, and the message is answered. */
static void
expect_recovery (Fixture *self, Reply *reply, int listener)
{
  g_assert_false (reply->done);
  fixture_master (self, fixture_echo, NULL);
  fixture_expect_text (self, reply, "patient");
  close (listener);
}

static void
test_silent (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);

  raw_expect (peer, HELLO, NULL);
  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_SEARCHING);
  expect_recovery (self, reply, listener);
}

/* Silent, or stopped: the node gives up after its handshake timeout and comes again by itself. */
static void
test_silent_again (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);

  g_object_set (client, "handshake-timeout", 50, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) first = raw_accept (self, listener);
  raw_expect (first, HELLO, NULL);
  raw_expect_end (first);
  g_autoptr (RawPeer) second = raw_accept (self, listener);
  raw_expect (second, HELLO, NULL);
  expect_recovery (self, reply, listener);
}

static void
test_nobody_listens (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, FALSE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");

  fixture_iterate_for (self, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_SEARCHING);
  expect_recovery (self, reply, listener);
}

static void
test_hangs_up (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");

  for (int i = 0; i < 4; i++)
    raw_free (raw_accept (self, listener));
  expect_recovery (self, reply, listener);
}

static void
test_garbage (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);

  raw_expect (peer, HELLO, NULL);
  raw_write (peer, "220 mail.example.org ESMTP ready\r\n", 34);
  raw_expect_refused (peer, PROTOCOL, "");
  fixture_expect_error (self, IPC_ERROR, IPC_ERROR_PROTOCOL, "the master broke the protocol");
  expect_recovery (self, reply, listener);
}

/* A frame that a master may not send, after a proper WELCOME. */
typedef struct {
  const char *name;
  RawHeader header;
} BadFrame;

static const BadFrame bad_frames[] = {
  { "second-welcome", { 40, WELCOME, 0, 0, 0, 7 } },
  { "hello", { 40, HELLO, 0, 0, 0, 0 } },
  { "message", { 0, MESSAGE, 0, 0, 1, 0 } },
  { "ack", { 0, ACK, 0, 0, 0, 0 } },
  { "not-in-flight", { 0, RESPONSE, 0, 0, 99, 7 } },
  { "response-0", { 0, RESPONSE, 0, 0, 0, 7 } },
  { "no-epoch", { 0, RESPONSE, 0, 0, 1, 0 } },
  { "endless", { 0xffffffff, RESPONSE, 0, 0, 1, 7 } },
  { "failure-empty", { 0, FAILURE, 0, 0, 1, 7 } },
  { "fds", { 0, RESPONSE, 0, 3, 1, 7 } },
  { "type", { 0, 200, 0, 0, 1, 7 } },
};

static void
test_bad_frame (Fixture *self, gconstpointer data)
{
  const BadFrame *bad = data;
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);
  guint8 bytes[24];

  raw_expect (peer, HELLO, NULL);
  raw_welcome (peer, 7);
  raw_expect (peer, MESSAGE, NULL);
  raw_put_header (bytes, &bad->header);
  raw_write (peer, bytes, sizeof bytes);
  raw_expect_refused (peer, PROTOCOL, "");
  fixture_expect_error (self, IPC_ERROR, IPC_ERROR_PROTOCOL, "the master broke the protocol");
  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_SEARCHING);
  expect_recovery (self, reply, listener);
}

/* A master of an older epoch than one that was seen is not used, whatever it says. */
static void
test_older (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  guint64 epoch = ipc_node_get_epoch (client);
  int listener;

  fixture_drop (self, master);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_SEARCHING);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  listener = raw_listen (self, TRUE);
  g_autoptr (RawPeer) peer = raw_accept (self, listener);
  RawFrame hello;
  raw_expect (peer, HELLO, &hello);
  g_assert_cmpmem (hello.payload + 32, 8, &epoch, 8); /* it says what it has seen */
  g_free (hello.payload);
  raw_welcome (peer, epoch - 1);
  raw_expect_end (peer);
  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_SEARCHING);
  expect_recovery (self, reply, listener);
  g_assert_cmpuint (reply->epoch, >, epoch);
}

/* While it is connected, somebody publishes an older master: the connection stays. */
static void
test_older_beside (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE), stale;
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (RawPeer) peer = raw_accept (self, listener);

  raw_expect (peer, HELLO, NULL);
  raw_welcome (peer, 1000);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  stale = raw_listen (self, TRUE);
  g_autoptr (RawPeer) beside = raw_accept (self, stale);
  raw_expect (beside, HELLO, NULL);
  raw_welcome (beside, 999);
  raw_expect_end (beside);
  g_assert_cmpuint (ipc_node_get_epoch (client), ==, 1000);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  raw_expect (peer, MESSAGE, NULL);
  raw_send (peer, RESPONSE, 1, 1000, "y", 1);
  fixture_expect_text (self, reply, "y");
  close (listener);
  close (stale);
}

/* A newer one is published while the old one is alive: what the old one has answered counts, the rest goes on. */
static void
test_newer_beside (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE), newer;
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (RawPeer) peer = raw_accept (self, listener);
  RawFrame frame;

  raw_expect (peer, HELLO, NULL);
  raw_welcome (peer, 1000);
  g_autoptr (Reply) first = fixture_send (self, client, "1");
  g_autoptr (Reply) second = fixture_send (self, client, "2");
  raw_expect (peer, MESSAGE, NULL);
  raw_expect (peer, MESSAGE, NULL);

  newer = raw_listen (self, TRUE);
  g_autoptr (RawPeer) beside = raw_accept (self, newer);
  raw_expect (beside, HELLO, NULL);
  raw_send (peer, RESPONSE, 1, 1000, "old", 3);
  raw_welcome (beside, 1001);
  raw_expect (beside, MESSAGE, &frame);
  g_assert_cmpuint (frame.header.sequence, ==, 2);
  g_assert_cmpuint (frame.header.flags, ==, 1); /* again */
  g_assert_cmpuint (frame.header.number, ==, 1);
  g_free (frame.payload);
  raw_send (beside, RESPONSE, 2, 1001, "new", 3);
  fixture_expect_text (self, first, "old");
  fixture_expect_text (self, second, "new");
  g_assert_cmpuint (first->epoch, ==, 1000);
  g_assert_cmpuint (second->epoch, ==, 1001);
  close (listener);
  close (newer);
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  guint64 code = GPOINTER_TO_UINT (data);
  gboolean is_error = code <= NOT_ALLOWED || code > CLOSING;
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);

  raw_expect (peer, HELLO, NULL);
  raw_refuse (peer, code, "the reason\xff");
  raw_expect_end (peer);
  if (is_error)
    fixture_expect_error (self, IPC_ERROR, IPC_ERROR_REFUSED, "the reason");
  if (code == TOO_MANY || code == BUSY || code == TIMEOUT)
    raw_free (raw_accept (self, listener)); /* it comes again soon */
  expect_recovery (self, reply, listener);
}

/* Refused after it was let in. */
static void
test_refused_later (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);

  raw_expect (peer, HELLO, NULL);
  raw_welcome (peer, 7);
  raw_expect (peer, MESSAGE, NULL);
  raw_refuse (peer, PROTOCOL, "I do not like it");
  raw_expect_end (peer);
  fixture_expect_error (self, IPC_ERROR, IPC_ERROR_REFUSED, "I do not like it");
  expect_recovery (self, reply, listener);
}

/* The ledger has no room for what the node sends, each time it comes. */
static void
test_no_room (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  gint64 refused_us = 0;

  for (guint i = 0; i < 7; i++) {
    g_autoptr (RawPeer) peer = raw_accept (self, listener);

    raw_expect (peer, HELLO, NULL);
    if (i == 6) /* 1 to 4 ms at first, and each time twice as long */
      g_assert_cmpint (g_get_monotonic_time () - refused_us, >=, 32 * G_TIME_SPAN_MILLISECOND);
    raw_welcome (peer, 7);
    raw_expect (peer, MESSAGE, NULL);
    raw_refuse (peer, TOO_MANY, "no room");
    refused_us = g_get_monotonic_time ();
    fixture_expect_error (self, IPC_ERROR, IPC_ERROR_REFUSED, "no room");
  }
  expect_recovery (self, reply, listener);
}

static void
test_ping (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, TRUE);
  fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (RawPeer) peer = raw_accept (self, listener);
  RawFrame frame;

  raw_expect (peer, HELLO, NULL);
  raw_welcome (peer, 7);
  raw_send (peer, PING, 123456789, 0, NULL, 0);
  raw_expect (peer, PONG, &frame);
  g_assert_cmpuint (frame.header.sequence, ==, 123456789);
  g_free (frame.payload);
  close (listener);
}

/* In a child: listens as user nobody, so that this is what the kernel says of the socket. */
static void
listen_as_nobody (int fd)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (setgroups (0, NULL) == -1 || setresgid (65534, 65534, 65534) == -1 || setresuid (65534, 65534, 65534) == -1
      || listen (fd, 16) == -1)
    _exit (1);
  _exit (0);
}

static void
test_other_user (Fixture *self, gconstpointer data)
{
  int listener = raw_listen (self, FALSE);
  int status;
  pid_t pid;

  if (geteuid () != 0) {
    close (listener);
    g_test_skip ("only root can be somebody else");
    return;
  }

  pid = fork ();
  if (pid == 0)
    listen_as_nobody (listener);
  fixture_wait (self, waitpid (pid, &status, WNOHANG) == pid);
  g_assert_cmpint (status, ==, 0);

  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "patient");
  fixture_expect_error (self, IPC_ERROR, IPC_ERROR_REFUSED, "65534");
  g_autoptr (RawPeer) peer = raw_accept (self, listener);
  raw_expect_end (peer); /* it was told nothing, not even HELLO */
  expect_recovery (self, reply, listener);
  fixture_forget_errors (self, IPC_ERROR, IPC_ERROR_REFUSED); /* the real master has met it too */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/fake-master/silent", "a connection means nothing", test_silent);
  fixture_add ("/fake-master/silent-again", "a silent master is left and tried again", test_silent_again);
  fixture_add ("/fake-master/nobody-listens", "a name means nothing", test_nobody_listens);
  fixture_add ("/fake-master/hangs-up", "again and again", test_hangs_up);
  fixture_add ("/fake-master/garbage", "another protocol", test_garbage);
  for (gsize i = 0; i < G_N_ELEMENTS (bad_frames); i++) {
    g_autofree char *path = g_strconcat ("/fake-master/bad-frame/", bad_frames[i].name, NULL);
    fixture_add_data (path, "a master that breaks a rule is told and left", &bad_frames[i], test_bad_frame);
  }
  fixture_add ("/fake-master/older", "nothing older than what was seen", test_older);
  fixture_add ("/fake-master/older-beside", "nor is a good connection left for it", test_older_beside);
  fixture_add ("/fake-master/newer-beside", "the newer one is followed", test_newer_beside);
  for (guint code = 1; code <= 9; code++) {
    g_autofree char *path = g_strdup_printf ("/fake-master/refused/%u", code);
    fixture_add_data (path, "each refusal has its consequence", GUINT_TO_POINTER (code), test_refused);
  }
  fixture_add ("/fake-master/refused-later", "in the middle of everything", test_refused_later);
  fixture_add ("/fake-master/no-room", "welcome, and refused for what was sent, again and again", test_no_room);
  fixture_add ("/fake-master/ping", "a node answers pings", test_ping);
  fixture_add ("/fake-master/other-user", "somebody else's socket is left alone", test_other_user);

  return g_test_run ();
}
