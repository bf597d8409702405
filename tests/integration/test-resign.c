/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "fixture.h"
#include "process.h"

/*
 * Masters that hand over and stay, and who of those who wait goes first.
 */

static void
hold (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, ipc_message_ref (message));
}

static void
resigned_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint *n_resigned = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_true (ipc_node_resign_finish (IPC_NODE (source), result, &error));
  g_assert_no_error (error);
  (*n_resigned)++;
}

static Member *
spawn_standby (Fixture *self, const char *name, const char *options)
{
  Member *member = member_spawn (self, name, options);

  fixture_wait (self, member->role == IPC_ROLE_STANDBY);

  return member;
}

static void
test_not_master (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, fixture_echo, NULL);
  IpcNode *nodes[4] = { fixture_client (self), fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL) };
  guint64 epoch = ipc_node_get_epoch (master);
  guint n_resigned = 0;

  nodes[2] = fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  nodes[3] = fixture_node (self, IPC_MODE_DUAL, NULL, NULL);
  fixture_close (self, nodes[3]);
  for (guint i = 0; i < G_N_ELEMENTS (nodes); i++) {
    ipc_node_resign_async (nodes[i], NULL, resigned_cb, &n_resigned);
    g_assert_cmpuint (n_resigned, ==, i); /* not before the call has returned */
    fixture_wait (self, n_resigned == i + 1);
  }
  g_assert_cmpint (ipc_node_get_role (master), ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (ipc_node_get_epoch (master), ==, epoch);
}

static void
test_alone (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  guint n_resigned = 0;

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
  for (guint i = 0; i < 3; i++) {
    guint64 epoch = ipc_node_get_epoch (node);
    g_autoptr (Reply) reply = fixture_send (self, node, "before");

    ipc_node_resign_async (node, NULL, resigned_cb, &n_resigned);
    ipc_node_resign_async (node, NULL, resigned_cb, &n_resigned); /* both are told */
    fixture_wait (self, n_resigned == 2 * (i + 1));
    fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
    g_assert_cmpuint (ipc_node_get_epoch (node), >, epoch);
    fixture_expect_text (self, reply, "before");
  }
}

