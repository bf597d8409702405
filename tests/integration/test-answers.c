/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <string.h>

/*
 * What a handler can do with a message, and what its sender gets: bytes of any size, errors of any domain, answers that
 * come later, from other threads, in any order, or not at all.
 */

#define TEST_ERROR (g_quark_from_static_string ("test-answers-error-quark"))

static void
fail_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  ipc_message_fail (message, user_data);
}

/* Domain, code and text arrive as they were: also a negative code, strange text, and a domain nobody has registered. */
static void
test_failures (Fixture *self, gconstpointer data)
{
  const struct {
    GQuark domain;
    int code;
    const char *text;
  } cases[] = {
    { TEST_ERROR, -7, "größer „als“ ∞\nzweite Zeile" },
    { G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "" },
    { IPC_ERROR, IPC_ERROR_QUEUE_FULL, "the handler's own" },
    { g_quark_from_string ("x"), G_MAXINT, "%s %n" },
    { g_quark_from_string ("y"), G_MININT, "min" },
  };
  GError error = { 0 };

  fixture_master (self, fail_handler, &error);
  IpcNode *client = fixture_client (self);

  for (gsize i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (Reply) reply = NULL;

    error = (GError) { cases[i].domain, cases[i].code, (char *) cases[i].text };
    reply = fixture_send (self, client, "fail");
    fixture_expect_failure (self, reply, cases[i].domain, cases[i].code, NULL);
    g_assert_cmpstr (reply->error->message, ==, cases[i].text);
    g_assert_cmpuint (reply->epoch, ==, ipc_node_get_epoch (client));
  }
}

/* A text that fits no frame is cut between characters; a domain that is too long must not break the connection. */
static void
test_long_failure (Fixture *self, gconstpointer data)
{
  g_autofree char *long_text = g_malloc0 (3 * 40000 + 1);
  g_autofree char *long_domain = g_strnfill (300, 'd');
  GError error = { TEST_ERROR, 5, long_text };
  IpcNode *client;

  for (int i = 0; i < 40000; i++)
    memcpy (long_text + 3 * i, "€", 3);

  fixture_master (self, fail_handler, &error);
  client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_object_set (client, "max-message-size", 2000, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  g_autoptr (Reply) cut = fixture_send (self, client, "fail");
  fixture_expect_failure (self, cut, TEST_ERROR, 5, "€€€");
  g_assert_true (g_str_has_prefix (long_text, cut->error->message));
  g_assert_cmpuint (strlen (cut->error->message), >, 1900);

  error.domain = g_quark_from_string (long_domain);
  g_autoptr (Reply) strange = fixture_send (self, client, "fail");
  fixture_wait (self, strange->done);
  g_assert_nonnull (strange->error);
  g_autoptr (Reply) after = fixture_send (self, client, "fail");
  fixture_wait (self, after->done);
}

static void
drop_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
}

static void
test_dropped (Fixture *self, gconstpointer data)
{
  fixture_master (self, drop_handler, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "drop me");

  fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_NO_RESPONSE, "dropped");
  g_assert_cmpuint (reply->epoch, >, 0);
}

static void
keep_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, ipc_message_ref (message));
}

/* Held back for long, answered in reverse: each sender gets its own answer, and the connection stays. */
static void
test_later (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);

  fixture_master (self, keep_handler, kept);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 500; i++) {
    g_autofree char *text = g_strdup_printf ("%d", i);
    g_ptr_array_add (replies, fixture_send (self, client, text));
  }
  fixture_wait (self, kept->len == 500);
  for (int i = 499; i >= 0; i--) {
    g_autofree char *text = message_text (kept->pdata[i]);

    g_assert_cmpint (atoi (text), ==, i); /* they came in order */
    message_respond_text (kept->pdata[i], text);
  }
  for (int i = 0; i < 500; i++) {
    g_autofree char *text = g_strdup_printf ("%d", i);
    fixture_expect_text (self, replies->pdata[i], text);
  }
}

