/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>

#include "ipc-fork-guard.h"
#include "ipc-lock-waiter.h"
#include "test-util.h"

/*
 * Waiting for the lock of a slot. Every open of the file is a candidate of its own, as in different processes: such
 * locks belong to the open file, not to the process. The poller is turned by hand, so that what happens between two
 * turns is known.
 */

#define LOCK_BASE (G_GINT64_CONSTANT (1) << 32) /* docs/protocol.md section 7 */

#ifdef __SANITIZE_ADDRESS__
/* The sanitizer does not see that a cancelled thread leaves its frames, and stumbles over them when the thread ends. */
const char *__asan_default_options (void);

const char *
__asan_default_options (void)
{
  return "use_sigaltstack=0";
}
#endif

typedef struct {
  char *path; /* (owned) */
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) */
  int granted;
  int saved_errno;
  IpcLockWaiter *free_in_callback;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  int fd = g_file_open_tmp ("libipc-unit-XXXXXX", &fixture->path, NULL);

  g_assert_cmpint (fd, !=, -1);
  close (fd);
  fixture->n_fds = test_count_fds ();
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_poller_free (fixture->poller);
  g_main_context_unref (fixture->context);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
  g_unlink (fixture->path);
  g_free (fixture->path);
}

static int
open_file (Fixture *fixture)
{
  int fd = open (fixture->path, O_RDWR | O_CLOEXEC);

  g_assert_cmpint (fd, !=, -1);
  ipc_fork_guard_add (fd);
  return fd;
}

static gboolean
try_lock (int fd, guint slot)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BASE + slot, .l_len = 1 };

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

/* Whether somebody holds the lock, seen by one who does not take it. */
static gboolean
is_held (Fixture *fixture, guint slot)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BASE + slot, .l_len = 1 };
  int fd = open (fixture->path, O_RDWR | O_CLOEXEC);
  int result = fcntl (fd, F_OFD_GETLK, &lock);

  g_assert_cmpint (result, ==, 0);
  close (fd);
  return lock.l_type != F_UNLCK;
}

static void
granted_cb (int saved_errno, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->granted++;
  fixture->saved_errno = saved_errno;
  g_clear_pointer (&fixture->free_in_callback, ipc_lock_waiter_free);
}

static IpcLockWaiter *
wait_for (Fixture *fixture, int fd, guint slot)
{
  g_autoptr (GError) error = NULL;
  IpcLockWaiter *waiter = ipc_lock_waiter_new (fixture->poller, fd, slot, granted_cb, fixture, &error);

  g_assert_no_error (error);
  return waiter;
}

/* Whether a thread of this process sleeps in the kernel's queue of a lock. */
static gboolean
somebody_waits (Fixture *fixture)
{
  g_autofree char *locks = NULL;
  struct stat st;
  gboolean waits = FALSE;

  if (test_under_valgrind ()) {
    g_usleep (50 * 1000); /* the kernel does not know of it: only let it come to where it would wait */
    return TRUE;
  }

  g_assert_cmpint (stat (fixture->path, &st), ==, 0);
  g_assert_true (g_file_get_contents ("/proc/locks", &locks, NULL, NULL));
  g_autofree char *inode = g_strdup_printf (":%lu ", (gulong) st.st_ino);
  g_auto (GStrv) lines = g_strsplit (locks, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++)
    waits |= g_strrstr (lines[i], "->") != NULL && g_strrstr (lines[i], inode) != NULL;

  return waits;
}

static void
until_somebody_waits (Fixture *fixture)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;

  while (!somebody_waits (fixture) && g_get_monotonic_time () < deadline_us)
    g_thread_yield ();
  g_assert_true (somebody_waits (fixture));
}

static void
test_at_once (Fixture *fixture, gconstpointer user_data)
{
  int fd = open_file (fixture);
  IpcLockWaiter *waiter = wait_for (fixture, fd, 3);

  g_test_summary ("A free lock is granted, told once, on the byte that the protocol names and on no other");

  test_wait_for (fixture->context, &fixture->granted);
  test_settle (fixture->context, 10);
  g_assert_cmpint (fixture->granted, ==, 1);
  g_assert_cmpint (fixture->saved_errno, ==, 0);
  g_assert_true (is_held (fixture, 3));
  g_assert_false (is_held (fixture, 2));
  g_assert_false (is_held (fixture, 4));
  ipc_lock_waiter_free (waiter);
  g_assert_true (is_held (fixture, 3)); /* it stays with the file */
  ipc_fork_guard_close (fd);
  g_assert_false (is_held (fixture, 3));
}

