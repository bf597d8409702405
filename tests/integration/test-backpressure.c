/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "server.h"

#include <string.h>

/*
 * More is sent than may be pending: by the caller's choice it fails at once or waits for room; who waits keeps his place;
 * and a notification says when it is time to go on. test-pressure.c shows the same from outside, with processes.
 */

enum { MAX_PENDING = 4 };

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

static GPtrArray *
new_replies (void)
{
  return g_ptr_array_new_with_free_func ((GDestroyNotify) reply_free);
}

static gboolean
can_send (IpcNode *node)
{
  gboolean can;

  g_object_get (node, "can-send", &can, NULL);
  return can;
}

/* Not started. */
static IpcNode *
new_client (Fixture *self, guint max_pending)
{
  IpcNode *client = fixture_new_node (self, IPC_MODE_CLIENT, NULL, NULL);

  g_object_set (client, "max-pending", max_pending, NULL);
  return client;
}

static IpcNode *
start_client (Fixture *self)
{
  IpcNode *client = new_client (self, MAX_PENDING);

  g_assert_true (ipc_node_start (client, NULL));
  return client;
}

static Reply *
send_patient (Fixture *self, IpcNode *node, const char *text)
{
  return fixture_send_full (self, node, text, IPC_SEND_WAIT, IPC_TIMEOUT_NONE, NULL);
}

static void
fill (Fixture *self, IpcNode *client, GPtrArray *replies)
{
  for (guint i = replies->len; i < MAX_PENDING; i++) {
    g_autofree char *text = g_strdup_printf ("%u", i);

    g_ptr_array_add (replies, fixture_send (self, client, text));
  }
}

static void
expect_full (Fixture *self, IpcNode *client)
{
  g_autoptr (Reply) reply = fixture_send (self, client, "one too many");

  fixture_expect_failure (self, reply, IPC_ERROR, IPC_ERROR_QUEUE_FULL, "not sent");
}

/* Those who wait go in one by one, in order and with numbers in order; nobody else gets their places. */
static void
test_order (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = new_replies ();
  const guint n = 3 * MAX_PENDING;
  IpcNode *client;

  fixture_master (self, hold, held);
  client = start_client (self);
  fill (self, client, replies);
  for (guint i = MAX_PENDING; i < n; i++) {
    g_autofree char *text = g_strdup_printf ("%u", i);

    g_ptr_array_add (replies, send_patient (self, client, text));
    expect_full (self, client);
  }
  for (guint i = 0; i < n; i++) {
    g_autofree char *text = g_strdup_printf ("%u", i);

    fixture_wait (self, held->len == MIN (i + MAX_PENDING, n)); /* never more than may be pending */
    if (i + MAX_PENDING < n)
      expect_full (self, client);
    g_assert_cmpuint (ipc_message_get_sequence (held->pdata[i]), ==, i + 1);
    message_respond_text (held->pdata[i], text);
    fixture_expect_text (self, replies->pdata[i], text);
  }
  g_autoptr (Reply) last = fixture_send (self, client, "last");
  fixture_wait (self, held->len == n + 1);
  g_assert_cmpuint (ipc_message_get_sequence (held->pdata[n]), ==, n + 1);
  message_respond_text (held->pdata[n], "last");
  fixture_expect_text (self, last, "last");
}

/* However they stop waiting: they were not sent, and the others move up. */
static void
test_leave (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = new_replies ();
  g_autoptr (GCancellable) cancellable = g_cancellable_new ();
  IpcNode *client;

  fixture_master (self, hold, held);
  client = start_client (self);
  fill (self, client, replies);
  g_autoptr (Reply) hasty = fixture_send_full (self, client, "hasty", IPC_SEND_WAIT, 30, NULL);
  g_autoptr (Reply) cancelled = fixture_send_full (self, client, "cancelled", IPC_SEND_WAIT, -1, cancellable);
  g_autoptr (Reply) patient = send_patient (self, client, "patient");
  g_autoptr (Reply) closed = send_patient (self, client, "closed");

  fixture_expect_failure (self, hasty, IPC_ERROR, IPC_ERROR_NOT_SENT, "pending until the deadline");
  g_cancellable_cancel (cancellable);
  fixture_expect_failure (self, cancelled, G_IO_ERROR, G_IO_ERROR_CANCELLED, "not sent");
  fixture_wait (self, held->len == MAX_PENDING);
  message_respond_text (held->pdata[0], "0");
  fixture_wait (self, held->len == MAX_PENDING + 1);
  g_assert_cmpuint (ipc_message_get_sequence (held->pdata[MAX_PENDING]), ==, MAX_PENDING + 1);
  message_respond_text (held->pdata[MAX_PENDING], "patient");
  fixture_expect_text (self, patient, "patient");
  fixture_wait (self, held->len == MAX_PENDING + 2);
  g_autoptr (Reply) never = send_patient (self, client, "never");
  fixture_close (self, client);
  fixture_expect_failure (self, closed, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN, "may have been handled");
  fixture_expect_failure (self, never, IPC_ERROR, IPC_ERROR_CLOSED, "not sent");
  g_assert_cmpuint (never->position, >, closed->position);
  g_assert_cmpuint (held->len, ==, MAX_PENDING + 2);
}

