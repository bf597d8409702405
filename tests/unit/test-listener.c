/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "ipc-error.h"
#include "ipc-listener.h"
#include "test-util.h"

/*
 * The master's socket: whoever finds its name can connect, nobody else can open it, and when descriptors run out it
 * neither spins nor falls silent.
 */

typedef struct {
  char *base;       /* (owned) */
  IpcGroupDir *dir; /* (owned) */
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) */
  IpcListener *listener; /* (owned) */
  int n_accepted;
  gboolean pause_in_callback;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GError) error = NULL;

  fixture->n_fds = test_count_fds ();
  fixture->base = test_make_base ();
  fixture->dir = test_open_group (fixture->base);
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", &error);
  fixture->listener = ipc_listener_new (fixture->dir, TEST_NODE_ID, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  g_clear_pointer (&fixture->listener, ipc_listener_free);
  ipc_poller_free (fixture->poller);
  g_main_context_unref (fixture->context);
  ipc_group_dir_free (fixture->dir);
  test_remove_tree (fixture->base);
  g_free (fixture->base);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

/* Returns a connected socket, or -1 with errno set. */
static int
dial (Fixture *fixture, const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = ipc_group_dir_reach (fixture->dir, name);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  g_assert_cmpuint (strlen (path), <, sizeof address.sun_path);
  strcpy (address.sun_path, path);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == -1) {
    int saved_errno = errno;

    close (fd);
    errno = saved_errno;
    return -1;
  }

  return fd;
}

static void
accepted_cb (int fd, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpint (fcntl (fd, F_GETFL) & O_NONBLOCK, !=, 0);
  g_assert_cmpint (fcntl (fd, F_GETFD), ==, FD_CLOEXEC);
  fixture->n_accepted++;
  close (fd);
  if (fixture->pause_in_callback)
    ipc_listener_set_paused (fixture->listener, TRUE);
}

static void
test_publish (Fixture *fixture, gconstpointer user_data)
{
  struct stat st;
  int fd;

  g_test_summary ("Nobody finds the socket before it is published; from then on whoever finds it can connect");

  g_assert_cmpint (dial (fixture, "socket"), ==, -1);
  g_assert_cmpint (errno, ==, ENOENT);
  g_assert_false (ipc_listener_is_published (fixture->listener));
  g_assert_true (ipc_listener_publish (fixture->listener, NULL));
  g_assert_true (ipc_listener_is_published (fixture->listener));
  fd = dial (fixture, "socket"); /* before anybody accepts */
  g_assert_cmpint (fd, !=, -1);
  close (fd);
  g_assert_true (ipc_group_dir_stat (fixture->dir, "socket", &st));
  g_assert_cmpint (st.st_mode, ==, S_IFSOCK | 0600);
  g_assert_false (ipc_group_dir_stat (fixture->dir, ".socket-" TEST_NODE_ID, &st));

  g_clear_pointer (&fixture->listener, ipc_listener_free);
  g_assert_true (ipc_group_dir_stat (fixture->dir, "socket", &st)); /* it could be a successor's: it stays */
  g_assert_cmpint (dial (fixture, "socket"), ==, -1);
  g_assert_cmpint (errno, ==, ECONNREFUSED);
}

static void
test_mode (Fixture *fixture, gconstpointer user_data)
{
  struct stat st;
  mode_t before = umask (0);
  IpcListener *listener = ipc_listener_new (fixture->dir, "other", NULL);

  g_test_summary ("Only the user may connect, whatever the umask; and what was never published is taken away");

  umask (before);
  g_assert_true (ipc_group_dir_stat (fixture->dir, ".socket-other", &st));
  g_assert_cmpint (st.st_mode & 07777, ==, 0600);
  ipc_listener_free (listener);
  g_assert_false (ipc_group_dir_stat (fixture->dir, ".socket-other", &st));
}

