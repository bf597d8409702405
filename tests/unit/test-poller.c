/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <string.h>
#include <sys/eventfd.h>

#include "ipc-poller.h"
#include "test-util.h"

/*
 * One source for all of a node's I/O. What is called back may do anything: stop what is about to run, free itself,
 * free the poller, turn it again. And when there is nothing to do, nothing wakes up.
 */

#define N 8

typedef struct {
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) (nullable) */
  GString *log;          /* (owned) a letter for each callback */
  int fds[N];            /* (owned) event descriptors; ready when their counter is not 0 */
  IpcWatch watches[N];
  IpcTimer timers[N];
  IpcDefer defers[N];
  int budget; /* how much more a callback shall do */
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
  fixture->log = g_string_new (NULL);
  for (guint i = 0; i < N; i++)
    fixture->fds[i] = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  for (guint i = 0; i < N; i++) {
    if (fixture->poller != NULL)
      ipc_poller_unwatch (fixture->poller, &fixture->watches[i]);
    close (fixture->fds[i]);
  }
  g_clear_pointer (&fixture->poller, ipc_poller_free);
  g_main_context_unref (fixture->context);
  g_string_free (fixture->log, TRUE);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static void
make_ready (Fixture *fixture, guint i)
{
  guint64 one = 1;

  g_assert_cmpint (write (fixture->fds[i], &one, sizeof one), ==, sizeof one);
}

static void
watch (Fixture *fixture, guint i, IpcWatchFunc func)
{
  g_assert_true (ipc_poller_watch (fixture->poller, &fixture->watches[i], fixture->fds[i], EPOLLIN, func, fixture));
}

static void
make_all_ready (Fixture *fixture, IpcWatchFunc func)
{
  for (guint i = 0; i < N; i++) {
    watch (fixture, i, func);
    make_ready (fixture, i);
  }
}

static void
turn (Fixture *fixture)
{
  g_main_context_iteration (fixture->context, FALSE);
}

static void
expect_log (Fixture *fixture, const char *expected)
{
  g_assert_cmpstr (fixture->log->str, ==, expected);
  g_string_truncate (fixture->log, 0);
}

static void
log_timer (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 't');
}

static void
log_defer (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'd');
}

static void
log_epilogue (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'e');
}

/* Takes the event, so that it is reported once. */
static void
log_ready (guint32 events, gpointer user_data)
{
  Fixture *fixture = user_data;
  guint64 count;

  g_string_append_c (fixture->log, 'r');
  for (guint i = 0; i < N; i++) {
    if (read (fixture->fds[i], &count, sizeof count) == sizeof count)
      return;
  }
}

static void
append_index (gpointer user_data)
{
  Fixture *fixture = *(Fixture **) user_data;

  g_string_append_printf (fixture->log, "%u", GPOINTER_TO_UINT (((gpointer *) user_data)[1]));
}

static void
test_timer_order (Fixture *fixture, gconstpointer user_data)
{
  static const int delays_s[N] = { 500, 0, 300, 300, 0, 100, 500, 200 };
  gpointer data[N][2];

  g_test_summary ("Timers run in the order of their deadlines, and those of one deadline in the order of their starts");

  for (guint i = 0; i < N; i++) {
    data[i][0] = fixture;
    data[i][1] = GUINT_TO_POINTER (i);
    ipc_poller_start_timer (fixture->poller, &fixture->timers[i], delays_s[i] * G_TIME_SPAN_SECOND, append_index,
                            data[i]);
  }
  /* Not waited for: they are moved into the past as they stand. */
  for (guint i = 0; i < N; i++)
    fixture->timers[i].deadline_us -= G_TIME_SPAN_HOUR;
  turn (fixture);
  expect_log (fixture, "14572306");
}

static void
test_timer_restart (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A timer that is started anew runs once, at the new moment; a stopped one does not run");

  ipc_poller_start_timer (fixture->poller, &fixture->timers[0], 0, log_timer, fixture);
  ipc_poller_start_timer (fixture->poller, &fixture->timers[0], G_TIME_SPAN_HOUR, log_timer, fixture);
  ipc_poller_start_timer (fixture->poller, &fixture->timers[1], 0, log_timer, fixture);
  ipc_poller_stop_timer (fixture->poller, &fixture->timers[1]);
  ipc_poller_stop_timer (fixture->poller, &fixture->timers[1]);
  ipc_poller_start_timer (fixture->poller, &fixture->timers[2], G_MAXINT64, log_timer, fixture);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
  expect_log (fixture, "");
  ipc_poller_start_timer (fixture->poller, &fixture->timers[2], -5, log_timer, fixture);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 1);
  expect_log (fixture, "t");
}

