/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>
#include <unistd.h>

/*
 * What a node is from the outside: its properties and when they are notified, who a message says it is from, when
 * callbacks come, and what programmers' errors do.
 */

static void
count_cb (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  guint *n = user_data;

  (*n)++;
}

static void
test_construct (Fixture *self, gconstpointer data)
{
  IpcNode *node = g_object_new (IPC_TYPE_NODE, "group", " spaced\n", NULL);
  guint n = 0, max_message_size, max_pending, send_timeout_ms;

  fixture_watch (self, node);
  g_ptr_array_add (self->nodes, node);
  g_assert_cmpstr (ipc_node_get_group (node), ==, "spaced");
  g_assert_cmpint (ipc_node_get_mode (node), ==, IPC_MODE_DUAL);
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_IDLE);
  g_assert_cmpuint (ipc_node_get_epoch (node), ==, 0);
  g_assert_null (ipc_node_get_master (node));
  g_assert_null (ipc_node_get_runtime_dir (node));
  g_object_get (node, "max-message-size", &max_message_size, "send-timeout", &send_timeout_ms, NULL);
  g_assert_cmpuint (max_message_size, ==, 16 * 1024 * 1024);
  g_assert_cmpuint (send_timeout_ms, ==, 0);
  g_assert_cmpuint (strlen (ipc_node_get_id (node)), ==, 32);

  g_signal_connect (node, "notify", G_CALLBACK (count_cb), &n);
  g_object_set (node, "runtime-dir", self->dir, "max-message-size", 2048, "max-pending", 7, "send-timeout", 5,
                "handshake-timeout", 6, "hang-timeout", 8, "priority", -9, "allow-other-users", TRUE, NULL);
  g_assert_cmpuint (n, ==, 8);
  g_object_set (node, "runtime-dir", self->dir, "max-message-size", 2048, "max-pending", 7, "send-timeout", 5,
                "handshake-timeout", 6, "hang-timeout", 8, "priority", -9, "allow-other-users", TRUE, NULL);
  g_assert_cmpuint (n, ==, 8); /* nothing has changed */
  g_object_get (node, "max-pending", &max_pending, NULL);
  g_assert_cmpuint (max_pending, ==, 7);
  g_assert_cmpstr (ipc_node_get_runtime_dir (node), ==, self->dir);
}

static void
test_ids (Fixture *self, gconstpointer data)
{
  g_autoptr (GHashTable) ids = g_hash_table_new (g_str_hash, g_str_equal);

  for (int i = 0; i < 100; i++)
    g_hash_table_add (ids, (char *) ipc_node_get_id (fixture_new_node (self, IPC_MODE_DUAL, NULL, NULL)));

  g_assert_cmpuint (g_hash_table_size (ids), ==, 100);
}

/* What was notified, and what the node said at that moment. */
typedef struct {
  GString *log;
  IpcRole role;
  guint64 epoch;
  char *master;
} Notified;

static void
notify_cb (GObject *object, GParamSpec *pspec, gpointer user_data)
{
  Notified *notified = user_data;
  g_autoptr (IpcPeer) master = NULL;

  g_string_append_printf (notified->log, "%s ", pspec->name);
  g_free (notified->master);
  g_object_get (object, "role", &notified->role, "epoch", &notified->epoch, "master", &master, NULL);
  notified->master = g_strdup (master != NULL ? ipc_peer_get_id (master) : NULL);
}

static void
test_notify (Fixture *self, gconstpointer data)
{
  Notified of_master = { .log = g_string_new (NULL) }, of_client = { .log = g_string_new (NULL) };
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  IpcNode *master = fixture_new_node (self, IPC_MODE_MASTER, fixture_echo, NULL);

  g_assert_cmpint (ipc_node_get_role (client), ==, IPC_ROLE_SEARCHING);
  g_signal_connect (master, "notify", G_CALLBACK (notify_cb), &of_master);
  g_signal_connect (client, "notify", G_CALLBACK (notify_cb), &of_client);
  g_assert_true (ipc_node_start (master, NULL));
  fixture_wait (self, of_client.role == IPC_ROLE_CLIENT && of_master.role == IPC_ROLE_MASTER);

  g_assert_nonnull (strstr (of_master.log->str, "role"));
  g_assert_nonnull (strstr (of_master.log->str, "epoch"));
  g_assert_nonnull (strstr (of_master.log->str, "master"));
  g_assert_nonnull (strstr (of_client.log->str, "epoch"));
  g_assert_cmpuint (of_master.epoch, >, 0);
  g_assert_cmpuint (of_client.epoch, ==, of_master.epoch);
  g_assert_cmpstr (of_client.master, ==, ipc_node_get_id (master));
  g_assert_cmpint (ipc_peer_get_pid (ipc_node_get_master (client)), ==, getpid ());
  g_assert_cmpuint (ipc_peer_get_uid (ipc_node_get_master (client)), ==, geteuid ());
  g_assert_cmpuint (ipc_peer_get_epoch (ipc_node_get_master (master)), ==, of_master.epoch);

  fixture_close (self, master);
  g_assert_cmpint (of_master.role, ==, IPC_ROLE_IDLE);
  fixture_wait (self, of_client.role == IPC_ROLE_SEARCHING);
  g_assert_cmpuint (of_client.epoch, ==, 0);
  g_assert_null (of_client.master);

  g_signal_handlers_disconnect_by_data (master, &of_master);
  g_signal_handlers_disconnect_by_data (client, &of_client);
  g_string_free (of_master.log, TRUE);
  g_string_free (of_client.log, TRUE);
  g_free (of_master.master);
  g_free (of_client.master);
}

