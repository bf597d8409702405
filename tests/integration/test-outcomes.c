/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/wait.h>

/*
 * What a sender is told when masters die on its message: at most once, at least once, and not for ever. The test is the
 * sender; masters die in their handlers because the message says so, or at a kill point.
 */

static Member *
spawn (Fixture *self, const char *name, IpcRole role, const char *options)
{
  Member *member = member_spawn_program (self, "member-points", name, options);

  fixture_wait (self, member->role == (int) role);

  return member;
}

static IpcNode *
new_client (Fixture *self)
{
  IpcNode *client = fixture_client (self);

  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);

  return client;
}

static void
wait_death (Member *member)
{
  member_wait_end (member);
  member_read_to_end (member);
}

/* Takes note of who has died by itself. Returns how many have. */
static guint
count_dead (Fixture *self)
{
  guint n = 0;

  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];
    int status;

    if (member->pid != 0 && waitpid (member->pid, &status, WNOHANG) == member->pid)
      member->pid = 0;
    n += member->pid == 0 && member->out_fd == -1;
  }

  return n;
}

/* How often a message was handed to handlers. @last: (out) (optional): the last time */
static guint
count_handled (Fixture *self, IpcNode *sender, guint64 sequence, Handled *last)
{
  g_autoptr (GArray) all = members_handled (self);
  guint n = 0;

  for (guint i = 0; i < all->len; i++) {
    const Handled *handled = &g_array_index (all, Handled, i);

    if (handled->sequence != sequence || strcmp (handled->sender, ipc_node_get_id (sender)) != 0)
      continue;
    n++;
    if (last != NULL)
      *last = *handled;
  }

  return n;
}

/* Each time a message is handed over counts, and all but the first are marked. */
static void
check_counts (Fixture *self, IpcNode *sender, guint64 sequence)
{
  g_autoptr (GArray) all = members_handled (self);
  guint n = 0;

  for (guint i = 0; i < all->len; i++) {
    const Handled *handled = &g_array_index (all, Handled, i);

    if (handled->sequence != sequence || strcmp (handled->sender, ipc_node_get_id (sender)) != 0)
      continue;
    g_assert_cmpuint (handled->count, ==, ++n);
    g_assert_cmpint (handled->redelivered, ==, n > 1);
  }
}

/* The member that was given it. */
static Member *
find_owner (Fixture *self, const Handled *handled)
{
  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    if (member->pid != 0 && member->epoch == handled->epoch)
      return member;
  }

  return NULL;
}

static Reply *
send_once (Fixture *self, IpcNode *client, const char *text)
{
  return fixture_send_full (self, client, text, IPC_SEND_AT_MOST_ONCE, IPC_TIMEOUT_DEFAULT, NULL);
}

/* @data: where the second master dies, too; the third says what the second would have said */
static void
test_unknown (Fixture *self, gconstpointer data)
{
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, "--immune --hold-after 0"), *last;
  g_autoptr (Reply) reply = NULL;

  last = spawn (self, "second", IPC_ROLE_STANDBY, data != NULL ? data : "");
  client = new_client (self);
  reply = send_once (self, client, "x");
  fixture_wait (self, first->handled == 1);
  member_kill (first);
  if (data != NULL) {
    wait_death (last);
    last = spawn (self, "third", IPC_ROLE_MASTER, "");
  }
  fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, "at most once");
  g_assert_cmpuint (last->handled, ==, 0);
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, 1);
}

/* The handler itself was the end of its master. Behind it is one that is to be handled at most once, too, and was not
 * begun. */
static void
test_unknown_in_handler (Fixture *self, gconstpointer data)
{
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, "");
  g_autoptr (Reply) fatal = NULL;
  g_autoptr (Reply) other = NULL;
  Handled handled;

  spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  fatal = send_once (self, client, "kill");
  other = send_once (self, client, "x");
  wait_death (first);
  fixture_expect_failure (self, fatal, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, "at most once");
  fixture_expect_text (self, other, "x");
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, 1);
  g_assert_cmpuint (count_handled (self, client, 2, &handled), ==, 1);
  g_assert_false (handled.redelivered);
}

