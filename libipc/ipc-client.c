/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-client.h"

#include <string.h>

#include "ipc-error-private.h"
#include "ipc-link.h"
#include "ipc-outbox.h"

/*
 * The side that sends: what is in flight and how each message ends. The connection to the present master is the link's
 * business (ipc-link.c); here it is only there or not there.
 *
 * A message lives in the outbox until it is answered or given up, over any number of masters. pump() moves messages
 * from the outbox to the link, as many as window and write queue allow, once at the end of a turn.
 */

struct _IpcClient {
  IpcPoller *poller; /* (unowned) */
  IpcClientConfig config;
  const IpcClientEvents *events;
  gpointer user_data;

  IpcLink *link; /* (owned) */
  IpcOutbox outbox;
  IpcDefer pump;
  gboolean running;

  /* Of the present connection. */
  IpcWelcome welcome;
  guint64 acknowledged; /* what the master has been told */
  guint n_answers;      /* since it was told */
  gsize answer_bytes;
};

static GError *
new_fate_error (IpcOutboxFate fate, IpcError code, const char *what)
{
  if (fate == IPC_OUTBOX_NEVER_SENT)
    return g_error_new (IPC_ERROR, code, "%s; the message was not sent", what);

  return g_error_new (IPC_ERROR, code, "%s; the message was sent and may have been handled, or may yet be", what);
}

/* The message has left the outbox: it has its outcome. */
static void
complete (IpcClient *self, IpcSend *send)
{
  send->client = NULL;
  send->done = TRUE;
  ipc_poller_stop_timer (self->poller, &send->deadline);
  if (send->cancel_source != NULL) {
    g_source_destroy (send->cancel_source);
    g_clear_pointer (&send->cancel_source, g_source_unref);
  }
  g_clear_pointer (&send->payload, g_bytes_unref);

  self->events->completed (send, self->user_data);
}

static void
complete_with_error (IpcClient *self, IpcSend *send, GError *error)
{
  send->error = error;
  complete (self, send);
}

/* @reason: (transfer full): the error of the call */
static void
give_up (IpcClient *self, IpcSend *send, GError *reason)
{
  ipc_outbox_give_up (&self->outbox, send->sequence);
  complete_with_error (self, send, reason);
}

static void
deadline_cb (gpointer user_data)
{
  IpcSend *send = user_data;
  IpcClient *self = send->client;
  IpcOutboxFate fate = ipc_outbox_get_fate (&self->outbox, send->sequence);
  GError *error;

  if (fate == IPC_OUTBOX_MAY_BE_HANDLED)
    error = new_fate_error (fate, IPC_ERROR_TIMED_OUT, "no answer came before the deadline");
  else if (!ipc_link_is_up (self->link))
    error = new_fate_error (fate, IPC_ERROR_NO_MASTER, "this node found no master before the deadline");
  else
    error = new_fate_error (fate, IPC_ERROR_NOT_SENT, "the master took no more messages before the deadline");

  give_up (self, send, error);
}

/* @send: a call that is not done. The error says what became of the message. */
void
ipc_client_cancel (IpcClient *self, IpcSend *send)
{
  gboolean unsent = ipc_outbox_get_fate (&self->outbox, send->sequence) == IPC_OUTBOX_NEVER_SENT;

  give_up (self, send, g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled; the message was %s",
                                    unsent ? "not sent" : "sent and may have been handled, or may yet be"));
}

static gboolean
cancelled_cb (GCancellable *cancellable, gpointer user_data)
{
  IpcSend *send = user_data;

  ipc_client_cancel (send->client, send);

  return G_SOURCE_REMOVE;
}

static void
send_message (IpcClient *self, const IpcOutboxItem *item)
{
  IpcSend *send = item->message;
  IpcFrameHeader header = {
    .length = g_bytes_get_size (send->payload),
    .type = IPC_FRAME_MESSAGE,
    .flags = item->repeat ? IPC_FRAME_FLAG_REPEAT : 0,
    .sequence = item->sequence,
    .number = item->acknowledged,
  };

  if (header.length <= self->welcome.max_message_size) {
    ipc_connection_queue_bytes (ipc_link_get_connection (self->link), &header, send->payload);
    self->acknowledged = item->acknowledged;
    self->n_answers = 0;
    self->answer_bytes = 0;
  } else {
    g_autofree char *what = g_strdup_printf ("the message has %u bytes, the master accepts %u", header.length,
                                             self->welcome.max_message_size);
    gpointer message;

    ipc_outbox_answered (&self->outbox, item->sequence, &message);
    complete_with_error (self, send,
                         item->repeat ? new_fate_error (IPC_OUTBOX_MAY_BE_HANDLED, IPC_ERROR_OUTCOME_UNKNOWN, what)
                                      : new_fate_error (IPC_OUTBOX_NEVER_SENT, IPC_ERROR_MESSAGE_TOO_LARGE, what));
  }
}

