/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-cancel.h"
#include "ipc-poller.h"
#include "test-util.h"

/*
 * A cancellable that ends a call of a node: whoever cancels and when, the call is ended in a turn of the node, once, and
 * not after it has ended by itself.
 */

enum { N_CALLS = 2000 };

typedef struct {
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) (nullable) */
  GCancellable *cancellable;
  IpcCancel *cancel; /* (owned) (nullable) */
  guint n_cancelled;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
  fixture->cancellable = g_cancellable_new ();
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  g_clear_pointer (&fixture->cancel, ipc_cancel_free);
  g_clear_pointer (&fixture->poller, ipc_poller_free);
  g_main_context_unref (fixture->context);
  g_assert_finalize_object (fixture->cancellable); /* nobody else holds on to it */
}

/* As a call does when it ends. */
static void
cancelled (gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->n_cancelled++;
  g_clear_pointer (&fixture->cancel, ipc_cancel_free);
}

static void
begin (Fixture *fixture)
{
  fixture->cancel = ipc_cancel_new (fixture->cancellable, ipc_poller_get_mailbox (fixture->poller), cancelled, fixture);
}

static void
test_turn (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("In a turn, and not before");

  begin (fixture);
  g_assert_cmpuint (test_settle (fixture->context, 100), ==, 0);
  g_cancellable_cancel (fixture->cancellable);
  g_assert_cmpuint (fixture->n_cancelled, ==, 0);
  test_settle (fixture->context, 100);
  g_assert_cmpuint (fixture->n_cancelled, ==, 1);
}

static void
test_before (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("What was cancelled before ends too, in the first turn, here one of a blocking call");

  g_cancellable_cancel (fixture->cancellable);
  begin (fixture);
  g_assert_cmpuint (fixture->n_cancelled, ==, 0);
  ipc_poller_turn_blocking (fixture->poller);
  g_assert_cmpuint (fixture->n_cancelled, ==, 1);
}

static void
test_ended_before (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A call that has ended meanwhile is not ended again");

  begin (fixture);
  g_cancellable_cancel (fixture->cancellable);
  g_clear_pointer (&fixture->cancel, ipc_cancel_free);
  test_settle (fixture->context, 100);
  g_assert_cmpuint (fixture->n_cancelled, ==, 0);
}

static void
test_used_again (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A cancellable that is reset and cancelled again ends a call once");

  begin (fixture);
  for (guint i = 0; i < 3; i++) {
    g_cancellable_cancel (fixture->cancellable);
    g_cancellable_reset (fixture->cancellable);
  }
  test_settle (fixture->context, 100);
  g_assert_cmpuint (fixture->n_cancelled, ==, 1);
}

static void
test_node_ends (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("When the node has ended, nothing is called any more");

  begin (fixture);
  g_cancellable_cancel (fixture->cancellable);
  g_clear_pointer (&fixture->poller, ipc_poller_free);
  g_assert_cmpuint (fixture->n_cancelled, ==, 0);
  g_clear_pointer (&fixture->cancel, ipc_cancel_free);
}

static void
end_call_cb (GCancellable *cancellable, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_clear_pointer (&fixture->cancel, ipc_cancel_free);
}

static void
test_ended_within (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A call may end in a handler of the cancellable's own signal, before ours or after it");

  for (guint before = 0; before <= 1; before++) {
    gulong handler;

    if (!before)
      begin (fixture);
    handler = g_signal_connect (fixture->cancellable, "cancelled", G_CALLBACK (end_call_cb), fixture);
    if (before)
      begin (fixture);
    g_cancellable_cancel (fixture->cancellable); /* hangs if it waits for itself */
    g_assert_null (fixture->cancel);
    g_signal_handler_disconnect (fixture->cancellable, handler);
    g_cancellable_reset (fixture->cancellable);
    test_settle (fixture->context, 100);
    g_assert_cmpuint (fixture->n_cancelled, ==, 0);
  }
}

static gpointer
cancel_all (gpointer user_data)
{
  GCancellable **cancellables = user_data;

  for (guint i = 0; i < N_CALLS; i++)
    g_cancellable_cancel (cancellables[i]);

  return NULL;
}

static void
test_threads (Fixture *fixture, gconstpointer user_data)
{
  g_autofree GCancellable **cancellables = g_new (GCancellable *, N_CALLS);
  Fixture *calls = g_new0 (Fixture, N_CALLS);
  IpcMailbox *mailbox = ipc_poller_get_mailbox (fixture->poller);
  guint n_cancelled = 0, n_ended = 0;
  GThread *thread;

  g_test_summary ("While one thread cancels, calls end by themselves: each ends once");

  for (guint i = 0; i < N_CALLS; i++) {
    cancellables[i] = g_cancellable_new ();
    calls[i].cancel = ipc_cancel_new (cancellables[i], mailbox, cancelled, &calls[i]);
  }
  thread = g_thread_new ("cancel", cancel_all, cancellables);
  for (guint i = 0; i < N_CALLS; i++) {
    if (i % 2 == 0 && calls[i].cancel != NULL) {
      g_clear_pointer (&calls[i].cancel, ipc_cancel_free);
      n_ended++;
    }
    if (i % 100 == 0)
      g_main_context_iteration (fixture->context, FALSE);
  }
  g_thread_join (thread);
  test_settle (fixture->context, 100);
  for (guint i = 0; i < N_CALLS; i++) {
    g_assert_null (calls[i].cancel);
    n_cancelled += calls[i].n_cancelled;
    g_assert_finalize_object (cancellables[i]);
  }
  g_assert_cmpuint (n_cancelled + n_ended, ==, N_CALLS);
  g_free (calls);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/cancel/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("turn", test_turn);
  ADD ("before", test_before);
  ADD ("ended-before", test_ended_before);
  ADD ("used-again", test_used_again);
  ADD ("node-ends", test_node_ends);
  ADD ("ended-within", test_ended_within);
  ADD ("threads", test_threads);

  return g_test_run ();
}
