/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <glib/gstdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What an application or its environment can get wrong, and the error it gets: which code, and which words it can rely
 * on to find the cause.
 */

static void
expect_start_failure (Fixture *self, const char *group, const char *runtime_dir, int code, const char *const *parts)
{
  IpcNode *node = ipc_node_new (group, IPC_MODE_DUAL);
  g_autoptr (GError) error = NULL;

  fixture_watch (self, node);
  ipc_node_set_runtime_dir (node, runtime_dir);
  ipc_node_set_handler (node, fixture_echo, NULL, NULL);
  g_assert_false (ipc_node_start (node, &error));
  g_test_message ("%s", error->message);
  g_assert_error (error, IPC_ERROR, code);
  for (; *parts != NULL; parts++) {
    if (strstr (error->message, *parts) == NULL)
      g_error ("“%s” does not contain “%s”", error->message, *parts);
  }
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_IDLE);
  g_object_unref (node);
}

#define PARTS(...) ((const char *const[]) { __VA_ARGS__, NULL })

static void
expect_empty (const char *dir)
{
  g_autoptr (GDir) listing = g_dir_open (dir, 0, NULL);

  g_assert_null (g_dir_read_name (listing));
}

static void
test_group_name (Fixture *self, gconstpointer data)
{
  g_autofree char *too_long = g_strnfill (65, 'a');
  const char *const names[] = { "", " ", ".", "..", ".hidden", "a/b", "../a", "a b", "ä", "a\nb", "a\\b", "\xff", "a:b",
                                too_long };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++)
    expect_start_failure (self, names[i], self->dir, IPC_ERROR_INVALID_GROUP, PARTS ("1 to 64", "A-Z a-z 0-9 . _ -"));
  expect_empty (self->dir);
}

static void
test_good_group_names (Fixture *self, gconstpointer data)
{
  g_autofree char *longest = g_strnfill (64, 'a');
  const char *const names[] = { "a", "-", "_", "A.b-C_9", " trimmed ", longest };

  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    IpcNode *node = ipc_node_new (names[i], IPC_MODE_DUAL);
    g_autoptr (GError) error = NULL;

    fixture_watch (self, node);
    g_ptr_array_add (self->nodes, node);
    ipc_node_set_runtime_dir (node, self->dir);
    ipc_node_set_handler (node, fixture_echo, NULL, NULL);
    ipc_node_start (node, &error);
    g_assert_no_error (error);
    g_autoptr (Reply) reply = fixture_send (self, node, "x");
    fixture_expect_text (self, reply, "x");
  }
}

static void
test_missing (Fixture *self, gconstpointer data)
{
  g_autofree char *missing = g_build_filename (self->dir, "missing", NULL);

  expect_start_failure (self, "test", missing, IPC_ERROR_RUNTIME_DIR, PARTS (missing, "No such file"));
  expect_empty (self->dir);
}

static void
test_wrong_mode (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = g_build_filename (self->dir, "test", NULL);

  g_chmod (self->dir, 0777);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (self->dir, "0777"));
  expect_empty (self->dir);
  g_chmod (self->dir, 0700);
  g_assert_cmpint (g_mkdir (group_dir, 0700), ==, 0);
  g_chmod (group_dir, 0750);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group_dir, "0750", "0700"));
  expect_empty (group_dir);
}

static void
test_not_ours (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = g_build_filename (self->dir, "test", NULL);

  if (geteuid () != 0) {
    g_test_skip ("only root can give a directory away");
    return;
  }
  g_assert_cmpint (g_mkdir (group_dir, 0700), ==, 0);
  g_assert_cmpint (chown (group_dir, 65534, 65534), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group_dir, "65534"));
  expect_empty (group_dir);
  g_assert_cmpint (chown (self->dir, 65534, 65534), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (self->dir, "65534"));
}

static void
test_symlink (Fixture *self, gconstpointer data)
{
  g_autofree char *real = g_build_filename (self->dir, "real", NULL);
  g_autofree char *link = g_build_filename (self->dir, "link", NULL);
  g_autofree char *group = g_build_filename (real, "test", NULL);

  g_assert_cmpint (g_mkdir (real, 0700), ==, 0);
  g_assert_cmpint (symlink (real, link), ==, 0);
  expect_start_failure (self, "test", link, IPC_ERROR_RUNTIME_DIR, PARTS (link, "symbolic link"));
  expect_empty (real);
  g_assert_cmpint (symlink (self->dir, group), ==, 0);
  expect_start_failure (self, "test", real, IPC_ERROR_RUNTIME_DIR, PARTS (group, "symbolic link"));
}

static void
test_not_a_directory (Fixture *self, gconstpointer data)
{
  g_autofree char *file = g_build_filename (self->dir, "file", NULL);
  g_autofree char *group = g_build_filename (self->dir, "test", NULL);

  g_assert_true (g_file_set_contents (file, "x", -1, NULL));
  expect_start_failure (self, "test", file, IPC_ERROR_RUNTIME_DIR, PARTS (file, "not a directory"));
  g_assert_true (g_file_set_contents (group, "x", -1, NULL));
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group, "not a directory"));
}

/* Mounted for the test; a process that may not do that skips. */
static gboolean
mount_small (Fixture *self, const char *options)
{
  if (mount ("tmpfs", self->dir, "tmpfs", 0, options) == 0)
    return TRUE;

  g_test_skip ("cannot mount a file system");
  return FALSE;
}

