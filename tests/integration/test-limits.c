/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>

/*
 * Where a message ends without an answer: deadlines, cancellation, a full queue, sizes. Each error says whether the
 * message may have been handled, and the messages beside it are unharmed.
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
test_deadline_no_master (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  gint64 before_us = g_get_monotonic_time ();

  g_object_set (client, "send-timeout", 20, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  g_autoptr (Reply) of_node = fixture_send (self, client, "x");
  g_autoptr (Reply) of_call = fixture_send_full (self, client, "x", 0, 40, NULL);
  fixture_expect_failure (self, of_node, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  g_assert_cmpint (g_get_monotonic_time () - before_us, >=, 20000);
  g_assert_false (of_call->done);
  fixture_expect_failure (self, of_call, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  g_assert_cmpuint (of_call->epoch, ==, 0);
}

/* The handler is slow: an error only because the caller said so; its late answer is dropped and harms nobody. */
static void
test_deadline_slow_handler (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();

  fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) patient = fixture_send (self, client, "patient");
  g_autoptr (Reply) hasty = fixture_send_full (self, client, "hasty", 0, 30, NULL);

  fixture_expect_failure (self, hasty, IPC_ERROR, IPC_ERROR_TIMED_OUT, "may have been handled");
  fixture_iterate_for (self, 50 * G_TIME_SPAN_MILLISECOND);
  g_assert_false (patient->done);
  g_assert_cmpuint (held->len, ==, 2);
  message_respond_text (held->pdata[1], "too late");
  message_respond_text (held->pdata[0], "in time");
  fixture_expect_text (self, patient, "in time");
}

/* The window is full of messages that are not answered: the next one has not been sent at its deadline. */
static void
test_deadline_window (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);

  fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 1024; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "x"));
  fixture_wait (self, held->len == 1024);
  g_autoptr (Reply) late = fixture_send_full (self, client, "late", 0, 30, NULL);
  fixture_expect_failure (self, late, IPC_ERROR, IPC_ERROR_NOT_SENT, "not sent");
  g_assert_cmpuint (held->len, ==, 1024);
  for (int i = 0; i < 1024; i++)
    message_respond_text (held->pdata[i], "y");
  for (int i = 0; i < 1024; i++)
    fixture_expect_text (self, replies->pdata[i], "y");
}

static void
test_fail_fast (Fixture *self, gconstpointer data)
{
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (Reply) none = fixture_send_full (self, client, "x", IPC_SEND_FAIL_FAST, IPC_TIMEOUT_NONE, NULL);

  fixture_expect_failure (self, none, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  fixture_master (self, fixture_echo, NULL);
  fixture_wait (self, ipc_node_get_role (client) == IPC_ROLE_CLIENT);
  g_autoptr (Reply) fine = fixture_send_full (self, client, "fine", IPC_SEND_FAIL_FAST, IPC_TIMEOUT_NONE, NULL);
  fixture_expect_text (self, fine, "fine");
}

/* Behind a full window when the master goes: what was not sent fails, what was sent waits for the next master. */
static void
test_fail_fast_lost (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *master = fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 1030; i++)
    g_ptr_array_add (replies, fixture_send_full (self, client, "x", IPC_SEND_FAIL_FAST, IPC_TIMEOUT_NONE, NULL));
  fixture_wait (self, held->len == 1024);
  fixture_drop (self, master);
  for (int i = 1024; i < 1030; i++)
    fixture_expect_failure (self, replies->pdata[i], IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  g_assert_false (((Reply *) replies->pdata[0])->done);
  fixture_master (self, fixture_echo, NULL);
  for (int i = 0; i < 1024; i++)
    fixture_expect_text (self, replies->pdata[i], "x");
}

static void
test_cancel (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GCancellable) cancelled = g_cancellable_new ();
  g_autoptr (GCancellable) unsent = g_cancellable_new ();
  g_autoptr (GCancellable) sent = g_cancellable_new ();
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);

  g_cancellable_cancel (cancelled);
  g_autoptr (Reply) before = fixture_send_full (self, client, "1", 0, -1, cancelled);
  g_autoptr (Reply) while_queued = fixture_send_full (self, client, "2", 0, -1, unsent);
  g_autoptr (Reply) stays = fixture_send (self, client, "3");
  g_autoptr (Reply) after_sending = fixture_send_full (self, client, "4", 0, -1, sent);

  fixture_expect_failure (self, before, G_IO_ERROR, G_IO_ERROR_CANCELLED, "not sent");
  g_cancellable_cancel (unsent);
  fixture_expect_failure (self, while_queued, G_IO_ERROR, G_IO_ERROR_CANCELLED, "not sent");

  fixture_master (self, hold, held);
  fixture_wait (self, held->len == 2);
  g_cancellable_cancel (sent);
  fixture_expect_failure (self, after_sending, G_IO_ERROR, G_IO_ERROR_CANCELLED, "may have been handled");
  for (guint i = 0; i < 2; i++) {
    g_autofree char *text = message_text (held->pdata[i]);

    g_assert_cmpstr (text, ==, i == 0 ? "3" : "4"); /* the others were never sent */
    message_respond_text (held->pdata[i], text);
  }
  fixture_expect_text (self, stays, "3");
}