static void
test_queued (Fixture *fixture, gconstpointer user_data)
{
  int holder = open_file (fixture), fd = open_file (fixture);
  IpcLockWaiter *waiter;

  g_test_summary ("A held lock is waited for without a wake-up, and granted when its holder closes");

  g_assert_true (try_lock (holder, 0));
  waiter = wait_for (fixture, fd, 0);
  until_somebody_waits (fixture);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
  g_assert_cmpint (fixture->granted, ==, 0);
  ipc_fork_guard_close (holder);
  test_wait_for (fixture->context, &fixture->granted);
  g_assert_true (is_held (fixture, 0));
  ipc_lock_waiter_free (waiter);
  ipc_fork_guard_close (fd);
}

static void
test_freed_while_waiting (Fixture *fixture, gconstpointer user_data)
{
  int holder = open_file (fixture), fd = open_file (fixture);

  g_test_summary ("Who stops waiting does so at once, is told nothing, and leaves the lock to others");

  g_assert_true (try_lock (holder, 0));
  for (guint i = 0; i < 200; i++) {
    IpcLockWaiter *waiter = wait_for (fixture, fd, 0);

    if (i % 2 == 0)
      until_somebody_waits (fixture);
    ipc_lock_waiter_free (waiter);
    g_assert_true (test_under_valgrind () || !somebody_waits (fixture));
  }
  ipc_fork_guard_close (holder);
  g_assert_false (is_held (fixture, 0));
  test_settle (fixture->context, 10);
  g_assert_cmpint (fixture->granted, ==, 0);
  ipc_fork_guard_close (fd);
}

static void
test_freed_as_granted (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Freed in the moment in which the lock comes: no report, and the lock goes with the file");

  for (guint i = 0; i < 300; i++) {
    int holder = open_file (fixture), fd = open_file (fixture);
    IpcLockWaiter *waiter;

    g_assert_true (try_lock (holder, 0));
    waiter = wait_for (fixture, fd, 0);
    if (i % 3 == 0)
      until_somebody_waits (fixture);
    ipc_fork_guard_close (holder);
    for (guint j = 0; j < i % 50; j++)
      g_thread_yield ();
    ipc_lock_waiter_free (waiter);
    test_settle (fixture->context, 10);
    g_assert_cmpint (fixture->granted, ==, 0);
    ipc_fork_guard_close (fd);
    g_assert_false (is_held (fixture, 0));
  }
}

static void
test_freed_in_callback (Fixture *fixture, gconstpointer user_data)
{
  int fd = open_file (fixture);

  g_test_summary ("Who is told may free the waiter at once");

  fixture->free_in_callback = wait_for (fixture, fd, 0);
  test_wait_for (fixture->context, &fixture->granted);
  g_assert_null (fixture->free_in_callback);
  ipc_fork_guard_close (fd);
}

static void
test_impossible (Fixture *fixture, gconstpointer user_data)
{
  int fd = open (fixture->path, O_RDONLY | O_CLOEXEC);
  IpcLockWaiter *waiter = wait_for (fixture, fd, 0);

  g_test_summary ("What makes waiting impossible is told, and not taken for a granted lock");

  test_wait_for (fixture->context, &fixture->granted);
  g_assert_cmpint (fixture->saved_errno, ==, EBADF);
  ipc_lock_waiter_free (waiter);
  close (fd);
}

static volatile sig_atomic_t n_signals;

static void
signal_cb (int number)
{
  n_signals++;
}

