/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib/gstdio.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "ipc-group-dir.h"

/*
 * What several unit tests need: descriptors are counted before and after, directories are made for one test each,
 * waiting has a deadline, and what would spoil the process (limits, users, forks) happens in a child.
 */

#define TEST_DEADLINE_US (10 * G_TIME_SPAN_SECOND)

#define TEST_NODE_ID "00112233445566778899aabbccddeeff"

static inline guint
test_count_fds (void)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  guint n = 0;

  while (g_dir_read_name (dir) != NULL)
    n++;

  return n;
}

static inline gboolean
test_wake_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* Turns the main loop until @done is not 0. Fails at a deadline. */
static inline void
test_wait_for (GMainContext *context, const volatile int *done)
{
  gint64 deadline_us = g_get_monotonic_time () + TEST_DEADLINE_US;
  g_autoptr (GSource) wake_up = g_timeout_source_new (100);

  g_source_set_callback (wake_up, test_wake_cb, NULL, NULL);
  g_source_attach (wake_up, context);
  while (!*done && g_get_monotonic_time () < deadline_us)
    g_main_context_iteration (context, TRUE);
  g_source_destroy (wake_up);

  g_assert_true (*done);
}

/* Turns the main loop for as long as something is ready, and not for ever. */
static inline guint
test_settle (GMainContext *context, guint n_turns_max)
{
  guint n = 0;

  while (n < n_turns_max && g_main_context_iteration (context, FALSE))
    n++;

  return n;
}

static inline void
test_remove_tree (const char *path)
{
  g_autoptr (GDir) dir = g_file_test (path, G_FILE_TEST_IS_SYMLINK) ? NULL : g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *child = g_build_filename (path, name, NULL);

    test_remove_tree (child);
  }
  g_remove (path);
}

/* Where a few things are not what they are elsewhere; see tests/valgrind/valgrind-preload.c. */
static inline gboolean
test_under_valgrind (void)
{
  return g_getenv ("IPC_TEST_VALGRIND") != NULL;
}

/* A base directory of its own (0700), as somebody would give it to a node. */
static inline char *
test_make_base (void)
{
  g_autoptr (GError) error = NULL;
  char *base = g_dir_make_tmp ("libipc-unit-XXXXXX", &error);

  g_assert_no_error (error);
  return base;
}

static inline IpcGroupDir *
test_open_group (const char *base)
{
  g_autoptr (GError) error = NULL;
  IpcGroupDir *dir = ipc_group_dir_open (base, "group-of-test", FALSE, &error);

  g_assert_no_error (error);
  g_assert_nonnull (dir);
  return dir;
}

/* Runs @func in a child; what it returns is the child's exit status. Returns that status, or 128 and the signal. */
static inline int
test_run_child (int (*func) (gpointer user_data), gpointer user_data)
{
  pid_t pid = fork ();
  int status;

  g_assert_cmpint (pid, !=, -1);
  if (pid == 0) {
    alarm (20);
    _exit (func (user_data));
  }

  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  return WIFEXITED (status) ? WEXITSTATUS (status) : 128 + WTERMSIG (status);
}

/* In a child: every assertion that fails ends it with an exit status that says where. */
#define TEST_CHILD_CHECK(condition) \
  do { \
    if (!(condition)) { \
      g_printerr ("# %s:%d: in a child: %s\n", __FILE__, __LINE__, #condition); \
      return 1; \
    } \
  } while (0)