static gpointer
cancel_all (gpointer user_data)
{
  GPtrArray *cancellables = user_data;

  for (guint i = 0; i < cancellables->len; i += 2)
    g_cancellable_cancel (cancellables->pdata[i]);

  return NULL;
}

/* A thread cancels every second message while they come and go. */
static void
test_cancel_from_thread (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) cancellables = g_ptr_array_new_with_free_func (g_object_unref);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  GThread *thread;

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 1000; i++)
    g_ptr_array_add (cancellables, g_cancellable_new ());
  thread = g_thread_new ("cancel", cancel_all, cancellables);
  for (int i = 0; i < 1000; i++) {
    g_ptr_array_add (replies, fixture_send_full (self, client, "x", 0, -1, cancellables->pdata[i]));
    if (i % 100 == 0)
      fixture_iterate (self);
  }
  for (int i = 0; i < 1000; i++) {
    Reply *reply = replies->pdata[i];

    fixture_wait (self, reply->done);
    if (i % 2 != 0 || reply->error == NULL)
      g_assert_cmpstr (reply->text, ==, "x");
    else
      g_assert_error (reply->error, G_IO_ERROR, G_IO_ERROR_CANCELLED);
  }
  g_thread_join (thread);
}

static void
test_queue_full (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);

  g_object_set (client, "max-pending", 10, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  for (int i = 0; i < 10; i++)
    g_ptr_array_add (replies, fixture_send (self, client, "fits"));
  g_autoptr (Reply) full = fixture_send (self, client, "one too many");
  fixture_expect_failure (self, full, IPC_ERROR, IPC_ERROR_QUEUE_FULL, "10");
  g_assert_nonnull (strstr (full->error->message, "not sent"));

  fixture_master (self, fixture_echo, NULL);
  for (int i = 0; i < 10; i++)
    fixture_expect_text (self, replies->pdata[i], "fits");
  g_autoptr (Reply) again = fixture_send (self, client, "there is room");
  fixture_expect_text (self, again, "there is room");
}

static void
expect_bytes (Fixture *self, IpcNode *node, gsize size, int code, const char *part)
{
  g_autoptr (GBytes) bytes = pattern_bytes (size);
  g_autoptr (Reply) reply = reply_new ();

  ipc_node_send_async (node, bytes, NULL, reply_cb, reply);
  if (code == -1) {
    fixture_wait (self, reply->done);
    g_assert_no_error (reply->error);
    g_assert_cmpuint (reply->size, ==, size);
  } else {
    fixture_expect_failure (self, reply, IPC_ERROR, code, part);
    g_assert_nonnull (strstr (reply->error->message, "not sent"));
  }
}

