/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib-unix.h>
#include <libipc.h>
#include <unistd.h>

#include "bench-case.h"
#include "bench-meter.h"
#include "bench-payload.h"

/*
 * libipc through its public calls only, as an application would use it: asynchronous calls on a main loop on both
 * sides, fresh bytes for every message, all properties at their defaults but the number of messages that may be
 * pending. One client body serves the round trip (one in flight) and the pipeline (a thousand); each answer's callback
 * sends the next message.
 */

#define GROUP "bench"

typedef struct {
  IpcNode *node;     /* (owned) */
  GMainLoop *loop;   /* (owned) */
  BenchMeter *meter; /* (owned) (nullable) not in the fail-over case */
  guint64 index;     /* fail-over: of the message in flight */
  gint64 report[2];  /* fail-over: who answered last, and when it began to */
} Sender;

static IpcNode *
start_node (const BenchTask *task, IpcMode mode, IpcHandler handler)
{
  IpcNode *node = ipc_node_new (GROUP, mode);
  g_autoptr (GError) error = NULL;
  guint max_pending;

  ipc_node_set_runtime_dir (node, task->dir);
  if (handler != NULL)
    ipc_node_set_handler (node, handler, NULL, NULL);
  g_object_get (node, "max-pending", &max_pending, NULL);
  g_object_set (node, "max-pending", MAX (max_pending, task->n_in_flight), NULL);
  if (!ipc_node_start (node, &error))
    bench_fail ("libipc: cannot start: %s", error->message);
  return node;
}

static void
echo_cb (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GBytes) bytes = ipc_message_dup_bytes (message);

  ipc_message_respond (message, bytes);
}

static void
sign_cb (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GBytes) response = NULL;
  guint8 payload[BENCH_PAYLOAD_SIZE] = { 0 };
  const guint8 *data;
  gsize size;

  data = ipc_message_get_data (message, &size);
  memcpy (payload, data, MIN (size, sizeof payload));
  bench_payload_sign (payload, getpid ());
  response = g_bytes_new (payload, sizeof payload);
  ipc_message_respond (message, response);
}

/* A server is reachable when it is master, a candidate queues when it is that or a standby. */
static void
report_role_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  IpcRole role = ipc_node_get_role (node);
  gboolean *reported = user_data;

  if (*reported || (role != IPC_ROLE_MASTER && role != IPC_ROLE_STANDBY))
    return;
  *reported = TRUE;
  bench_report_ready ();
}

static gboolean
resign_cb (gpointer node)
{
  ipc_node_resign_async (node, NULL, NULL, NULL);

  return G_SOURCE_CONTINUE;
}

static void
serve (const BenchTask *task, IpcHandler handler)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (IpcNode) node = start_node (task, IPC_MODE_MASTER, handler);
  gboolean reported = FALSE;

  g_unix_signal_add (SIGUSR1, resign_cb, node);
  g_signal_connect (node, "notify::role", G_CALLBACK (report_role_cb), &reported);
  report_role_cb (node, NULL, &reported);
  g_main_loop_run (loop);
}

void
bench_libipc_serve (const BenchTask *task)
{
  serve (task, echo_cb);
}

void
bench_libipc_candidate (const BenchTask *task)
{
  serve (task, sign_cb);
}

static GBytes *
finish_send (Sender *self, GAsyncResult *result)
{
  g_autoptr (GError) error = NULL;
  GBytes *response = ipc_node_send_finish (self->node, result, &error);

  if (response == NULL)
    bench_fail ("libipc: a message failed: %s", error->message);
  return response;
}

static void answered_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
send_next (Sender *self)
{
  g_autoptr (GBytes) message = NULL;
  guint8 payload[BENCH_PAYLOAD_SIZE];

  bench_payload_fill (payload, self->meter->n_sent);
  bench_meter_sent (self->meter);
  message = g_bytes_new (payload, sizeof payload);
  ipc_node_send_async (self->node, message, NULL, answered_cb, self);
}

static void
answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sender *self = user_data;
  g_autoptr (GBytes) response = finish_send (self, result);
  gsize size;
  const guint8 *data = g_bytes_get_data (response, &size);

  if (!bench_payload_check (data, size, self->meter->n_answered))
    bench_fail ("libipc: answer %u is wrong", self->meter->n_answered);
  bench_meter_answered (self->meter);

  if (bench_meter_has_more (self->meter))
    send_next (self);
  else if (bench_meter_is_done (self->meter))
    g_main_loop_quit (self->loop);
}

static void
sender_clear (Sender *self)
{
  g_clear_object (&self->node);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->meter, bench_meter_free);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Sender, sender_clear)

static Sender
make_sender (const BenchTask *task)
{
  return (Sender) {
    .loop = g_main_loop_new (NULL, FALSE),
    .node = start_node (task, IPC_MODE_CLIENT, NULL),
  };
}

void
bench_libipc_send (const BenchTask *task)
{
  g_auto (Sender) self = make_sender (task);

  self.meter = bench_meter_new (task->n_warmup, task->n_messages, task->n_in_flight > 1 ? 6 : 0);
  while (self.meter->n_sent < task->n_in_flight)
    send_next (&self);
  g_main_loop_run (self.loop);
  bench_meter_report (self.meter);
}

static void followed_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
follow_next (Sender *self)
{
  g_autoptr (GBytes) message = NULL;
  guint8 payload[BENCH_PAYLOAD_SIZE];

  bench_payload_fill (payload, self->index);
  message = g_bytes_new (payload, sizeof payload);
  ipc_node_send_full_async (self->node, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_NONE, NULL, followed_cb, self);
}

static void
followed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Sender *self = user_data;
  g_autoptr (GBytes) response = finish_send (self, result);
  gsize size;
  const guint8 *data = g_bytes_get_data (response, &size);
  gint64 pid;

  if (!bench_payload_check_signed (data, size, self->index, &pid))
    bench_fail ("libipc: answer %" G_GUINT64_FORMAT " is wrong", self->index);
  if (pid != self->report[0]) {
    self->report[0] = pid;
    self->report[1] = bench_now_ns ();
    bench_report (self->report, G_N_ELEMENTS (self->report));
  }
  self->index++;
  follow_next (self);
}

/* Runs until it is killed. */
void
bench_libipc_follow (const BenchTask *task)
{
  g_auto (Sender) self = make_sender (task);

  follow_next (&self);
  g_main_loop_run (self.loop);
}