/* Of two candidates one is master and the other stands by, and takes over when the first leaves. */
static void
test_standby (Fixture *self, gconstpointer data)
{
  IpcNode *first = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  IpcNode *second;
  guint64 epoch;

  fixture_wait (self, ipc_node_get_role (first) == IPC_ROLE_MASTER);
  second = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  fixture_wait (self, ipc_node_get_role (second) == IPC_ROLE_STANDBY);
  epoch = ipc_node_get_epoch (first);
  g_assert_cmpuint (ipc_node_get_epoch (second), ==, epoch);

  fixture_close (self, first);
  fixture_wait (self, ipc_node_get_role (second) == IPC_ROLE_MASTER);
  g_assert_cmpuint (ipc_node_get_epoch (second), >, epoch);
}

static void
identify (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  IpcPeer *sender = ipc_message_get_sender (message);
  g_autofree char *text = g_strdup_printf ("%s %d %u %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d",
                                           ipc_peer_get_id (sender), (int) ipc_peer_get_pid (sender),
                                           (guint) ipc_peer_get_uid (sender), ipc_message_get_sequence (message),
                                           ipc_message_get_epoch (message), ipc_message_get_redelivered (message));

  message_respond_text (message, text);
}

static void
test_identity (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, identify, NULL);
  IpcNode *client = fixture_client (self);

  for (int i = 1; i <= 3; i++) {
    g_autoptr (Reply) reply = fixture_send (self, client, "who am I?");
    g_autofree char *expected = g_strdup_printf ("%s %d %u %d %" G_GUINT64_FORMAT " 0", ipc_node_get_id (client),
                                                 (int) getpid (), (guint) geteuid (), i, ipc_node_get_epoch (master));

    fixture_expect_text (self, reply, expected);
    g_assert_cmpuint (reply->epoch, ==, ipc_node_get_epoch (master));
  }
}

/* A dual node sends to itself like to anybody else. */
static void
test_own_master (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, identify, NULL);
  g_autoptr (Reply) reply = fixture_send (self, node, "before there is a master");

  fixture_wait (self, reply->done);
  g_assert_no_error (reply->error);
  g_assert_true (g_str_has_prefix (reply->text, ipc_node_get_id (node)));
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_MASTER);
}

typedef struct {
  gboolean within_call;
  guint n_left;
  guint n_called;
} Again;

static void
again_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Again *again = user_data;
  g_autoptr (GBytes) bytes = text_bytes ("again");
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, NULL);

  g_assert_false (again->within_call);
  again->n_called++;
  if (again->n_left-- == 0)
    return;

  again->within_call = TRUE;
  ipc_node_send_async (IPC_NODE (source), bytes, NULL, again_cb, again);
  again->within_call = FALSE;
}

/* Not even when the call fails at once: every kind of refusal, from callbacks too, never before it has returned. */
static void
test_callback_later (Fixture *self, gconstpointer data)
{
  Again again = { .n_left = 1000 };
  IpcNode *master = fixture_new_node (self, IPC_MODE_MASTER, fixture_echo, NULL);
  IpcNode *unstarted = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");
  g_autoptr (Reply) of_master = fixture_send (self, master, "x");
  g_autoptr (Reply) of_unstarted = fixture_send (self, unstarted, "x");

  g_assert_true (ipc_node_start (master, NULL));
  fixture_expect_failure (self, of_master, IPC_ERROR, IPC_ERROR_NOT_A_CLIENT, NULL);
  fixture_expect_failure (self, of_unstarted, IPC_ERROR, IPC_ERROR_CLOSED, NULL);

  ipc_node_send_async (master, bytes, NULL, again_cb, &again);
  g_assert_cmpuint (again.n_called, ==, 0);
  fixture_iterate (self);
  g_assert_cmpuint (again.n_called, <, 1001); /* a callback that sends what fails does not starve the main loop */
  fixture_wait (self, again.n_called == 1001);
}

static void
test_no_callback (Fixture *self, gconstpointer data)
{
  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (GBytes) bytes = text_bytes ("nobody waits");
  g_autoptr (Reply) last = NULL;

  for (int i = 0; i < 10; i++)
    ipc_node_send_async (client, bytes, NULL, NULL, NULL);
  last = fixture_send (self, client, "last");
  fixture_expect_text (self, last, "last");
}

