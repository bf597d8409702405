/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "raw-peer.h"

#include <grp.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Clients that break the rules, against a real master: each is told why, with a frame, and disconnected; there is one
 * line in the log; and an honest client beside it notices nothing.
 */

static guint n_log_lines;

static GLogWriterOutput
count_log_lines (GLogLevelFlags level, const GLogField *fields, gsize n_fields, gpointer user_data)
{
  for (gsize i = 0; i < n_fields; i++) {
    if (strcmp (fields[i].key, "GLIB_DOMAIN") == 0 && g_strcmp0 (fields[i].value, "libipc") == 0)
      n_log_lines += (level & G_LOG_LEVEL_DEBUG) == 0;
  }

  return g_log_writer_default (level, fields, n_fields, user_data);
}

static void
expect_honest (Fixture *self, IpcNode *client)
{
  g_autoptr (Reply) reply = fixture_send (self, client, "honest");

  fixture_expect_text (self, reply, "honest");
}

typedef struct {
  const char *name;
  RawHello hello;
  int code;
  const char *text;
} BadHello;

static const BadHello bad_hellos[] = {
  { "magic", { .magic = "LIPD" }, PROTOCOL, "" },
  { "newer", { .version_min = 2, .version_max = 9 }, VERSION, "version 1" },
  { "reversed-versions", { .version_min = 3, .version_max = 1 }, PROTOCOL, "" },
  { "small-limit", { .max_message_size = 1023 }, PROTOCOL, "" },
  { "mode", { .mode = 3 }, PROTOCOL, "" },
  { "reserved", { .reserved = 1 }, PROTOCOL, "" },
  { "stale", { .newest_epoch = G_MAXUINT64 / 2 }, STALE, "newer" },
};

static void
test_bad_hello (Fixture *self, gconstpointer data)
{
  const BadHello *bad = data;

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) peer = raw_connect (self);

  n_log_lines = 0;
  raw_hello (peer, &bad->hello);
  raw_expect_refused (peer, bad->code, bad->text);
  g_assert_cmpuint (n_log_lines, ==, 1);
  expect_honest (self, client);
}

/* A frame that is wrong, before the handshake or after it. */
typedef struct {
  const char *name;
  gboolean joined;
  guint64 valid; /* a MESSAGE with this number comes before it, if not 0 */
  RawHeader header;
  const char *text;
} BadFrame;

static const BadFrame bad_frames[] = {
  { "message-first", FALSE, 0, { 1, MESSAGE, 0, 0, 1, 0 }, "handshake" },
  { "ping-first", FALSE, 0, { 0, PING, 0, 0, 1, 0 }, "handshake" },
  { "hello-too-long", FALSE, 0, { 41, HELLO, 0, 0, 0, 0 }, "length" },
  { "hello-endless", FALSE, 0, { 0xffffffff, HELLO, 0, 0, 0, 0 }, "length" },
  { "hello-too-short", FALSE, 0, { 39, HELLO, 0, 0, 0, 0 }, "length" },
  { "hello-sequence", FALSE, 0, { 40, HELLO, 0, 0, 1, 0 }, "sequence" },
  { "hello-flag", FALSE, 0, { 40, HELLO, 1, 0, 0, 0 }, "flag" },
  { "hello-fds", FALSE, 0, { 40, HELLO, 0, 1, 0, 0 }, "descriptors" },
  { "type-0", FALSE, 0, { 0, 0, 0, 0, 0, 0 }, "type" },
  { "type-11", FALSE, 0, { 0, 11, 0, 0, 0, 0 }, "type" },
  { "type-255", TRUE, 0, { 0, 255, 0, 0, 0, 0 }, "type" },
  { "second-hello", TRUE, 0, { 40, HELLO, 0, 0, 0, 0 }, "handshake" },
  { "welcome", TRUE, 0, { 40, WELCOME, 0, 0, 0, 1 }, "side" },
  { "response", TRUE, 0, { 0, RESPONSE, 0, 0, 1, 1 }, "side" },
  { "failure", TRUE, 0, { 7, FAILURE, 0, 0, 1, 1 }, "side" },
  { "message-0", TRUE, 0, { 0, MESSAGE, 0, 0, 0, 0 }, "sequence" },
  { "message-flag", TRUE, 0, { 0, MESSAGE, 4, 0, 1, 0 }, "flag" },
  { "message-fds", TRUE, 0, { 0, MESSAGE, 0, 1, 1, 0 }, "descriptors" },
  { "message-too-large", TRUE, 0, { 16 * 1024 * 1024 + 1, MESSAGE, 0, 0, 1, 0 }, "larger" },
  { "message-endless", TRUE, 0, { 0xffffffff, MESSAGE, 0, 0, 1, 0 }, "larger" },
  { "message-again", TRUE, 5, { 0, MESSAGE, 0, 0, 5, 0 }, "increase" },
  { "message-back", TRUE, 5, { 0, MESSAGE, 0, 0, 4, 0 }, "increase" },
  { "acknowledges-itself", TRUE, 0, { 0, MESSAGE, 0, 0, 3, 3 }, "itself" },
  { "outside-window", TRUE, 0, { 0, MESSAGE, 0, 0, 1025, 0 }, "window" },
  { "ack-length", TRUE, 0, { 1, ACK, 0, 0, 0, 0 }, "length" },
  { "ack-sequence", TRUE, 0, { 0, ACK, 0, 0, 1, 0 }, "sequence" },
  { "ping-length", TRUE, 0, { 1, PING, 0, 0, 1, 0 }, "length" },
  { "ping-number", TRUE, 0, { 0, PING, 0, 0, 1, 1 }, "number" },
};