static void
test_replaced (Fixture *fixture, gconstpointer user_data)
{
  IpcListener *other = ipc_listener_new (fixture->dir, "other", NULL);
  g_autoptr (GError) error = NULL;

  g_test_summary ("Somebody stale may rename his socket over ours: we see it, also when there is a file or nothing "
                  "there");

  g_assert_true (ipc_listener_publish (fixture->listener, NULL));
  g_assert_true (ipc_listener_publish (other, NULL));
  g_assert_false (ipc_listener_is_published (fixture->listener));
  g_assert_true (ipc_listener_is_published (other));
  unlinkat (ipc_group_dir_get_fd (fixture->dir), "socket", 0);
  g_assert_false (ipc_listener_is_published (other));
  close (openat (ipc_group_dir_get_fd (fixture->dir), "socket", O_CREAT | O_WRONLY, 0600));
  g_assert_false (ipc_listener_is_published (other));
  g_assert_false (ipc_listener_publish (fixture->listener, &error)); /* its temporary name is used up */
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
  ipc_listener_free (other);
}

static void
test_successor (Fixture *fixture, gconstpointer user_data)
{
  IpcListener *next = ipc_listener_new (fixture->dir, TEST_NODE_ID, NULL);
  IpcListener *after_next;

  g_test_summary ("A node that becomes master again uses the same temporary name: freeing the old listener leaves the "
                  "new one's");

  g_assert_true (ipc_listener_publish (next, NULL));
  after_next = ipc_listener_new (fixture->dir, TEST_NODE_ID, NULL);
  ipc_listener_free (next);
  g_assert_true (ipc_listener_publish (after_next, NULL));
  g_assert_true (ipc_listener_is_published (after_next));
  ipc_listener_free (after_next);
}