/* A message that is given up makes room, though it is never answered. */
static void
test_given_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  IpcNode *client = new_client (self, 1);

  fixture_master (self, hold, held);
  g_assert_true (ipc_node_start (client, NULL));
  g_autoptr (Reply) hasty = fixture_send_full (self, client, "hasty", IPC_SEND_DEFAULT, 30, NULL);
  g_autoptr (Reply) patient = send_patient (self, client, "patient");
  fixture_expect_failure (self, hasty, IPC_ERROR, IPC_ERROR_TIMED_OUT, NULL);
  fixture_wait (self, held->len == 2);
  message_respond_text (held->pdata[1], "patient");
  fixture_expect_text (self, patient, "patient");
}

/* Without a master: waiting is for the master and for room; who does not want to wait for the one may for the other. */
static void
test_no_master (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = new_replies ();
  IpcNode *client = start_client (self), *master;

  fill (self, client, replies);
  g_autoptr (Reply) none = fixture_send_full (self, client, "x", IPC_SEND_WAIT | IPC_SEND_FAIL_FAST, -1, NULL);
  g_autoptr (Reply) hasty = fixture_send_full (self, client, "x", IPC_SEND_WAIT, 30, NULL);
  fixture_expect_failure (self, none, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  fixture_expect_failure (self, hasty, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");

  master = fixture_master (self, hold, held);
  fixture_wait (self, held->len == MAX_PENDING);
  g_autoptr (Reply) lost = fixture_send_full (self, client, "x", IPC_SEND_WAIT | IPC_SEND_FAIL_FAST, -1, NULL);
  g_autoptr (Reply) patient = send_patient (self, client, "patient");
  fixture_drop (self, master);
  fixture_expect_failure (self, lost, IPC_ERROR, IPC_ERROR_NO_MASTER, "not sent");
  fixture_master (self, fixture_echo, NULL);
  fixture_expect_text (self, patient, "patient");
  fixture_wait (self, ((Reply *) replies->pdata[0])->done);
}

static void
expect_blocking (IpcNode *node, IpcSendFlags flags, int timeout_ms, int code)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) message = text_bytes ("blocking");
  g_autoptr (GBytes) response = ipc_node_send_full (node, message, flags, timeout_ms, NULL, &error);

  if (code == -1) {
    g_assert_no_error (error);
    g_assert_true (g_bytes_equal (message, response));
  } else {
    g_assert_error (error, IPC_ERROR, code);
  }
}

static gpointer
respond_later (gpointer user_data)
{
  g_usleep (20000); /* not a wait for anything: so that the other thread is probably in its call */
  message_respond_text (user_data, "late");
  ipc_message_unref (user_data);

  return NULL;
}

/* Answers “slow” late, from a thread; keeps “keep”; the rest at once. */
static void
answer_some_late (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autofree char *text = message_text (message);

  if (strcmp (text, "slow") == 0)
    g_thread_unref (g_thread_new ("late", respond_later, ipc_message_ref (message)));
  else if (strcmp (text, "keep") == 0)
    g_ptr_array_add (user_data, ipc_message_ref (message));
  else
    message_respond_text (message, text);
}

/* The blocking call waits for room as well, until its deadline. */
static void
test_blocking (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  Server *server = server_start (self, answer_some_late, held);
  IpcNode *client = new_client (self, 1);

  g_assert_true (ipc_node_start (client, NULL));
  g_autoptr (Reply) slow = fixture_send (self, client, "slow");
  expect_blocking (client, IPC_SEND_DEFAULT, 5000, IPC_ERROR_QUEUE_FULL);
  expect_blocking (client, IPC_SEND_WAIT, IPC_TIMEOUT_NONE, -1);
  g_assert_false (slow->done); /* answered by now, but told later */
  fixture_expect_text (self, slow, "late");

  g_autoptr (Reply) kept = fixture_send (self, client, "keep");
  expect_blocking (client, IPC_SEND_WAIT, 30, IPC_ERROR_NOT_SENT);
  server_stop (server);
  fixture_close (self, client);
  g_assert_error (kept->error, IPC_ERROR, IPC_ERROR_OUTCOME_UNKNOWN);
}