static void
test_bad_frame (Fixture *self, gconstpointer data)
{
  const BadFrame *bad = data;

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) peer = bad->joined ? raw_join (self) : raw_connect (self);
  guint8 bytes[24];

  if (bad->valid != 0) {
    raw_send (peer, MESSAGE, bad->valid, 0, "x", 1);
    raw_expect (peer, RESPONSE, NULL);
  }
  n_log_lines = 0;
  raw_put_header (bytes, &bad->header);
  raw_write (peer, bytes, sizeof bytes); /* the header alone is judged: nothing waits for the payload */
  raw_expect_refused (peer, PROTOCOL, bad->text);
  g_assert_cmpuint (n_log_lines, ==, 1);
  expect_honest (self, client);
}

static void
test_garbage (Fixture *self, gconstpointer data)
{
  const char request[] = "GET / HTTP/1.1\r\nHost: localhost\r\n\r\n";

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) peer = raw_connect (self);
  g_autoptr (GRand) random = g_rand_new_with_seed (42);

  raw_write (peer, request, strlen (request));
  raw_expect_refused (peer, PROTOCOL, "");
  for (int i = 0; i < 100; i++) {
    g_autoptr (RawPeer) noisy = raw_connect (self);
    guint32 noise[64];

    for (gsize j = 0; j < G_N_ELEMENTS (noise); j++)
      noise[j] = g_rand_int (random);
    raw_write (noisy, noise, sizeof noise);
    raw_expect_refused (noisy, PROTOCOL, "");
  }
  expect_honest (self, client);
}

/* Cut off at every byte of HELLO and of a message, by hanging up. */
static void
test_truncated (Fixture *self, gconstpointer data)
{
  RawHeader header = { 100, MESSAGE, 0, 0, 1, 0 };
  guint8 message[124] = { 0 };

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  raw_put_header (message, &header);
  for (gsize len = 0; len < sizeof message; len += 3) {
    RawPeer *stranger = raw_connect (self);
    RawPeer *guest = raw_join (self);

    raw_write (stranger, "\x28\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LIPC\1\0\1", MIN (len, 30));
    raw_write (guest, message, len);
    fixture_iterate (self);
    raw_free (stranger);
    raw_free (guest);
  }
  expect_honest (self, client);
}

