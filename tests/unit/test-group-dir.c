/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "ipc-error.h"
#include "test-util.h"

/*
 * The directory of a group: who may write to it decides who may be master, so whatever is not as it must be is
 * refused with a text that names the path; and whatever is replaced afterwards is noticed.
 */

typedef struct {
  char *base; /* (owned) */
  char *path; /* (owned) of the group */
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) */
  IpcGroupDirChanges changes;
  int n_calls;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GError) error = NULL;

  fixture->n_fds = test_count_fds ();
  fixture->base = test_make_base ();
  fixture->path = g_build_filename (fixture->base, "group-of-test", NULL);
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_poller_free (fixture->poller);
  g_main_context_unref (fixture->context);
  test_remove_tree (fixture->base);
  g_free (fixture->base);
  g_free (fixture->path);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static void
test_names (void)
{
  static const struct {
    const char *name;
    gboolean good;
  } rows[] = {
    { NULL, FALSE }, { "", FALSE }, { "a", TRUE }, { "Z9._-", TRUE }, { ".", FALSE }, { "..", FALSE }, { ".a", FALSE },
    { "a.", TRUE }, { "a..b", TRUE }, { "-", TRUE }, { "_", TRUE }, { "a/b", FALSE }, { "/a", FALSE },
    { "../a", FALSE },
    { "a b", FALSE }, { " a", FALSE }, { "a\n", FALSE }, { "a\x7f", FALSE }, { "ä", FALSE }, { "\xff", FALSE },
    { "a%s%n", FALSE }, { "a@", FALSE }, { "a[", FALSE }, { "a`", FALSE }, { "a{", FALSE }, { "a:", FALSE },
    { "0123456789012345678901234567890123456789012345678901234567890123", TRUE },
    { "01234567890123456789012345678901234567890123456789012345678901234", FALSE },
  };

  g_test_summary ("A group name becomes a file name: nothing that leads elsewhere, and an error that can be printed");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autoptr (GError) error = NULL;

    if (ipc_group_name_check (rows[i].name, &error) != rows[i].good)
      g_error ("row %u", i);
    g_assert_true (g_error_matches (error, IPC_ERROR, IPC_ERROR_INVALID_GROUP) == !rows[i].good);
    if (error != NULL)
      g_assert_true (g_utf8_validate (error->message, -1, NULL));
  }
  for (guint c = 1; c < 256; c++) {
    char name[] = { 'a', c, '\0' };

    g_assert_true (ipc_group_name_check (name, NULL) == (g_ascii_isalnum (c) || c == '.' || c == '_' || c == '-'));
  }
}

static void
expect_refused (const char *base, const char *path, const char *word)
{
  g_autoptr (GError) error = NULL;
  IpcGroupDir *dir = ipc_group_dir_open (base, "group-of-test", FALSE, &error);

  g_assert_null (dir);
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
  g_assert_true (g_str_has_prefix (error->message, path));
  g_assert_nonnull (strstr (error->message, word));
}

static void
test_made (Fixture *fixture, gconstpointer user_data)
{
  static const mode_t masks[] = { 0, 0077, 0177, 0777 };
  struct stat st;

  g_test_summary ("Whoever comes first makes the directory, private whatever the umask; whoever comes second uses it");

  for (guint i = 0; i < G_N_ELEMENTS (masks); i++) {
    mode_t before = umask (masks[i]);
    IpcGroupDir *dir = test_open_group (fixture->base);

    umask (before);
    g_assert_cmpstr (ipc_group_dir_get_path (dir), ==, fixture->path);
    g_assert_cmpint (lstat (fixture->path, &st), ==, 0);
    g_assert_cmpint (st.st_mode, ==, S_IFDIR | 0700);
    g_assert_true (ipc_group_dir_is_current (dir));
    g_assert_false (ipc_group_dir_stat (dir, "socket", &st));
    ipc_group_dir_free (dir);
    ipc_group_dir_free (test_open_group (fixture->base));
    g_assert_cmpint (g_rmdir (fixture->path), ==, 0);
  }
}

static void
test_modes (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A group directory that others can read, write or enter is refused, and so is a base that others can "
                  "write to");

  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  for (guint mode = 0; mode < 0100; mode++) {
    g_assert_cmpint (g_chmod (fixture->path, 0700 | mode), ==, 0);
    if (mode == 0)
      ipc_group_dir_free (test_open_group (fixture->base));
    else
      expect_refused (fixture->base, fixture->path, "mode");
  }
  g_chmod (fixture->path, 0600);
  expect_refused (fixture->base, fixture->path, "mode 0600");

  g_chmod (fixture->path, 0700);
  for (guint mode = 0; mode < 0100; mode++) {
    g_assert_cmpint (g_chmod (fixture->base, 0700 | mode), ==, 0);
    if ((mode & 022) == 0)
      ipc_group_dir_free (test_open_group (fixture->base));
    else
      expect_refused (fixture->base, fixture->base, "write");
  }
}