static void
test_left_over (Fixture *fixture, gconstpointer user_data)
{
  IpcListener *listener;
  g_autoptr (GError) error = NULL;

  g_test_summary ("A temporary name that an earlier attempt left behind is no obstacle; a directory there is an error");

  close (openat (ipc_group_dir_get_fd (fixture->dir), ".socket-x", O_CREAT | O_WRONLY, 0600));
  listener = ipc_listener_new (fixture->dir, "x", &error);
  g_assert_no_error (error);
  ipc_listener_free (listener);
  g_assert_cmpint (mkdirat (ipc_group_dir_get_fd (fixture->dir), ".socket-x", 0700), ==, 0);
  g_assert_null (ipc_listener_new (fixture->dir, "x", &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
}

static void
test_accept (Fixture *fixture, gconstpointer user_data)
{
  int fds[150];

  g_test_summary ("Everybody who has come is accepted, in several turns, and then there is rest");

  g_assert_true (ipc_listener_publish (fixture->listener, NULL));
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    g_assert_cmpint ((fds[i] = dial (fixture, "socket")), !=, -1);
  g_assert_true (ipc_listener_start (fixture->listener, fixture->poller, accepted_cb, fixture));
  g_main_context_iteration (fixture->context, FALSE);
  g_assert_cmpint (fixture->n_accepted, <, 150); /* a flood does not starve the others */
  g_assert_cmpuint (test_settle (fixture->context, 100), <, 100);
  g_assert_cmpint (fixture->n_accepted, ==, 150);
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    close (fds[i]);
}

static void
test_pause (Fixture *fixture, gconstpointer user_data)
{
  int fds[10];

  g_test_summary ("A paused listener accepts nobody and does not spin, and none of those who came meanwhile is lost");

  g_assert_true (ipc_listener_publish (fixture->listener, NULL));
  g_assert_true (ipc_listener_start (fixture->listener, fixture->poller, accepted_cb, fixture));
  fixture->pause_in_callback = TRUE;
  for (guint i = 0; i < G_N_ELEMENTS (fds); i++)
    fds[i] = dial (fixture, "socket");
  for (int i = 1; i <= (int) G_N_ELEMENTS (fds); i++) {
    g_assert_cmpuint (test_settle (fixture->context, 100), <, 10);
    g_assert_cmpint (fixture->n_accepted, ==, i);
    ipc_listener_set_paused (fixture->listener, FALSE);
    close (fds[i - 1]);
  }
}

static void
count_turn_cb (gpointer user_data)
{
  (*(int *) user_data)++;
}

static int
run_out_of_descriptors (gpointer user_data)
{
  Fixture *fixture = user_data;
  struct rlimit limit;
  int clients[5], n_turns = 0, n_open = 0;
  int open_fds[1024];
  char c;

  TEST_CHILD_CHECK (getrlimit (RLIMIT_NOFILE, &limit) == 0);
  limit.rlim_cur = 200;
  TEST_CHILD_CHECK (setrlimit (RLIMIT_NOFILE, &limit) == 0);
  ipc_group_dir_free (fixture->dir); /* all that the parent guarded is closed here: begin anew */
  fixture->dir = test_open_group (fixture->base);
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "child", NULL);
  fixture->listener = ipc_listener_new (fixture->dir, "child", NULL);
  TEST_CHILD_CHECK (ipc_listener_publish (fixture->listener, NULL));
  TEST_CHILD_CHECK (ipc_listener_start (fixture->listener, fixture->poller, accepted_cb, fixture));
  ipc_poller_set_epilogue (fixture->poller, count_turn_cb, &n_turns);

  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    TEST_CHILD_CHECK ((clients[i] = dial (fixture, "socket")) != -1);
  while ((open_fds[n_open] = open ("/dev/null", O_RDONLY)) != -1)
    n_open++;

  test_settle (fixture->context, 1000);
  TEST_CHILD_CHECK (n_turns <= 3); /* not one turn after the other */
  TEST_CHILD_CHECK (fixture->n_accepted == 0);
  for (guint i = 0; i < G_N_ELEMENTS (clients); i++)
    TEST_CHILD_CHECK (read (clients[i], &c, 1) == 0); /* told by the end of the stream: nobody waits in vain */

  while (n_open > 0)
    close (open_fds[--n_open]);
  TEST_CHILD_CHECK (dial (fixture, "socket") != -1);
  test_settle (fixture->context, 1000);
  TEST_CHILD_CHECK (fixture->n_accepted == 0); /* the pause is not over */
  test_wait_for (fixture->context, &fixture->n_accepted);

  return 0;
}

static void
test_no_descriptors (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Without a free descriptor the loop does not spin: whoever waits is dropped, then there is a pause, "
                  "and when there are descriptors again, whoever comes is accepted");

  if (test_under_valgrind ()) {
    g_test_skip ("valgrind keeps the limit by closing what was accepted, and the others wait in vain");
    return;
  }

  g_assert_cmpint (test_run_child (run_out_of_descriptors, fixture), ==, 0);
}

static int
make_without_descriptors (gpointer user_data)
{
  Fixture *fixture = user_data;
  struct rlimit none = { 3, 3 };
  g_autoptr (GError) error = NULL;

  TEST_CHILD_CHECK (setrlimit (RLIMIT_NOFILE, &none) == 0);
  TEST_CHILD_CHECK (ipc_listener_new (fixture->dir, "child", &error) == NULL);
  g_printerr ("# %s\n", error->message);
  TEST_CHILD_CHECK (g_error_matches (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR));
  TEST_CHILD_CHECK (strstr (error->message, g_strerror (EMFILE)) != NULL);
  return 0;
}

static void
test_reason (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("When no socket can be made, the error names the true reason");

  if (test_under_valgrind ()) {
    g_test_skip ("valgrind does not let the limit be that low");
    return;
  }

  g_assert_cmpint (test_run_child (make_without_descriptors, fixture), ==, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/listener/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("publish/in-order", test_publish);
  ADD ("publish/mode", test_mode);
  ADD ("publish/replaced", test_replaced);
  ADD ("publish/successor", test_successor);
  ADD ("publish/left-over", test_left_over);
  ADD ("accept/all", test_accept);
  ADD ("accept/paused", test_pause);
  ADD ("descriptors/none-to-accept", test_no_descriptors);
  ADD ("descriptors/none-to-listen", test_reason);

  return g_test_run ();
}