static void
test_message_too_large (Fixture *self, gconstpointer data)
{
  IpcNode *client;

  fixture_master (self, fixture_echo, NULL);
  client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_object_set (client, "max-message-size", 3000, NULL);
  g_assert_true (ipc_node_start (client, NULL));
  expect_bytes (self, client, 3000, -1, NULL);
  expect_bytes (self, client, 3001, IPC_ERROR_MESSAGE_TOO_LARGE, "3000");
  expect_bytes (self, client, 3000, -1, NULL);
}

/* The master takes less than the sender would: found out before anything is sent, the connection stays. */
static void
test_master_takes_less (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_new_node (self, IPC_MODE_MASTER, fixture_echo, NULL);
  IpcNode *client = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_autoptr (GBytes) large = pattern_bytes (3001);
  g_autoptr (Reply) early = reply_new ();
  guint64 epoch;

  ipc_node_send_async (client, large, NULL, reply_cb, early); /* before the limit can be known */
  g_autoptr (Reply) behind = fixture_send (self, client, "behind");
  g_object_set (master, "max-message-size", 3000, NULL);
  g_assert_true (ipc_node_start (master, NULL));
  fixture_expect_failure (self, early, IPC_ERROR, IPC_ERROR_MESSAGE_TOO_LARGE, "3000");
  fixture_expect_text (self, behind, "behind");
  epoch = ipc_node_get_epoch (client);

  expect_bytes (self, client, 3001, IPC_ERROR_MESSAGE_TOO_LARGE, "3000");
  expect_bytes (self, client, 3000, -1, NULL);
  g_assert_cmpuint (ipc_node_get_epoch (client), ==, epoch);
}

/* Far more bytes than the window, all pending at once, to a handler that answers in its own time. */
static void
test_many_bytes (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  g_autoptr (GBytes) bytes = pattern_bytes (3 * 1024 * 1024);
  guint n_answered = 0;

  fixture_master (self, hold, held);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 20; i++) {
    g_ptr_array_add (replies, reply_new ());
    ipc_node_send_async (client, bytes, NULL, reply_cb, replies->pdata[i]);
  }
  while (n_answered < 20) {
    fixture_wait (self, held->len > n_answered);
    fixture_iterate_for (self, 10 * G_TIME_SPAN_MILLISECOND);
    g_assert_cmpuint (held->len - n_answered, <=, 3); /* not more than the window of 8 MiB takes */
    ipc_message_respond (held->pdata[n_answered++], NULL);
  }
  for (int i = 0; i < 20; i++)
    fixture_expect_text (self, replies->pdata[i], "");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/limits/deadline/no-master", "waiting for a master has an end", test_deadline_no_master);
  fixture_add ("/limits/deadline/slow-handler", "slow is an error only for who says so", test_deadline_slow_handler);
  fixture_add ("/limits/deadline/window", "a message behind a full window was not sent", test_deadline_window);
  fixture_add ("/limits/fail-fast/no-master", "no master, no waiting", test_fail_fast);
  fixture_add ("/limits/fail-fast/lost", "the master goes before the message's turn", test_fail_fast_lost);
  fixture_add ("/limits/cancel/moments", "the error says whether it was sent", test_cancel);
  fixture_add ("/limits/cancel/from-thread", "cancellation from another thread", test_cancel_from_thread);
  fixture_add ("/limits/queue-full", "earlier messages are unharmed", test_queue_full);
  fixture_add ("/limits/size/sender", "refused at once, nothing is sent", test_message_too_large);
  fixture_add ("/limits/size/master", "the master's limit is known before sending", test_master_takes_less);
  fixture_add ("/limits/size/window", "large messages wait for their turn", test_many_bytes);

  return g_test_run ();
}