static void
test_setgid_base (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupDir *dir;

  g_test_summary ("In a base with the set-group-ID bit every new directory has it too: what we made ourselves is not "
                  "refused");

  g_assert_cmpint (g_chmod (fixture->base, 02755), ==, 0);
  dir = test_open_group (fixture->base);
  ipc_group_dir_free (dir);
  ipc_group_dir_free (test_open_group (fixture->base));
}

static void
test_links (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *link_to_base = g_strconcat (fixture->base, "-link", NULL);
  g_autofree char *with_slash = g_strconcat (link_to_base, "/", NULL);
  g_autofree char *with_slashes = g_strconcat (link_to_base, "//", NULL);
  g_autofree char *good_with_slash = g_strconcat (fixture->base, "/", NULL);
  g_autofree char *elsewhere = g_build_filename (fixture->base, "elsewhere", NULL);

  g_test_summary ("A symbolic link could be turned somewhere else at any moment: it is refused, also with a slash "
                  "behind it");

  g_assert_cmpint (symlink (fixture->base, link_to_base), ==, 0);
  expect_refused (link_to_base, link_to_base, "link");
  ipc_group_dir_free (test_open_group (good_with_slash));
  g_assert_cmpint (g_rmdir (fixture->path), ==, 0);
  g_assert_cmpint (g_mkdir (elsewhere, 0700), ==, 0);
  g_assert_cmpint (symlink (elsewhere, fixture->path), ==, 0);
  expect_refused (fixture->base, fixture->path, "link");
  g_unlink (fixture->path);
  expect_refused (with_slash, link_to_base, "link");
  expect_refused (with_slashes, link_to_base, "link");
  g_unlink (link_to_base);
}

static void
test_relative (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *before = g_get_current_dir ();
  g_autofree char *parent = g_path_get_dirname (fixture->base);
  g_autofree char *name = g_path_get_basename (fixture->base);
  IpcGroupDir *dir;

  g_test_summary ("A relative path leads to the same place when the process has gone elsewhere, and an empty one "
                  "nowhere");

  g_assert_cmpint (chdir (parent), ==, 0);
  dir = test_open_group (name);
  g_assert_cmpint (chdir (before), ==, 0);
  g_assert_cmpstr (ipc_group_dir_get_path (dir), ==, fixture->path);
  g_assert_true (ipc_group_dir_is_current (dir));
  ipc_group_dir_free (dir);
  expect_refused ("", "", "No such file");
}

static void
test_not_a_directory (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *missing = g_build_filename (fixture->base, "missing", NULL);

  g_test_summary ("A file in the way, or a base that is not there, is an error that names it; nothing is made or "
                  "removed");

  expect_refused (missing, missing, "No such file");
  g_assert_false (g_file_test (missing, G_FILE_TEST_EXISTS));
  g_assert_true (g_file_set_contents (fixture->path, "x", 1, NULL));
  expect_refused (fixture->base, fixture->path, "not a directory");
  expect_refused (fixture->path, fixture->path, "not a directory");
  g_assert_true (g_file_test (fixture->path, G_FILE_TEST_IS_REGULAR));
  g_unlink (fixture->path);
  g_assert_cmpint (mkfifo (fixture->path, 0700), ==, 0);
  expect_refused (fixture->base, fixture->path, "not a directory");
}

static int
open_as_nobody (gpointer user_data)
{
  const Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;

  TEST_CHILD_CHECK (setresgid (65534, 65534, 65534) == 0 && setresuid (65534, 65534, 65534) == 0);
  TEST_CHILD_CHECK (ipc_group_dir_open (fixture->base, "group-of-test", FALSE, &error) == NULL);
  TEST_CHILD_CHECK (g_error_matches (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR));
  TEST_CHILD_CHECK (g_str_has_prefix (error->message, fixture->base));
  return 0;
}

