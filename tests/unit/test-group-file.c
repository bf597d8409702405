/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>

#include "ipc-error.h"
#include "ipc-group-file.h"
#include "test-util.h"

/*
 * The group file: there is one, it is complete when it appears, and what is not ours is refused rather than used or
 * replaced. Its word changes by compare-and-swap only: an epoch has one claimant.
 */

#define N_CREATORS 20
#define N_ROUNDS 30

#define FILE_SIZE (4096 + 8 * 1024 * 1024)

typedef struct {
  char *base; /* (owned) */
  char *path; /* (owned) of the file */
  IpcGroupDir *dir; /* (owned) */
  guint n_fds;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->base = test_make_base ();
  fixture->dir = test_open_group (fixture->base);
  fixture->path = g_build_filename (ipc_group_dir_get_path (fixture->dir), "group", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_group_dir_free (fixture->dir);
  test_remove_tree (fixture->base);
  g_free (fixture->base);
  g_free (fixture->path);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static IpcGroupFile *
open_file (Fixture *fixture, guint64 epoch_min)
{
  g_autoptr (GError) error = NULL;
  IpcGroupFile *file = ipc_group_file_open (fixture->dir, TEST_NODE_ID, epoch_min, &error);

  g_assert_no_error (error);
  return file;
}

/* No temporary file is left. */
static void
check_names (Fixture *fixture, guint n_expected)
{
  g_autoptr (GDir) dir = g_dir_open (ipc_group_dir_get_path (fixture->dir), 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;
  g_assert_cmpuint (n, ==, n_expected);
}

static void
test_new (Fixture *fixture, gconstpointer user_data)
{
  guint64 before = g_get_real_time () / 16;
  mode_t mask = umask (0777);
  IpcGroupFile *file = open_file (fixture, 0);
  IpcWord word = ipc_group_file_get_word (file);
  g_autofree char *content = NULL;
  gsize len;
  struct stat st;
  static const guint8 header[24] = { 'I', 'P', 'C', 'G', 'R', 'O', 'U', 'P', 1, 0, 0, 0, 0, 16, 0, 0, 0, 16, 128, 0 };

  g_test_summary ("A new file is what the protocol says, private whatever the umask, reserved on the disk, and begins "
                  "at the wall clock");

  umask (mask);
  g_assert_cmpuint (ipc_word_get_slot (word), ==, 0);
  g_assert_cmpuint (ipc_word_get_epoch (word), >=, before);
  g_assert_cmpuint (ipc_word_get_epoch (word), <=, (guint64) g_get_real_time () / 16);
  g_assert_cmpint (lstat (fixture->path, &st), ==, 0);
  g_assert_cmpint (st.st_mode, ==, S_IFREG | 0600);
  g_assert_cmpint (st.st_nlink, ==, 1);
  g_assert_cmpint (st.st_blocks * 512, >=, FILE_SIZE);
  g_assert_true (g_file_get_contents (fixture->path, &content, &len, NULL));
  g_assert_cmpuint (len, ==, FILE_SIZE);
  g_assert_cmpmem (content, sizeof header, header, sizeof header);
  g_assert_cmpmem (content + 64, 8, &word, 8); /* little-endian, as all machines that this runs on */
  for (gsize i = 72; i < len; i++)
    g_assert_cmpint (content[i], ==, 0);
  g_assert_true (ipc_group_file_is_current (file, fixture->dir));
  g_assert_cmpint (fcntl (ipc_group_file_get_fd (file), F_GETFD), ==, FD_CLOEXEC);
  check_names (fixture, 1);
  ipc_group_file_free (file);
}

static void
test_next_epoch (Fixture *fixture, gconstpointer user_data)
{
  guint64 before = g_get_real_time () / 16;
  guint64 far = G_GUINT64_CONSTANT (1) << 47;
  guint64 next = ipc_group_file_next_epoch (ipc_word_make (5, 0));

  g_test_summary ("The epoch to claim is the clock's, or one more than the last when that is ahead of the clock");

  g_assert_cmpuint (next, >=, before);
  g_assert_cmpuint (next, <=, (guint64) g_get_real_time () / 16);
  g_assert_cmpuint (ipc_group_file_next_epoch (ipc_word_make (far, 7)), ==, far + 1);
}

static void
test_epoch_min (Fixture *fixture, gconstpointer user_data)
{
  guint64 far = G_GUINT64_CONSTANT (1) << 47;
  IpcGroupFile *file = open_file (fixture, far);
  IpcGroupFile *second = open_file (fixture, far + 5);

  g_test_summary ("A file that is made anew begins above every epoch its maker has seen, also when the clock was set "
                  "back; a file that is there is not touched");

  g_assert_cmpuint (ipc_word_get_epoch (ipc_group_file_get_word (file)), ==, far);
  g_assert_cmpuint (ipc_word_get_epoch (ipc_group_file_get_word (second)), ==, far);
  ipc_group_file_free (second);
  ipc_group_file_free (file);
}

typedef struct {
  Fixture *fixture;
  int gate[2];
  int results[2];
} Race;

static int
create_in_child (gpointer user_data)
{
  Race *race = user_data;
  g_autoptr (GError) error = NULL;
  g_autofree char *id = g_strdup_printf ("%032d", (int) getpid ());
  IpcGroupDir *dir = test_open_group (race->fixture->base); /* a child keeps none of its parent's */
  IpcGroupFile *file;
  struct stat st;
  char c;

  close (race->gate[1]);
  TEST_CHILD_CHECK (read (race->gate[0], &c, 1) == 0);
  file = ipc_group_file_open (dir, id, 0, &error);
  TEST_CHILD_CHECK (file != NULL);
  TEST_CHILD_CHECK (fstat (ipc_group_file_get_fd (file), &st) == 0 && st.st_size == FILE_SIZE);
  TEST_CHILD_CHECK (ipc_group_file_is_current (file, dir));
  TEST_CHILD_CHECK (ipc_group_file_get_word (file) >> 32 != 0);
  TEST_CHILD_CHECK (write (race->results[1], &st.st_ino, sizeof st.st_ino) == sizeof st.st_ino);
  return 0;
}

static void
test_race (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("However many make the file in the same moment, exactly one is put in place, all use it, and it is "
                  "complete for each of them");

  for (guint round = 0; round < N_ROUNDS; round++) {
    Race race = { .fixture = fixture };
    pid_t pids[N_CREATORS];
    ino_t first = 0;

    g_assert_cmpint (pipe (race.gate), ==, 0);
    g_assert_cmpint (pipe (race.results), ==, 0);
    for (guint i = 0; i < N_CREATORS; i++) {
      if ((pids[i] = fork ()) == 0)
        _exit (create_in_child (&race));
    }
    close (race.gate[0]);
    close (race.gate[1]); /* go */
    close (race.results[1]);
    for (guint i = 0; i < N_CREATORS; i++) {
      ino_t inode;
      int status;

      g_assert_cmpint (waitpid (pids[i], &status, 0), ==, pids[i]);
      g_assert_cmpint (status, ==, 0);
      g_assert_cmpint (read (race.results[0], &inode, sizeof inode), ==, sizeof inode);
      first = first == 0 ? inode : first;
      g_assert_cmpuint (inode, ==, first);
    }
    close (race.results[0]);
    check_names (fixture, 1);
    g_unlink (fixture->path);
  }
}

static void
expect_refused (Fixture *fixture, const char *word)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (ipc_group_file_open (fixture->dir, TEST_NODE_ID, 0, &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
  g_assert_true (g_str_has_prefix (error->message, fixture->path));
  g_assert_nonnull (strstr (error->message, word));
  check_names (fixture, 1);
}

static void
write_file (Fixture *fixture, const char *bytes, gsize len)
{
  int fd = open (fixture->path, O_WRONLY | O_TRUNC | O_CREAT, 0600);

  g_assert_cmpint (write (fd, bytes, len), ==, len);
  close (fd);
}

static void
test_foreign (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *good = NULL;
  gsize len;
  static const guint headers[] = { 0, 7, 8, 12, 13, 16, 18, 23 };
  static const gsize sizes[] = { 0, 1, 64, 4096, FILE_SIZE - 1, FILE_SIZE, FILE_SIZE + 1 };

  g_test_summary ("A file that is not ours, or of another version, is refused and left alone: its bytes may be "
                  "precious");

  ipc_group_file_free (open_file (fixture, 0));
  g_assert_true (g_file_get_contents (fixture->path, &good, &len, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (headers); i++) {
    good[headers[i]] ^= 0x40;
    write_file (fixture, good, len);
    expect_refused (fixture, headers[i] < 8 ? "magic" : "version");
    good[headers[i]] ^= 0x40;
  }
  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    gsize cut = sizes[i];

    write_file (fixture, good, MIN (cut, len));
    if (cut > len)
      g_assert_cmpint (truncate (fixture->path, cut), ==, 0);
    if (cut == len)
      ipc_group_file_free (open_file (fixture, 0));
    else
      expect_refused (fixture, "size");
  }
}

static void
test_modes (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Whoever can open the file can block the election: no mode but the owner's");

  ipc_group_file_free (open_file (fixture, 0));
  for (guint mode = 0; mode < 0100; mode++) {
    g_assert_cmpint (g_chmod (fixture->path, 0600 | mode), ==, 0);
    if (mode == 0)
      ipc_group_file_free (open_file (fixture, 0));
    else
      expect_refused (fixture, "access");
  }
}

static void
test_not_a_file (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A directory, a link or a pipe in the file's place is refused at once: an open that waits would "
                  "hang the node");

  g_assert_cmpint (g_mkdir (fixture->path, 0700), ==, 0);
  expect_refused (fixture, "");
  g_rmdir (fixture->path);
  g_assert_cmpint (symlink ("/dev/zero", fixture->path), ==, 0);
  expect_refused (fixture, "");
  g_unlink (fixture->path);
  g_assert_cmpint (symlink ("nowhere", fixture->path), ==, 0);
  expect_refused (fixture, "");
  g_unlink (fixture->path);
  g_assert_cmpint (mkfifo (fixture->path, 0600), ==, 0);
  expect_refused (fixture, "regular");
}

static void
test_claim (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupFile *a = open_file (fixture, 0), *b = open_file (fixture, 0);
  IpcWord word = ipc_group_file_get_word (a);
  guint64 epoch = ipc_word_get_epoch (word);

  g_test_summary ("Of two who claim the same epoch, one gets it; and both see it at once");

  g_assert_true (ipc_group_file_claim (a, word, ipc_word_make (epoch + 1, 0)));
  g_assert_false (ipc_group_file_claim (b, word, ipc_word_make (epoch + 1, 1)));
  g_assert_cmpuint (ipc_group_file_get_word (b), ==, ipc_word_make (epoch + 1, 0));
  g_assert_false (ipc_group_file_claim (b, ipc_word_make (epoch + 1, 1), ipc_word_make (epoch + 2, 1)));
  g_assert_true (ipc_group_file_claim (b, ipc_word_make (epoch + 1, 0), ipc_word_make (epoch + 2, 1)));
  g_assert_cmpuint (ipc_group_file_get_word (a), ==, ipc_word_make (epoch + 2, 1));
  ipc_group_file_free (a);
  ipc_group_file_free (b);
}

static void
test_retire (Fixture *fixture, gconstpointer user_data)
{
  IpcGroupFile *old = open_file (fixture, 0), *same = open_file (fixture, 0), *new;
  guint64 epoch = ipc_word_get_epoch (ipc_group_file_get_word (old));

  g_test_summary ("Who is still master by a file that is gone finds out at his next look; retiring twice changes "
                  "nothing more");

  g_unlink (fixture->path);
  g_assert_false (ipc_group_file_is_current (old, fixture->dir));
  ipc_group_file_retire (old);
  ipc_group_file_retire (same);
  g_assert_cmpuint (ipc_group_file_get_word (same), ==, ipc_word_make (epoch + 1, IPC_SLOT_RETIRED));
  new = open_file (fixture, epoch + 100000);
  g_assert_true (ipc_group_file_is_current (new, fixture->dir));
  g_assert_false (ipc_group_file_is_current (old, fixture->dir));
  g_assert_cmpuint (ipc_group_file_get_word (new), ==, ipc_word_make (epoch + 100000, 0));
  test_remove_tree (ipc_group_dir_get_path (fixture->dir));
  g_assert_false (ipc_group_file_is_current (new, fixture->dir));
  ipc_group_file_free (new);
  ipc_group_file_free (same);
  ipc_group_file_free (old);
}

static int
create_without_room (gpointer user_data)
{
  Fixture *fixture = user_data;
  struct rlimit limit = { 64 * 1024, 64 * 1024 };
  g_autoptr (GError) error = NULL;

  TEST_CHILD_CHECK (setrlimit (RLIMIT_FSIZE, &limit) == 0);
  TEST_CHILD_CHECK (ipc_group_file_open (test_open_group (fixture->base), TEST_NODE_ID, 0, &error) == NULL);
  TEST_CHILD_CHECK (g_error_matches (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR));
  TEST_CHILD_CHECK (strstr (error->message, g_strerror (EFBIG)) != NULL);
  return 0;
}

static int
create_on_full_disk (gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GError) error = NULL;
  IpcGroupDir *dir;

  if (unshare (CLONE_NEWNS) == -1 || mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) == -1
      || mount ("none", fixture->base, "tmpfs", 0, "size=512k,mode=0700") == -1)
    return 77;

  dir = ipc_group_dir_open (fixture->base, "group-of-test", FALSE, &error);
  TEST_CHILD_CHECK (dir != NULL);
  TEST_CHILD_CHECK (ipc_group_file_open (dir, TEST_NODE_ID, 0, &error) == NULL);
  TEST_CHILD_CHECK (g_error_matches (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR));
  TEST_CHILD_CHECK (strstr (error->message, g_strerror (ENOSPC)) != NULL);
  TEST_CHILD_CHECK (access (fixture->path, F_OK) == -1);
  return 0;
}

static void
test_full_disk (Fixture *fixture, gconstpointer user_data)
{
  int status;

  g_test_summary ("On a full disk, and beyond a limit, there is an error now, and no signal now or later; and nothing "
                  "is left behind");

  g_assert_cmpint (test_run_child (create_without_room, fixture), ==, 0);
  check_names (fixture, 0);
  status = test_run_child (create_on_full_disk, fixture);
  if (status == 77)
    g_test_message ("no mount is allowed here: only the file size limit was tested");
  else
    g_assert_cmpint (status, ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/group-file/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("new/content", test_new);
  ADD ("new/epoch-min", test_epoch_min);
  ADD ("claim/next-epoch", test_next_epoch);
  ADD ("new/race", test_race);
  ADD ("new/full-disk", test_full_disk);
  ADD ("existing/foreign", test_foreign);
  ADD ("existing/every-mode", test_modes);
  ADD ("existing/not-a-file", test_not_a_file);
  ADD ("word/claim", test_claim);
  ADD ("word/retire", test_retire);

  return g_test_run ();
}