static void
test_set_handler_later (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, NULL, NULL);
  g_autoptr (Reply) reply = fixture_send (self, node, "early");

  fixture_iterate_for (self, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_SEARCHING); /* without a handler it does not campaign */
  ipc_node_set_handler (node, fixture_echo, NULL, NULL);
  fixture_expect_text (self, reply, "early");
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_MASTER);
}

static void
test_handler_destroy (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_new_node (self, IPC_MODE_DUAL, NULL, NULL);
  GObject *user_data = g_object_new (G_TYPE_OBJECT, NULL);

  ipc_node_set_handler (node, fixture_echo, g_object_ref (user_data), g_object_unref);
  g_assert_true (ipc_node_start (node, NULL));
  g_assert_cmpuint (user_data->ref_count, ==, 2);
  fixture_drop (self, node);
  g_assert_cmpuint (user_data->ref_count, ==, 1);
  g_object_unref (user_data);
}

#define EXPECT_CRITICAL(call)                                                                                          \
  G_STMT_START {                                                                                                       \
    g_test_expect_message ("libipc", G_LOG_LEVEL_CRITICAL, "*assertion*failed*");                                      \
    call;                                                                                                              \
    g_test_assert_expected_messages ();                                                                                \
  }                                                                                                                    \
  G_STMT_END

static void
twice (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_FAILED, "second");

  message_respond_text (message, "first");
  EXPECT_CRITICAL (ipc_message_respond (message, NULL));
  EXPECT_CRITICAL (ipc_message_fail (message, error));
}

/* A programmer's error is a critical warning, and everything goes on. */
static void
test_misuse (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, twice, NULL);
  g_autoptr (GBytes) bytes = text_bytes ("x");
  g_autoptr (Reply) reply = NULL;
  GBytes *response;

  EXPECT_CRITICAL (ipc_node_new (NULL, IPC_MODE_DUAL));
  EXPECT_CRITICAL (ipc_node_start (node, NULL)); /* twice */
  EXPECT_CRITICAL (ipc_node_set_handler (node, fixture_echo, NULL, NULL));
  EXPECT_CRITICAL (g_object_set (node, "max-pending", 3, NULL));
  EXPECT_CRITICAL (g_object_set (node, "max-message-size", 4096, NULL));
  EXPECT_CRITICAL (ipc_node_set_runtime_dir (node, "/"));
  EXPECT_CRITICAL (ipc_node_send_async (node, NULL, NULL, NULL, NULL));
  EXPECT_CRITICAL (ipc_node_send_full_async (node, bytes, 0, -2, NULL, NULL, NULL));
  EXPECT_CRITICAL (response = ipc_node_send (node, NULL, NULL, NULL));
  g_assert_null (response);
  EXPECT_CRITICAL (ipc_message_respond (NULL, NULL));
  EXPECT_CRITICAL (ipc_message_unref (NULL));

  reply = fixture_send (self, node, "still alive");
  fixture_expect_text (self, reply, "first");
}

static gpointer
use_in_thread (gpointer user_data)
{
  IpcNode *node = user_data;
  g_autoptr (GBytes) bytes = text_bytes ("x");

  EXPECT_CRITICAL (ipc_node_send_async (node, bytes, NULL, NULL, NULL));
  EXPECT_CRITICAL (ipc_node_send (node, bytes, NULL, NULL));
  EXPECT_CRITICAL (ipc_node_start (node, NULL));
  EXPECT_CRITICAL (ipc_node_close_async (node, NULL, NULL, NULL));

  return NULL;
}

static void
test_other_thread (Fixture *self, gconstpointer data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_DUAL, fixture_echo, NULL);
  g_autoptr (Reply) reply = NULL;

  g_thread_join (g_thread_new ("misuse", use_in_thread, node));
  reply = fixture_send (self, node, "still alive");
  fixture_expect_text (self, reply, "still alive");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/node/construct", "before it is started; notifications only for changes", test_construct);
  fixture_add ("/node/ids", "identities must not meet", test_ids);
  fixture_add ("/node/notify", "role, epoch and master are notified, and are right at that moment", test_notify);
  fixture_add ("/node/standby", "one master, one that stands by and takes over", test_standby);
  fixture_add ("/node/identity", "the handler can trust who sent what", test_identity);
  fixture_add ("/node/own-master", "a dual node is its own client", test_own_master);
  fixture_add ("/node/callback-later", "no callback before the call has returned", test_callback_later);
  fixture_add ("/node/no-callback", "a message whose outcome interests nobody", test_no_callback);
  fixture_add ("/node/set-handler-later", "a candidate campaigns once it has a handler", test_set_handler_later);
  fixture_add ("/node/handler-destroy", "the handler's data lives as long as the node", test_handler_destroy);
  fixture_add ("/node/misuse", "programmers' errors break nothing", test_misuse);
  fixture_add ("/node/other-thread", "calls from another thread are refused", test_other_thread);

  return g_test_run ();
}
