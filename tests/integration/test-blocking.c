/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "server.h"

#include <string.h>

/*
 * The call that waits: it turns the node's own input and output and nothing else. Other sources of the main context
 * stand still, callbacks of earlier messages come after it, and it ends by answer, deadline, or cancellation from
 * another thread. A node that is its own master can use it.
 */

static void
expect_blocking (IpcNode *node, const char *text)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) message = text_bytes (text);
  g_autoptr (GBytes) response = ipc_node_send (node, message, NULL, &error);

  g_assert_no_error (error);
  g_assert_true (g_bytes_equal (message, response));
}

static gboolean
count_cb (gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  return G_SOURCE_CONTINUE;
}

static GSource *
attach (Fixture *self, GSource *source, guint *n)
{
  g_source_set_callback (source, count_cb, n, NULL);
  g_source_attach (source, self->context);
  return source;
}

static gboolean
is_done (Reply *reply)
{
  return reply->done;
}

/* From the very start of a node, without any turn of the main loop before. */
static void
test_alone (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

  for (int i = 0; i < 100; i++)
    expect_blocking (node, "to myself");
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_MASTER);
}

/* As master of its own, and as client of another process's: the same promises. */
static void
check_stillness (Fixture *self, IpcNode *node)
{
  guint n_idle = 0, n_timeout = 0;
  g_autoptr (GSource) idle = attach (self, g_idle_source_new (), &n_idle);
  g_autoptr (GSource) timeout = attach (self, g_timeout_source_new (1), &n_timeout);
  g_autoptr (Reply) first = fixture_send (self, node, "first");
  g_autoptr (Reply) second = fixture_send (self, node, "second");

  for (int i = 0; i < 20; i++) {
    expect_blocking (node, "blocking");
    g_assert_false (is_done (first) || is_done (second)); /* answered by now, but told later */
    g_assert_cmpuint (n_idle + n_timeout, ==, 0);
  }

  fixture_expect_text (self, first, "first");
  fixture_expect_text (self, second, "second");
  g_assert_cmpuint (first->position, <, second->position);
  fixture_wait (self, n_idle > 0 && n_timeout > 0);
  g_source_destroy (idle);
  g_source_destroy (timeout);
}

/* Asks itself again within each handler, until that is refused; every level is answered with how deep it went. */
static void
ask_deeper (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  guint *depth = user_data;
  g_autoptr (GBytes) question = g_bytes_new_static ("deeper", 6);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) answer = NULL;

  (*depth)++;
  answer = ipc_node_send (node, question, NULL, &error);
  if (answer == NULL)
    g_assert_error (error, IPC_ERROR, IPC_ERROR_QUEUE_FULL);
  message_respond_text (message, "deep");
}

static void
test_depth (Fixture *self, gconstpointer data)
{
  guint depth = 0;
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, ask_deeper, &depth);
  g_autoptr (GBytes) question = g_bytes_new_static ("how deep", 8);
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) answer = ipc_node_send (node, question, NULL, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (depth, ==, 64);
}

static void
test_stillness_own (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
  check_stillness (self, node);
}


static void
test_stillness_other (Fixture *self, gconstpointer data)
{
  Server *server = server_start (self, fixture_echo, NULL);
  IpcNode *node = fixture_client (self);

  check_stillness (self, node);
  server_stop (server);
}

static void
count_notify_cb (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
}

/* Signals wait too, and then come. */
static void
test_signals_after (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  guint n = 0;

  g_signal_connect (node, "notify::role", G_CALLBACK (count_notify_cb), &n);
  expect_blocking (node, "elects, connects, sends");
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_MASTER);
  g_assert_cmpuint (n, ==, 0);
  fixture_wait (self, n > 0);
  g_signal_handlers_disconnect_by_data (node, &n);
}