/* One byte at a time is not wrong. */
static void
test_dribble (Fixture *self, gconstpointer data)
{
  RawHeader header = { 3, MESSAGE, 0, 0, 1, 0 };
  guint8 message[27];
  RawFrame frame;

  fixture_master (self, fixture_echo, NULL);
  g_autoptr (RawPeer) peer = raw_join (self);

  raw_put_header (message, &header);
  memcpy (message + 24, "abc", 3);
  for (gsize i = 0; i < sizeof message; i++) {
    raw_write (peer, message + i, 1);
    while (g_main_context_iteration (self->context, FALSE))
      continue;
  }
  raw_expect (peer, RESPONSE, &frame);
  g_assert_cmpstr ((char *) frame.payload, ==, "abc");
  g_free (frame.payload);
}

static void
test_after_goodbye (Fixture *self, gconstpointer data)
{
  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) peer = raw_join (self);

  raw_send (peer, GOODBYE, 0, 0, NULL, 0);
  raw_send (peer, MESSAGE, 1, 0, NULL, 0);
  raw_expect_end (peer);
  expect_honest (self, client);
}

static void
test_ack_back (Fixture *self, gconstpointer data)
{
  fixture_master (self, fixture_echo, NULL);
  g_autoptr (RawPeer) peer = raw_join (self);

  for (int i = 1; i <= 3; i++) {
    raw_send (peer, MESSAGE, i, i - 1, "x", 1);
    raw_expect (peer, RESPONSE, NULL);
  }
  raw_send (peer, ACK, 0, 1, NULL, 0);
  raw_expect_refused (peer, PROTOCOL, "back");
}

/* The same node id twice; when the first has gone, the second is let in. */
static void
test_busy (Fixture *self, gconstpointer data)
{
  RawHello hello = { .node_id = "0123456789abcdef" };

  fixture_master (self, fixture_echo, NULL);
  RawPeer *first = raw_connect (self);
  g_autoptr (RawPeer) second = raw_connect (self);

  raw_hello (first, &hello);
  raw_expect (first, WELCOME, NULL);
  raw_hello (second, &hello);
  raw_expect_refused (second, BUSY, "already");
  raw_send (first, MESSAGE, 1, 0, "x", 1);
  raw_expect (first, RESPONSE, NULL);
  raw_free (first);

  g_autoptr (RawPeer) third = raw_connect (self);
  raw_hello (third, &hello);
  raw_expect (third, WELCOME, NULL);
}

static void
count_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  fixture_echo (node, message, NULL);
}

/* Sent again on a new connection in the same epoch: answered again, not handled again. */
static void
test_repeat (Fixture *self, gconstpointer data)
{
  RawHello hello = { .node_id = "0123456789abcdef" };
  RawHeader again = { 1, MESSAGE, 1, 0, 1, 0 };
  guint8 bytes[24];
  guint n_handled = 0;

  fixture_master (self, count_handler, &n_handled);
  for (int i = 0; i < 5; i++) {
    g_autoptr (RawPeer) peer = raw_connect (self);

    raw_hello (peer, &hello);
    raw_expect (peer, WELCOME, NULL);
    raw_put_header (bytes, &again);
    raw_write (peer, bytes, sizeof bytes);
    raw_write (peer, "x", 1);
    raw_expect (peer, RESPONSE, NULL);
  }
  g_assert_cmpuint (n_handled, ==, 1);
}

static void
hold (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, ipc_message_ref (message));
}

/* Sent again while the handler still has it: not handled again, and the answer comes on the new connection. */
static void
test_repeat_unanswered (Fixture *self, gconstpointer data)
{
  RawHello hello = { .node_id = "0123456789abcdef" };
  RawHeader again = { 0, MESSAGE, 1, 0, 1, 0 };
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  RawPeer *peer = NULL;
  guint8 bytes[24];

  fixture_master (self, hold, held);
  raw_put_header (bytes, &again);
  for (int i = 0; i < 3; i++) {
    g_clear_pointer (&peer, raw_free);
    peer = raw_connect (self);
    raw_hello (peer, &hello);
    raw_expect (peer, WELCOME, NULL);
    raw_write (peer, bytes, sizeof bytes);
    raw_send (peer, PING, 7, 0, NULL, 0);
    raw_expect (peer, PONG, NULL); /* it has been read */
    g_assert_cmpuint (held->len, ==, 1);
  }
  ipc_message_respond (held->pdata[0], NULL);
  raw_expect (peer, RESPONSE, NULL);
  raw_free (peer);
}