static void
test_other_user (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupDir *dir;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A directory of another user, or one that cannot be written to, is refused; if other users are "
                  "allowed, only the modes count");

  if (geteuid () != 0) {
    g_test_skip ("needs root");
    return;
  }

  g_assert_cmpint (test_run_child (open_as_nobody, fixture), ==, 0); /* no access */
  g_chmod (fixture->base, 0755);
  g_assert_cmpint (test_run_child (open_as_nobody, fixture), ==, 0); /* belongs to root */
  g_assert_cmpint (chown (fixture->base, 65534, 65534), ==, 0);
  g_chmod (fixture->base, 0500);
  g_assert_cmpint (test_run_child (open_as_nobody, fixture), ==, 0); /* read-only */
  expect_refused (fixture->base, fixture->base, "belongs to user 65534");
  dir = ipc_group_dir_open (fixture->base, "group-of-test", TRUE, &error);
  g_assert_no_error (error);
  ipc_group_dir_free (dir);
}

static void
test_defaults (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *expected = g_build_filename (fixture->base, "libipc", "group-of-test", NULL);
  g_autofree char *before = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  IpcGroupDir *dir;

  g_test_summary ("Property, then IPC_RUNTIME_DIR, then XDG_RUNTIME_DIR: the first that is there, and only a default "
                  "is made");

  g_unsetenv ("IPC_RUNTIME_DIR");
  g_setenv ("XDG_RUNTIME_DIR", fixture->base, TRUE);
  dir = test_open_group (NULL);
  g_assert_cmpstr (ipc_group_dir_get_path (dir), ==, expected);
  ipc_group_dir_free (dir);

  g_setenv ("IPC_RUNTIME_DIR", fixture->base, TRUE);
  dir = test_open_group (NULL);
  g_assert_cmpstr (ipc_group_dir_get_path (dir), ==, fixture->path);
  ipc_group_dir_free (dir);

  g_setenv ("IPC_RUNTIME_DIR", "/nonexistent", TRUE);
  expect_refused (NULL, "/nonexistent", "No such file");
  dir = test_open_group (fixture->base);
  g_assert_cmpstr (ipc_group_dir_get_path (dir), ==, fixture->path);
  ipc_group_dir_free (dir);

  g_unsetenv ("IPC_RUNTIME_DIR");
  if (before != NULL)
    g_setenv ("XDG_RUNTIME_DIR", before, TRUE);
  else
    g_unsetenv ("XDG_RUNTIME_DIR");
}

static void
test_origin (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *before = g_strdup (g_getenv ("XDG_RUNTIME_DIR"));
  g_autofree char *in_xdg = g_build_filename (fixture->base, "libipc", NULL);

  g_test_summary ("A path that nobody remembers having given is no help: the error says where it came from, for the "
                  "base and for the group in it");

  expect_refused ("/nonexistent", "/nonexistent (from the property runtime-dir): ", "No such file");
  g_setenv ("IPC_RUNTIME_DIR", "/nonexistent", TRUE);
  expect_refused (NULL, "/nonexistent (from IPC_RUNTIME_DIR): ", "No such file");
  g_unsetenv ("IPC_RUNTIME_DIR");
  g_setenv ("XDG_RUNTIME_DIR", "/nonexistent", TRUE);
  expect_refused (NULL, "/nonexistent/libipc (from XDG_RUNTIME_DIR): ", "cannot be made");

  g_setenv ("XDG_RUNTIME_DIR", fixture->base, TRUE);
  ipc_group_dir_free (test_open_group (NULL));
  g_free (fixture->path);
  fixture->path = g_build_filename (in_xdg, "group-of-test", NULL);
  g_assert_cmpint (g_chmod (fixture->path, 0755), ==, 0);
  expect_refused (NULL, fixture->path, "group-of-test (from XDG_RUNTIME_DIR): has mode 0755");

  if (before != NULL)
    g_setenv ("XDG_RUNTIME_DIR", before, TRUE);
  else
    g_unsetenv ("XDG_RUNTIME_DIR");
}

