/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-vigil.h"
#include "test-util.h"

/*
 * The vigil with a clock of its own kind: the test makes the turns, so it decides whether a timer runs in time.
 */

#define TIMEOUT_MS 80
#define QUARTER_US (TIMEOUT_MS * 1000 / 4)

typedef struct {
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) */
  IpcVigil *vigil;       /* (owned) */
  gboolean heard;
  gboolean expecting;
  GString *log; /* (owned) one letter for each call, but those that only ask */
  guint n_fds;
} Fixture;

static gboolean
take_heard (gpointer user_data)
{
  Fixture *fixture = user_data;
  gboolean heard = fixture->heard;

  fixture->heard = FALSE;
  return heard;
}

static gboolean
is_expecting (gpointer user_data)
{
  return ((Fixture *) user_data)->expecting;
}

static void
look (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, '.');
}

static void
depose (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'D');
}

static void
ask (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'A');
}

static void
knock (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'K');
}

static void
alarm_others (gpointer user_data)
{
  g_string_append_c (((Fixture *) user_data)->log, 'L');
}

static const IpcVigilEvents events = {
  .take_heard = take_heard,
  .is_expecting = is_expecting,
  .look = look,
  .depose = depose,
  .ask = ask,
  .knock = knock,
  .alarm = alarm_others,
};

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
  fixture->vigil = ipc_vigil_new (fixture->poller, GPOINTER_TO_UINT (user_data), &events, fixture);
  fixture->expecting = TRUE;
  fixture->log = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_vigil_free (fixture->vigil);
  ipc_poller_free (fixture->poller);
  g_main_context_unref (fixture->context);
  g_string_free (fixture->log, TRUE);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

/* Makes turns until what was called is this, or has another length. A machine that stands still makes the vigil ask
 * again: then FALSE, and the test has said nothing. */
static gboolean
wait_log (Fixture *fixture, const char *expected)
{
  while (fixture->log->len < strlen (expected))
    g_main_context_iteration (fixture->context, TRUE);

  return strcmp (fixture->log->str, expected) == 0;
}

static gboolean
was_late (Fixture *fixture)
{
  return strstr (fixture->log->str, ".A") != NULL;
}

static void
test_silent (Fixture *fixture, gconstpointer user_data)
{
  gint64 began_us = g_get_monotonic_time ();

  g_test_summary ("A master that never answers is asked, suspected and deposed after the whole timeout, again and again");

  ipc_vigil_expect (fixture->vigil);
  if (!wait_log (fixture, "A.L.K..DA.L")) {
    g_assert_true (was_late (fixture));
    g_test_skip ("the machine is too busy");
    return;
  }
  g_assert_cmpint (g_get_monotonic_time () - began_us, >=, 6 * QUARTER_US);
}

static void
test_alarmed (Fixture *fixture, gconstpointer user_data)
{
  gint64 began_us = g_get_monotonic_time ();

  g_test_summary ("Who is told by others asks at once, deposes a quarter earlier, and then has nothing more to do");

  fixture->expecting = FALSE;
  ipc_vigil_alarmed (fixture->vigil);
  ipc_vigil_alarmed (fixture->vigil); /* many tell it */
  if (!wait_log (fixture, "A.K..D")) {
    g_assert_true (was_late (fixture));
    g_test_skip ("the machine is too busy");
    return;
  }
  g_assert_cmpint (g_get_monotonic_time () - began_us, >=, 3 * QUARTER_US);
  g_assert_cmpuint (test_settle (fixture->context, 1), ==, 0);
}

static void
test_answered (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("An answer ends it; when nothing more is expected the timer does not run any more");

  ipc_vigil_expect (fixture->vigil);
  wait_log (fixture, "A");
  fixture->heard = TRUE;
  wait_log (fixture, "A.");
  g_assert_cmpstr (fixture->log->str, ==, "A.");

  fixture->heard = TRUE;
  fixture->expecting = FALSE;
  while (fixture->heard)
    g_main_context_iteration (fixture->context, TRUE);
  g_usleep (2 * QUARTER_US); /* nothing is due, however long that is */
  g_assert_false (g_main_context_pending (fixture->context));
  g_assert_cmpstr (fixture->log->str, ==, "A.");
}

static void
test_late (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A process that stood still asks anew, whatever it thought before; nobody is deposed for it");

  ipc_vigil_expect (fixture->vigil);
  g_usleep (5 * 4 * QUARTER_US);
  g_main_context_iteration (fixture->context, FALSE); /* while listening: it merely goes on */
  g_assert_cmpstr (fixture->log->str, ==, "");
  wait_log (fixture, "A");
  for (int i = 0; i < 3; i++) {
    g_usleep (5 * 4 * QUARTER_US);
    g_main_context_iteration (fixture->context, FALSE);
  }
  g_assert_cmpstr (fixture->log->str, ==, "A.A.A.A");
}

static void
test_never (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A timeout of 0 is none");

  ipc_vigil_expect (fixture->vigil);
  ipc_vigil_alarmed (fixture->vigil);
  g_assert_cmpuint (test_settle (fixture->context, 1), ==, 0);
  g_assert_cmpstr (fixture->log->str, ==, "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, ms, func) g_test_add ("/vigil/" path, Fixture, GUINT_TO_POINTER (ms), set_up, func, tear_down)
  ADD ("silent", TIMEOUT_MS, test_silent);
  ADD ("alarmed", TIMEOUT_MS, test_alarmed);
  ADD ("answered", TIMEOUT_MS, test_answered);
  ADD ("late", TIMEOUT_MS, test_late);
  ADD ("never", 0, test_never);

  return g_test_run ();
}
