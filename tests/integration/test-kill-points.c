/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"
#include "raw-peer.h"

#include <signal.h>

#include "ipc-kill-point.h"

/*
 * A process of the group is killed at each of the named steps, with messages of one client in flight. What the next
 * master makes of each message follows from the step alone: the table says how many of them count as answered (their
 * answer is the dead master's, and nobody handles them again), and how many as begun (handled again, marked, the second
 * time); the others are handled as new.
 */

enum {
  N_MESSAGES = 20, /* in flight when their master dies handling them */
  NTH = 7,         /* it dies at this one */
  N_BEFORE = 6,    /* handled by the first master when he is not the one that dies at a point */
  N_HELD = 3,      /* of those he answers not these */
  N_UNREAD = 4,    /* sent to him and not read */
};

typedef enum {
  MASTER_HANDLES, /* and dies */
  STANDBY_SUCCEEDS,
  STANDBY_DEPOSES,
  MASTER_RESIGNS,
} Plot;

typedef struct {
  const char *point;
  Plot plot;
  const char *options; /* for who dies */
  guint n_answered;
  guint n_begun; /* or answered */
} Row;

#define BEFORE "--hold-after 3"

static const Row rows[] = {
  { "message-read", MASTER_HANDLES, "", NTH - 1, NTH - 1 },
  { "self-checked", MASTER_HANDLES, "", NTH - 1, NTH - 1 },
  { "accepted", MASTER_HANDLES, "", NTH - 1, NTH },
  { "accepted", MASTER_HANDLES, BEFORE, 3, NTH },
  { "handler-begun", MASTER_HANDLES, "", NTH - 1, NTH },
  { "handler-returned", MASTER_HANDLES, "", NTH, NTH },
  { "handler-returned", MASTER_HANDLES, BEFORE, 3, NTH },
  { "answered", MASTER_HANDLES, "", NTH, NTH },
  { "half-written", MASTER_HANDLES, "", NTH, NTH },
  { "written", MASTER_HANDLES, "", NTH, NTH },

  { "lock-taken", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "bound", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "listening", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "claimed", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "renamed", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "ledger-taken", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "ledger-copied", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },
  { "serving", STANDBY_SUCCEEDS, "", N_BEFORE - N_HELD, N_BEFORE },

  { "slot-taken", STANDBY_DEPOSES, "--hang-timeout 300", N_BEFORE - N_HELD, N_BEFORE },
  { "claimed", STANDBY_DEPOSES, "--hang-timeout 300", N_BEFORE - N_HELD, N_BEFORE },
  { "ledger-copied", STANDBY_DEPOSES, "--hang-timeout 300", N_BEFORE - N_HELD, N_BEFORE },
  { "serving", STANDBY_DEPOSES, "--hang-timeout 300", N_BEFORE - N_HELD, N_BEFORE },

  /* How many he was given before he obeyed is seen afterwards. */
  { "resign-begun", MASTER_RESIGNS, "", G_MAXUINT, G_MAXUINT },
  { "resign-begun", MASTER_RESIGNS, BEFORE, N_BEFORE - N_HELD, G_MAXUINT },
  { "goodbye-said", MASTER_RESIGNS, "", G_MAXUINT, G_MAXUINT },
  { "resigned", MASTER_RESIGNS, "", G_MAXUINT, G_MAXUINT },
};

static IpcNode *
new_client (Fixture *self)
{
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);

  g_object_set (client, "hang-timeout", 300, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  return client;
}

static Member *
spawn (Fixture *self, const char *name, IpcRole role, const char *kill_at, guint n, const char *options)
{
  g_autofree char *all = kill_at == NULL ? g_strdup (options)
                                         : g_strdup_printf ("--kill-at %s:%u%s%s", kill_at, n, *options != '\0' ? " " : "",
                                                            options);
  Member *member = member_spawn_program (self, "member-points", name, all);

  fixture_wait (self, member->role == (int) role);

  return member;
}

static void
send_more (Fixture *self, IpcNode *client, GPtrArray *replies, guint n)
{
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = g_strdup_printf ("%u", replies->len + 1);

    g_ptr_array_add (replies, fixture_send (self, client, text));
  }
}

