/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

/*
 * Masters that do not hang, though it may look so for a while: nobody is deposed. See test-hang.c for those that do.
 */

/* Whoever is asked has a quarter of the timeout before that is a suspicion. Under valgrind code that runs for the first
 * time takes so long. */
#define VALGRIND_FACTOR 4

static guint hang_ms;  /* of all nodes of a test */
static gint64 hang_us; /* the same */
static int n_rounds = 5;

static void
use_timeout (guint timeout_ms)
{
  hang_ms = timeout_ms;
  if (under_valgrind ()) {
    hang_ms *= VALGRIND_FACTOR;
    n_rounds = 2; /* each takes as much longer */
  }
  hang_us = hang_ms * G_TIME_SPAN_MILLISECOND;
}

static IpcNode *
new_client (Fixture *self, IpcMode mode)
{
  IpcNode *client = fixture_new_node (self, mode, mode == IPC_MODE_DUAL ? fixture_echo : NULL, NULL);

  g_object_set (client, "hang-timeout", hang_ms, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  return client;
}

static Member *
spawn (Fixture *self, const char *name, const char *more)
{
  g_autofree char *options = g_strdup_printf ("--hang-timeout %u %s", hang_ms, more);

  return member_spawn (self, name, options);
}

static Member *
spawn_master (Fixture *self, const char *more)
{
  Member *member = spawn (self, "first", more);

  fixture_wait (self, member->role == IPC_ROLE_MASTER);

  return member;
}

static Member *
spawn_standby (Fixture *self)
{
  Member *member = spawn (self, "second", "");

  fixture_wait (self, member->role == IPC_ROLE_STANDBY);

  return member;
}

static gboolean
is_suspect (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "suspect");

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

/* Each returns soon. All of the messages are read at once, and handling them takes many times the timeout. */
static void
test_many_handlers (Fixture *self, gconstpointer data)
{
  g_autofree char *block = NULL;
  Member *first, *second, *sender;

  use_timeout (300);
  block = g_strdup_printf ("--block %u", hang_ms / 7);
  first = spawn_master (self, block);
  second = spawn_standby (self);
  sender = spawn (self, "sender", "--mode client");
  fixture_wait (self, sender->role == IPC_ROLE_CLIENT);
  member_tell (sender, "send 60");
  fixture_wait (self, sender->answered == 60);
  g_assert_cmpint (first->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpint (second->role, ==, IPC_ROLE_STANDBY);
  g_assert_cmpuint (first->handled, ==, 60);
}

/* Stops that are a little shorter than the timeout, at any moment of the vigil. Here it is long, so that this machine may
 * take its time to continue the master. */
static void
test_short (Fixture *self, gconstpointer data)
{
  Member *first, *second;
  g_autoptr (Reply) reply = NULL;

  use_timeout (1000);
  first = spawn_master (self, "--hold-after 0");
  second = spawn_standby (self);
  reply = fixture_send (self, new_client (self, IPC_MODE_CLIENT), "x");
  fixture_wait (self, first->handled == 1);
  for (int i = 0; i < n_rounds; i++) {
    fixture_iterate_for (self, i * hang_us / 12);
    member_stop (first);
    fixture_iterate_for (self, hang_us * 85 / 100);
    member_continue (first);
    fixture_iterate_for (self, hang_us / 10);
  }
  g_assert_true (is_suspect (self)); /* it was close */
  fixture_iterate_for (self, hang_us);
  g_assert_false (reply->done);
  g_assert_cmpint (first->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpint (second->role, ==, IPC_ROLE_STANDBY);
  member_kill (first);
  fixture_expect_text (self, reply, "x");
}

/* A handler that answers later is no hang, and not even a suspicion. */
static void
test_late_answer (Fixture *self, gconstpointer data)
{
  Member *first, *second;
  g_autoptr (Reply) reply = NULL;

  use_timeout (300);
  first = spawn_master (self, "--hold-after 0");
  second = spawn_standby (self);
  reply = fixture_send (self, new_client (self, IPC_MODE_CLIENT), "x");
  fixture_iterate_for (self, 4 * hang_us);
  g_assert_cmpuint (first->handled, ==, 1);
  g_assert_false (is_suspect (self));
  g_assert_cmpint (second->role, ==, IPC_ROLE_STANDBY);
  member_kill (first);
  fixture_expect_text (self, reply, "x");
}

static void
test_never (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Member *first, *second;

  use_timeout (0);
  first = spawn_master (self, "");
  second = spawn_standby (self);
  g_object_set (client, "hang-timeout", 20, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_wait (self, is_suspect (self));
  fixture_iterate_for (self, 300 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (reply->done);
  g_assert_cmpint (second->role, ==, IPC_ROLE_STANDBY);
  member_continue (first);
  fixture_expect_text (self, reply, "x");
  g_assert_cmpuint (reply->epoch, ==, first->epoch);
}

/* Everyone is stopped and continued, as when a machine is frozen. The master is the last or the first to go on, and
 * nobody is deposed for it. */
static void
test_all_stopped (Fixture *self, gconstpointer data)
{
  Member *master, *standby, *client;

  use_timeout (600);
  master = spawn_master (self, "--hold-after 0");
  standby = spawn_standby (self);
  client = spawn (self, "client", "--mode client");
  fixture_wait (self, client->role == IPC_ROLE_CLIENT);
  member_tell (client, "send 1");
  fixture_wait (self, master->handled == 1);
  for (int i = 0; i < n_rounds; i++) {
    Member *members[] = { client, standby, master };

    fixture_iterate_for (self, i * hang_us / 10);
    for (guint j = 0; j < 3; j++)
      member_stop (members[j]);
    fixture_iterate_for (self, hang_us + hang_us / 2);
    for (guint j = 0; j < 3; j++) {
      member_continue (members[i % 2 == 0 ? j : 2 - j]);
      fixture_iterate_for (self, hang_us / 2);
    }
  }
  fixture_iterate_for (self, hang_us);
  g_assert_cmpint (master->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpint (standby->role, ==, IPC_ROLE_STANDBY);
}

/* A standby that was stopped itself does not believe what its own clock says: the master gets all of its time again. */
static void
test_standby_stopped (Fixture *self, gconstpointer data)
{
  Member *first, *second;
  IpcNode *client;
  gint64 continued_us;

  use_timeout (300);
  client = new_client (self, IPC_MODE_CLIENT);
  first = spawn_master (self, "");
  second = spawn_standby (self);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_wait (self, is_suspect (self));
  fixture_iterate_for (self, hang_us / 3); /* so that it has asked */
  member_stop (second);
  fixture_iterate_for (self, 3 * hang_us);
  member_continue (second);
  continued_us = g_get_monotonic_time ();
  fixture_expect_text (self, reply, "x");
  g_assert_cmpint (g_get_monotonic_time () - continued_us, >=, hang_us);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  g_assert_cmpuint (second->epoch, >, first->epoch);
}

/* A master that has enough of one sender's messages reads no further on that connection, also no PING. If that sender is
 * a standby, it asks in another way before it deposes anybody. */
static void
test_full_window (Fixture *self, gconstpointer data)
{
  enum { N_MESSAGES = 14, SIZE = 1024 * 1024 };
  g_autoptr (GBytes) bytes = pattern_bytes (SIZE);
  Reply *replies[N_MESSAGES];
  Member *first;
  IpcNode *node;

  use_timeout (300);
  first = spawn_master (self, "--hold-after 0");
  node = new_client (self, IPC_MODE_DUAL);
  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_STANDBY);
  for (int i = 0; i < N_MESSAGES; i++) {
    replies[i] = reply_new ();
    ipc_node_send_full_async (node, bytes, IPC_SEND_DEFAULT, 100, NULL, reply_cb, replies[i]);
  }
  for (int i = 0; i < N_MESSAGES; i++) {
    fixture_wait (self, replies[i]->done);
    g_assert_nonnull (replies[i]->error);
    reply_free (replies[i]);
    replies[i] = reply_new ();
    ipc_node_send_full_async (node, bytes, IPC_SEND_DEFAULT, IPC_TIMEOUT_NONE, NULL, reply_cb, replies[i]);
  }

  fixture_wait (self, is_suspect (self)); /* it had reason to be */
  fixture_iterate_for (self, 4 * hang_us);
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_STANDBY);
  g_assert_cmpint (first->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (ipc_node_get_epoch (node), ==, first->epoch);

  member_kill (first);
  for (int i = 0; i < N_MESSAGES; i++) {
    fixture_wait (self, replies[i]->done);
    reply_free (replies[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/no-hang/many-handlers", "that take short, but many of them", test_many_handlers);
  fixture_add ("/no-hang/short", "a shorter stop changes nothing", test_short);
  fixture_add ("/no-hang/late-answer", "a handler may take its time", test_late_answer);
  fixture_add ("/no-hang/never", "a timeout of 0 is none", test_never);
  fixture_add ("/no-hang/all-stopped", "a frozen machine is no hang", test_all_stopped);
  fixture_add ("/no-hang/standby-stopped", "who stood still himself begins anew", test_standby_stopped);
  fixture_add ("/no-hang/full-window", "a connection that is not read is no hang", test_full_window);

  return g_test_run ();
}