static void
expect_timeout (IpcNode *node, IpcSendFlags flags, int timeout_ms, IpcError code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) message = text_bytes ("x");
  gint64 before_us = g_get_monotonic_time ();
  g_autoptr (GBytes) response = ipc_node_send_full (node, message, flags, timeout_ms, NULL, &error);

  g_assert_null (response);
  g_assert_error (error, IPC_ERROR, (int) code);
  if (timeout_ms != IPC_TIMEOUT_NONE)
    g_assert_cmpint (g_get_monotonic_time () - before_us, >=, timeout_ms * 1000);
}

static gpointer
cancel_in_thread (gpointer user_data)
{
  g_usleep (20000); /* not a wait for anything: so that the other thread is probably in its call */
  g_cancellable_cancel (user_data);

  return NULL;
}

static void
hold (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, ipc_message_ref (message));
}

static void
expect_cancelled (IpcNode *node, GCancellable *cancellable, const char *part)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) message = text_bytes ("x");
  g_autoptr (GBytes) response = ipc_node_send (node, message, cancellable, &error);

  g_assert_null (response);
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  g_test_message ("%s", error->message);
  g_assert_nonnull (strstr (error->message, part));
}

/* Also when no descriptor is left: GLib's way to be woken up by a cancellable needs one, and ends the process. */
static void
test_cancel (Fixture *self, gconstpointer data)
{
  gboolean without_descriptors = GPOINTER_TO_INT (data);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, hold, held);
  struct rlimit limit;
  GThread *thread;

  expect_timeout (node, IPC_SEND_DEFAULT, 30, IPC_ERROR_TIMED_OUT); /* it is connected, to itself */
  thread = g_thread_new ("cancel", cancel_in_thread, cancellable);
  if (without_descriptors)
    limit = leave_descriptors (0);
  expect_cancelled (node, cancellable, "may have been handled");
  if (without_descriptors)
    setrlimit (RLIMIT_NOFILE, &limit);
  g_thread_join (thread);
  g_assert_cmpuint (held->len, ==, 2);
}

/* Cancelled before the call: nothing is sent. */
static void
test_cancelled_before (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, hold, held);

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
  fixture_iterate_for (self, 20 * G_TIME_SPAN_MILLISECOND);
  g_cancellable_cancel (cancellable);
  expect_cancelled (node, cancellable, "not sent");
  fixture_iterate_for (self, 20 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (held->len, ==, 0);
}

static void
test_timeout (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  Server *server;

  expect_timeout (client, IPC_SEND_DEFAULT, 30, IPC_ERROR_NO_MASTER);
  expect_timeout (client, IPC_SEND_FAIL_FAST, IPC_TIMEOUT_NONE, IPC_ERROR_NO_MASTER);
  server = server_start (self, hold, held);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  expect_timeout (client, IPC_SEND_DEFAULT, 30, IPC_ERROR_TIMED_OUT);
  server_stop (server); /* from here on, what its thread holds is ours */
}

static void
test_refused (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);

  expect_timeout (node, IPC_SEND_DEFAULT, 0, IPC_ERROR_CLOSED);
  g_assert_true (ipc_node_start (node, NULL));
  fixture_close (self, node);
  expect_timeout (node, IPC_SEND_DEFAULT, 0, IPC_ERROR_CLOSED);
}

/* From within a handler, a response callback, and a notification. */
static void
forward (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autofree char *text = message_text (message);

  if (strcmp (text, "outer") == 0)
    expect_blocking (node, "inner");
  message_respond_text (message, text);
}

static void
nested_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *done = user_data;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, NULL);

  g_assert_nonnull (bytes);
  expect_blocking (IPC_NODE (source), "outer");
  *done = TRUE;
}

static void
nested_notify_cb (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
  expect_blocking (IPC_NODE (object), "outer");
}

static void
test_nested (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_new_node (self, IPC_MODE_DUAL, forward, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");
  gboolean done = FALSE;
  guint n = 0;

  g_signal_connect (node, "notify::master", G_CALLBACK (nested_notify_cb), &n);
  g_assert_true (ipc_node_start (node, NULL));
  fixture_wait (self, n > 0);
  g_signal_handlers_disconnect_by_data (node, &n);

  expect_blocking (node, "outer");
  ipc_node_send_async (node, bytes, NULL, nested_cb, &done);
  fixture_wait (self, done);
}

/* A handler closes the node that waits for its answer. */
static void
close_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  ipc_node_close_async (node, NULL, NULL, NULL);
  message_respond_text (message, "too late");
}

