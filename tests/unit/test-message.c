/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <string.h>

#include "ipc-error.h"
#include "ipc-message-private.h"
#include "ipc-peer-private.h"

/*
 * A message at its handler: exactly one answer, whoever gives it, in whatever thread, and however late. The route
 * records what it is given; it is not asked what becomes of it.
 */

typedef struct {
  IpcMessageRoute route;
  guint n_answers;
  guint64 sequence;
  gsize message_size;
  IpcFrameType type;
  GBytes *payload; /* (owned) */
  GThread *answered_in;
  gboolean *freed;
} Route;

typedef struct {
  IpcMailbox *mailbox; /* (owned) */
  Route *route;
  gboolean freed;
} Fixture;

static void
route_answer (IpcMessageRoute *route, guint64 sequence, gsize message_size, IpcFrameType type, GBytes *payload)
{
  Route *self = (Route *) route;

  self->n_answers++;
  self->sequence = sequence;
  self->message_size = message_size;
  self->type = type;
  g_clear_pointer (&self->payload, g_bytes_unref);
  self->payload = g_bytes_ref (payload);
  self->answered_in = g_thread_self ();
}

static void
route_free (IpcMessageRoute *route)
{
  Route *self = (Route *) route;

  *self->freed = TRUE;
  g_clear_pointer (&self->payload, g_bytes_unref);
  g_free (self);
}

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  guint8 id[IPC_NODE_ID_SIZE] = { 0xab, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 0xff };
  struct ucred credentials = { 1234, 567, 89 };
  g_autoptr (IpcPeer) peer = ipc_peer_new (id, &credentials, 42);

  fixture->mailbox = ipc_mailbox_new ();
  fixture->route = g_new0 (Route, 1);
  fixture->route->freed = &fixture->freed;
  fixture->route->route.answer = route_answer;
  fixture->route->route.free = route_free;
  ipc_message_route_init (&fixture->route->route, fixture->mailbox, peer, 2000);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  if (fixture->route != NULL)
    ipc_message_route_unref (&fixture->route->route);
  g_assert_true (fixture->freed);
  ipc_mailbox_unref (fixture->mailbox);
}

static IpcMessage *
make (Fixture *fixture, const char *text)
{
  return ipc_message_new (&fixture->route->route, 7, FALSE, (const guint8 *) text, strlen (text));
}

static void
check_failure (Fixture *fixture, GQuark domain, int code)
{
  IpcFailure failure;
  gsize len;
  const guint8 *payload = g_bytes_get_data (fixture->route->payload, &len);

  g_assert_cmpuint (fixture->route->n_answers, ==, 1);
  g_assert_cmpint (fixture->route->type, ==, IPC_FRAME_FAILURE);
  g_assert_null (ipc_wire_get_failure (payload, len, &failure));
  g_assert_cmpint (failure.code, ==, code);
  g_assert_cmpmem (failure.domain, failure.domain_len, g_quark_to_string (domain), strlen (g_quark_to_string (domain)));
}

static void
test_what_it_is (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GBytes) big = g_bytes_new_take (g_malloc0 (100000), 100000);
  g_autoptr (IpcMessage) message = make (fixture, "hello");
  g_autoptr (IpcMessage) large = ipc_message_new_bytes (&fixture->route->route, 8, TRUE, big);
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  IpcPeer *sender = ipc_message_get_sender (message);

  g_test_summary ("A handler sees what was sent, by whom as the kernel says, its number, the epoch and the mark");

  g_assert_cmpmem (data, size, "hello", 5);
  g_assert_true (ipc_message_get_data (message, &size) == data);
  g_assert_cmpstr (ipc_peer_get_id (sender), ==, "ab0102030405060708090a0b0c0d0eff");
  g_assert_cmpint (ipc_peer_get_pid (sender), ==, 1234);
  g_assert_cmpint (ipc_peer_get_uid (sender), ==, 567);
  g_assert_cmpuint (ipc_message_get_epoch (message), ==, 42);
  g_assert_cmpuint (ipc_message_get_sequence (message), ==, 7);
  g_assert_false (ipc_message_get_redelivered (message));
  g_assert_true (ipc_message_get_redelivered (large));
  g_assert_true (ipc_message_get_data (large, &size) == g_bytes_get_data (big, NULL));
  g_assert_cmpuint (size, ==, 100000);
  g_autoptr (GBytes) copy = ipc_message_dup_bytes (message);
  g_autoptr (GBytes) same = ipc_message_dup_bytes (large);
  g_assert_cmpmem (g_bytes_get_data (copy, NULL), g_bytes_get_size (copy), "hello", 5);
  g_assert_true (g_bytes_get_data (same, NULL) == g_bytes_get_data (big, NULL));
}

