/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

/*
 * Dropping the last reference without closing, and disposing by force, at every moment. Nothing is lost by it: for the
 * others it is as if a process had died. The end of each test sees that the node, its descriptors and its thread are
 * gone.
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

static void
test_before_start (Fixture *self, gconstpointer data)
{
  fixture_drop (self, fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL));
}

static void
test_failed_start (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_new_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GError) error = NULL;

  ipc_node_set_runtime_dir (node, "/nonexistent");
  for (int i = 0; i < 3; i++) {
    g_assert_false (ipc_node_start (node, &error));
    g_assert_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR);
    g_clear_error (&error);
  }
  fixture_drop (self, node);
}

static void
test_at_once (Fixture *self, gconstpointer data)
{
  const IpcMode modes[] = { IPC_MODE_CLIENT, IPC_MODE_DUAL, IPC_MODE_MASTER };

  for (int i = 0; i < 60; i++)
    fixture_drop (self, fixture_node (self, modes[i % 3], fixture_echo, NULL));
}

/* After each number of turns of the main loop: searching, waiting for the lock, claiming, connecting, connected. */
static void
test_after_turns (Fixture *self, gconstpointer data)
{
  for (int n = 0; n < 40; n++) {
    IpcNode *standby, *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);

    for (int i = 0; i < n; i++)
      g_main_context_iteration (self->context, FALSE);
    standby = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
    for (int i = 0; i < n; i++)
      g_main_context_iteration (self->context, FALSE);
    fixture_drop (self, n % 2 == 0 ? node : standby);
    for (int i = 0; i < n; i++)
      g_main_context_iteration (self->context, FALSE);
    fixture_drop (self, n % 2 == 0 ? standby : node);
  }
}

static void
test_searching (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);

  fixture_iterate_for (self, 30 * G_TIME_SPAN_MILLISECOND);
  fixture_drop (self, node);
}

static void
test_master (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) before = fixture_send (self, client, "before");
  g_autoptr (Reply) after = NULL;

  fixture_expect_text (self, before, "before");
  fixture_drop (self, master);
  after = fixture_send (self, client, "after");
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_SEARCHING);
  fixture_master (self, fixture_echo, NULL);
  fixture_expect_text (self, after, "after");
  g_assert_cmpuint (after->epoch, >, before->epoch);
}

static void
note_redelivered (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  message_respond_text (message, ipc_message_get_redelivered (message) ? "again" : "new");
}

/* The application holds messages; it answers one while the master goes, one after, and drops one. */
static void
test_held (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) first = fixture_send (self, client, "1");
  g_autoptr (Reply) second = fixture_send (self, client, "2");
  g_autoptr (Reply) third = fixture_send (self, client, "3");
  g_autofree char *text = NULL;

  fixture_wait (self, held->len == 3);
  message_respond_text (held->pdata[0], "not written yet");
  fixture_drop (self, master);
  message_respond_text (held->pdata[1], "goes nowhere");
  text = message_text (held->pdata[1]);
  g_assert_cmpstr (text, ==, "2"); /* the message is still the message */
  g_assert_cmpstr (ipc_peer_get_id (ipc_message_get_sender (held->pdata[2])), ==, ipc_node_get_id (client));
  g_ptr_array_set_size (held, 0);

  fixture_master (self, note_redelivered, NULL);
  fixture_expect_text (self, first, "not written yet"); /* it was answered, and the ledger knows the answer */
  fixture_expect_text (self, second, "again");
  fixture_expect_text (self, third, "again");
}

/* A pending message keeps its node; disposing of it by force ends the message. */
static void
test_pending (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");

  g_ptr_array_remove (self->nodes, client);
  g_object_unref (client);
  g_assert_cmpuint (self->n_alive, ==, 1);
  g_object_run_dispose (G_OBJECT (client));
  g_assert_false (reply->done);
  fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
  fixture_wait (self, self->n_alive == 0);
}

/* The last reference goes within the callback of the last message. */
static void
last_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  reply_cb (source, result, user_data);
  g_object_unref (source);
}

static void
test_in_callback (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");
  g_autoptr (Reply) reply = reply_new ();

  g_ptr_array_remove (self->nodes, node);
  ipc_node_send_async (node, bytes, NULL, last_cb, reply);
  fixture_wait (self, self->n_alive == 0);
  g_assert_cmpstr (reply->text, ==, "x");
}

static void
run_dispose_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  reply_cb (source, result, user_data);
  g_object_run_dispose (source);
}

/* Others are still pending when a callback disposes of the node: every one of them ends. */
static void
test_forced_in_callback (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");

  for (int i = 0; i < 2000; i++) {
    g_ptr_array_add (replies, reply_new ());
    ipc_node_send_async (node, bytes, NULL, i == 10 ? run_dispose_cb : reply_cb, replies->pdata[i]);
  }
  for (int i = 0; i < 2000; i++)
    fixture_wait (self, ((Reply *) replies->pdata[i])->done);
  g_assert_nonnull (((Reply *) replies->pdata[1999])->error);
}

static void
drop_in_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  if (*(gboolean *) user_data)
    g_object_unref (node);
  else
    g_object_run_dispose (G_OBJECT (node));
  message_respond_text (message, "from nowhere");
}