static void
dispose_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_object_run_dispose (G_OBJECT (node));
}

static void
test_closed_within (Fixture *self, gconstpointer data)
{
  expect_timeout (fixture_node (self, IPC_MODE_DUAL, close_handler, NULL), 0, IPC_TIMEOUT_NONE,
                  IPC_ERROR_OUTCOME_UNKNOWN);
}

static void
test_disposed_within (Fixture *self, gconstpointer data)
{
  expect_timeout (fixture_node (self, IPC_MODE_DUAL, dispose_handler, NULL), 0, IPC_TIMEOUT_NONE,
                  IPC_ERROR_OUTCOME_UNKNOWN);
}

/* The handler gives the message to a thread. Its answer comes through the node's own input, so a blocking call of the
 * same node gets it. */
static gpointer
answer_in_thread (gpointer user_data)
{
  message_respond_text (user_data, "from a thread");
  ipc_message_unref (user_data);

  return NULL;
}

static gpointer
drop_in_thread (gpointer user_data)
{
  ipc_message_unref (user_data);

  return NULL;
}

static void
hand_to_thread (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_thread_unref (g_thread_new ("answer", user_data, ipc_message_ref (message)));
}

static void
test_answer_from_thread (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, hand_to_thread, answer_in_thread);

  for (int i = 0; i < 100; i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (GBytes) message = text_bytes ("x");
    g_autoptr (GBytes) response = ipc_node_send_full (node, message, IPC_SEND_DEFAULT, 5000, NULL, &error);

    g_assert_no_error (error);
    g_assert_cmpmem (g_bytes_get_data (response, NULL), g_bytes_get_size (response), "from a thread", 13);
  }
}

static void
test_dropped_in_thread (Fixture *self, gconstpointer data)
{
  expect_timeout (fixture_node (self, IPC_MODE_DUAL, hand_to_thread, drop_in_thread), 0, IPC_TIMEOUT_NONE,
                  IPC_ERROR_NO_RESPONSE);
}

static void
test_large (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) message = pattern_bytes (16 * 1024 * 1024);
  g_autoptr (GBytes) response = ipc_node_send (node, message, NULL, NULL);

  g_assert_true (g_bytes_equal (message, response));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/blocking/alone", "no main loop is needed, not even for the election", test_alone);
  fixture_add ("/blocking/stillness/own", "the application's sources stand still", test_stillness_own);
  fixture_add ("/blocking/stillness/other", "the same with a master elsewhere", test_stillness_other);
  fixture_add ("/blocking/signals-after", "notifications come after the call", test_signals_after);
  fixture_add ("/blocking/cancel", "another thread can end the wait", test_cancel);
  fixture_add_data ("/blocking/cancel-without-descriptors", "also when the process can open nothing more",
                    GINT_TO_POINTER (TRUE), test_cancel);
  fixture_add ("/blocking/cancelled-before", "what is cancelled is not sent", test_cancelled_before);
  fixture_add ("/blocking/timeout", "a deadline ends it, and says whether the message was sent", test_timeout);
  fixture_add ("/blocking/refused", "a node that does not run does not wait", test_refused);
  fixture_add ("/blocking/nested", "within handlers, callbacks and notifications", test_nested);
  fixture_add ("/blocking/depth", "peers cannot fill the stack", test_depth);
  fixture_add ("/blocking/closed-within", "a node closed meanwhile lets go", test_closed_within);
  fixture_add ("/blocking/disposed-within", "a node disposed of meanwhile lets go", test_disposed_within);
  fixture_add ("/blocking/answer-from-thread", "a worker thread may answer the node that waits",
               test_answer_from_thread);
  fixture_add ("/blocking/dropped-in-thread", "or drop the message", test_dropped_in_thread);
  fixture_add ("/blocking/large", "more than any buffer takes, to itself", test_large);

  return g_test_run ();
}