/* It closes while it resigns, and both are told. */
static void
test_close (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  guint n_resigned = 0;

  fixture_wait (self, held->len == 1);
  ipc_node_resign_async (master, NULL, resigned_cb, &n_resigned);
  fixture_iterate_for (self, 20 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (ipc_node_get_role (master), ==, IPC_ROLE_MASTER); /* it waits for the answer */
  message_respond_text (held->pdata[0], "y");
  fixture_close (self, master);
  fixture_expect_text (self, reply, "y");
  g_assert_cmpuint (n_resigned, ==, 1);
}

/* Handlers that never answer are waited for, but not for ever; then the message goes to the next master, marked, and the
 * late answer nowhere. */
static void
test_late_answer (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  IpcNode *first = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  Member *second = spawn_standby (self, "second", "");
  g_autoptr (Reply) reply = fixture_send (self, client, "echo");
  gint64 began_us;
  guint n_resigned = 0;

  fixture_wait (self, held->len == 1);
  began_us = g_get_monotonic_time ();
  ipc_node_resign_async (first, NULL, resigned_cb, &n_resigned);
  fixture_wait (self, n_resigned == 1);
  g_assert_cmpint (g_get_monotonic_time () - began_us, >=, 5 * G_TIME_SPAN_SECOND);
  fixture_wait (self, second->handled == 1);
  message_respond_text (held->pdata[0], "late");
  fixture_expect_text (self, reply, "echo");
  g_assert_cmpuint (reply->epoch, ==, second->epoch);
  fixture_wait (self, ipc_node_get_role (first) == IPC_ROLE_STANDBY);

  g_autoptr (GArray) handled = members_handled (self);
  g_assert_cmpuint (handled->len, ==, 1);
  g_assert_true (g_array_index (handled, Handled, 0).redelivered);
}

static guint64
count_handled (Fixture *self)
{
  guint64 sum = 0;

  for (guint i = 0; i < self->members->len; i++)
    sum += ((Member *) self->members->pdata[i])->handled;

  return sum;
}

/* Mastership goes round under load: nothing fails, nothing is handled twice, nothing is marked. */
static void
test_load (Fixture *self, gconstpointer data)
{
  enum { N_MEMBERS = 4, N_ROUNDS = 12, N_MESSAGES = 600 };
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  g_autoptr (GHashTable) epochs = g_hash_table_new (g_int64_hash, g_int64_equal);
  g_autoptr (GArray) handled = NULL;
  Member *master = NULL;

  for (int i = 0; i < N_MEMBERS; i++)
    member_spawn (self, "member", "");
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == N_MEMBERS - 1);
  for (int i = 0; i < N_ROUNDS; i++) {
    Member *previous = master;
    guint64 before;

    fixture_wait (self, (master = members_find_master (self)) != NULL && master != previous);
    before = master->handled;
    for (int j = 0; j < N_MESSAGES; j++)
      g_ptr_array_add (replies, fixture_send_full (self, client, "x", IPC_SEND_WAIT, IPC_TIMEOUT_NONE, NULL));
    fixture_wait (self, master->handled > before + 50);
    member_tell (master, "resign");
    fixture_wait (self, master->role == IPC_ROLE_STANDBY);
  }
  for (guint i = 0; i < replies->len; i++) {
    Reply *reply = replies->pdata[i];

    fixture_expect_text (self, reply, "x");
    g_hash_table_add (epochs, &reply->epoch);
  }
  g_assert_cmpuint (g_hash_table_size (epochs), >=, N_ROUNDS);

  fixture_wait (self, count_handled (self) >= replies->len);
  handled = members_handled (self);
  g_assert_cmpuint (handled->len, ==, replies->len);
  for (guint i = 0; i < handled->len; i++) {
    g_assert_cmpuint (g_array_index (handled, Handled, i).sequence, ==, i + 1);
    g_assert_false (g_array_index (handled, Handled, i).redelivered);
  }
}

static gboolean
are_standbys (Fixture *self, guint64 epoch)
{
  g_autofree char *line = g_strdup_printf ("role %d %" G_GUINT64_FORMAT, IPC_ROLE_STANDBY, epoch);

  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    if (member->pid != 0 && member->role != IPC_ROLE_MASTER && !member_has (member, line))
      return FALSE;
  }

  return TRUE;
}

/* The highest of those who wait is elected, in whatever order they came; one that runs is left alone. */
static void
test_priority (Fixture *self, gconstpointer data)
{
  static const char *const options[] = { "--priority 0", "--priority -5", "--priority 7", "--priority 0",
                                         "--priority 100", "--priority -100" };
  static const int expected[] = { 0, 4, 2, 3, 1, 5 };
  Member *members[G_N_ELEMENTS (options)];

  if (under_valgrind ()) {
    g_test_skip ("a candidate has 50 ms to take its turn, in which valgrind does not get it there");
    return;
  }

  for (gsize i = 0; i < G_N_ELEMENTS (options); i++) {
    members[i] = member_spawn (self, options[i], options[i]);
    fixture_wait (self, members[i]->role == (i == 0 ? IPC_ROLE_MASTER : IPC_ROLE_STANDBY));
  }
  for (gsize i = 0; i < G_N_ELEMENTS (expected); i++) {
    Member *master;

    fixture_wait (self, (master = members_find_master (self)) != NULL);
    g_assert_cmpstr (master->name, ==, members[expected[i]]->name);
    g_assert_true (master == members[expected[i]]);
    fixture_wait (self, are_standbys (self, master->epoch)); /* by then they have queued again */
    member_kill (master);
  }
}

