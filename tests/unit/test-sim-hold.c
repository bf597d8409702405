/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-hold.h"

/* A child goes through the steps of a candidate: it makes a socket, looks, claims, and publishes. It is to be stopped
 * wherever one wants. */

#define FILE_SIZE 4096
#define WORD_OFFSET 64
#define CALLS_BEFORE_CLAIM 4 /* bind, listen, and two looks */
#define TIMEOUT_US (20 * G_USEC_PER_SEC) /* whoever waits for it has failed, on a busy machine too */

typedef struct {
  char *dir;
  char *path;   /* of the group file */
  SimWord word; /* of it */
  pid_t child;
  int gate; /* closed to let the child begin */
  gboolean traced;
} Fixture;

/* Only system calls between fork() and the end. */
static void
be_candidate (const char *dir, int gate)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX, .sun_path = "temporary" };
  int listener = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  int fd = chdir (dir) == 0 ? open ("group", O_RDWR | O_CLOEXEC) : -1;
  guint64 *page = mmap (NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  char byte;

  prctl (PR_SET_PDEATHSIG, SIGKILL); /* also when the test fails: then nobody tears down */
  if (page == MAP_FAILED || read (gate, &byte, 1) != 0)
    _exit (1);

  bind (listener, (const struct sockaddr *) &address, sizeof address);
  listen (listener, 1);
  getppid ();
  getppid ();
  __atomic_store_n (&page[WORD_OFFSET / sizeof *page], 2, __ATOMIC_SEQ_CST);
  getppid ();
  rename ("temporary", "socket");
  for (;;)
    pause ();
}

static void
spawn (Fixture *fixture)
{
  int gate[2];

  g_assert_cmpint (pipe2 (gate, O_CLOEXEC), ==, 0);
  fixture->child = fork ();
  if (fixture->child == 0) {
    close (gate[1]);
    be_candidate (fixture->dir, gate[0]);
  }
  close (gate[0]);
  fixture->gate = gate[1];
  fixture->traced = sim_hold_begin (fixture->child);
  if (!fixture->traced)
    g_test_skip ("a parent may not trace its child here");
}

static void
set_up (Fixture *fixture, gconstpointer data)
{
  guint8 content[FILE_SIZE] = { 0 };

  content[WORD_OFFSET] = 1;
  fixture->dir = g_dir_make_tmp ("sim-hold-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->dir, "group", NULL);
  g_assert_true (g_file_set_contents (fixture->path, (const char *) content, sizeof content, NULL));
  g_assert_true (sim_word_open (&fixture->word, fixture->path));
  g_assert_cmpuint (sim_word_read (&fixture->word), ==, 1);
  spawn (fixture);
}

static gboolean
has_published (Fixture *fixture)
{
  g_autofree char *path = g_build_filename (fixture->dir, "socket", NULL);

  return g_file_test (path, G_FILE_TEST_EXISTS);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  static const char *const names[] = { "temporary", "socket", "group" };

  close (fixture->gate);
  kill (fixture->child, SIGKILL);
  waitpid (fixture->child, NULL, 0);
  sim_word_close (&fixture->word);
  for (gsize i = 0; i < G_N_ELEMENTS (names); i++) {
    g_autofree char *path = g_build_filename (fixture->dir, names[i], NULL);

    g_unlink (path);
  }
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static SimHoldResult
run_to_call (Fixture *fixture, guint *n_calls)
{
  gint64 deadline_us = g_get_monotonic_time () + TIMEOUT_US;

  g_assert_true (sim_hold_stop (fixture->child, deadline_us));
  close (fixture->gate);
  fixture->gate = -1;
  return sim_hold_run_to_call (fixture->child, &fixture->word, n_calls, deadline_us);
}

static SimHoldResult
run_to_claim (Fixture *fixture, guint *n_instructions)
{
  return sim_hold_run_to_claim (fixture->child, &fixture->word, n_instructions, g_get_monotonic_time () + TIMEOUT_US);
}

static void
test_watched (Fixture *fixture, gconstpointer data)
{
  guint n_calls = G_MAXUINT;

  if (!fixture->traced)
    return;
  g_assert_cmpint (run_to_call (fixture, &n_calls), ==, SIM_HOLD_PUBLISHED);
  g_assert_cmpuint (n_calls, ==, CALLS_BEFORE_CLAIM);
  g_assert_cmpuint (sim_word_read (&fixture->word), ==, 2);
  g_assert_false (has_published (fixture)); /* it stands before the call */
}

static void
test_held_at_call (Fixture *fixture, gconstpointer data)
{
  guint n_calls = 2;

  if (!fixture->traced)
    return;
  g_assert_cmpint (run_to_call (fixture, &n_calls), ==, SIM_HOLD_HELD);
  g_assert_cmpuint (sim_word_read (&fixture->word), ==, 1);
  sim_hold_end (fixture->child);
  while (!has_published (fixture))
    g_thread_yield ();
}

static void
test_held_at_claim (Fixture *fixture, gconstpointer data)
{
  guint n_calls = CALLS_BEFORE_CLAIM, n_first = 1, n_rest = 10000;

  if (!fixture->traced)
    return;
  if (g_getenv ("IPC_TEST_VALGRIND") != NULL) {
    g_test_skip ("valgrind's instructions are not the program's");
    return;
  }
  g_assert_cmpint (run_to_call (fixture, &n_calls), ==, SIM_HOLD_HELD);
  g_assert_cmpint (run_to_claim (fixture, &n_first), ==, SIM_HOLD_HELD);
  g_assert_cmpuint (n_first, ==, 1);
  g_assert_cmpuint (sim_word_read (&fixture->word), ==, 1);

  g_assert_cmpint (run_to_claim (fixture, &n_rest), ==, SIM_HOLD_HELD);
  g_assert_cmpuint (n_rest, >, 0);
  g_assert_cmpuint (n_rest, <, 10000);
  g_assert_cmpuint (sim_word_read (&fixture->word), ==, 2);
  g_assert_false (has_published (fixture));
}

static void
test_no_file (void)
{
  SimWord word;

  g_assert_false (sim_word_open (&word, "/nowhere/group"));
  sim_word_close (&word);
}

int
main (int argc, char **argv)
{
  sigset_t child;

  g_test_init (&argc, &argv, NULL);
  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  sigprocmask (SIG_BLOCK, &child, NULL); /* as the supervisor does, which waits for it */

  g_test_add ("/sim-hold/watched", Fixture, NULL, set_up, test_watched, tear_down);
  g_test_add ("/sim-hold/at-call", Fixture, NULL, set_up, test_held_at_call, tear_down);
  g_test_add ("/sim-hold/at-claim", Fixture, NULL, set_up, test_held_at_claim, tear_down);
  g_test_add_func ("/sim-hold/no-file", test_no_file);

  return g_test_run ();
}