static void
test_read_only (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = g_build_filename (self->dir, "test", NULL);

  if (!mount_small (self, "mode=0700,size=4m"))
    return;
  g_assert_cmpint (mount (NULL, self->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group_dir, "Read-only"));
  g_assert_cmpint (mount (NULL, self->dir, NULL, MS_REMOUNT, NULL), ==, 0);
  g_assert_cmpint (g_mkdir (group_dir, 0700), ==, 0);
  g_assert_cmpint (mount (NULL, self->dir, NULL, MS_REMOUNT | MS_RDONLY, NULL), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group_dir, "Read-only"));
  g_assert_cmpint (umount (self->dir), ==, 0);
}

static void
test_full (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = g_build_filename (self->dir, "test", NULL);

  if (!mount_small (self, "mode=0700,size=64k"))
    return;
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group_dir, "No space left"));
  expect_empty (group_dir);
  g_assert_cmpint (umount (self->dir), ==, 0);
}

/* The group file is something else. */
static void
test_foreign_file (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = g_build_filename (self->dir, "test", NULL);
  g_autofree char *group = g_build_filename (group_dir, "group", NULL);

  g_assert_cmpint (g_mkdir (group_dir, 0700), ==, 0);
  g_assert_cmpint (symlink ("/etc/passwd", group), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group));
  g_unlink (group);
  g_assert_cmpint (mkfifo (group, 0600), ==, 0);
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group));
  g_unlink (group);
  g_assert_true (g_file_set_contents_full (group, "short", -1, 0, 0600, NULL));
  expect_start_failure (self, "test", self->dir, IPC_ERROR_RUNTIME_DIR, PARTS (group, "size"));
}

/* Nothing is made in the default places when the given one is bad. */
static void
test_nothing_elsewhere (Fixture *self, gconstpointer data)
{
  g_autofree char *xdg = g_build_filename (self->dir, "xdg", NULL);

  g_assert_cmpint (g_mkdir (xdg, 0700), ==, 0);
  g_setenv ("XDG_RUNTIME_DIR", xdg, TRUE);
  expect_start_failure (self, "test", "/nonexistent", IPC_ERROR_RUNTIME_DIR, PARTS ("/nonexistent"));
  g_setenv ("IPC_RUNTIME_DIR", "/nonexistent", TRUE);
  expect_start_failure (self, "test", NULL, IPC_ERROR_RUNTIME_DIR, PARTS ("/nonexistent"));
  expect_empty (xdg);
  g_unsetenv ("IPC_RUNTIME_DIR");

  IpcNode *node = ipc_node_new ("test", IPC_MODE_CLIENT);
  fixture_watch (self, node);
  g_ptr_array_add (self->nodes, node);
  g_assert_true (ipc_node_start (node, NULL)); /* the default is made */
  g_autofree char *made = g_build_filename (xdg, "libipc", "test", NULL);
  g_assert_true (g_file_test (made, G_FILE_TEST_IS_DIR));
}

static void
test_long_path (Fixture *self, gconstpointer data)
{
  g_autofree char *part = g_strnfill (200, 'p');
  g_autofree char *deep = g_build_filename (self->dir, part, part, NULL);
  IpcNode *node = fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

  g_assert_cmpint (g_mkdir_with_parents (deep, 0700), ==, 0);
  ipc_node_set_runtime_dir (node, deep); /* longer than any socket address */
  g_assert_true (ipc_node_start (node, NULL));
  g_autoptr (Reply) reply = fixture_send (self, node, "x");
  fixture_expect_text (self, reply, "x");
}

/* What the group's files look like when all is well. */
static void
test_permissions (Fixture *self, gconstpointer data)
{
  g_autofree char *group_dir = fixture_path (self, "");
  g_autofree char *group = fixture_path (self, "group");
  g_autofree char *path = fixture_path (self, "socket");
  mode_t mask = umask (0);
  GStatBuf st;

  fixture_master (self, fixture_echo, NULL);
  umask (mask);
  g_assert_true (g_stat (group_dir, &st) == 0 && (st.st_mode & 07777) == 0700);
  g_assert_true (g_stat (group, &st) == 0 && (st.st_mode & 07777) == 0600);
  g_assert_true (g_stat (path, &st) == 0 && (st.st_mode & 0077) == 0);
}

/* The last rows of the table; /limits, /peers and /fake-master have more of each. */
static void
test_messages (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_node (self, IPC_MODE_MASTER, fixture_echo, NULL);
  IpcNode *unstarted = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) no_client = fixture_send (self, master, "x");
  g_autoptr (Reply) closed = fixture_send (self, unstarted, "x");

  fixture_expect_failure (self, no_client, IPC_ERROR, IPC_ERROR_NOT_A_CLIENT, "master");
  fixture_expect_failure (self, closed, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/bad-input/group-name", "the error says what is allowed", test_group_name);
  fixture_add ("/bad-input/good-group-names", "and that works", test_good_group_names);
  fixture_add ("/bad-input/dir/missing", "the error names the path and the reason", test_missing);
  fixture_add ("/bad-input/dir/wrong-mode", "others could write there", test_wrong_mode);
  fixture_add ("/bad-input/dir/not-ours", "somebody else's", test_not_ours);
  fixture_add ("/bad-input/dir/symlink", "leads elsewhere", test_symlink);
  fixture_add ("/bad-input/dir/not-a-directory", "a file", test_not_a_directory);
  fixture_add ("/bad-input/dir/read-only", "nothing can be made", test_read_only);
  fixture_add ("/bad-input/dir/full", "there is no room", test_full);
  fixture_add ("/bad-input/dir/foreign-file", "the group file is none", test_foreign_file);
  fixture_add ("/bad-input/dir/nothing-elsewhere", "a bad one is no reason to use another", test_nothing_elsewhere);
  fixture_add ("/bad-input/dir/long-path", "longer than a socket address", test_long_path);
  fixture_add ("/bad-input/permissions", "only for the user", test_permissions);
  fixture_add ("/bad-input/messages", "who may not send", test_messages);

  return g_test_run ();
}