/* Sends what the master finds all at once when it is continued. */
static void
send_unread (Fixture *self, IpcNode *client, Member *master, GPtrArray *replies, guint n)
{
  member_stop (master);
  send_more (self, client, replies, n);
  fixture_iterate (self);
  fixture_iterate (self);
}

static void
wait_death (Member *member)
{
  g_assert_cmpint (member_wait_end (member), ==, -SIGKILL);
  member_read_to_end (member);
}

/* @n_answered: in the epoch of @first. @last: the master that has all the others. */
static void
check_messages (Fixture *self, GPtrArray *replies, const Member *first, const Member *last, guint n_answered,
                guint n_begun)
{
  g_autoptr (GArray) all = NULL;
  guint64 next = n_answered + 1;

  for (guint i = 0; i < replies->len; i++) {
    g_autofree char *text = g_strdup_printf ("%u", i + 1);
    Reply *reply = replies->pdata[i];

    fixture_expect_text (self, reply, text);
    g_assert_cmpuint (reply->epoch, ==, i < n_answered ? first->epoch : last->epoch);
  }

  all = members_handled (self);
  for (guint i = 0; i < all->len; i++) {
    const Handled *handled = &g_array_index (all, Handled, i);

    if (handled->epoch == first->epoch)
      continue;

    g_assert_cmpuint (handled->epoch, ==, last->epoch);
    g_assert_cmpuint (handled->sequence, ==, next); /* the answered ones not again, the others once and in order */
    g_assert_cmpint (handled->redelivered, ==, next <= n_begun);
    g_assert_cmpuint (handled->count, ==, next <= n_begun ? 2 : 1);
    next++;
  }
  g_assert_cmpuint (next, ==, replies->len + 1);
}

static void
master_dies_handling (Fixture *self, const Row *row, IpcNode *client, GPtrArray *replies)
{
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, row->point, NTH, row->options);
  Member *second = spawn (self, "second", IPC_ROLE_STANDBY, NULL, 0, "");

  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  send_unread (self, client, first, replies, N_MESSAGES);
  member_continue (first);
  wait_death (first);
  fixture_wait (self, second->role == IPC_ROLE_MASTER);
  check_messages (self, replies, first, second, row->n_answered, row->n_begun);
}

/* The first master dies, or stops; the second dies on its way; the third has the messages of the first. */
static void
standby_dies (Fixture *self, const Row *row, IpcNode *client, GPtrArray *replies)
{
  const char *timeout = row->options;
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, NULL, 0, BEFORE);
  Member *second = spawn (self, "second", IPC_ROLE_STANDBY, row->point, 1, timeout);
  Member *third;

  send_more (self, client, replies, N_BEFORE);
  fixture_wait (self, first->handled == N_BEFORE && ((Reply *) replies->pdata[N_BEFORE - N_HELD - 1])->done);
  send_unread (self, client, first, replies, N_UNREAD);
  if (row->plot == STANDBY_SUCCEEDS)
    member_kill (first);
  wait_death (second);
  third = spawn (self, "third", IPC_ROLE_MASTER, NULL, 0, timeout); /* not before: who waits has no fixed order */
  check_messages (self, replies, first, third, row->n_answered, row->n_begun);
}

static void
master_dies_resigning (Fixture *self, const Row *row, IpcNode *client, GPtrArray *replies)
{
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, row->point, 1, row->options);
  Member *second = spawn (self, "second", IPC_ROLE_STANDBY, NULL, 0, "");

  send_more (self, client, replies, N_BEFORE);
  fixture_wait (self, first->handled == N_BEFORE);
  send_unread (self, client, first, replies, N_UNREAD);
  member_tell (first, "resign");
  member_continue (first);
  wait_death (first);
  fixture_wait (self, second->role == IPC_ROLE_MASTER);
  check_messages (self, replies, first, second, MIN (row->n_answered, first->handled),
                  MIN (row->n_begun, first->handled));
}

