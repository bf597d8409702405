/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * A group at rest does nothing at all: no timer, no wake-up, in no thread. Seen from inside, by standing in for poll(),
 * and from outside, with strace where it may be used.
 */

enum { N = 5, REST_MS = 3000 };

static gboolean resting;  /* nothing was due, and poll() waited to its end */
static guint n_disturbed; /* or something came */

static gint
rest_poll (GPollFD *fds, guint n_fds, gint timeout_ms)
{
  gint n;

  if (timeout_ms != -1)
    return poll ((struct pollfd *) fds, n_fds, timeout_ms);

  n = poll ((struct pollfd *) fds, n_fds, REST_MS);
  resting = n == 0;
  n_disturbed += n != 0;

  return n;
}

/* How often the threads of this process other than the first have gone to sleep. */
static guint
count_switches (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint sum = 0;

  while ((task = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename ("/proc/self/task", task, "status", NULL);
    g_autofree char *status = NULL;
    const char *line;
    guint n;

    if (atoi (task) == getpid () || !g_file_get_contents (path, &status, NULL, NULL))
      continue;
    line = strstr (status, "\nvoluntary_ctxt_switches:");
    if (line != NULL && sscanf (line, "\nvoluntary_ctxt_switches: %u", &n) == 1)
      sum += n;
  }

  return sum;
}

/* The thread sanitizer has a thread of its own, and under valgrind candidates wait in small steps. */
static gboolean
is_checked (void)
{
#ifdef __SANITIZE_THREAD__
  return TRUE;
#else
  return under_valgrind ();
#endif
}

static void
test_poll (Fixture *self, gconstpointer data)
{
  IpcNode *nodes[N];
  gint64 until_us = g_get_monotonic_time () + WAIT_US;
  guint n_switches;

  for (int i = 0; i < N; i++)
    nodes[i] = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  for (int i = 0; i < N; i++) {
    g_autoptr (Reply) reply = fixture_send (self, nodes[i], "x");
    fixture_expect_text (self, reply, "x");
  }

  g_main_context_set_poll_func (self->context, rest_poll);
  resting = FALSE;
  while (!resting && g_get_monotonic_time () < until_us)
    g_main_context_iteration (self->context, TRUE);
  g_assert_true (resting);

  /* Once at rest, it stays there: exactly one wait, for which nothing was due and in which nothing came. */
  resting = FALSE;
  n_disturbed = 0;
  n_switches = count_switches ();
  g_main_context_iteration (self->context, TRUE);
  g_assert_true (resting);
  g_assert_cmpuint (n_disturbed, ==, 0);
  if (!is_checked ())
    g_assert_cmpuint (count_switches (), ==, n_switches);
  g_main_context_set_poll_func (self->context, NULL);

  for (int i = 0; i < N; i++) {
    g_autoptr (Reply) reply = fixture_send (self, nodes[i], "still there");
    fixture_expect_text (self, reply, "still there");
  }
}

/* All that strace may have seen is the one call in which each thread was waiting when it came; that call ends, if at all,
 * when strace leaves. */
static void
check_trace (const char *text)
{
  g_autoptr (GHashTable) threads = g_hash_table_new_full (g_str_hash, g_str_equal, g_free, NULL);
  g_auto (GStrv) lines = g_strsplit (text, "\n", -1);

  for (char **line = lines; *line != NULL; line++) {
    gboolean detached = strstr (*line, "<detached ...>") != NULL;
    g_autofree char *thread = g_strndup (*line, strcspn (*line, " "));

    if (**line == '\0' || strstr (*line, "strace: ") != NULL || (detached && strstr (*line, " resumed>") != NULL))
      continue;
    if (!g_hash_table_add (threads, g_steal_pointer (&thread)) || (!detached && strstr (*line, "<unfinished ...>") == NULL))
      g_error ("a group at rest did: %s", *line);
  }
  g_assert_cmpuint (g_hash_table_size (threads), >=, N);
}

static void
test_strace (Fixture *self, gconstpointer data)
{
  g_autofree char *strace = g_find_program_in_path ("strace");
  g_autofree char *trace = g_build_filename (self->dir, "trace", NULL);
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  GPid pid;
  int status;

  if (strace == NULL) {
    g_test_skip ("no strace");
    return;
  }
  for (int i = 0; i < N; i++)
    member_spawn (self, "member", "");
  fixture_wait (self, members_count_role (self, IPC_ROLE_STANDBY) == N - 1);
  /* Sweeping up behind dead candidates comes two seconds later, the last look of the vigil after a quarter of 10 s. */
  fixture_iterate_for (self, 6 * G_TIME_SPAN_SECOND);

  g_ptr_array_add (argv, g_strdup (strace));
  g_ptr_array_add (argv, g_strdup ("-f"));
  g_ptr_array_add (argv, g_strdup ("-o"));
  g_ptr_array_add (argv, g_strdup (trace));
  for (guint i = 0; i < N; i++)
    g_ptr_array_add (argv, g_strdup_printf ("-p%d", ((Member *) self->members->pdata[i])->pid));
  g_ptr_array_add (argv, NULL);
  g_spawn_async (NULL, (char **) argv->pdata, NULL, G_SPAWN_DO_NOT_REAP_CHILD | G_SPAWN_STDERR_TO_DEV_NULL, NULL, NULL,
                 &pid, &error);
  g_assert_no_error (error);
  fixture_iterate_for (self, 10 * G_TIME_SPAN_SECOND);
  kill (pid, SIGINT);
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (g_file_get_contents (trace, &text, NULL, NULL));
  if (*text == '\0') {
    g_test_skip ("strace may not attach here");
    return;
  }

  check_trace (text);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/idle/poll", "one poll() for ever", test_poll);
  if (g_test_slow ())
    fixture_add ("/idle/strace", "no system call in any of five processes", test_strace);

  return g_test_run ();
}