/* It was read, and not accepted: the next master has it as new. */
static void
test_once_not_begun (Fixture *self, gconstpointer data)
{
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, "--kill-at message-read");
  g_autoptr (Reply) reply = NULL;
  Handled handled;

  spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  reply = send_once (self, client, "x");
  wait_death (first);
  fixture_expect_text (self, reply, "x");
  g_assert_cmpuint (count_handled (self, client, 1, &handled), ==, 1);
  g_assert_false (handled.redelivered);
  g_assert_cmpuint (handled.count, ==, 1);
}

/* It was answered: the answer comes, from the ledger. */
static void
test_once_answered (Fixture *self, gconstpointer data)
{
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, "--kill-at answered");
  g_autoptr (Reply) reply = NULL;

  spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  reply = send_once (self, client, "x");
  wait_death (first);
  fixture_expect_text (self, reply, "x");
  g_assert_cmpuint (reply->epoch, ==, first->epoch);
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, 1);
}

/* All but the last candidate die in the message's handler. The client's other messages, of which one waits for its
 * answer at each death, and those of another client are answered. @data: how the handler dies */
static void
test_poison (Fixture *self, gconstpointer data)
{
  enum { N_DEATHS = 3 };
  static const char *const names[N_DEATHS + 1] = { "first", "second", "third", "fourth" };
  IpcNode *client, *other;
  Reply *replies[7];
  Handled handled;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    spawn (self, names[i], i == 0 ? IPC_ROLE_MASTER : IPC_ROLE_STANDBY, "");
  client = new_client (self);
  other = new_client (self);
  replies[0] = fixture_send (self, client, "later");
  replies[1] = fixture_send (self, client, "a");
  replies[2] = fixture_send (self, client, data);
  replies[3] = fixture_send (self, client, "later");
  replies[4] = fixture_send (self, client, "b");
  replies[5] = fixture_send (self, other, "later");
  replies[6] = fixture_send (self, other, "c");

  fixture_expect_failure (self, replies[2], IPC_ERROR, IPC_ERROR_POISONED, NULL);
  fixture_wait (self, count_dead (self) == N_DEATHS);
  fixture_expect_text (self, replies[1], "a");
  fixture_expect_text (self, replies[4], "b");
  fixture_expect_text (self, replies[6], "c");
  g_assert_cmpuint (count_handled (self, client, 3, NULL), ==, N_DEATHS);
  check_counts (self, client, 3);
  fixture_wait (self, count_handled (self, other, 1, &handled) > 0 && find_owner (self, &handled) != NULL);
  g_assert_false (replies[0]->done);
  member_tell (find_owner (self, &handled), "release");
  fixture_expect_text (self, replies[0], "later");
  fixture_expect_text (self, replies[3], "later");
  fixture_expect_text (self, replies[5], "later");
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, N_DEATHS + 1);
  check_counts (self, client, 1);
  g_assert_cmpuint (count_handled (self, client, 2, NULL), ==, 1);
  g_assert_cmpuint (count_handled (self, client, 4, &handled), ==, 1);
  g_assert_false (handled.redelivered);
  for (guint i = 0; i < G_N_ELEMENTS (replies); i++)
    reply_free (replies[i]);
}

/* A handler that never returns is deposed, and its process lives on: the message takes no more masters with it either. */
static void
test_poison_loop (Fixture *self, gconstpointer data)
{
  enum { N_HUNG = 3 };
  static const char *const names[N_HUNG + 1] = { "first", "second", "third", "fourth" };
  g_autoptr (Reply) before = NULL, endless = NULL, behind = NULL;
  g_autoptr (GError) error = NULL;
  IpcNode *client;

  for (guint i = 0; i < G_N_ELEMENTS (names); i++)
    spawn (self, names[i], i == 0 ? IPC_ROLE_MASTER : IPC_ROLE_STANDBY, "--hang-timeout 300");
  client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_object_set (client, "hang-timeout", 300, NULL);
  ipc_node_start (client, &error);
  g_assert_no_error (error);
  before = fixture_send (self, client, "a");
  endless = fixture_send (self, client, "loop");
  behind = fixture_send (self, client, "b");

  fixture_expect_text (self, before, "a");
  fixture_expect_failure (self, endless, IPC_ERROR, IPC_ERROR_POISONED, NULL);
  fixture_expect_text (self, behind, "b");
  g_assert_cmpuint (count_handled (self, client, 2, NULL), ==, N_HUNG);
  check_counts (self, client, 2);
  g_assert_cmpuint (count_handled (self, client, 3, NULL), ==, 1);
  g_assert_cmpuint (count_dead (self), ==, 0);
}