static void
test_respond (Fixture *fixture, gconstpointer user_data)
{
  static const gsize sizes[] = { 0, 1, 1999, 2000 };

  g_test_summary ("A response goes out once, as it is, also when the message is kept or dropped afterwards");

  for (guint i = 0; i < G_N_ELEMENTS (sizes); i++) {
    g_autoptr (GBytes) response = g_bytes_new_take (g_malloc0 (sizes[i]), sizes[i]);
    IpcMessage *message = make (fixture, "hello");

    fixture->route->n_answers = 0;
    ipc_message_respond (message, response);
    g_assert_cmpuint (fixture->route->n_answers, ==, 1);
    g_assert_cmpuint (fixture->route->sequence, ==, 7);
    g_assert_cmpuint (fixture->route->message_size, ==, 5);
    g_assert_cmpint (fixture->route->type, ==, IPC_FRAME_RESPONSE);
    g_assert_true (g_bytes_equal (fixture->route->payload, response));
    ipc_message_unref (message);
    g_assert_cmpuint (fixture->route->n_answers, ==, 1);
  }
}

static void
test_respond_nothing (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (IpcMessage) message = make (fixture, "");

  g_test_summary ("No bytes are a response too");

  ipc_message_respond (message, NULL);
  g_assert_cmpuint (g_bytes_get_size (fixture->route->payload), ==, 0);
  g_assert_cmpint (fixture->route->type, ==, IPC_FRAME_RESPONSE);
}

static void
test_too_large (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GBytes) response = g_bytes_new_take (g_malloc0 (2001), 2001);
  IpcMessage *message = make (fixture, "hello");

  g_test_summary ("A response that its sender does not accept becomes an error that says: handled, and the answer is "
                  "lost");

  ipc_message_respond (message, response);
  check_failure (fixture, IPC_ERROR, IPC_ERROR_RESPONSE_LOST);
  ipc_message_unref (message);
  g_assert_cmpuint (fixture->route->n_answers, ==, 1);
}

static void
test_fail (Fixture *fixture, gconstpointer user_data)
{
  g_autofree char *text = g_strnfill (5000, 'x');
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, text);
  IpcMessage *message = make (fixture, "hello");

  g_test_summary ("An error keeps domain and code; its text is cut to what the sender accepts");

  ipc_message_fail (message, error);
  check_failure (fixture, G_IO_ERROR, G_IO_ERROR_BUSY);
  g_assert_cmpuint (g_bytes_get_size (fixture->route->payload), ==, 2000);
  ipc_message_unref (message);
  g_assert_cmpuint (fixture->route->n_answers, ==, 1);
}

static void
test_drop (Fixture *fixture, gconstpointer user_data)
{
  IpcMessage *message = make (fixture, "hello");

  g_test_summary ("A message that is dropped without an answer fails at its sender, when the last reference goes");

  ipc_message_ref (message);
  ipc_message_unref (message);
  g_assert_cmpuint (fixture->route->n_answers, ==, 0);
  ipc_message_unref (message);
  check_failure (fixture, IPC_ERROR, IPC_ERROR_NO_RESPONSE);
}

static void
test_twice (Fixture *fixture, gconstpointer user_data)
{
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_BUSY, "busy");

  g_test_summary ("A second answer is a programmer's mistake that is told, and changes nothing");

  for (guint i = 0; i < 4; i++) {
    g_autoptr (IpcMessage) message = make (fixture, "hello");

    fixture->route->n_answers = 0;
    if (i & 1)
      ipc_message_respond (message, NULL);
    else
      ipc_message_fail (message, error);
    g_test_expect_message ("libipc", G_LOG_LEVEL_CRITICAL, "*not been answered before*");
    if (i & 2)
      ipc_message_respond (message, NULL);
    else
      ipc_message_fail (message, error);
    g_test_assert_expected_messages ();
    g_assert_cmpuint (fixture->route->n_answers, ==, 1);
  }
}