static void
join_thread (gpointer thread)
{
  g_thread_join (thread);
}

static gpointer
answer_in_thread (gpointer user_data)
{
  IpcMessage *message = user_data;
  g_autofree char *text = message_text (message);

  if (strcmp (text, "drop") != 0)
    message_respond_text (message, text);
  ipc_message_unref (message);

  return NULL;
}

static void
thread_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_ptr_array_add (user_data, g_thread_new ("answer", answer_in_thread, ipc_message_ref (message)));
}

static void
test_other_thread (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) threads = g_ptr_array_new_with_free_func (join_thread);
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);

  fixture_master (self, thread_handler, threads);
  IpcNode *client = fixture_client (self);

  for (int i = 0; i < 50; i++)
    g_ptr_array_add (replies, fixture_send (self, client, i % 5 == 0 ? "drop" : "from a thread"));
  for (int i = 0; i < 50; i++) {
    if (i % 5 == 0)
      fixture_expect_failure (self, replies->pdata[i], IPC_ERROR, IPC_ERROR_NO_RESPONSE, NULL);
    else
      fixture_expect_text (self, replies->pdata[i], "from a thread");
  }
}

/* The answer is on its way from a thread when its node goes, and then its context. */
static void
test_thread_outlives_node (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) kept = g_ptr_array_new ();
  IpcNode *master = fixture_master (self, keep_handler, kept);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) first = fixture_send (self, client, "first");
  g_autoptr (Reply) second = fixture_send (self, client, "second");

  fixture_wait (self, kept->len == 2);
  g_thread_join (g_thread_new ("answer", answer_in_thread, kept->pdata[0]));
  fixture_drop (self, master);
  g_thread_join (g_thread_new ("answer", answer_in_thread, kept->pdata[1]));
  fixture_close (self, client);
  fixture_expect_failure (self, first, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, NULL);
  fixture_expect_failure (self, second, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, NULL);
}

static void
bytes_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  GBytes **bytes = user_data;
  g_autoptr (GError) error = NULL;

  *bytes = ipc_node_send_finish (IPC_NODE (source), result, &error);
  g_assert_no_error (error);
}

/* Every size at which something in the library changes its mind, up to the default limit and exactly there. */
static void
test_sizes (Fixture *self, gconstpointer data)
{
  const gsize sizes[] = { 0, 1, 23, 24, 25, 255, 256, 4095, 4096, 65511, 65512, 65513, 65535, 65536, 65537, 131072,
                          1024 * 1024, 8 * 1024 * 1024, 8 * 1024 * 1024 + 1, 16 * 1024 * 1024 };

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  for (gsize i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GBytes) message = pattern_bytes (sizes[i]);
    g_autoptr (GBytes) response = NULL;

    ipc_node_send_async (client, message, NULL, bytes_cb, &response);
    fixture_wait (self, response != NULL);
    g_assert_true (g_bytes_equal (message, response));
  }
}

/* Small ones between large ones, all at once: whoever takes a buffer away must leave the rest behind. */
static void
test_mixed_sizes (Fixture *self, gconstpointer data)
{
  enum { N = 60 };
  GBytes *messages[N];
  GBytes *responses[N] = { 0 };

  fixture_master (self, fixture_echo, NULL);
  IpcNode *client = fixture_client (self);

  for (guint i = 0; i < N; i++) {
    messages[i] = pattern_bytes (i % 3 == 0 ? 300000 + i * 777 : i % 3 == 1 ? i : 65530 + i);
    ipc_node_send_async (client, messages[i], NULL, bytes_cb, &responses[i]);
  }
  for (guint i = 0; i < N; i++) {
    fixture_wait (self, responses[i] != NULL);
    g_assert_true (g_bytes_equal (messages[i], responses[i]));
    g_bytes_unref (messages[i]);
    g_bytes_unref (responses[i]);
  }
}

