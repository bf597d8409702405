/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include <signal.h>
#include <string.h>

/*
 * Masters are processes, and they are killed. The test is a client: it checks that every message has its outcome, that
 * the order stays, that no message is handled again without its mark, and that epochs increase.
 */

static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };

static Member *
wait_master (Fixture *self)
{
  Member *master;

  fixture_wait (self, (master = members_find_master (self)) != NULL);

  return master;
}

static Member *
spawn_standby (Fixture *self, const char *name, const char *options)
{
  Member *member = member_spawn (self, name, options);

  fixture_wait (self, member->role == IPC_ROLE_STANDBY);

  return member;
}

static void
send_more (Fixture *self, IpcNode *client, GPtrArray *replies, int n)
{
  for (int i = 0; i < n; i++) {
    g_autofree char *text = g_strdup_printf ("%u", replies->len);

    g_ptr_array_add (replies, fixture_send (self, client, text));
  }
}

static GPtrArray *
send_many (Fixture *self, IpcNode *client, int n)
{
  GPtrArray *replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);

  send_more (self, client, replies, n);

  return replies;
}

/* Each has its own response, and epochs never go back. Returns in how many epochs they were handled. */
static guint
expect_all (Fixture *self, GPtrArray *replies)
{
  guint64 epoch = 0;
  guint n_epochs = 0;

  for (guint i = 0; i < replies->len; i++) {
    g_autofree char *text = g_strdup_printf ("%u", i);
    Reply *reply = replies->pdata[i];

    fixture_expect_text (self, reply, text);
    g_assert_cmpuint (reply->epoch, >=, epoch);
    n_epochs += reply->epoch > epoch;
    epoch = reply->epoch;
  }

  return n_epochs;
}

/* What all handlers together were given: in each epoch one sender's numbers increase, none twice; whatever an earlier
 * epoch had begun is marked. Returns how many were marked. */
static guint
check_handled (Fixture *self, gboolean nothing_repeated)
{
  g_autoptr (GArray) all = members_handled (self);
  g_autoptr (GHashTable) begun = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autoptr (GHashTable) last = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, g_free);
  guint n_marked = 0;

  for (guint i = 0; i < all->len; i++) {
    const Handled *handled = &g_array_index (all, Handled, i);
    char *identity = g_strdup_printf ("%s %" G_GUINT64_FORMAT, handled->sender, handled->sequence);
    char *stream = g_strdup_printf ("%s %" G_GUINT64_FORMAT, handled->sender, handled->epoch);
    guint64 *newest = g_hash_table_lookup (last, stream);

    if (newest != NULL)
      g_assert_cmpuint (handled->sequence, >, *newest);
    if (g_hash_table_contains (begun, identity)) {
      g_assert_true (handled->redelivered);
      g_assert_false (nothing_repeated);
    }
    n_marked += handled->redelivered;
    g_hash_table_add (begun, identity);
    g_hash_table_insert (last, stream, g_memdup2 (&handled->sequence, sizeof handled->sequence));
  }

  return n_marked;
}

/* The first master answers 100 of 200 and begins on all of them; the next handles the rest, marked. */
static void
test_in_flight (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Member *first = member_spawn (self, "first", "--hold-after 100"), *second;
  g_autoptr (GPtrArray) replies = NULL;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  second = spawn_standby (self, "second", "");
  replies = send_many (self, client, 200);
  fixture_wait (self, first->handled == 200 && ((Reply *) replies->pdata[99])->done);
  g_assert_false (((Reply *) replies->pdata[100])->done);

  member_kill (first);
  g_assert_cmpuint (expect_all (self, replies), ==, 2);
  fixture_wait (self, second->handled == 100);
  g_assert_cmpuint (second->epoch, >, first->epoch);
  g_assert_cmpuint (ipc_node_get_epoch (client), ==, second->epoch);
  member_read_to_end (first);
  g_assert_cmpuint (check_handled (self, FALSE), ==, 100);
}

/* Whether a message has been answered in this epoch. @n_done: (inout): how many were answered, as far as is known */
static gboolean
has_answered (GPtrArray *replies, guint64 epoch, guint *n_done)
{
  while (*n_done < replies->len && ((Reply *) replies->pdata[*n_done])->done)
    (*n_done)++;

  return *n_done > 0 && ((Reply *) replies->pdata[*n_done - 1])->epoch >= epoch;
}

/* One master after the other is killed under load. @data: how many candidates. */
static void
test_kills (Fixture *self, gconstpointer data)
{
  int n_candidates = GPOINTER_TO_INT (data), n_kills = MIN (n_candidates - 1, 10);
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (GPtrArray) replies = NULL;
  guint64 epoch = 0;
  guint n_done = 0;

  g_object_set (client, "max-pending", 100000, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  for (int i = 0; i < n_candidates; i++)
    member_spawn (self, names[i % G_N_ELEMENTS (names)], "");
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == (guint) n_candidates - 1);

  replies = send_many (self, client, 2000);
  for (int i = 0; i < n_kills; i++) {
    Member *master = wait_master (self);

    send_more (self, client, replies, 2000); /* an earlier master may have answered all that there was */
    fixture_wait (self, has_answered (replies, master->epoch, &n_done));
    g_assert_cmpuint (master->epoch, >, epoch);
    epoch = master->epoch;
    member_kill (master);
  }
  g_assert_cmpuint (expect_all (self, replies), >=, n_kills);
  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    if (member->pid == 0)
      member_read_to_end (member);
  }
  check_handled (self, FALSE);
}

