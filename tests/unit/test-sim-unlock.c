/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-unlock.h"

/* Locks of another process that are taken away: it is a child that holds one and waits to be killed. */

#define LOCK_AT (G_GINT64_CONSTANT (1) << 32)

typedef struct {
  char *path;
  int fd; /* ours, with a description of its own */
  pid_t child;
  int pidfd;
} Fixture;

static gboolean
take_lock (int fd)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_AT, .l_len = 1 };

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

/* Only system calls between fork() and the end. */
static void
be_child (const char *path, gboolean with_lock, int ready_fd)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);

  prctl (PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails: then nobody tears down */
  if (fd < 0 || (with_lock && !take_lock (fd)) || write (ready_fd, "", 1) != 1)
    _exit (1);
  for (;;)
    pause ();
}

static void
set_up (Fixture *fixture, gconstpointer with_lock)
{
  int ready[2];
  char byte;

  fixture->fd = g_file_open_tmp ("sim-unlock-XXXXXX", &fixture->path, NULL);
  g_assert_cmpint (fixture->fd, !=, -1);
  g_assert_cmpint (pipe2 (ready, O_CLOEXEC), ==, 0);

  fixture->child = fork ();
  if (fixture->child == 0)
    be_child (fixture->path, with_lock != NULL, ready[1]);
  fixture->pidfd = pidfd_open (fixture->child, 0);
  close (ready[1]);
  g_assert_cmpint (read (ready[0], &byte, 1), ==, 1);
  close (ready[0]);
}

static void
tear_down (Fixture *fixture, gconstpointer with_lock)
{
  kill (fixture->child, SIGKILL);
  waitpid (fixture->child, NULL, 0);
  close (fixture->pidfd);
  close (fixture->fd);
  g_unlink (fixture->path);
  g_free (fixture->path);
}

/* Whether the system lets us look into a child at all. */
static gboolean
may_look (Fixture *fixture)
{
  int fd = pidfd_getfd (fixture->pidfd, STDIN_FILENO, 0);

  if (fd < 0)
    g_test_skip ("pidfd_getfd is not allowed here");
  else
    close (fd);
  return fd >= 0;
}

static void
test_lock_goes (Fixture *fixture, gconstpointer with_lock)
{
  g_assert_false (take_lock (fixture->fd));
  if (!may_look (fixture))
    return;

  g_assert_cmpuint (sim_unlock_all (fixture->child, fixture->pidfd), ==, 1);
  g_assert_true (take_lock (fixture->fd));
  g_assert_cmpint (waitpid (fixture->child, NULL, WNOHANG), ==, 0); /* it lives, and has not been told */
}

static void
test_no_lock (Fixture *fixture, gconstpointer with_lock)
{
  g_assert_cmpuint (sim_unlock_all (fixture->child, fixture->pidfd), ==, 0);
}

static void
test_nobody (void)
{
  pid_t child = fork ();

  if (child == 0)
    _exit (0);
  waitpid (child, NULL, 0);
  g_assert_cmpuint (sim_unlock_all (child, -1), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/sim-unlock/lock-goes", Fixture, "", set_up, test_lock_goes, tear_down);
  g_test_add ("/sim-unlock/no-lock", Fixture, NULL, set_up, test_no_lock, tear_down);
  g_test_add_func ("/sim-unlock/nobody", test_nobody);

  return g_test_run ();
}