static void
test_point (Fixture *self, gconstpointer data)
{
  const Row *row = data;
  IpcNode *client = new_client (self);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);

  switch (row->plot) {
  case MASTER_HANDLES:
    master_dies_handling (self, row, client, replies);
    break;
  case STANDBY_SUCCEEDS:
  case STANDBY_DEPOSES:
    standby_dies (self, row, client, replies);
    break;
  case MASTER_RESIGNS:
    master_dies_resigning (self, row, client, replies);
    break;
  default:
    g_assert_not_reached ();
  }
}

/* Who was to be answered has gone: the master dies of the point all the same, and not of writing to nobody. */
static void
test_gone_peer (Fixture *self, gconstpointer data)
{
  Member *first = spawn (self, "first", IPC_ROLE_MASTER, data, 1, "");
  RawPeer *peer = raw_join (self);

  member_stop (first);
  raw_send (peer, MESSAGE, 1, 0, "x", 1);
  raw_free (peer);
  member_continue (first);
  wait_death (first);
}

/* Every point has a name that leads back to it, and a row. */
static void
test_table (void)
{
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++) {
    const char *name = ipc_kill_point_to_string (i);
    gboolean has_row = FALSE;
    IpcKillPoint point;

    g_assert_true (ipc_kill_point_from_string (name, &point));
    g_assert_cmpuint (point, ==, i);
    for (guint j = 0; j < G_N_ELEMENTS (rows); j++)
      has_row |= g_str_equal (rows[j].point, name);
    if (!has_row)
      g_error ("there is no row for %s", name);
  }
}

static void
test_names (void)
{
  static const char *const bad[] = { "", "accept", "accepted:", "accepted:0", "accepted:-1", "accepted:x", "accepted:1:1" };

  for (guint i = 0; i < G_N_ELEMENTS (bad); i++)
    g_assert_false (ipc_kill_point_arm_by_name (bad[i]));

  g_assert_true (ipc_kill_point_arm_by_name ("accepted:2"));
  g_assert_false (ipc_kill_point_is_due (IPC_KILL_POINT_ANSWERED));
  g_assert_false (ipc_kill_point_is_due (IPC_KILL_POINT_ACCEPTED));
  g_assert_true (ipc_kill_point_is_due (IPC_KILL_POINT_ACCEPTED));
  g_assert_false (ipc_kill_point_is_due (IPC_KILL_POINT_ACCEPTED));
  g_assert_true (ipc_kill_point_arm_by_name ("answered"));
  g_assert_true (ipc_kill_point_is_due (IPC_KILL_POINT_ANSWERED));
}

static void
count_cb (gpointer user_data)
{
  (*(guint *) user_data)++;
}

/* Once, and the process lives on. */
static void
test_instead (void)
{
  guint n_calls = 0;

  ipc_kill_point_arm_func (IPC_KILL_POINT_SELF_CHECKED, 2, count_cb, &n_calls);
  IPC_KILL_POINT (SELF_CHECKED);
  IPC_KILL_POINT (ACCEPTED);
  g_assert_cmpuint (n_calls, ==, 0);
  IPC_KILL_POINT (SELF_CHECKED);
  g_assert_cmpuint (n_calls, ==, 1);
  IPC_KILL_POINT (SELF_CHECKED);
  g_assert_cmpuint (n_calls, ==, 1);
}

int
main (int argc, char **argv)
{
  static const char *const plots[] = { "handling", "succeeding", "deposing", "resigning" };

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/kill-points/table", test_table);
  g_test_add_func ("/kill-points/names", test_names);
  g_test_add_func ("/kill-points/instead", test_instead);
  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    const Row *row = &rows[i];
    gboolean holds = g_str_equal (row->options, BEFORE);
    g_autofree char *path = g_strdup_printf ("/kill-points/%s/%s%s", plots[row->plot], row->point,
                                             holds ? "/answers-later" : "");

    fixture_add_data (path, "what the next master makes of each message", row, test_point);
  }
  fixture_add_data ("/kill-points/gone-peer/half-written", "a kill is a kill", "half-written", test_gone_peer);
  fixture_add_data ("/kill-points/gone-peer/written", "a kill is a kill", "written", test_gone_peer);

  return g_test_run ();
}