/* Tells the master what it may forget, when no message has done so for half a window. */
static void
acknowledge (IpcClient *self)
{
  IpcFrameHeader header = { .type = IPC_FRAME_ACK, .number = self->outbox.acknowledged };

  gboolean is_due = self->n_answers > (self->welcome.window_messages - 1) / 2
                    || self->answer_bytes >= self->welcome.window_bytes / 2;

  if (!is_due || self->outbox.acknowledged <= self->acknowledged)
    return;

  ipc_connection_queue (ipc_link_get_connection (self->link), &header, NULL);
  self->acknowledged = header.number;
  self->n_answers = 0;
  self->answer_bytes = 0;
}

static void
pump_cb (gpointer user_data)
{
  IpcClient *self = user_data;
  IpcOutboxItem item;

  if (!ipc_link_is_up (self->link))
    return;

  while (ipc_connection_get_queued (ipc_link_get_connection (self->link)) < IPC_CONNECTION_WRITE_HIGH
         && ipc_outbox_next (&self->outbox, &item))
    send_message (self, &item);
  acknowledge (self);
}

static void
pump_later (IpcClient *self)
{
  ipc_poller_defer (self->poller, &self->pump, pump_cb, self);
}

static const char *
take_answer (IpcClient *self, const IpcFrame *frame)
{
  gpointer message;
  IpcFailure failure;
  const char *violation = NULL;

  if (frame->header.type == IPC_FRAME_FAILURE) {
    violation = ipc_wire_get_failure (frame->payload, frame->header.length, &failure);
    if (violation != NULL)
      return violation;
  }
  if (frame->header.number > ipc_peer_get_epoch (ipc_link_get_master (self->link)))
    return "an answer from a later epoch than the connection's";
  if (!ipc_outbox_answered (&self->outbox, frame->header.sequence, &message))
    return "an answer to a message that was not sent";

  self->n_answers++;
  self->answer_bytes += frame->header.length;
  pump_later (self);

  if (message != NULL) {
    IpcSend *send = message;

    send->epoch = frame->header.number;
    if (frame->header.type == IPC_FRAME_FAILURE)
      send->error = ipc_error_new_from_failure (&failure);
    else
      send->response = ipc_connection_take_payload (ipc_link_get_connection (self->link), frame);
    complete (self, send);
  }

  return NULL;
}

static const char *
link_frame (const IpcFrame *frame, gpointer user_data)
{
  IpcClient *self = user_data;

  if (frame->header.type == IPC_FRAME_GOODBYE) {
    ipc_outbox_handed_over (&self->outbox, frame->header.sequence);
    return NULL;
  }

  return take_answer (self, frame);
}

static void
link_drained (gpointer user_data)
{
  pump_later (user_data);
}

static void
link_up (const IpcWelcome *welcome, gpointer user_data)
{
  IpcClient *self = user_data;

  self->welcome = *welcome;
  self->acknowledged = 0;
  self->n_answers = 0;
  self->answer_bytes = 0;
  ipc_outbox_connected (&self->outbox, welcome->window_messages, welcome->window_bytes);
  pump_later (self);
  self->events->state_changed (self->user_data);
}

/* Messages that must not wait for a master, and that no master has seen. */
static void
fail_fast (IpcClient *self)
{
  for (guint64 sequence = self->outbox.acknowledged + 1; sequence <= self->outbox.last; sequence++) {
    IpcSend *send = ipc_outbox_peek (&self->outbox, sequence);

    if (send != NULL && (send->flags & IPC_SEND_FAIL_FAST)
        && ipc_outbox_get_fate (&self->outbox, sequence) == IPC_OUTBOX_NEVER_SENT)
      give_up (self, send, new_fate_error (IPC_OUTBOX_NEVER_SENT, IPC_ERROR_NO_MASTER,
                                           "the master is gone before the message's turn came"));
  }
}

static void
link_down (gpointer user_data)
{
  IpcClient *self = user_data;

  ipc_outbox_disconnected (&self->outbox);
  fail_fast (self);
  self->events->state_changed (self->user_data);
}

static gboolean
link_is_urgent (gpointer user_data)
{
  IpcClient *self = user_data;

  return self->outbox.n_pending > 0;
}

static void
link_failed (const GError *error, gpointer user_data)
{
  IpcClient *self = user_data;

  self->events->failed (error, self->user_data);
}

static const IpcLinkEvents link_events = {
  .frame = link_frame,
  .drained = link_drained,
  .up = link_up,
  .down = link_down,
  .is_urgent = link_is_urgent,
  .failed = link_failed,
};

