/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <glib/gstdio.h>

/*
 * Leaving in good order, at every moment at which an application may think of it.
 */

static void
hold (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, ipc_message_ref (message));
}

static GPtrArray *
new_held (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
}

typedef struct {
  gboolean done;
  gboolean result;
  GError *error;
} Closed;

static void
closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Closed *closed = user_data;

  g_assert_false (closed->done);
  closed->result = ipc_node_close_finish (IPC_NODE (source), result, &closed->error);
  closed->done = TRUE;
}

static void
test_pending (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();

  fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) sent = fixture_send (self, client, "sent");
  Closed closed = { 0 };

  fixture_wait (self, held->len == 1);
  ipc_node_close_async (client, NULL, closed_cb, &closed);
  g_autoptr (Reply) while_closing = fixture_send (self, client, "closing");
  g_assert_false (closed.done || sent->done);
  fixture_expect_failure (self, while_closing, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
  fixture_expect_failure (self, sent, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, "may have been handled");
  fixture_wait (self, closed.done);
  g_assert_true (closed.result);
  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_IDLE);
  g_autoptr (Reply) after = fixture_send (self, client, "after");
  fixture_expect_failure (self, after, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
}

static void
test_pending_unsent (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) unsent = fixture_send (self, client, "unsent");

  fixture_close (self, client);
  fixture_expect_failure (self, unsent, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
}

static void
test_before_start (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GError) error = NULL;

  fixture_close (self, node);
  g_assert_false (ipc_node_start (node, &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_CLOSED);
}

static void
test_twice (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_master (self, fixture_echo, NULL);
  Closed first = { 0 }, second = { 0 };

  ipc_node_close_async (node, NULL, closed_cb, &first);
  ipc_node_close_async (node, NULL, closed_cb, &second);
  g_assert_false (first.done || second.done);
  fixture_wait (self, first.done && second.done);
  g_assert_true (first.result);
  g_assert_error (second.error, IPC_ERROR, IPC_ERROR_CLOSED);
  g_clear_error (&second.error);
  fixture_close (self, node); /* already closed is no error */
}

/* A master that is closed answers what it has accepted, takes nothing more, and loses nothing. */
static void
test_master (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  IpcNode *next;
  Closed closed = { 0 };
  guint64 epoch = ipc_node_get_epoch (master);

  for (int i = 0; i < 10; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "accepted"));
  fixture_wait (self, held->len == 10);
  next = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  ipc_node_close_async (master, NULL, closed_cb, &closed);
  for (int i = 0; i < 10; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "for the next"));

  fixture_iterate_for (self, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (closed.done);
  g_assert_cmpint (ipc_node_get_role (next), !=, IPC_ROLE_MASTER);
  for (int i = 0; i < 10; i++)
    message_respond_text (held->pdata[i], "accepted");
  fixture_wait (self, closed.done);
  g_assert_true (closed.result);

  for (int i = 0; i < 20; i++) {
    Reply *reply = replies->pdata[i];

    fixture_expect_text (self, reply, i < 10 ? "accepted" : "for the next");
    if (i < 10)
      g_assert_cmpuint (reply->epoch, ==, epoch);
    else
      g_assert_cmpuint (reply->epoch, ==, ipc_node_get_epoch (next));
  }
  g_assert_cmpuint (held->len, ==, 10);
}

static void
never_redelivered (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  guint64 *last = user_data;

  g_assert_false (ipc_message_get_redelivered (message));
  g_assert_cmpuint (ipc_message_get_sequence (message), ==, *last + 1);
  *last = ipc_message_get_sequence (message);
  fixture_echo (node, message, NULL);
}

/* Masters are closed one after the other under full load: nothing fails, nothing is handled twice, no order is lost. */
static void
test_hand_over_chain (Fixture *self, gconstpointer data)
{
  enum { N_NODES = 6, N = 3000 };
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *nodes[N_NODES];
  Closed closed[N_NODES] = { 0 };
  IpcNode *client;
  guint64 last = 0, last_epoch = 0;
  guint n_epochs = 0;

  for (guint i = 0; i < N_NODES; i++)
    nodes[i] = fixture_node (self, IPC_MODE_MASTER, never_redelivered, &last);
  client = fixture_client (self);
  for (int i = 0; i < N; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "x"));
  for (guint n_closed = 0; n_closed < N_NODES - 1; n_closed++) {
    IpcNode *master = NULL;
    guint64 target = (n_closed + 1) * N / (N_NODES + 1);

    fixture_wait (self, last >= target);
    for (guint i = 0; i < N_NODES; i++) {
      if (ipc_node_get_role (nodes[i]) == IPC_ROLE_MASTER && !closed[i].done)
        master = nodes[i];
    }
    for (guint i = 0; i < N_NODES; i++) {
      if (nodes[i] == master) {
        ipc_node_close_async (nodes[i], NULL, closed_cb, &closed[i]);
        fixture_wait (self, closed[i].done);
        g_assert_true (closed[i].result);
      }
    }
  }
  for (int i = 0; i < N; i++) {
    Reply *reply = replies->pdata[i];

    fixture_expect_text (self, reply, "x");
    g_assert_cmpuint (reply->epoch, >=, last_epoch);
    n_epochs += reply->epoch > last_epoch;
    last_epoch = reply->epoch;
  }
  g_assert_cmpuint (last, ==, N);
  g_assert_cmpuint (n_epochs, >, 1);
}

