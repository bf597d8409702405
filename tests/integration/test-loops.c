/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "server.h"

#include <string.h>

/*
 * Main loops: nested ones inside of handlers and callbacks, several nodes in one, and nodes in several threads with one
 * each.
 */

static void
run_nested (GMainContext *context, gboolean *quit)
{
  gint64 until_us = g_get_monotonic_time () + WAIT_US;

  while (!*quit && g_get_monotonic_time () < until_us)
    g_main_context_iteration (context, TRUE);
  g_assert_true (*quit);
}

typedef struct {
  Fixture *fixture;
  IpcNode *client;
  Reply *inner;     /* of a message that is sent within the handler */
  GPtrArray *order; /* of text, as the handler was given them */
  guint depth;
  guint depth_max;
  gboolean inner_done;
} Nested;

static void
nested_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Nested *nested = user_data;
  char *text = message_text (message);

  g_ptr_array_add (nested->order, text);
  nested->depth++;
  nested->depth_max = MAX (nested->depth_max, nested->depth);
  if (strcmp (text, "nest") == 0) {
    nested->inner = fixture_send (nested->fixture, nested->client, "end");
    run_nested (nested->fixture->context, &nested->inner_done);
  }
  if (strcmp (text, "end") == 0)
    nested->inner_done = TRUE;
  nested->depth--;
  message_respond_text (message, text);
}

/* A handler runs a main loop until another message, of the same sender or of a second one, has been handled in it. */
static void
test_nested_handler (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) order = g_ptr_array_new_with_free_func (g_free);
  Nested nested = { .fixture = self, .order = order };

  fixture_master (self, nested_handler, &nested);
  IpcNode *client = fixture_client (self);
  IpcNode *second = fixture_client (self);

  for (int i = 0; i < 2; i++) {
    nested.inner_done = FALSE;
    nested.client = i == 0 ? client : second;
    g_autoptr (Reply) outer = fixture_send (self, client, "nest");
    fixture_expect_text (self, outer, "nest");
    fixture_expect_text (self, nested.inner, "end");
    g_clear_pointer (&nested.inner, reply_free);
  }
  g_assert_cmpuint (order->len, ==, 4);
  g_assert_cmpuint (nested.depth_max, ==, 2);
}

typedef struct {
  Fixture *fixture;
  GPtrArray *order; /* of text */
  gboolean blocking;
  gboolean done;
} Behind;

static void
behind_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Behind *behind = user_data;
  char *text = message_text (message);

  g_ptr_array_add (behind->order, text);
  if (strcmp (text, "last") == 0) {
    behind->done = TRUE;
  } else if (strcmp (text, "nest") == 0 && behind->blocking) {
    g_autoptr (GBytes) bytes = text_bytes ("inner");
    g_autoptr (GBytes) response = ipc_node_send (node, bytes, NULL, NULL);

    g_assert_nonnull (response);
    g_assert_true (behind->done); /* what came before its own message has been handled before it */
  } else if (strcmp (text, "nest") == 0) {
    run_nested (behind->fixture->context, &behind->done);
  }
  message_respond_text (message, text);
}

/* A handler that turns the main loop, or makes a blocking send, while the messages behind its own have been received
 * together with it: they are handled in it, once and in order. */
static void
test_nested_behind (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) order = g_ptr_array_new_with_free_func (g_free);
  Behind behind = { .fixture = self, .order = order, .blocking = data != NULL };
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, behind_handler, &behind);

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);
  g_autoptr (Reply) outer = fixture_send (self, node, "nest");
  g_autoptr (Reply) between = fixture_send (self, node, "between");
  g_autoptr (Reply) last = fixture_send (self, node, "last");
  fixture_expect_text (self, outer, "nest");
  fixture_expect_text (self, between, "between");
  fixture_expect_text (self, last, "last");
  g_assert_cmpstr (order->pdata[0], ==, "nest");
  g_assert_cmpstr (order->pdata[1], ==, "between");
  g_assert_cmpstr (order->pdata[2], ==, "last");
  g_assert_cmpuint (order->len, ==, behind.blocking ? 4 : 3);
}

typedef struct {
  Fixture *fixture;
  Reply *other;
  gboolean done;
} NestedCallback;

static void
nested_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  NestedCallback *state = user_data;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, NULL);
  g_autoptr (Reply) inner = fixture_send (state->fixture, IPC_NODE (source), "inner");

  fixture_expect_text (state->fixture, inner, "inner");
  g_assert_true (state->other->done); /* it was sent before */
  state->done = TRUE;
}

static void
test_nested_callback (Fixture *self, gconstpointer data)
{
  NestedCallback state = { self, NULL, FALSE };
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("outer");

  ipc_node_send_async (node, bytes, NULL, nested_cb, &state);
  state.other = fixture_send (self, node, "other");
  fixture_wait (self, state.done);
  reply_free (state.other);
}

static void
close_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  *(gboolean *) user_data = ipc_node_close_finish (IPC_NODE (source), result, NULL);
}

static void
close_nested_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Fixture *fixture = user_data;
  gboolean closed = FALSE;

  g_object_ref (node);
  message_respond_text (message, "before the end");
  ipc_node_close_async (node, NULL, close_cb, &closed);
  run_nested (fixture->context, &closed);
  g_object_unref (node);
}