static void
null_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  gsize size;

  g_assert_nonnull (ipc_message_get_data (message, &size));
  g_assert_cmpuint (size, ==, 0);
  ipc_message_respond (message, NULL);
}

static void
test_empty (Fixture *self, gconstpointer data)
{
  fixture_master (self, null_handler, NULL);
  IpcNode *client = fixture_client (self);
  g_autoptr (Reply) reply = fixture_send (self, client, "");

  fixture_expect_text (self, reply, "");
}

static void
large_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autofree char *text = message_text (message);
  g_autoptr (GBytes) bytes = pattern_bytes (strtoul (text, NULL, 10));

  ipc_message_respond (message, bytes);
}

/* A response that the sender does not take: it learns that the message was handled, and nothing else is harmed. */
static void
test_response_too_large (Fixture *self, gconstpointer data)
{
  IpcNode *client;

  fixture_master (self, large_handler, NULL);
  client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_object_set (client, "max-message-size", 5000, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  g_autoptr (Reply) fits = fixture_send (self, client, "5000");
  g_autoptr (Reply) too_large = fixture_send (self, client, "5001");
  g_autoptr (Reply) after = fixture_send (self, client, "10");
  fixture_wait (self, fits->done && too_large->done && after->done);
  g_assert_cmpuint (fits->size, ==, 5000);
  fixture_expect_failure (self, too_large, IPC_ERROR, IPC_ERROR_RESPONSE_LOST, "5001");
  g_assert_nonnull (strstr (too_large->error->message, "5000"));
  g_assert_cmpuint (too_large->epoch, >, 0);
  g_assert_cmpuint (after->size, ==, 10);
}

typedef struct {
  guint64 last;
  guint n;
} Order;

static void
order_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Order *order = user_data;

  g_assert_cmpuint (ipc_message_get_sequence (message), ==, order->last + 1);
  g_assert_false (ipc_message_get_redelivered (message));
  order->last = ipc_message_get_sequence (message);
  order->n++;
  fixture_echo (node, message, NULL);
}

static void
test_order (Fixture *self, gconstpointer data)
{
  Order order = { 0 };
  g_autoptr (GPtrArray) replies = g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
  IpcNode *client;

  fixture_master (self, order_handler, &order);
  client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);
  g_object_set (client, "max-pending", 5000, NULL);
  g_assert_true (ipc_node_start (client, NULL));

  for (int i = 0; i < 5000; i++) {
    g_autofree char *text = g_strdup_printf ("%d", i);
    g_ptr_array_add (replies, fixture_send (self, client, text));
  }
  for (int i = 0; i < 5000; i++) {
    g_autofree char *text = g_strdup_printf ("%d", i);

    fixture_expect_text (self, replies->pdata[i], text);
    if (i > 0)
      g_assert_cmpuint (((Reply *) replies->pdata[i])->position, ==, ((Reply *) replies->pdata[i - 1])->position + 1);
  }
  g_assert_cmpuint (order.n, ==, 5000);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/answers/failures", "an error arrives as it was set", test_failures);
  fixture_add ("/answers/long-failure", "an error always gets through", test_long_failure);
  fixture_add ("/answers/dropped", "no message is forgotten silently", test_dropped);
  fixture_add ("/answers/later", "answers in any order, to the right sender", test_later);
  fixture_add ("/answers/other-thread", "a worker thread answers", test_other_thread);
  fixture_add ("/answers/thread-outlives-node", "an answer may come too late", test_thread_outlives_node);
  fixture_add ("/answers/sizes", "every byte arrives", test_sizes);
  fixture_add ("/answers/mixed-sizes", "frames do not run into each other", test_mixed_sizes);
  fixture_add ("/answers/empty", "no bytes is a message, and a response", test_empty);
  fixture_add ("/answers/response-too-large", "handled, but the response is lost", test_response_too_large);
  fixture_add ("/answers/order", "5000 pipelined messages stay in order", test_order);

  return g_test_run ();
}
