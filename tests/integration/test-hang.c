/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include "ipc-byte-lock.h"
#include "ipc-group-file.h"

/*
 * Masters that hang: stopped, busy, or never heard of. They are replaced after the hang timeout and not before, and when
 * they go on they find out before they serve. The test is the client, or plays a candidate that stops at a certain step.
 */

enum { HANG_MS = 300 };
#define HANG_US (HANG_MS * G_TIME_SPAN_MILLISECOND)
#define WITH_TIMEOUT "--hang-timeout 300"

static IpcNode *
new_client (Fixture *self, IpcMode mode)
{
  IpcNode *client = fixture_new_node (self, mode, mode == IPC_MODE_DUAL ? fixture_echo : NULL, NULL);

  g_object_set (client, "hang-timeout", HANG_MS, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  return client;
}

static Member *
spawn_master (Fixture *self, const char *options)
{
  Member *member = member_spawn (self, "first", options);

  fixture_wait (self, member->role == IPC_ROLE_MASTER);

  return member;
}

static Member *
spawn_standby (Fixture *self, const char *name, const char *options)
{
  Member *member = member_spawn (self, name, options);

  fixture_wait (self, member->role == IPC_ROLE_STANDBY);

  return member;
}

static Member *
wait_other_master (Fixture *self, Member *old)
{
  Member *found = NULL;

  while (found == NULL) {
    fixture_iterate (self);
    for (guint i = 0; i < self->members->len; i++) {
      Member *member = self->members->pdata[i];

      if (member != old && member->pid != 0 && member->role == IPC_ROLE_MASTER && member->epoch > old->epoch)
        found = member;
    }
  }

  return found;
}

/* No two members were master of the same epoch. */
static void
check_epochs (Fixture *self)
{
  g_autoptr (GHashTable) epochs = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_autofree char *prefix = g_strdup_printf ("role %d ", IPC_ROLE_MASTER);

  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    for (guint j = 0; j < member->lines->len; j++) {
      if (g_str_has_prefix (member->lines->pdata[j], prefix))
        g_assert_true (g_hash_table_add (epochs, g_strdup (member->lines->pdata[j])));
    }
  }
}