/* A handler never answers: the hand-over is bounded, and the message goes to the next master, marked. */
static void
note_redelivered (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  message_respond_text (message, ipc_message_get_redelivered (message) ? "again" : "new");
}

static void
test_never_answered (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");

  fixture_wait (self, held->len == 1);
  fixture_node (self, IPC_MODE_DUAL, note_redelivered, NULL);
  fixture_close (self, master);
  fixture_expect_text (self, reply, "again");
}

static void
close_in_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  ipc_node_close_async (node, NULL, closed_cb, user_data);
  message_respond_text (message, "my last");
}

static void
test_in_handler (Fixture *self, gconstpointer data)
{
  Closed closed = { 0 };

  fixture_master (self, close_in_handler, &closed);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) first = fixture_send (self, client, "x");
  g_autoptr (Reply) second = fixture_send (self, client, "y");

  fixture_wait (self, closed.done);
  g_assert_true (closed.result);
  fixture_expect_text (self, first, "my last");
  fixture_iterate_for (self, 20 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (second->done);
  fixture_node (self, IPC_MODE_DUAL, note_redelivered, NULL);
  fixture_expect_text (self, second, "new");
}

typedef struct {
  Closed closed;
  guint n;
} CloseInCallback;

static void
close_in_callback_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  CloseInCallback *state = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (state->n++ == 0)
    ipc_node_close_async (IPC_NODE (source), NULL, closed_cb, &state->closed);
}

static void
test_in_callback (Fixture *self, gconstpointer data)
{
  CloseInCallback state = { 0 };
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");

  for (int i = 0; i < 100; i++)
    ipc_node_send_async (node, bytes, NULL, close_in_callback_cb, &state);
  fixture_wait (self, state.closed.done);
  g_assert_true (state.closed.result);
  g_assert_cmpuint (state.n, ==, 100); /* every message had its outcome before the close was over */
}

static void
close_in_notify_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  if (ipc_node_get_role (node) == *(IpcRole *) ((gpointer *) user_data)[0])
    ipc_node_close_async (node, NULL, closed_cb, ((gpointer *) user_data)[1]);
}

/* Within notify::role, for each role that there is, also within ipc_node_start() itself. */
static void
test_in_notify (Fixture *self, gconstpointer data)
{
  const IpcRole roles[] = { IPC_ROLE_SEARCHING, IPC_ROLE_CLIENT, IPC_ROLE_STANDBY, IPC_ROLE_MASTER };

  for (gsize i = 0; i < G_N_ELEMENTS (roles); i++) {
    IpcRole role = roles[i];
    Closed closed = { 0 };
    gpointer args[] = { &role, &closed };
    IpcNode *other = role == IPC_ROLE_MASTER ? NULL : fixture_master (self, fixture_echo, NULL);
    IpcNode *node = fixture_new_node (self, role == IPC_ROLE_CLIENT ? IPC_MODE_CLIENT : IPC_MODE_DUAL, fixture_echo,
                                      NULL);

    g_signal_connect (node, "notify::role", G_CALLBACK (close_in_notify_cb), args);
    g_assert_true (ipc_node_start (node, NULL));
    fixture_wait (self, closed.done);
    g_assert_true (closed.result);
    g_signal_handlers_disconnect_by_data (node, args);
    if (other != NULL)
      fixture_close (self, other);
  }
}

/* A candidate that rests after a failure can be closed and dropped too. */
static void
test_resting (Fixture *self, gconstpointer data)
{
  g_autofree char *group = fixture_path (self, "group");

  for (int i = 0; i < 2; i++) {
    IpcNode *node = fixture_master (self, fixture_echo, NULL);

    g_assert_cmpint (g_unlink (group), ==, 0);
    g_assert_true (g_file_set_contents_full (group, "foreign", -1, 0, 0600, NULL));
    fixture_expect_error (self, IPC_ERROR, IPC_ERROR_RUNTIME_DIR, group);
    g_assert_cmpint (ipc_node_get_role (node), !=, IPC_ROLE_MASTER);
    if (i == 0)
      fixture_close (self, node);
    else
      fixture_drop (self, node);
    fixture_forget_errors (self, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
    g_assert_cmpint (g_unlink (group), ==, 0);
  }
  fixture_iterate_for (self, 600 * G_TIME_SPAN_MILLISECOND); /* nobody comes back from his rest */
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/close/pending", "pending messages end, and say whether they were sent", test_pending);
  fixture_add ("/close/pending-unsent", "what no master has seen was not sent", test_pending_unsent);
  fixture_add ("/close/before-start", "a node that never ran", test_before_start);
  fixture_add ("/close/twice", "once is enough", test_twice);
  fixture_add ("/close/master", "what was accepted is answered, the rest goes on", test_master);
  fixture_add ("/close/hand-over-chain", "nothing fails and nothing is handled twice", test_hand_over_chain);
  fixture_add ("/close/never-answered", "hand-over is bounded", test_never_answered);
  fixture_add ("/close/in-handler", "a handler may close the node", test_in_handler);
  fixture_add ("/close/in-callback", "a callback may close the node", test_in_callback);
  fixture_add ("/close/in-notify", "a notification may close the node", test_in_notify);
  fixture_add ("/close/resting", "after a failure too", test_resting);

  return g_test_run ();
}
