/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A child made by fork() without exec: it must hold nothing of its parent's nodes, or a dead master lives on in it.
 */

#define FD_MAX 200

/* In the child: what is open that the parent had not before it made the node. Returns how many. */
static int
count_inherited (const gboolean *before)
{
  int n = 0;

  for (int fd = 0; fd < FD_MAX; fd++) {
    g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", fd);
    g_autofree char *target = g_file_read_link (path, NULL);

    if (target == NULL || before[fd])
      continue;
    fprintf (stderr, "# the child holds descriptor %d: %s\n", fd, target);
    n++;
  }

  return n;
}

static int
count_mappings (const char *dir)
{
  g_autofree char *maps = NULL;
  int n = 0;

  if (!g_file_get_contents ("/proc/self/maps", &maps, NULL, NULL))
    return -1;
  for (char *p = maps; (p = strstr (p, dir)) != NULL; p += strlen (dir))
    n++;

  return n;
}

static int
run_child (Fixture *self, const gboolean *before)
{
  int status;
  pid_t pid = fork ();

  if (pid == 0) {
    int n_mappings = count_mappings (self->dir);

    if (n_mappings > 0)
      fprintf (stderr, "# the child has mapped the group file\n");
    _exit (count_inherited (before) + n_mappings);
  }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);

  return status;
}

static void
test_child (Fixture *self, gconstpointer data)
{
  IpcNode *master;
  IpcNode *client;
  gboolean before[FD_MAX];

  for (int fd = 0; fd < FD_MAX; fd++)
    before[fd] = fcntl (fd, F_GETFD) != -1;
  master = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  fixture_wait (self, ipc_node_get_role (master) == IPC_ROLE_MASTER);
  client = fixture_client (self);
  fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_assert_cmpint (run_child (self, before), ==, 0);

  g_autoptr (Reply) reply = fixture_send (self, client, "the parent goes on");
  fixture_expect_text (self, reply, "the parent goes on");
  fixture_drop (self, client);
  g_assert_cmpint (run_child (self, before), ==, 0);
}

/* A descriptor that was the node's and is the application's now is not closed in a child. */
static void
test_reused_descriptor (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  int fds[40], status;
  pid_t pid;

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
  fixture_drop (self, node);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = dup (STDERR_FILENO);
  pid = fork ();
  if (pid == 0) {
    int n = 0;

    for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
      n += fcntl (fds[i], F_GETFD) == -1;
    _exit (n);
  }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_cmpint (status, ==, 0);
  for (gsize i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/fork/child", "a child holds none of the node's descriptors", test_child);
  fixture_add ("/fork/reused-descriptor", "nor does it lose what is not the node's", test_reused_descriptor);

  return g_test_run ();
}