static Reply *
send_bytes (IpcNode *node, gsize size, IpcSendFlags flags)
{
  g_autoptr (GBytes) bytes = pattern_bytes (size);
  Reply *reply = reply_new ();

  ipc_node_send_full_async (node, bytes, flags, IPC_TIMEOUT_NONE, NULL, reply_cb, reply);
  return reply;
}

/* The bound in bytes: one message alone may be larger, and a small one does not overtake a large one that waits. */
static void
test_bytes (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  IpcNode *client = new_client (self, 1000);

  fixture_master (self, hold, held);
  g_object_set (client, "max-pending-bytes", G_GUINT64_CONSTANT (1000), NULL);
  g_assert_true (ipc_node_start (client, NULL));
  g_autoptr (Reply) larger = send_bytes (client, 2000, IPC_SEND_DEFAULT);
  g_autoptr (Reply) full = send_bytes (client, 0, IPC_SEND_WAIT);
  fixture_wait (self, held->len == 1);
  fixture_iterate_for (self, 20 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (held->len, ==, 1);
  ipc_message_respond (held->pdata[0], NULL);
  fixture_wait (self, held->len == 2); /* of no bytes */
  g_autoptr (Reply) half = send_bytes (client, 500, IPC_SEND_DEFAULT);
  g_autoptr (Reply) too_large = send_bytes (client, 501, IPC_SEND_DEFAULT);
  fixture_expect_failure (self, too_large, IPC_ERROR, IPC_ERROR_QUEUE_FULL, "1000");
  g_autoptr (Reply) waits = send_bytes (client, 501, IPC_SEND_WAIT);
  g_autoptr (Reply) behind = send_bytes (client, 1, IPC_SEND_DEFAULT);
  fixture_expect_failure (self, behind, IPC_ERROR, IPC_ERROR_QUEUE_FULL, "1 wait");
  fixture_wait (self, held->len == 3);
  for (guint i = 1; i < 4; i++) {
    fixture_wait (self, held->len > i);
    ipc_message_respond (held->pdata[i], NULL);
  }
  fixture_wait (self, larger->done && full->done && half->done && waits->done);
  g_assert_no_error (waits->error);
}

static void
notify_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  g_string_append_c (user_data, can_send (node) ? '+' : '-');
}

/* Told when it begins, is full, is half empty, and ends; and not in between. */
static void
test_notify (Fixture *self, gconstpointer data)
{
  g_autoptr (GPtrArray) held = new_held ();
  g_autoptr (GPtrArray) replies = new_replies ();
  g_autoptr (GString) told = g_string_new (NULL);
  IpcNode *client = new_client (self, MAX_PENDING);
  IpcNode *master = fixture_master (self, hold, held);

  g_assert_false (can_send (master));
  g_signal_connect (client, "notify::can-send", G_CALLBACK (notify_cb), told);
  g_assert_false (can_send (client));
  g_assert_true (ipc_node_start (client, NULL));
  g_assert_cmpstr (told->str, ==, "+");
  for (int round = 1; round <= 3; round++) {
    g_ptr_array_set_size (replies, 0);
    g_ptr_array_set_size (held, 0);
    fill (self, client, replies);
    g_assert_false (can_send (client));
    fixture_wait (self, held->len == MAX_PENDING);
    g_assert_cmpuint (told->len, ==, 2 * round);
    for (guint i = 0; i < MAX_PENDING; i++) {
      message_respond_text (held->pdata[i], "");
      fixture_expect_text (self, replies->pdata[i], "");
      g_assert_true (can_send (client) == (i + 1 >= MAX_PENDING / 2));
    }
  }
  g_assert_cmpstr (told->str, ==, "+-+-+-+");
  fixture_close (self, client);
  g_assert_false (can_send (client));
  fixture_iterate_for (self, 10 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpstr (told->str, ==, "+-+-+-+-");
  g_signal_handlers_disconnect_by_data (client, told);
}

/* A sender that goes by the notification alone, as fast as it can: it never comes to a standstill, and it is not told
 * for every message. */
typedef struct {
  IpcNode *node;
  guint n_sent;
  guint n_done;
  guint n_full;
  guint n_told;
} Greedy;

enum { N_GREEDY = 20000 };

static void
greedy_done_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Greedy *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (g_error_matches (error, IPC_ERROR, IPC_ERROR_QUEUE_FULL))
    self->n_full++;
  else
    g_assert_no_error (error);
  self->n_done++;
}

