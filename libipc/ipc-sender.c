/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-sender.h"

#include "ipc-error.h"
#include "ipc-inbox.h"

/*
 * One sender in one epoch: its inbox, the connection it has at the moment, and the way back for answers. It outlives
 * the connection, so that a message sent again after a reconnect is recognised; and its memory outlives the epoch as
 * long as a message is somewhere, so that a late answer goes nowhere instead of into freed memory.
 *
 * Flow: while the sender has more bytes unanswered than it was granted, or does not read its answers, nothing is read
 * from it.
 */

/* Answers kept for a sender that reconnects within the epoch; above it they become "lost". */
#define ANSWER_BYTES_KEPT_MAX IPC_WINDOW_BYTES

struct _IpcSender {
  IpcMessageRoute route; /* first: this is what messages hold */
  IpcInbox inbox;
  IpcConnection *connection; /* (unowned) (nullable) */
  gsize bytes_unanswered;
  gboolean stopped; /* nothing more is read: the master hands over */
  IpcSenderAnsweredFunc answered; /* (nullable) %NULL once the epoch is over */
  gpointer user_data;
};

static void
send_answer (IpcSender *self, guint64 sequence, IpcFrameType type, GBytes *payload)
{
  IpcFrameHeader header = {
    .length = g_bytes_get_size (payload),
    .type = type,
    .sequence = sequence,
    .number = self->route.epoch,
  };

  ipc_connection_queue_bytes (self->connection, &header, payload);
}

static void
sender_answer (IpcMessageRoute *route, guint64 sequence, gsize message_size, IpcFrameType type, GBytes *payload)
{
  IpcSender *self = (IpcSender *) route;

  if (self->answered == NULL)
    return;

  self->bytes_unanswered -= message_size;
  if (ipc_inbox_answer (&self->inbox, sequence, type, payload) && self->connection != NULL)
    send_answer (self, sequence, type, payload);
  ipc_sender_update_flow (self);
  self->answered (self->user_data);
}

static void
sender_free (IpcMessageRoute *route)
{
  IpcSender *self = (IpcSender *) route;

  ipc_inbox_clear (&self->inbox);
  g_free (self);
}

static GBytes *
new_lost_payload (guint32 response_size_max)
{
  g_autoptr (GError) error = g_error_new_literal (IPC_ERROR, IPC_ERROR_RESPONSE_LOST,
                                                  "the message was handled, but the connection was lost and the "
                                                  "response too large to be kept");

  return ipc_wire_new_failure (error, response_size_max);
}

/**
 * ipc_sender_new:
 * @peer: the sender
 * @response_size_max: the largest response it accepts
 * @answered: called after each answer
 *
 * Returns: (transfer full): a sender without a connection
 */
IpcSender *
ipc_sender_new (GMainContext *context, IpcPeer *peer, guint32 response_size_max, IpcSenderAnsweredFunc answered,
                gpointer user_data)
{
  IpcSender *self = g_new0 (IpcSender, 1);
  g_autoptr (GBytes) lost_payload = new_lost_payload (response_size_max);

  ipc_message_route_init (&self->route, context, peer, response_size_max);
  self->route.answer = sender_answer;
  self->route.free = sender_free;
  ipc_inbox_init (&self->inbox, IPC_WINDOW_MESSAGES, ANSWER_BYTES_KEPT_MAX, lost_payload);
  self->answered = answered;
  self->user_data = user_data;

  return self;
}

/* The master is done with the sender. Messages that are still somewhere keep its memory, and their answers go
 * nowhere. */
void
ipc_sender_free (IpcSender *self)
{
  self->connection = NULL;
  self->answered = NULL;
  ipc_message_route_close (&self->route);
  ipc_message_route_unref (&self->route);
}

/**
 * ipc_sender_connect:
 * @connection: (unowned): new, and used until it is taken away
 */
void
ipc_sender_connect (IpcSender *self, IpcConnection *connection)
{
  g_assert (self->connection == NULL);

  self->connection = connection;
  ipc_inbox_connected (&self->inbox);
}

void
ipc_sender_disconnect (IpcSender *self)
{
  self->connection = NULL;
}

static IpcMessage *
new_message (IpcSender *self, const IpcFrame *frame)
{
  gboolean redelivered = (frame->header.flags & IPC_FRAME_FLAG_REPEAT) != 0;
  g_autoptr (GBytes) payload = NULL;

  if (frame->header.length <= IPC_MESSAGE_INLINE_MAX)
    return ipc_message_new (&self->route, frame->header.sequence, redelivered, frame->payload, frame->header.length);

  payload = ipc_connection_take_payload (self->connection, frame);
  return ipc_message_new_bytes (&self->route, frame->header.sequence, redelivered, payload);
}

/**
 * ipc_sender_receive:
 * @frame: a MESSAGE
 * @message: (out) (transfer full) (nullable): the message, if it is to be handled
 *
 * Returns: (nullable): %NULL, or how the sender broke the protocol
 */
const char *
ipc_sender_receive (IpcSender *self, const IpcFrame *frame, IpcMessage **message)
{
  IpcAnswer answer;
  const char *violation;

  *message = NULL;
  switch (ipc_inbox_receive (&self->inbox, frame->header.sequence, frame->header.number, &answer, &violation)) {
  case IPC_INBOX_NEW:
    self->bytes_unanswered += frame->header.length;
    *message = new_message (self, frame);
    ipc_sender_update_flow (self);
    return NULL;
  case IPC_INBOX_REPEAT:
    return NULL;
  case IPC_INBOX_REPEAT_ANSWERED:
    send_answer (self, frame->header.sequence, answer.type, answer.payload);
    ipc_sender_update_flow (self);
    return NULL;
  case IPC_INBOX_VIOLATION:
    return violation;
  default:
    g_assert_not_reached ();
  }
}

const char *
ipc_sender_acknowledge (IpcSender *self, guint64 acknowledged)
{
  return ipc_inbox_acknowledge (&self->inbox, acknowledged);
}

/* Reads on, or stops reading. A sender that keeps to its window, and
 * gives nothing up, is never stopped for it. */
void
ipc_sender_update_flow (IpcSender *self)
{
  gboolean over = (self->bytes_unanswered > IPC_WINDOW_BYTES && self->inbox.n_unanswered > 1)
                  || self->inbox.n_unanswered > IPC_WINDOW_MESSAGES;

  if (self->connection != NULL)
    ipc_connection_set_paused (self->connection, self->stopped || over
                               || ipc_connection_get_queued (self->connection) >= IPC_CONNECTION_WRITE_HIGH);
}

/* For good: what has not been accepted by now is for the next master. */
void
ipc_sender_stop_reading (IpcSender *self)
{
  self->stopped = TRUE;
  ipc_sender_update_flow (self);
}

/* The sender's connection, or NULL. */
IpcConnection *
ipc_sender_get_connection (IpcSender *self)
{
  return self->connection;
}

/* The newest sequence number that was given to the handler. */
guint64
ipc_sender_get_accepted (IpcSender *self)
{
  return self->inbox.accepted;
}

guint
ipc_sender_get_n_unanswered (IpcSender *self)
{
  return self->inbox.n_unanswered;
}