typedef struct {
  const char *options;
  guint n_deaths;
  gboolean poisoned; /* or the last one survives it */
} Limit;

static void
test_limit (Fixture *self, gconstpointer data)
{
  const Limit *limit = data;
  IpcNode *client;
  g_autofree char *last = g_strdup_printf ("%s --immune", limit->options);
  g_autoptr (Reply) reply = NULL;

  for (guint i = 0; i < limit->n_deaths; i++)
    spawn (self, "mortal", i == 0 ? IPC_ROLE_MASTER : IPC_ROLE_STANDBY, limit->options);
  client = new_client (self);
  reply = fixture_send (self, client, "kill");
  fixture_wait (self, count_dead (self) == limit->n_deaths);
  spawn (self, "last", IPC_ROLE_MASTER, last);
  if (limit->poisoned)
    fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_POISONED, NULL);
  else
    fixture_expect_text (self, reply, "kill");
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, limit->n_deaths + (limit->poisoned ? 0 : 1));
  check_counts (self, client, 1);
}

/* The response is as new_bytes() of member.c makes it. */
static void
expect_pattern (Fixture *self, Reply *reply, gsize size)
{
  fixture_wait (self, reply->done);
  g_assert_no_error (reply->error);
  g_assert_cmpuint (reply->size, ==, size);
  for (gsize i = 0; i < size; i++)
    g_assert_cmpuint ((guint8) reply->text[i], ==, (guint8) (i * 7 + size));
}

/* The master has written down all answers, and sent none. */
static void
test_sizes (Fixture *self, gconstpointer data)
{
  static const gsize sizes[] = { 0, 1, 7, 8, 9, 63, 64, 65, 127, 128, 129, 191, 192, 193, 255, 256, 257, 511, 512, 513,
                                 1023, 1024, 1025, 2047, 2048, 2049, 4095, 4096, 4097 };
  g_autofree char *kill_at = g_strdup_printf ("--kill-at answered:%u", (guint) G_N_ELEMENTS (sizes));
  Reply *replies[G_N_ELEMENTS (sizes)];
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, kill_at), *second;

  second = spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  member_stop (first); /* so that it has all of them at once */
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autofree char *text = g_strdup_printf ("size %" G_GSIZE_FORMAT, sizes[i]);

    replies[i] = fixture_send (self, client, text);
  }
  fixture_iterate (self);
  fixture_iterate (self);
  member_continue (first);
  wait_death (first);
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    expect_pattern (self, replies[i], sizes[i]);
    g_assert_cmpuint (replies[i]->epoch, ==, first->epoch);
    reply_free (replies[i]);
  }
  g_assert_cmpuint (second->handled, ==, 0);
}

typedef struct {
  guint size;
  gboolean lost;
  const char *kill_at;
} Large;

static void
test_large (Fixture *self, gconstpointer data)
{
  const Large *large = data;
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, large->kill_at);
  g_autofree char *text = g_strdup_printf ("size %u", large->size);
  g_autoptr (Reply) reply = NULL;

  spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  reply = fixture_send (self, client, text);
  wait_death (first);
  if (large->lost)
    fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_RESPONSE_LOST, NULL);
  else
    expect_pattern (self, reply, large->size);
  g_assert_cmpuint (reply->epoch, ==, first->epoch);
  g_assert_cmpuint (count_handled (self, client, 1, NULL), ==, 1);
}

/* What was known is gone with the file: all that was sent counts as begun, and only what was answered is not repeated.
 * @data: the master is killed at the same time */