IpcClient *
ipc_client_new (IpcPoller *poller, IpcGroupDir *dir, const IpcClientConfig *config, const IpcClientEvents *events,
                gpointer user_data)
{
  IpcClient *self = g_new0 (IpcClient, 1);
  IpcLinkConfig link_config = {
    .hello = { IPC_WIRE_VERSION, IPC_WIRE_VERSION, { 0 }, config->max_message_size, config->mode, 0 },
    .handshake_timeout_ms = config->handshake_timeout_ms,
    .allow_other_users = config->allow_other_users,
  };

  memcpy (link_config.hello.node_id, config->node_id, IPC_NODE_ID_SIZE);
  self->poller = poller;
  self->config = *config;
  self->events = events;
  self->user_data = user_data;
  self->link = ipc_link_new (poller, dir, &link_config, &link_events, self);
  ipc_outbox_init (&self->outbox);

  return self;
}

/* To be stopped before. */
void
ipc_client_free (IpcClient *self)
{
  g_assert (!self->running);

  ipc_poller_cancel_defer (self->poller, &self->pump);
  ipc_link_free (self->link);
  ipc_outbox_clear (&self->outbox);
  g_free (self);
}

void
ipc_client_start (IpcClient *self)
{
  self->running = TRUE;
  ipc_link_start (self->link);
}

/* Says goodbye to the master. Every message that is still unanswered ends here. */
void
ipc_client_stop (IpcClient *self)
{
  self->running = FALSE;
  for (guint64 sequence = self->outbox.acknowledged + 1; sequence <= self->outbox.last; sequence++) {
    IpcSend *send = ipc_outbox_peek (&self->outbox, sequence);
    IpcOutboxFate fate;

    if (send == NULL)
      continue;

    fate = ipc_outbox_get_fate (&self->outbox, sequence);
    give_up (self, send, new_fate_error (fate, fate == IPC_OUTBOX_NEVER_SENT ? IPC_ERROR_CLOSED
                                                                             : IPC_ERROR_OUTCOME_UNKNOWN,
                                         "the node was closed"));
  }

  ipc_link_stop (self->link);
}

/* The group's socket may be another one. */
void
ipc_client_look (IpcClient *self)
{
  ipc_link_look (self->link);
}

static GError *
refuse_send (IpcClient *self, IpcSend *send)
{
  gsize size = g_bytes_get_size (send->payload);

  if (size > self->config.max_message_size)
    return g_error_new (IPC_ERROR, IPC_ERROR_MESSAGE_TOO_LARGE,
                        "the message has %" G_GSIZE_FORMAT " bytes, at most %u are allowed; it was not sent", size,
                        self->config.max_message_size);
  if (self->outbox.n_pending >= self->config.max_pending)
    return g_error_new (IPC_ERROR, IPC_ERROR_QUEUE_FULL,
                        "%u messages are pending, at most %u are allowed; the message was not sent",
                        self->outbox.n_pending, self->config.max_pending);
  if (!ipc_outbox_has_room (&self->outbox))
    return g_error_new (IPC_ERROR, IPC_ERROR_QUEUE_FULL,
                        "the oldest pending message is %u messages behind; the message was not sent",
                        IPC_OUTBOX_SPAN_MAX);
  if ((send->flags & IPC_SEND_FAIL_FAST) && ipc_link_get_master (self->link) == NULL)
    return g_error_new (IPC_ERROR, IPC_ERROR_NO_MASTER,
                        "this node is not connected to a master at the moment; the message was not sent");

  return NULL;
}

/**
 * ipc_client_send:
 * @send: (transfer full): the call; completed() gives it back
 * @timeout_us: how long it may take, or -1 for ever
 *
 * Queues a message; it goes out when this turn ends, or when there is a master.
 */
void
ipc_client_send (IpcClient *self, IpcSend *send, gint64 timeout_us)
{
  GError *error;

  ipc_link_hurry (self->link);
  error = refuse_send (self, send);
  if (error != NULL) {
    complete_with_error (self, send, error);
    return;
  }

  send->client = self;
  send->sequence = ipc_outbox_push (&self->outbox, send, g_bytes_get_size (send->payload));
  if (timeout_us >= 0)
    ipc_poller_start_timer (self->poller, &send->deadline, timeout_us, deadline_cb, send);
  if (send->cancel_source != NULL)
    g_source_set_callback (send->cancel_source, G_SOURCE_FUNC (cancelled_cb), send, NULL);

  pump_later (self);
}

/* The present master, or NULL. */
IpcPeer *
ipc_client_get_master (IpcClient *self)
{
  return ipc_link_get_master (self->link);
}

void
ipc_client_saw_epoch (IpcClient *self, guint64 epoch)
{
  ipc_link_saw_epoch (self->link, epoch);
}

guint64
ipc_client_get_newest_epoch (IpcClient *self)
{
  return ipc_link_get_newest_epoch (self->link);
}