static void
test_slow_handshake (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_new_node (self, IPC_MODE_MASTER, fixture_echo, NULL);

  g_object_set (master, "handshake-timeout", 100, NULL);
  g_assert_true (ipc_node_start (master, NULL));
  fixture_wait (self, ipc_node_get_role (master) == IPC_ROLE_MASTER);
  IpcNode *client = fixture_client (self);
  g_autoptr (RawPeer) silent = raw_connect (self);
  g_autoptr (RawPeer) slow = raw_connect (self);

  raw_write (slow, "\x28\0\0\0\1\0\0\0", 8);
  raw_expect_refused (silent, TIMEOUT, "in time");
  raw_expect_refused (slow, TIMEOUT, "in time");
  expect_honest (self, client); /* who has finished stays as long as it likes */
}

/* In a child: joins as user nobody. Returns 0 if it was refused as it should be. */
static int
join_as_nobody (const char *path)
{
  static const char hello[64] = "\x28\0\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0LIPC\1\0\1\0id\0\0\0\0\0\0\0\0"
                                "\0\0\0\0\0\0\0\x10\0\0\1";
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  guint8 answer[4096];
  gssize n, len = 0;
  int fd = socket (AF_UNIX, SOCK_STREAM, 0);

  strcpy (address.sun_path, path);
  if (setgroups (0, NULL) == -1 || setresgid (65534, 65534, 65534) == -1 || setresuid (65534, 65534, 65534) == -1)
    return 1;
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == -1)
    return 2;
  if (write (fd, hello, sizeof hello) != sizeof hello)
    return 3;
  while ((n = read (fd, answer + len, sizeof answer - len)) > 0)
    len += n;

  return len > 24 && answer[4] == REFUSED && answer[16] == NOT_ALLOWED ? 0 : 4;
}

/* A process of another user, to whom the directories were opened by mistake. */
static void
test_other_user (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = fixture_path (self, "");
  g_autofree char *path = fixture_path (self, "socket");
  int status;
  pid_t pid;

  if (geteuid () != 0) {
    g_test_skip ("only root can be somebody else");
    return;
  }

  fixture_master (self, fixture_echo, NULL);
  g_assert_cmpint (chmod (self->dir, 0711) | chmod (group_dir, 0711) | chmod (path, 0666), ==, 0);
  pid = fork ();
  if (pid == 0)
    _exit (join_as_nobody (path));
  fixture_wait (self, waitpid (pid, &status, WNOHANG) == pid);
  g_assert_cmpint (status, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  g_log_set_writer_func (count_log_lines, NULL, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (bad_hellos); i++) {
    g_autofree char *path = g_strconcat ("/peers/bad-hello/", bad_hellos[i].name, NULL);
    fixture_add_data (path, "who introduces itself wrongly is told", &bad_hellos[i], test_bad_hello);
  }
  for (gsize i = 0; i < G_N_ELEMENTS (bad_frames); i++) {
    g_autofree char *path = g_strconcat ("/peers/bad-frame/", bad_frames[i].name, NULL);
    fixture_add_data (path, "who breaks a rule is told which", &bad_frames[i], test_bad_frame);
  }
  fixture_add ("/peers/garbage", "what is no frame at all", test_garbage);
  fixture_add ("/peers/truncated", "ends in the middle of everything", test_truncated);
  fixture_add ("/peers/dribble", "slow is not wrong", test_dribble);
  fixture_add ("/peers/after-goodbye", "goodbye is the last word", test_after_goodbye);
  fixture_add ("/peers/ack-back", "what was acknowledged stays so", test_ack_back);
  fixture_add ("/peers/busy", "one connection for each node", test_busy);
  fixture_add ("/peers/repeat", "one epoch handles a message once", test_repeat);
  fixture_add ("/peers/repeat-unanswered", "also while it is being handled", test_repeat_unanswered);
  fixture_add ("/peers/slow-handshake", "a handshake has a deadline", test_slow_handshake);
  fixture_add ("/peers/other-user", "another user is refused", test_other_user);

  return g_test_run ();
}