/* The node is closed to the end by a loop inside of its own handler. */
static void
test_close_nested (Fixture *self, gconstpointer data)
{
  fixture_master (self, close_nested_handler, self);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  g_autoptr (Reply) unread = fixture_send (self, client, "y");

  fixture_expect_text (self, reply, "before the end");
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_SEARCHING);
  fixture_master (self, fixture_echo, NULL);
  fixture_expect_text (self, unread, "y");
}

static void
drop_nested_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  NestedCallback *state = user_data;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, NULL);

  g_object_run_dispose (source);
  fixture_iterate_for (state->fixture, 20 * G_TIME_SPAN_MILLISECOND);
  state->done = TRUE;
}

static void
test_dispose_nested (Fixture *self, gconstpointer data)
{
  NestedCallback state = { self, NULL, FALSE };
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");

  ipc_node_send_async (node, bytes, NULL, drop_nested_cb, &state);
  state.other = fixture_send (self, node, "other");
  fixture_wait (self, state.done && state.other->done);
  reply_free (state.other);
}

/* 30 candidates in one process: one is master, all are served, also when the master goes, again and again. */
static void
test_many_nodes (Fixture *self, gconstpointer data)
{
  enum { N = 30 };
  IpcNode *nodes[N];
  guint64 epoch = 0;

  for (int i = 0; i < N; i++)
    nodes[i] = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

  for (int round = 0; round < 5; round++) {
    Reply *replies[N];
    guint n_masters = 0;

    for (int i = 0; i < N; i++)
      replies[i] = nodes[i] != NULL ? fixture_send (self, nodes[i], "x") : NULL;
    for (int i = 0; i < N; i++) {
      if (nodes[i] == NULL)
        continue;
      fixture_expect_text (self, replies[i], "x");
      g_assert_cmpuint (replies[i]->epoch, >=, epoch);
      reply_free (replies[i]);
    }
    for (int i = 0; i < N; i++) {
      if (nodes[i] == NULL || ipc_node_get_role (nodes[i]) != IPC_ROLE_MASTER)
        continue;
      n_masters++;
      epoch = ipc_node_get_epoch (nodes[i]) + 1;
      fixture_drop (self, nodes[i]);
      nodes[i] = NULL;
    }
    g_assert_cmpuint (n_masters, ==, 1);
  }
}

/* Two nodes in two threads, each with its own context, sending to each other's group member at full speed. */
static gpointer
send_in_thread (gpointer user_data)
{
  Fixture *fixture = user_data;
  g_autoptr (GMainContext) context = g_main_context_new ();
  g_autoptr (IpcNode) node = NULL;

  g_main_context_push_thread_default (context);
  node = ipc_node_new ("test", IPC_MODE_CLIENT);
  ipc_node_set_runtime_dir (node, fixture->dir);
  g_assert_true (ipc_node_start (node, NULL));
  for (int i = 0; i < 300; i++) {
    g_autofree char *text = g_strdup_printf ("%d", i);
    g_autoptr (GBytes) message = text_bytes (text);
    g_autoptr (GBytes) response = ipc_node_send (node, message, NULL, NULL);

    g_assert_nonnull (response);
    g_assert_true (g_bytes_equal (message, response));
  }
  g_clear_object (&node);
  g_main_context_pop_thread_default (context);

  return NULL;
}

static void
test_threads (Fixture *self, gconstpointer data)
{
  GThread *threads[4];
  Server *server = server_start (self, fixture_echo, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("client", send_in_thread, self);
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  server_stop (server);
}

/* Nodes come and go in threads while others are served. */
static gpointer
come_and_go (gpointer user_data)
{
  for (int i = 0; i < 20; i++) {
    g_autoptr (GMainContext) context = g_main_context_new ();
    g_autoptr (IpcNode) node = NULL;

    g_main_context_push_thread_default (context);
    node = ipc_node_new ("test", IPC_MODE_DUAL);
    ipc_node_set_runtime_dir (node, ((Fixture *) user_data)->dir);
    ipc_node_set_handler (node, fixture_echo, NULL, NULL);
    g_assert_true (ipc_node_start (node, NULL));
    while (g_main_context_iteration (context, FALSE))
      continue;
    g_clear_object (&node);
    g_main_context_pop_thread_default (context);
  }

  return NULL;
}

static void
test_come_and_go (Fixture *self, gconstpointer data)
{
  GThread *threads[4];
  Server *server = server_start (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("come and go", come_and_go, self);
  for (int i = 0; i < 200; i++) {
    g_autoptr (Reply) reply = fixture_send (self, client, "x");
    fixture_expect_text (self, reply, "x");
  }
  for (gsize i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  server_stop (server);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/loops/nested/handler", "the same sender's next message in a loop inside", test_nested_handler);
  fixture_add ("/loops/nested/behind", "what was received together is handled within", test_nested_behind);
  fixture_add_data ("/loops/nested/behind-blocking", "also by a blocking send", "", test_nested_behind);
  fixture_add ("/loops/nested/callback", "responses in a loop inside of a callback", test_nested_callback);
  fixture_add ("/loops/nested/close", "closed to the end inside of a handler", test_close_nested);
  fixture_add ("/loops/nested/dispose", "disposed of, and then a loop", test_dispose_nested);
  fixture_add ("/loops/many-nodes", "30 candidates in one process", test_many_nodes);
  fixture_add ("/loops/threads", "each thread has its node", test_threads);
  fixture_add ("/loops/come-and-go", "nodes come and go in several threads", test_come_and_go);

  return g_test_run ();
}
