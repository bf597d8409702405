/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include <stdio.h>
#include <string.h>

/*
 * A hundred processes start at the same moment, over nothing or over what a dead group has left: one master in each
 * epoch, and everybody is served.
 */

static guint n_together = 100;

/* No epoch has two owners, in all that members have reported. Returns how many epochs there were. */
static guint
check_epochs (Fixture *self)
{
  g_autoptr (GHashTable) owners = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);

  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    for (guint j = 0; j < member->lines->len; j++) {
      guint64 epoch;
      Member *owner;

      if (sscanf (member->lines->pdata[j], "role 4 %" G_GUINT64_FORMAT, &epoch) != 1)
        continue;
      owner = g_hash_table_lookup (owners, &epoch);
      g_assert_true (owner == NULL || owner == member);
      g_hash_table_insert (owners, g_memdup2 (&epoch, sizeof epoch), member);
    }
  }

  return g_hash_table_size (owners);
}

static void
spawn_all (Fixture *self)
{
  for (guint i = 0; i < n_together; i++)
    member_spawn (self, "member", "--wait");
}

/* The last of the members. */
static void
start_all (Fixture *self)
{
  for (guint i = self->members->len - n_together; i < self->members->len; i++)
    member_tell (self->members->pdata[i], "start\nsend 3");
  for (guint i = self->members->len - n_together; i < self->members->len; i++)
    fixture_wait (self, ((Member *) self->members->pdata[i])->answered == 3);
}

static void
test_fresh (Fixture *self, gconstpointer data)
{
  spawn_all (self);
  start_all (self);
  g_assert_cmpuint (members_count_role (self, IPC_ROLE_MASTER), ==, 1);
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == n_together - 1);
  g_assert_cmpuint (check_epochs (self), ==, 1);
}

static void
test_leftovers (Fixture *self, gconstpointer data)
{
  g_autofree char *temp_group = fixture_path (self, ".group-0123456789abcdef0123456789abcdef");
  g_autofree char *temp_socket = fixture_path (self, ".socket-0123456789abcdef0123456789abcdef");
  Member *dead = member_spawn (self, "dead", "");

  fixture_wait (self, dead->role == IPC_ROLE_MASTER);
  g_assert_true (g_file_set_contents (temp_group, "half", -1, NULL));
  g_assert_true (g_file_set_contents (temp_socket, "", -1, NULL));
  spawn_all (self);
  member_kill (dead);
  start_all (self);
  g_assert_cmpuint (members_count_role (self, IPC_ROLE_MASTER), ==, 1);
  g_assert_cmpuint (members_find_master (self)->epoch, >, dead->epoch);
  g_assert_cmpuint (check_epochs (self), ==, 2);
}

/* While they start, one master after the other is killed. */
static void
test_kill_meanwhile (Fixture *self, gconstpointer data)
{
  guint n_kills = 0;

  spawn_all (self);
  for (guint i = 0; i < self->members->len; i++)
    member_tell (self->members->pdata[i], "start\nsend 3");
  for (; n_kills < MIN (10, n_together / 2); n_kills++) {
    Member *master;

    fixture_wait (self, (master = members_find_master (self)) != NULL);
    member_kill (master);
  }
  for (guint i = 0; i < self->members->len; i++) {
    Member *member = self->members->pdata[i];

    if (member->pid != 0)
      fixture_wait (self, member->answered == 3);
    else
      member_read_to_end (member);
  }
  fixture_wait (self, members_count_role (self, IPC_ROLE_MASTER) == 1);
  g_assert_cmpuint (check_epochs (self), >, n_kills);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (under_valgrind ())
    n_together = 10; /* there they take minutes to start */

  fixture_add ("/together/fresh", "over an empty directory", test_fresh);
  fixture_add ("/together/leftovers", "over what a dead group has left", test_leftovers);
  fixture_add ("/together/kill-meanwhile", "while masters die", test_kill_meanwhile);

  return g_test_run ();
}