/* A handler drops the node (@data), or disposes of it; it has read more messages than this one. */
static void
test_in_handler (Fixture *self, gconstpointer data)
{
  gboolean unref = GPOINTER_TO_INT (data);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  IpcNode *master;

  for (int i = 0; i < 100; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "x"));
  master = fixture_node (self, IPC_MODE_MASTER, drop_in_handler, &unref);
  if (unref)
    g_ptr_array_remove (self->nodes, master);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_SEARCHING);
  g_assert_cmpuint (self->n_alive, ==, unref ? 1 : 2);
  fixture_master (self, note_redelivered, NULL);
  fixture_expect_text (self, replies->pdata[0], unref ? "from nowhere" : "again"); /* written down before the end */
  for (int i = 1; i < 100; i++)
    fixture_expect_text (self, replies->pdata[i], "new"); /* read perhaps, but not given to a handler */
}

typedef struct {
  IpcRole role;
  gboolean unref;
} DropAt;

static void
drop_in_notify_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  DropAt *at = user_data;

  if (ipc_node_get_role (node) != at->role)
    return;
  g_signal_handlers_disconnect_by_data (node, at);
  if (at->unref)
    g_object_unref (node);
  else
    g_object_run_dispose (G_OBJECT (node));
}

static void
test_in_notify (Fixture *self, gconstpointer data)
{
  const IpcRole roles[] = { IPC_ROLE_SEARCHING, IPC_ROLE_CLIENT, IPC_ROLE_STANDBY, IPC_ROLE_MASTER };

  for (gsize i = 0; i < 2 * G_N_ELEMENTS (roles); i++) {
    DropAt at = { roles[i / 2], i % 2 };
    IpcNode *other = at.role == IPC_ROLE_MASTER ? NULL : fixture_master (self, fixture_echo, NULL);
    guint n_before = self->n_alive;
    IpcNode *node = fixture_new_node (self, at.role == IPC_ROLE_CLIENT ? IPC_MODE_CLIENT : IPC_MODE_DUAL, fixture_echo,
                                      NULL);
    g_autoptr (IpcNode) kept = at.role == IPC_ROLE_SEARCHING ? g_object_ref (node) : NULL; /* while in start() */

    if (at.unref)
      g_ptr_array_remove (self->nodes, node);
    g_signal_connect (node, "notify::role", G_CALLBACK (drop_in_notify_cb), &at);
    g_assert_true (ipc_node_start (node, NULL));
    g_clear_object (&kept);
    if (at.unref)
      fixture_wait (self, self->n_alive == n_before);
    else
      fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_IDLE);
    if (other != NULL)
      fixture_drop (self, other);
  }
}

/* While a close is under way: the close has its outcome all the same. */
static void
note_closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_assert_true (ipc_node_close_finish (IPC_NODE (source), result, NULL));
  *(gboolean *) user_data = TRUE;
}

static void
test_while_closing (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  gboolean closed = FALSE;

  fixture_wait (self, held->len == 1);
  ipc_node_close_async (master, NULL, note_closed_cb, &closed);
  fixture_iterate (self);
  g_assert_false (closed);
  g_object_run_dispose (G_OBJECT (master));
  fixture_wait (self, closed);
  g_assert_cmpint (ipc_node_get_role (master), ==, IPC_ROLE_IDLE);
  fixture_master (self, note_redelivered, NULL);
  fixture_expect_text (self, reply, "again");
}

/* Everything that can be asked of a node that was disposed of has an answer. */
static void
test_use_after (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_master (self, fixture_echo, NULL);
  g_autoptr (GError) error = NULL;

  g_object_run_dispose (G_OBJECT (node));
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_IDLE);
  g_assert_null (ipc_node_get_master (node));
  g_assert_cmpuint (ipc_node_get_epoch (node), ==, 0);
  g_assert_false (ipc_node_start (node, &error));
  g_assert_error (error, IPC_ERROR, IPC_ERROR_CLOSED);
  fixture_close (self, node);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/dispose/before-start", "nothing was begun", test_before_start);
  fixture_add ("/dispose/failed-start", "nothing is left of what was begun", test_failed_start);
  fixture_add ("/dispose/at-once", "in the turn in which it was started", test_at_once);
  fixture_add ("/dispose/after-turns", "at each step on the way to a master and a standby", test_after_turns);
  fixture_add ("/dispose/searching", "a client without a master", test_searching);
  fixture_add ("/dispose/master", "like a death: the next one goes on", test_master);
  fixture_add ("/dispose/held", "messages outlive their master", test_held);
  fixture_add ("/dispose/pending", "a pending message keeps its node, unless it is forced", test_pending);
  fixture_add ("/dispose/in-callback", "the last reference goes in a callback", test_in_callback);
  fixture_add ("/dispose/forced-in-callback", "all others end too", test_forced_in_callback);
  fixture_add_data ("/dispose/in-handler/unref", "the last reference goes in a handler", GINT_TO_POINTER (TRUE),
                    test_in_handler);
  fixture_add_data ("/dispose/in-handler/forced", "a handler disposes of its node", GINT_TO_POINTER (FALSE),
                    test_in_handler);
  fixture_add ("/dispose/in-notify", "in each role", test_in_notify);
  fixture_add ("/dispose/while-closing", "the close ends", test_while_closing);
  fixture_add ("/dispose/use-after", "what is disposed of stays harmless", test_use_after);

  return g_test_run ();
}