typedef struct {
  Fixture *fixture;
  IpcTimer timer;
} Owner;

static void
free_owner (gpointer user_data)
{
  Owner *owner = user_data;

  g_string_append_c (owner->fixture->log, 'f');
  g_free (owner);
}

static void
stop_all (gpointer user_data)
{
  Fixture *fixture = user_data;

  g_string_append_c (fixture->log, 's');
  for (guint i = 0; i < N; i++)
    ipc_poller_stop_timer (fixture->poller, &fixture->timers[i]);
}

static void
test_timer_callbacks (Fixture *fixture, gconstpointer user_data)
{
  Owner *owner = g_new0 (Owner, 1);

  g_test_summary ("A timer may be freed in its own callback, and one callback may stop the timers that are due after "
                  "it");

  owner->fixture = fixture;
  ipc_poller_start_timer (fixture->poller, &owner->timer, 0, free_owner, owner);
  for (guint i = 0; i < N; i++)
    ipc_poller_start_timer (fixture->poller, &fixture->timers[i], 0, stop_all, fixture);
  turn (fixture);
  g_assert_cmpuint (test_settle (fixture->context, 10), <, 10);
  expect_log (fixture, "fs");
}

static void
defer_again (gpointer user_data)
{
  Fixture *fixture = user_data;

  log_defer (fixture);
  if (fixture->budget-- > 0)
    ipc_poller_defer (fixture->poller, &fixture->defers[0], defer_again, fixture);
}

static void
test_defer (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Deferred work is done once however often it was asked for, last in the turn, and not when "
                  "cancelled");

  fixture->budget = 2;
  for (guint i = 0; i < 5; i++)
    ipc_poller_defer (fixture->poller, &fixture->defers[0], defer_again, fixture);
  ipc_poller_defer (fixture->poller, &fixture->defers[1], log_defer, fixture);
  ipc_poller_cancel_defer (fixture->poller, &fixture->defers[1]);
  ipc_poller_cancel_defer (fixture->poller, &fixture->defers[1]);
  ipc_poller_start_timer (fixture->poller, &fixture->timers[0], 0, log_timer, fixture);
  ipc_poller_set_epilogue (fixture->poller, log_epilogue, fixture);
  make_ready (fixture, 0);
  watch (fixture, 0, log_ready);
  turn (fixture);
  expect_log (fixture, "rtddde");
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
}

static void
unwatch_others (guint32 events, gpointer user_data)
{
  Fixture *fixture = user_data;
  guint n_watched = 0;

  g_string_append_c (fixture->log, 'u');
  for (guint i = 0; i < N; i++)
    n_watched += fixture->watches[i].func != NULL;
  g_assert_cmpuint (n_watched, ==, N);
  for (guint i = 0; i < N; i++) {
    ipc_poller_unwatch (fixture->poller, &fixture->watches[i]);
    memset (&fixture->watches[i], i % 2 == 0 ? 0 : 0x55, sizeof (IpcWatch)); /* its owner may be freed */
    fixture->watches[i].func = NULL;
  }
}

static void
test_unwatch (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A callback that takes other ready descriptors out is not followed by theirs");

  make_all_ready (fixture, unwatch_others);
  turn (fixture);
  expect_log (fixture, "u");
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
}

static void
nest (guint32 events, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_string_append_c (fixture->log, '(');
  if (fixture->budget-- > 0) {
    if (fixture->budget % 2 == 0)
      ipc_poller_turn_blocking (fixture->poller);
    else
      g_main_context_iteration (fixture->context, FALSE);
  } else if (fixture->watches[0].func != NULL) {
    for (guint i = 0; i < N; i++)
      ipc_poller_unwatch (fixture->poller, &fixture->watches[i]);
  }
  g_string_append_c (fixture->log, ')');
}

static void
test_nested (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A callback may turn the poller or the main loop again: what the inner turn takes out does not run "
                  "in the outer ones");

  fixture->budget = 4;
  make_all_ready (fixture, nest);
  turn (fixture);
  expect_log (fixture, "((((()))))");
}

static void
free_poller (gpointer user_data)
{
  Fixture *fixture = user_data;

  g_string_append_c (fixture->log, 'f');
  for (guint i = 0; i < N; i++)
    ipc_poller_unwatch (fixture->poller, &fixture->watches[i]);
  g_clear_pointer (&fixture->poller, ipc_poller_free);
}

static void
free_poller_ready (guint32 events, gpointer user_data)
{
  free_poller (user_data);
}