static void
test_signals (Fixture *fixture, gconstpointer user_data)
{
  int holder = open_file (fixture), fd = open_file (fixture);
  struct sigaction action = { .sa_handler = signal_cb }, before;
  sigset_t usr1;
  IpcLockWaiter *waiter;

  g_test_summary ("Signals of the application neither end the waiting nor run in the waiter's thread");

  sigaction (SIGUSR1, &action, &before);
  g_assert_true (try_lock (holder, 0));
  waiter = wait_for (fixture, fd, 0);
  until_somebody_waits (fixture);
  for (guint i = 0; i < 100; i++)
    kill (getpid (), SIGUSR1);
  g_assert_cmpint (n_signals, >, 0);

  /* Blocked here, a signal stays pending: the waiter's thread does not take it. */
  sigemptyset (&usr1);
  sigaddset (&usr1, SIGUSR1);
  pthread_sigmask (SIG_BLOCK, &usr1, NULL);
  n_signals = 0;
  kill (getpid (), SIGUSR1);
  for (guint i = 0; i < 1000; i++)
    g_thread_yield ();
  g_assert_cmpint (n_signals, ==, 0);
  pthread_sigmask (SIG_UNBLOCK, &usr1, NULL);
  for (guint i = 0; i < 1000 && n_signals == 0; i++)
    g_thread_yield (); /* at once, but not under valgrind */
  g_assert_cmpint (n_signals, ==, 1);

  test_settle (fixture->context, 10);
  g_assert_cmpint (fixture->granted, ==, 0);
  g_assert_true (somebody_waits (fixture));
  ipc_fork_guard_close (holder);
  test_wait_for (fixture->context, &fixture->granted);
  g_assert_cmpint (fixture->saved_errno, ==, 0);
  ipc_lock_waiter_free (waiter);
  ipc_fork_guard_close (fd);
  sigaction (SIGUSR1, &before, NULL);
}

/* A process that takes the lock, forks a child that lives on, and dies by SIGKILL. */
static int
die_with_child (gpointer user_data)
{
  Fixture *fixture = ((gpointer *) user_data)[0];
  int *life = ((gpointer *) user_data)[1];
  int fd = open_file (fixture);
  char c;

  TEST_CHILD_CHECK (try_lock (fd, 0));
  if (fork () == 0) {
    close (life[1]);
    _exit (fcntl (fd, F_GETFD) == -1 && read (life[0], &c, 1) == 0 ? 0 : 1);
  }
  kill (getpid (), SIGKILL);
  return 1;
}

static void
test_fork (Fixture *fixture, gconstpointer user_data)
{
  int fd = open_file (fixture);
  int life[2];
  gpointer data[] = { fixture, life };
  IpcLockWaiter *waiter;

  g_test_summary ("A child that was forked and lives on does not keep the lock of a master that has died");

  g_assert_cmpint (pipe (life), ==, 0);
  g_assert_cmpint (test_run_child (die_with_child, data), ==, 128 + SIGKILL);
  waiter = wait_for (fixture, fd, 0);
  test_wait_for (fixture->context, &fixture->granted);
  g_assert_cmpint (fixture->saved_errno, ==, 0);
  ipc_lock_waiter_free (waiter);
  ipc_fork_guard_close (fd);
  close (life[0]);
  close (life[1]); /* ends the child */
}

static int
check_in_child (gpointer user_data)
{
  int *fds = user_data;

  for (guint i = 0; i < 300; i++)
    TEST_CHILD_CHECK ((fcntl (fds[i], F_GETFD) == -1) == (i % 3 == 0));
  return 0;
}

static void
test_fork_guard (Fixture *fixture, gconstpointer user_data)
{
  int fds[300];

  g_test_summary ("A child loses exactly the guarded descriptors, whatever their numbers; a number that is closed and "
                  "used again is not guarded any more; and the parent keeps all of them, with their locks");

  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    fds[i] = open (fixture->path, O_RDWR | O_CLOEXEC);
    ipc_fork_guard_add (fds[i]);
  }
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    if (i % 3 != 0) {
      ipc_fork_guard_close (fds[i]);
      g_assert_cmpint (open ("/dev/null", O_RDONLY | O_CLOEXEC), ==, fds[i]);
    }
  }
  g_assert_true (try_lock (fds[0], 1));
  g_assert_cmpint (test_run_child (check_in_child, fds), ==, 0);
  g_assert_true (is_held (fixture, 1));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++) {
    g_assert_cmpint (fcntl (fds[i], F_GETFD), !=, -1);
    if (i % 3 == 0)
      ipc_fork_guard_close (fds[i]);
    else
      close (fds[i]);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/lock-waiter/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("granted/at-once", test_at_once);
  ADD ("granted/queued", test_queued);
  ADD ("freed/while-waiting", test_freed_while_waiting);
  ADD ("freed/as-granted", test_freed_as_granted);
  ADD ("freed/in-callback", test_freed_in_callback);
  ADD ("impossible", test_impossible);
  ADD ("signals", test_signals);
  ADD ("fork/dead-master", test_fork);
  ADD ("fork/every-descriptor", test_fork_guard);

  return g_test_run ();
}