static gpointer
respond_in_thread (gpointer message)
{
  ipc_message_respond (message, NULL);
  ipc_message_unref (message);
  return NULL;
}

static gpointer
drop_in_thread (gpointer message)
{
  ipc_message_unref (message);
  return NULL;
}

static void
test_thread (Fixture *fixture, gconstpointer user_data)
{
  GThreadFunc func = user_data;

  g_test_summary ("An answer that is given in another thread arrives in the node's, by its mailbox, once");

  g_thread_join (g_thread_new ("handler", func, make (fixture, "hello")));
  g_assert_cmpuint (fixture->route->n_answers, ==, 0);
  ipc_mailbox_empty (fixture->mailbox);
  g_assert_cmpuint (fixture->route->n_answers, ==, 1);
  g_assert_true (fixture->route->answered_in == g_thread_self ());
  g_assert_cmpint (fixture->route->type, ==, func == drop_in_thread ? IPC_FRAME_FAILURE : IPC_FRAME_RESPONSE);
}

static void
test_threads_at_once (Fixture *fixture, gconstpointer user_data)
{
  GThread *threads[64];

  g_test_summary ("Many threads may answer at once");

  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    threads[i] = g_thread_new ("handler", i % 2 == 0 ? respond_in_thread : drop_in_thread, make (fixture, "hello"));
  for (guint i = 0; i < G_N_ELEMENTS (threads); i++)
    g_thread_join (threads[i]);
  ipc_mailbox_empty (fixture->mailbox);
  g_assert_cmpuint (fixture->route->n_answers, ==, G_N_ELEMENTS (threads));
}

static void
test_route_gone (Fixture *fixture, gconstpointer user_data)
{
  IpcMessage *message = make (fixture, "hello");

  g_test_summary ("The node may be gone before the message is answered: the route lives until the last answer");

  ipc_message_route_unref (&g_steal_pointer (&fixture->route)->route);
  g_assert_false (fixture->freed);
  if (user_data != NULL) {
    g_thread_join (g_thread_new ("handler", user_data, message));
    g_assert_false (fixture->freed);
    ipc_mailbox_empty (fixture->mailbox);
  } else {
    ipc_message_respond (message, NULL);
    g_assert_false (fixture->freed);
    ipc_message_unref (message);
  }
  g_assert_true (fixture->freed);
}

static void
test_mailbox_gone (Fixture *fixture, gconstpointer user_data)
{
  IpcMessage *early = make (fixture, "hello"), *late = make (fixture, "hello");

  g_test_summary ("An answer to a node that ends before it arrives, or has ended, goes nowhere and leaks nothing");

  g_thread_join (g_thread_new ("handler", user_data, early));
  ipc_mailbox_close (fixture->mailbox);
  g_thread_join (g_thread_new ("handler", user_data, late));
  ipc_mailbox_empty (fixture->mailbox);
  g_assert_cmpuint (fixture->route->n_answers, ==, 0);
  ipc_message_route_unref (&g_steal_pointer (&fixture->route)->route);
  g_assert_true (fixture->freed);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD_DATA(path, func, data) g_test_add ("/message/" path, Fixture, data, set_up, func, tear_down)
#define ADD(path, func) ADD_DATA (path, func, NULL)
  ADD ("what-it-is", test_what_it_is);
  ADD ("respond/every-size", test_respond);
  ADD ("respond/nothing", test_respond_nothing);
  ADD ("respond/too-large", test_too_large);
  ADD ("fail", test_fail);
  ADD ("drop", test_drop);
  ADD ("twice", test_twice);
  ADD_DATA ("thread/respond", test_thread, respond_in_thread);
  ADD_DATA ("thread/drop", test_thread, drop_in_thread);
  ADD ("thread/at-once", test_threads_at_once);
  ADD ("route-gone/respond", test_route_gone);
  ADD_DATA ("route-gone/respond-in-thread", test_route_gone, respond_in_thread);
  ADD_DATA ("route-gone/drop-in-thread", test_route_gone, drop_in_thread);
  ADD_DATA ("mailbox-gone/respond", test_mailbox_gone, respond_in_thread);
  ADD_DATA ("mailbox-gone/drop", test_mailbox_gone, drop_in_thread);

  return g_test_run ();
}