static void
test_free (Fixture *fixture, gconstpointer user_data)
{
  guint where = GPOINTER_TO_UINT (user_data);

  g_test_summary ("The poller may be freed in each of its callbacks, and then nothing more of it runs");

  make_all_ready (fixture, where == 0 ? free_poller_ready : log_ready);
  for (guint i = 0; i < N; i++) {
    ipc_poller_start_timer (fixture->poller, &fixture->timers[i], 0, where == 1 ? free_poller : log_timer, fixture);
    ipc_poller_defer (fixture->poller, &fixture->defers[i], where == 2 ? free_poller : log_defer, fixture);
  }
  ipc_poller_set_epilogue (fixture->poller, where == 3 ? free_poller : log_epilogue, fixture);
  if (where == 4) {
    ipc_poller_set_epilogue (fixture->poller, NULL, NULL);
    ipc_poller_turn_blocking (fixture->poller);
    free_poller (fixture);
  } else {
    turn (fixture);
  }
  g_assert_null (fixture->poller);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
  g_assert_true (g_str_has_suffix (fixture->log->str, "f"));
  g_assert_cmpuint (fixture->log->len, ==, where == 4 ? 3 * N + 1 : where * N + 1);
}

static gboolean
other_source_cb (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'o');
  return G_SOURCE_CONTINUE;
}

static void
test_blocking (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GSource) other = g_idle_source_new ();

  g_test_summary ("A blocking call does the node's work, and neither the application's sources nor its callbacks run "
                  "in it");

  g_source_set_callback (other, other_source_cb, fixture, NULL);
  g_source_attach (other, fixture->context);
  ipc_poller_set_epilogue (fixture->poller, log_epilogue, fixture);
  ipc_poller_want_turn (fixture->poller);
  make_all_ready (fixture, log_ready);
  ipc_poller_start_timer (fixture->poller, &fixture->timers[0], 0, log_timer, fixture);
  ipc_poller_turn_blocking (fixture->poller);
  expect_log (fixture, "rrrrrrrrt");

  ipc_poller_start_timer (fixture->poller, &fixture->timers[0], 2000, log_timer, fixture);
  ipc_poller_turn_blocking (fixture->poller); /* until the timer */
  expect_log (fixture, "t");
  g_source_destroy (other);
  turn (fixture);
  expect_log (fixture, "e"); /* the turn that was wanted still comes */
}

static void
test_at_rest (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("While nothing happens, nothing wakes up: watched descriptors, far timers and empty lists cost no "
                  "turn");

  for (guint i = 0; i < N; i++) {
    watch (fixture, i, log_ready);
    ipc_poller_start_timer (fixture->poller, &fixture->timers[i], G_TIME_SPAN_HOUR, log_timer, fixture);
  }
  ipc_poller_set_epilogue (fixture->poller, log_epilogue, fixture);
  g_assert_cmpuint (test_settle (fixture->context, 100), ==, 0);

  make_ready (fixture, 3);
  g_assert_cmpuint (test_settle (fixture->context, 100), ==, 1);
  expect_log (fixture, "re");
  ipc_poller_want_turn (fixture->poller);
  g_assert_cmpuint (test_settle (fixture->context, 100), ==, 1);
  expect_log (fixture, "e");
}

static void
test_change (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("What is not wanted at the moment is not reported, and is as soon as it is wanted again");

  make_ready (fixture, 0);
  watch (fixture, 0, log_ready);
  ipc_poller_change (fixture->poller, &fixture->watches[0], 0);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 0);
  ipc_poller_change (fixture->poller, &fixture->watches[0], EPOLLIN);
  g_assert_cmpuint (test_settle (fixture->context, 10), ==, 1);
  expect_log (fixture, "r");
  g_assert_false (ipc_poller_watch (fixture->poller, &fixture->watches[1], -1, EPOLLIN, log_ready, fixture));
  g_assert_cmpint (errno, ==, EBADF);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/poller/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("timer/order", test_timer_order);
  ADD ("timer/restart", test_timer_restart);
  ADD ("timer/callbacks", test_timer_callbacks);
  ADD ("defer", test_defer);
  ADD ("watch/unwatch-others", test_unwatch);
  ADD ("watch/change", test_change);
  ADD ("nested", test_nested);
  ADD ("blocking", test_blocking);
  ADD ("at-rest", test_at_rest);
  for (guint i = 0; i <= 4; i++) {
    static const char *const names[] = { "ready", "timer", "defer", "epilogue", "after-blocking-turn" };
    g_autofree char *path = g_strconcat ("/poller/free/", names[i], NULL);

    g_test_add (path, Fixture, GUINT_TO_POINTER (i), set_up, test_free, tear_down);
  }

  return g_test_run ();
}