/* A master that ends in good order: nothing is handled again, nothing fails. @data: what it is told. */
static void
test_hand_over (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  GPtrArray *replies[3];

  for (int i = 0; i < 4; i++)
    member_spawn (self, names[i], "");
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == 3);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  for (int i = 0; i < 3; i++) {
    Member *master = wait_master (self);
    guint64 handled = master->handled;

    replies[i] = send_many (self, client, 1300);
    fixture_wait (self, master->handled >= handled + 100);
    if (data != NULL)
      member_tell (master, data);
    else
      kill (master->pid, SIGTERM);
    g_assert_cmpint (member_wait_end (master), ==, 0);
    member_read_to_end (master);
  }
  for (int i = 0; i < 3; i++) {
    expect_all (self, replies[i]);
    g_ptr_array_unref (replies[i]);
  }
  g_assert_cmpuint (check_handled (self, TRUE), ==, 0);
}

/* Candidates are killed while they wait: nobody is disturbed, and the last one succeeds. */
static void
test_kill_standby (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Member *members[5];
  g_autoptr (GPtrArray) before = NULL;
  g_autoptr (GPtrArray) after = NULL;

  members[0] = member_spawn (self, names[0], "");
  fixture_wait (self, members[0]->role == IPC_ROLE_MASTER);
  for (int i = 1; i < 5; i++)
    members[i] = spawn_standby (self, names[i], "");

  before = send_many (self, client, 1000);
  for (int i = 1; i < 4; i++)
    member_kill (members[i]);
  g_assert_cmpuint (expect_all (self, before), ==, 1);
  member_kill (members[0]);
  after = send_many (self, client, 100);
  expect_all (self, after);
  g_assert_cmpint (members[4]->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (members[4]->epoch, >, members[0]->epoch);
}

/* The master has forked a child that lives on with all that it was given: the lock goes with the master all the same,
 * and its clients see the end of their connections. */
static void
test_forked_child (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Member *first = member_spawn (self, "first", "--hold-after 0"), *second;
  g_autoptr (Reply) reply = NULL;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  second = spawn_standby (self, "second", "");
  reply = fixture_send (self, client, "x");
  fixture_wait (self, first->handled == 1);
  member_tell (first, "fork");
  fixture_wait (self, first->child > 0);

  member_kill (first);
  g_assert_cmpint (kill (first->child, 0), ==, 0);
  fixture_expect_text (self, reply, "x");
  g_assert_cmpint (second->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (second->epoch, >, first->epoch);
}

/* The child of a standby ends: its parent keeps its place, and the master its lock. */
static void
test_forked_child_ends (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Member *first = member_spawn (self, "first", ""), *second;
  g_autoptr (Reply) before = NULL;
  g_autoptr (Reply) after = NULL;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  second = spawn_standby (self, "second", "");
  for (int i = 0; i < 2; i++) {
    Member *member = i == 0 ? first : second;

    member_tell (member, "fork");
    fixture_wait (self, member->child > 0);
    kill (member->child, SIGKILL);
    member->child = 0;
  }
  before = fixture_send (self, client, "before");
  fixture_expect_text (self, before, "before");
  g_assert_cmpuint (before->epoch, ==, first->epoch);
  g_assert_cmpint (second->role, ==, IPC_ROLE_STANDBY);
  member_kill (first);
  after = fixture_send (self, client, "after");
  fixture_expect_text (self, after, "after");
  g_assert_cmpuint (after->epoch, >, first->epoch);
}

/* Members that send, not only the test: everyone's messages are answered. */
static void
test_all_send (Fixture *self, gconstpointer data)
{
  Member *members[6];

  for (int i = 0; i < 6; i++)
    members[i] = member_spawn (self, names[i], "");
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == 5);
  for (int i = 0; i < 6; i++)
    member_tell (members[i], "send 3000");
  for (int i = 0; i < 3; i++) {
    Member *master = wait_master (self);

    fixture_wait (self, master->handled >= 500);
    member_kill (master);
  }
  for (int i = 0; i < 6; i++) {
    if (members[i]->pid != 0)
      fixture_wait (self, members[i]->answered == 3000);
    else
      member_read_to_end (members[i]);
    for (guint j = 0; j < members[i]->lines->len; j++)
      g_assert_false (g_str_has_prefix (members[i]->lines->pdata[j], "failed"));
  }
  check_handled (self, FALSE);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/failover/in-flight", "what was begun and not answered is handled again, marked", test_in_flight);
  fixture_add_data ("/failover/kills/3", "master after master dies under load", GINT_TO_POINTER (3), test_kills);
  fixture_add_data ("/failover/kills/many", "the same with many candidates",
                    GINT_TO_POINTER (under_valgrind () ? 12 : 60), test_kills);
  fixture_add_data ("/failover/hand-over/close", "closed masters lose and repeat nothing", "close", test_hand_over);
  fixture_add_data ("/failover/hand-over/sigterm", "the same on SIGTERM", NULL, test_hand_over);
  fixture_add ("/failover/kill-standby", "who waits may die", test_kill_standby);
  fixture_add ("/failover/forked-child", "a child does not keep the lock", test_forked_child);
  fixture_add ("/failover/forked-child-ends", "a child does not give the lock away", test_forked_child_ends);
  fixture_add ("/failover/all-send", "every sender's messages are answered", test_all_send);

  return g_test_run ();
}
