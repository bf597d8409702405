/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <sys/inotify.h>

#include "fixture.h"
#include "process.h"

/*
 * Nodes that get no inotify instance, of which a user has 128, and so are never told that there is another master. The
 * nodes of this process are blind in this way; its members are not. What is difficult is a master that stands still: its
 * connections stay, and so does whoever waits for their end.
 */

#define HANG_MS 300
#define MEMBER_OPTIONS "--hang-timeout 300"
/* By far later than the members: they have replaced the master when this one has asked for so long. */
#define BLIND_HANG_MS 1200

/* In place of that of the C library. */
int
inotify_init1 (int flags)
{
  errno = EMFILE;
  return -1;
}

static IpcNode *
start_blind (Fixture *self, IpcMode mode, guint hang_timeout_ms)
{
  IpcNode *node = fixture_new_node (self, mode, mode == IPC_MODE_DUAL ? fixture_echo : NULL, NULL);

  g_object_set (node, "hang-timeout", hang_timeout_ms, NULL);
  g_assert_true (ipc_node_start (node, NULL));

  return node;
}

static Member *
spawn (Fixture *self, const char *name, int role)
{
  Member *member = member_spawn (self, name, MEMBER_OPTIONS);

  fixture_wait (self, member->role == role);

  return member;
}

/* It finds the new master though the old one neither answers nor goes. */
static void
test_client (Fixture *self, gconstpointer data)
{
  Member *first = spawn (self, "first", IPC_ROLE_MASTER), *second = spawn (self, "second", IPC_ROLE_STANDBY);
  IpcNode *client = start_blind (self, IPC_MODE_CLIENT, HANG_MS);
  g_autoptr (Reply) before = fixture_send (self, client, "before");

  fixture_expect_text (self, before, "before");
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_expect_text (self, reply, "x");
  g_assert_cmpuint (reply->epoch, ==, second->epoch);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
}

/* What the first master has not answered is nothing against the second. */
static void
test_candidate (Fixture *self, gconstpointer data)
{
  Member *first = spawn (self, "first", IPC_ROLE_MASTER), *second;
  IpcNode *blind = start_blind (self, IPC_MODE_DUAL, BLIND_HANG_MS);

  fixture_wait (self, ipc_node_get_role (blind) == IPC_ROLE_STANDBY);
  second = spawn (self, "second", IPC_ROLE_STANDBY);
  member_stop (first);
  g_autoptr (Reply) reply = fixture_send (self, blind, "x");
  fixture_expect_text (self, reply, "x");
  g_assert_cmpint (second->role, ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (reply->epoch, ==, second->epoch);
  g_assert_cmpint (ipc_node_get_role (blind), ==, IPC_ROLE_STANDBY);
  member_continue (first);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/blind/client", "a client that is told nothing looks past a master that hangs", test_client);
  fixture_add ("/blind/candidate", "and a candidate does not take the next one for it", test_candidate);

  return g_test_run ();
}