static void
test_file_deleted (Fixture *self, gconstpointer data)
{
  enum { N_ANSWERED = 2, N_MESSAGES = 5 };
  gboolean killed = data != NULL;
  IpcNode *client;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, "");
  g_autofree char *path = fixture_path (self, "group");
  Reply *replies[N_MESSAGES];
  Handled handled;

  spawn (self, "second", IPC_ROLE_STANDBY, "");
  client = new_client (self);
  for (guint i = 0; i < N_MESSAGES; i++)
    replies[i] = fixture_send (self, client, i < N_ANSWERED ? "x" : "later");
  fixture_wait (self, first->handled == N_MESSAGES && replies[N_ANSWERED - 1]->done);
  if (killed)
    member_stop (first);
  g_assert_cmpint (g_unlink (path), ==, 0);
  if (killed)
    member_kill (first);

  fixture_wait (self, count_handled (self, client, N_MESSAGES, &handled) == 2);
  fixture_wait (self, find_owner (self, &handled) != NULL);
  member_tell (find_owner (self, &handled), "release");
  for (guint i = 0; i < N_MESSAGES; i++) {
    fixture_expect_text (self, replies[i], i < N_ANSWERED ? "x" : "later");
    g_assert_cmpuint (count_handled (self, client, i + 1, &handled), ==, i < N_ANSWERED ? 1 : 2);
    g_assert_cmpint (handled.redelivered, ==, i >= N_ANSWERED);
    reply_free (replies[i]);
  }
}

static const Limit no_limit = { "--max-deliveries 0", 4, FALSE };
static const Limit limit_of_one = { "--max-deliveries 1", 1, TRUE };
static const Limit limit_of_two = { "--max-deliveries 2", 2, TRUE };
static const Large largest = { 128 * 1024, FALSE, "--kill-at answered" };
static const Large too_large = { 128 * 1024 + 1, TRUE, "--kill-at answered" };
static const Large megabyte = { 1024 * 1024, TRUE, "--kill-at answered" };
static const Large half_of_it = { 1024 * 1024, TRUE, "--kill-at half-written" };

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/outcomes/at-most-once/killed", "unknown when its master died", test_unknown);
  fixture_add_data ("/outcomes/at-most-once/third/accepted", "the third master says the same", "--kill-at accepted",
                    test_unknown);
  fixture_add_data ("/outcomes/at-most-once/third/answered", "and with the second one's words", "--kill-at answered",
                    test_unknown);
  fixture_add ("/outcomes/at-most-once/in-handler", "the handler kills its master", test_unknown_in_handler);
  fixture_add ("/outcomes/at-most-once/not-begun", "what was not begun is handled once", test_once_not_begun);
  fixture_add ("/outcomes/at-most-once/answered", "what was answered stays answered", test_once_answered);
  fixture_add_data ("/outcomes/poison/abort", "one message cannot take the group down", "abort", test_poison);
  fixture_add_data ("/outcomes/poison/segv", "the same", "segv", test_poison);
  fixture_add_data ("/outcomes/poison/kill", "the same", "kill", test_poison);
  fixture_add ("/outcomes/poison/loop", "nor can one whose handler never returns", test_poison_loop);
  fixture_add_data ("/outcomes/max-deliveries/0", "no limit", &no_limit, test_limit);
  fixture_add_data ("/outcomes/max-deliveries/1", "one death is enough", &limit_of_one, test_limit);
  fixture_add_data ("/outcomes/max-deliveries/2", "or two", &limit_of_two, test_limit);
  fixture_add ("/outcomes/response/sizes", "a stored answer is what was given, byte for byte", test_sizes);
  fixture_add_data ("/outcomes/response/largest", "the largest that the ledger keeps", &largest, test_large);
  fixture_add_data ("/outcomes/response/too-large", "lost, and not handled again", &too_large, test_large);
  fixture_add_data ("/outcomes/response/megabyte", "the same", &megabyte, test_large);
  fixture_add_data ("/outcomes/response/half", "the same when half of it has come", &half_of_it, test_large);
  fixture_add ("/outcomes/file-deleted", "what the ledger forgot is marked", test_file_deleted);
  fixture_add_data ("/outcomes/file-deleted/killed", "also by a master that never saw it", "killed",
                    test_file_deleted);

  return g_test_run ();
}