static void
greedy_send (Greedy *self)
{
  while (self->n_sent < N_GREEDY && can_send (self->node)) {
    g_autoptr (GBytes) bytes = pattern_bytes (self->n_sent % 300);

    self->n_sent++;
    ipc_node_send_async (self->node, bytes, NULL, greedy_done_cb, self);
  }
}

static void
greedy_told_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  Greedy *self = user_data;

  self->n_told++;
  greedy_send (self);
}

static void
test_greedy (Fixture *self, gconstpointer data)
{
  Greedy greedy = { .node = new_client (self, 64) };

  fixture_master (self, fixture_echo, NULL);
  if (data != NULL) /* some are refused for their size, while others would fit */
    g_object_set (greedy.node, "max-pending-bytes", G_GUINT64_CONSTANT (1000), NULL);
  g_signal_connect (greedy.node, "notify::can-send", G_CALLBACK (greedy_told_cb), &greedy);
  g_assert_true (ipc_node_start (greedy.node, NULL));
  fixture_wait (self, greedy.n_done == N_GREEDY);
  g_assert_cmpuint (greedy.n_sent, ==, N_GREEDY);
  if (data == NULL) {
    g_assert_cmpuint (greedy.n_full, ==, 0);
    g_assert_cmpuint (greedy.n_told, <=, N_GREEDY / 64 * 2 * 2 + 2); /* twice for each half of the queue */
  }
  g_signal_handlers_disconnect_by_data (greedy.node, &greedy);
}

/* The notification is not lost when room goes and comes within one callback, and somebody looked in between. */
static void
test_seen_between (Fixture *self, gconstpointer data)
{
  Server *server = server_start (self, fixture_echo, NULL);
  IpcNode *client = new_client (self, 1);
  g_autoptr (GString) told = g_string_new (NULL);

  g_assert_true (ipc_node_start (client, NULL));
  g_signal_connect (client, "notify::can-send", G_CALLBACK (notify_cb), told);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  g_assert_false (can_send (client)); /* from here on somebody waits to be told */
  expect_blocking (client, IPC_SEND_WAIT, IPC_TIMEOUT_NONE, -1);
  g_assert_true (can_send (client));
  g_assert_cmpuint (told->len, ==, 0);
  fixture_wait (self, told->len > 0);
  g_assert_cmpstr (told->str, ==, "+");
  fixture_expect_text (self, reply, "x");
  g_signal_handlers_disconnect_by_data (client, told);
  server_stop (server);
}

/* Even those who wait are bounded. */
static void
test_too_many_waiting (Fixture *self, gconstpointer data)
{
  const guint waiting_max = 64 * 1024; /* IPC_GATE_WAITING_MAX; it is documented */
  g_autoptr (GPtrArray) replies = new_replies ();
  IpcNode *client = new_client (self, 1);

  g_assert_true (ipc_node_start (client, NULL));
  for (guint i = 0; i < 1 + waiting_max; i++)
    g_ptr_array_add (replies, send_patient (self, client, "x"));
  g_autoptr (Reply) full = send_patient (self, client, "one too many");
  fixture_expect_failure (self, full, IPC_ERROR, IPC_ERROR_QUEUE_FULL, "wait for room");
  fixture_master (self, fixture_echo, NULL);
  for (guint i = 0; i < replies->len; i++)
    fixture_expect_text (self, replies->pdata[i], "x");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  fixture_add ("/backpressure/order", "who waits keeps his place", test_order);
  fixture_add ("/backpressure/leave", "deadline, cancellation and close while waiting", test_leave);
  fixture_add ("/backpressure/given-up", "room comes without an answer too", test_given_up);
  fixture_add ("/backpressure/no-master", "together with IPC_SEND_FAIL_FAST", test_no_master);
  fixture_add ("/backpressure/blocking", "a blocking call waits for room too", test_blocking);
  fixture_add ("/backpressure/bytes", "the bound in bytes", test_bytes);
  fixture_add ("/backpressure/notify", "can-send is notified when it changes", test_notify);
  fixture_add ("/backpressure/greedy", "going by the notification alone", test_greedy);
  fixture_add_data ("/backpressure/greedy-bytes", "the same with sizes that do not fit", "", test_greedy);
  fixture_add ("/backpressure/seen-between", "no notification is lost", test_seen_between);
  fixture_add ("/backpressure/too-many-waiting", "who waits is bounded too", test_too_many_waiting);

  return g_test_run ();
}