static void
test_reopen (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupDir *dir = test_open_group (fixture->base);
  g_autoptr (GError) error = NULL;
  guint n_fds = test_count_fds ();

  g_test_summary ("When the directory has been removed, the path is followed to a new one; when that fails, the old "
                  "one stays");

  test_remove_tree (fixture->path);
  g_assert_false (ipc_group_dir_is_current (dir));
  g_assert_true (ipc_group_dir_reopen (dir, &error));
  g_assert_no_error (error);
  g_assert_true (ipc_group_dir_is_current (dir));

  test_remove_tree (fixture->path);
  g_assert_true (g_file_set_contents (fixture->path, "x", 1, NULL));
  g_assert_false (ipc_group_dir_reopen (dir, &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
  g_clear_error (&error);
  g_assert_cmpint (fcntl (ipc_group_dir_get_fd (dir), F_GETFD), !=, -1);
  test_remove_tree (fixture->base);
  g_assert_false (ipc_group_dir_reopen (dir, &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
  g_assert_cmpuint (test_count_fds (), ==, n_fds);
  ipc_group_dir_free (dir);
}

static void
changed_cb (IpcGroupDirChanges changes, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->changes |= changes;
  fixture->n_calls++;
}

/* What has been reported since the last time. */
static IpcGroupDirChanges
reported (Fixture *fixture)
{
  IpcGroupDirChanges changes;

  g_assert_cmpuint (test_settle (fixture->context, 100), <, 100);
  changes = fixture->changes;
  fixture->changes = 0;
  return changes;
}

static void
touch (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->path, name, NULL);

  close (open (path, O_CREAT | O_WRONLY | O_TRUNC, 0600));
}

static void
move (Fixture *fixture, const char *from, const char *to)
{
  g_autofree char *from_path = g_build_filename (fixture->path, from, NULL);
  g_autofree char *to_path = g_build_filename (fixture->path, to, NULL);

  g_assert_cmpint (g_rename (from_path, to_path), ==, 0);
}

static void
discard (Fixture *fixture, const char *name)
{
  g_autofree char *path = g_build_filename (fixture->path, name, NULL);

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
test_watch (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupDir *dir = test_open_group (fixture->base);
  g_autofree char *aside = g_strconcat (fixture->path, "-aside", NULL);
  const IpcGroupDirChanges both = IPC_GROUP_DIR_SOCKET | IPC_GROUP_DIR_FILE;

  g_test_summary ("Whatever is replaced is reported, after a reopen too; temporary files wake nobody up");

  ipc_group_dir_watch (dir, fixture->poller, changed_cb, fixture);
  g_assert_true (ipc_group_dir_try_watch (dir)); /* it is watching already: nothing changes */
  touch (fixture, ".socket-1");
  touch (fixture, "group");
  touch (fixture, "other");
  discard (fixture, "other");
  g_assert_cmpuint (reported (fixture), ==, 0);
  g_assert_cmpint (fixture->n_calls, ==, 0);

  move (fixture, ".socket-1", "socket");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_SOCKET);
  touch (fixture, ".socket-2");
  move (fixture, ".socket-2", "socket");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_SOCKET);
  move (fixture, "socket", "taken-away");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_SOCKET);
  discard (fixture, "group");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_FILE);
  for (int i = 0; i < 2; i++) { /* also when the file is there already, and a temporary one that somebody left */
    touch (fixture, ".suspect-" TEST_NODE_ID);
    ipc_group_dir_raise_alarm (dir, TEST_NODE_ID);
    g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_ALARM);
  }

  g_assert_cmpint (g_rename (fixture->path, aside), ==, 0);
  g_assert_cmpuint (reported (fixture), ==, both);
  g_assert_true (ipc_group_dir_reopen (dir, NULL));
  reported (fixture);
  touch (fixture, "x");
  move (fixture, "x", "socket");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_SOCKET);

  touch (fixture, "group");
  test_remove_tree (fixture->path);
  g_assert_cmpuint (reported (fixture) & IPC_GROUP_DIR_FILE, !=, 0);
  g_assert_true (ipc_group_dir_reopen (dir, NULL));
  reported (fixture);
  touch (fixture, "x");
  move (fixture, "x", "group");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_FILE);
  ipc_group_dir_free (dir);
}

static void
test_overflow (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupDir *dir = test_open_group (fixture->base);

  g_test_summary ("Many events between two looks are read to the end, also when the one that matters is the last");

  ipc_group_dir_watch (dir, fixture->poller, changed_cb, fixture);
  g_assert_true (ipc_group_dir_try_watch (dir)); /* it is watching already: nothing changes */
  for (guint i = 0; i < 2000; i++) {
    touch (fixture, ".temporary");
    discard (fixture, ".temporary");
  }
  touch (fixture, "x");
  move (fixture, "x", "socket");
  g_assert_cmpuint (reported (fixture), ==, IPC_GROUP_DIR_SOCKET);
  ipc_group_dir_free (dir);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/group-dir/" path, Fixture, NULL, set_up, func, tear_down)
  g_test_add_func ("/group-dir/name/table", test_names);
  ADD ("open/made", test_made);
  ADD ("open/every-mode", test_modes);
  ADD ("open/setgid-base", test_setgid_base);
  ADD ("open/links", test_links);
  ADD ("open/relative", test_relative);
  ADD ("open/not-a-directory", test_not_a_directory);
  ADD ("open/other-user", test_other_user);
  ADD ("open/defaults", test_defaults);
  ADD ("open/origin", test_origin);
  ADD ("reopen", test_reopen);
  ADD ("watch/everything", test_watch);
  ADD ("watch/many-events", test_overflow);

  return g_test_run ();
}