/* Run as a program of its own, in which nobody has made a task before. Returns its exit status. */
static int
resign_without_descriptors (const char *dir)
{
  g_autoptr (IpcNode) node = ipc_node_new ("test", IPC_MODE_DUAL);
  struct rlimit limit;
  guint n_resigned = 0;

  ipc_node_set_runtime_dir (node, dir);
  ipc_node_set_handler (node, fixture_echo, NULL, NULL);
  if (!ipc_node_start (node, NULL))
    return 1;
  while (ipc_node_get_role (node) != IPC_ROLE_MASTER)
    g_main_context_iteration (NULL, TRUE);

  limit = leave_descriptors (0);
  ipc_node_resign_async (node, NULL, resigned_cb, &n_resigned);
  while (n_resigned == 0)
    g_main_context_iteration (NULL, TRUE);
  setrlimit (RLIMIT_NOFILE, &limit);

  return 0;
}

/* Runs this program with what main() knows, and expects it to succeed. */
static void
run_self (const char *task, const char *dir, const char *argument)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL); /* the link itself would be valgrind's */
  const char *argv[] = { program, task, dir, argument, NULL };
  g_autoptr (GError) error = NULL;
  int status;

  g_spawn_sync (NULL, (char **) argv, NULL, G_SPAWN_DEFAULT, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
}

/* A master that cannot open anything more hands over all the same. */
static void
test_no_descriptors (Fixture *self, gconstpointer data)
{
  run_self ("--resign", self->dir, NULL);
}

/* In a process of its own. Whether a node starts or not with so many descriptors, or says why it does not. */
static int
start_with_descriptors (const char *dir, int n_free)
{
  g_autoptr (IpcNode) node = ipc_node_new ("test", IPC_MODE_CLIENT);
  g_autoptr (GError) error = NULL;
  struct rlimit limit = leave_descriptors (n_free);
  gboolean started;

  ipc_node_set_runtime_dir (node, dir);
  started = ipc_node_start (node, &error);
  setrlimit (RLIMIT_NOFILE, &limit);

  return started == (error == NULL) ? 0 : 1;
}

/* However few there are, it ends with an error and not by the hand of GLib. */
static void
test_few_descriptors (Fixture *self, gconstpointer data)
{
  for (int n_free = 0; n_free < 8; n_free++) {
    g_autofree char *number = g_strdup_printf ("%d", n_free);

    run_self ("--start", self->dir, number);
  }
}

/* A candidate of a high priority that is stopped costs the others a moment, and not their master. */
static void
test_priority_stopped (Fixture *self, gconstpointer data)
{
  Member *master = member_spawn (self, "master", ""), *high;
  gint64 began_us;

  fixture_wait (self, master->role == IPC_ROLE_MASTER);
  high = spawn_standby (self, "high", "--priority 10");
  for (int i = 0; i < 3; i++)
    spawn_standby (self, "low", "");
  member_stop (high);

  member_kill (master);
  began_us = g_get_monotonic_time ();
  fixture_wait (self, (master = members_find_master (self)) != NULL);
  g_test_message ("elected after %d us", (int) (g_get_monotonic_time () - began_us));
  g_assert_cmpstr (master->name, ==, "low");

  member_continue (high);
  member_tell (master, "resign");
  fixture_wait (self, high->role == IPC_ROLE_MASTER);
}

int
main (int argc, char **argv)
{
  if (argc == 3 && strcmp (argv[1], "--resign") == 0)
    return resign_without_descriptors (argv[2]);
  if (argc == 4 && strcmp (argv[1], "--start") == 0)
    return start_with_descriptors (argv[2], atoi (argv[3]));

  g_test_init (&argc, &argv, NULL);

  fixture_add ("/resign/not-master", "who is not master has nothing to do", test_not_master);
  fixture_add ("/resign/alone", "the only candidate is elected again", test_alone);
  fixture_add ("/resign/close", "a node that resigns may close", test_close);
  fixture_add ("/resign/late-answer", "the wait for handlers has an end", test_late_answer);
  fixture_add ("/resign/load", "nothing fails and nothing is repeated", test_load);
  fixture_add ("/resign/no-descriptors", "it needs none to do so", test_no_descriptors);
  fixture_add ("/start/few-descriptors", "who has too few is told so", test_few_descriptors);
  fixture_add ("/priority/order", "the highest goes first", test_priority);
  fixture_add ("/priority/stopped", "who does not take his turn loses it", test_priority_stopped);

  return g_test_run ();
}