static gboolean
is_suspect (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "suspect");

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
test_stopped (Fixture *self, gconstpointer data)
{
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *first = spawn_master (self, WITH_TIMEOUT), *second = spawn_standby (self, "second", WITH_TIMEOUT), *third;
  g_autoptr (Reply) before = fixture_send (self, client, "before");
  gint64 stopped_us;

  fixture_expect_text (self, before, "before");
  member_stop (first);
  stopped_us = g_get_monotonic_time ();
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_expect_text (self, reply, "x");
  g_test_message ("replaced after %d ms", (int) ((g_get_monotonic_time () - stopped_us) / 1000));
  g_assert_cmpint (g_get_monotonic_time () - stopped_us, >=, HANG_US);
  g_assert_cmpint (second->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (reply->epoch, ==, second->epoch);

  /* It finds the message in its input, and does not serve it. */
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  g_assert_cmpuint (first->handled, ==, 1);
  check_epochs (self);

  /* And it is a standby like any other: behind who came before. */
  third = spawn_standby (self, "third", WITH_TIMEOUT);
  member_kill (second);
  fixture_wait (self, first->role == IPC_ROLE_MASTER || third->role == IPC_ROLE_MASTER);
  member_kill (first->role == IPC_ROLE_MASTER ? first : third);
  g_autoptr (Reply) after = fixture_send (self, client, "after");
  fixture_expect_text (self, after, "after");
}

/* A handler that blocks is one. What it answers in the end goes nowhere. */
static void
test_busy (Fixture *self, gconstpointer data)
{
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *first = spawn_master (self, WITH_TIMEOUT " --block 1500");
  Member *second = spawn_standby (self, "second", WITH_TIMEOUT);
  gint64 began_us = g_get_monotonic_time ();
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  g_autoptr (Reply) next = fixture_send (self, client, "y");

  fixture_expect_text (self, reply, "x");
  fixture_expect_text (self, next, "y");
  g_test_message ("replaced after %d ms", (int) ((g_get_monotonic_time () - began_us) / 1000));
  g_assert_cmpuint (reply->epoch, ==, second->epoch);
  g_assert_cmpint (first->role, ==, IPC_ROLE_MASTER); /* as far as it knows */
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  g_assert_cmpuint (first->handled, ==, 1);
  g_assert_cmpuint (ipc_node_get_epoch (client), ==, second->epoch);
  g_autoptr (GArray) handled = members_handled (self);
  g_assert_cmpuint (handled->len, ==, 3);
  g_assert_true (g_array_index (handled, Handled, 1).redelivered); /* the first had begun on it */
}

/* What a candidate sees of the group, and holds: the test plays it. */
typedef struct {
  IpcGroupDir *dir;   /* (owned) */
  IpcGroupFile *file; /* (owned) */
} Fake;

static void
fake_open (Fixture *self, Fake *fake)
{
  fake->dir = ipc_group_dir_open (self->dir, "test", FALSE, NULL);
  g_assert_nonnull (fake->dir);
  fake->file = ipc_group_file_open (fake->dir, "00112233445566778899aabbccddeeff", 0, NULL);
  g_assert_nonnull (fake->file);
}

static void
fake_close (Fake *fake)
{
  ipc_group_file_free (fake->file);
  ipc_group_dir_free (fake->dir);
}

static gboolean
fake_lock (Fake *fake, guint slot)
{
  return ipc_byte_lock_try (ipc_group_file_get_fd (fake->file), IPC_BYTE_OF_SLOT (slot));
}

static gboolean
fake_claim (Fake *fake, guint slot)
{
  IpcWord word = ipc_group_file_get_word (fake->file);

  return ipc_group_file_claim (fake->file, word, ipc_word_make (ipc_group_file_next_epoch (word), slot));
}

/* Somebody has the lock and is stopped before he has published anything. @data: whether he has claimed. */
static void
test_claiming (Fixture *self, gconstpointer data)
{
  Fake fake;
  IpcWord word;
  Member *member;
  gint64 began_us;

  fake_open (self, &fake);
  g_assert_true (fake_lock (&fake, 0));
  if (data != NULL)
    g_assert_true (fake_claim (&fake, 0));
  word = ipc_group_file_get_word (fake.file);
  began_us = g_get_monotonic_time ();
  member = spawn_master (self, WITH_TIMEOUT);
  g_test_message ("replaced after %d ms", (int) ((g_get_monotonic_time () - began_us) / 1000));
  g_assert_cmpint (g_get_monotonic_time () - began_us, >=, HANG_US);
  g_assert_cmpuint (ipc_word_get_slot (ipc_group_file_get_word (fake.file)), ==, 1);
  g_assert_cmpuint (ipc_word_get_epoch (ipc_group_file_get_word (fake.file)), ==, member->epoch);

  /* When he goes on, he comes too late. */
  g_assert_false (ipc_group_file_claim (fake.file, word, ipc_word_make (ipc_word_get_epoch (word) + 1, 0)));
  fake_close (&fake);
}

/* A deposer dies when it has claimed and has not published: his successor waits at the new slot. */
static void
test_deposer_dies (Fixture *self, gconstpointer data)
{
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *first = spawn_master (self, WITH_TIMEOUT), *second = spawn_standby (self, "second", WITH_TIMEOUT);
  Fake fake;

  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_wait (self, is_suspect (self));
  fake_open (self, &fake);
  g_assert_true (fake_lock (&fake, 1));
  g_assert_true (fake_claim (&fake, 1));
  fake_close (&fake);

  fixture_expect_text (self, reply, "x");
  g_assert_cmpint (second->role, ==, IPC_ROLE_MASTER);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  fake_open (self, &fake);
  g_assert_cmpuint (ipc_word_get_slot (ipc_group_file_get_word (fake.file)), ==, 1);
  fake_close (&fake);
}

/* A deposer is stopped when it has the lock of the next slot and has not claimed: another one goes further. */
static void
test_deposer_stops (Fixture *self, gconstpointer data)
{
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *first = spawn_master (self, WITH_TIMEOUT), *second = spawn_standby (self, "second", WITH_TIMEOUT);
  Fake fake;

  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  fake_open (self, &fake);
  g_assert_true (fake_lock (&fake, 1));
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_expect_text (self, reply, "x");
  g_assert_cmpint (second->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (ipc_word_get_slot (ipc_group_file_get_word (fake.file)), ==, 2);
  fake_close (&fake);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
}

/* One master after the other is stopped; several standbys depose each at the same time. Then all go on. */
static void
test_chain (Fixture *self, gconstpointer data)
{
  enum { N_MEMBERS = 6, N_STOPPED = 4 };
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *master = spawn_master (self, WITH_TIMEOUT), *stopped[N_STOPPED];

  for (int i = 1; i < N_MEMBERS; i++)
    spawn_standby (self, "standby", WITH_TIMEOUT);
  for (int i = 0; i < N_STOPPED; i++) {
    stopped[i] = master;
    member_stop (master);
    g_autoptr (Reply) reply = fixture_send (self, client, "x");
    fixture_expect_text (self, reply, "x");
    master = wait_other_master (self, master);
  }
  for (int i = 0; i < N_STOPPED; i++)
    member_continue (stopped[i]);
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == N_MEMBERS - 1);
  check_epochs (self);

  for (int i = 0; i < N_MEMBERS; i++) {
    g_autoptr (Reply) reply = fixture_send (self, client, "y");

    fixture_expect_text (self, reply, "y");
    fixture_wait (self, (master = members_find_master (self)) != NULL && master->epoch == reply->epoch);
    if (i < N_MEMBERS - 1)
      member_kill (master);
  }
  check_epochs (self);
}

/* The new master dies as soon as it is one. */
static void
test_new_master_dies (Fixture *self, gconstpointer data)
{
  IpcNode *client = new_client (self, IPC_MODE_CLIENT);
  Member *first = spawn_master (self, WITH_TIMEOUT), *second, *third;

  for (int i = 0; i < 3; i++)
    spawn_standby (self, "standby", WITH_TIMEOUT);
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  second = wait_other_master (self, first);
  member_kill (second);
  third = wait_other_master (self, second);
  fixture_expect_text (self, reply, "x");
  g_assert_cmpuint (reply->epoch, <=, third->epoch);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  check_epochs (self);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/hang/stopped", "a master that is stopped is replaced, and then a standby", test_stopped);
  fixture_add ("/hang/busy", "but not the main loop's", test_busy);
  fixture_add_data ("/hang/claiming/locked", "a holder who has not claimed", NULL, test_claiming);
  fixture_add_data ("/hang/claiming/claimed", "a holder who has not published", "", test_claiming);
  fixture_add ("/hang/deposer-dies", "his successor waits at the new slot", test_deposer_dies);
  fixture_add ("/hang/deposer-stops", "he does not keep others from it", test_deposer_stops);
  fixture_add ("/hang/chain", "one after the other", test_chain);
  fixture_add ("/hang/new-master-dies", "and the next one serves", test_new_master_dies);

  return g_test_run ();
}
