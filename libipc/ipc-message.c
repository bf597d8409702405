/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-message-private.h"

#include <string.h>

#include "ipc-error.h"

/*
 * A message at its handler, and the way of its answer back. The message knows a route, not a connection: the connection
 * may end, the mastership too, and the message stays usable; an answer that nobody can take any more is dropped there.
 *
 * An answer is given once, in any thread. Given in another thread than the node's, it travels to it through the node's
 * mailbox; when the node has ended, it ends there.
 */

struct _IpcMessage {
  gatomicrefcount ref_count;
  gint answered; /* atomic */
  IpcMessageRoute *route; /* (owned) */
  guint64 sequence;
  guint delivery_count;
  gboolean redelivered;
  GBytes *payload; /* (owned) (nullable) %NULL when it is inline */
  gsize size;
  guint8 inline_data[];
};

/* An answer on its way from another thread. */
typedef struct {
  IpcLetter letter;       /* first */
  IpcMessageRoute *route; /* (owned) */
  guint64 sequence;
  gsize message_size;
  IpcFrameType type;
  GBytes *payload; /* (owned) */
} Parcel;

G_DEFINE_BOXED_TYPE (IpcMessage, ipc_message, ipc_message_ref, ipc_message_unref)

/* @self becomes a route with one reference, of messages that arrive in this thread. */
void
ipc_message_route_init (IpcMessageRoute *self, IpcMailbox *mailbox, IpcPeer *sender, guint32 response_size_max)
{
  g_atomic_ref_count_init (&self->ref_count);
  self->mailbox = ipc_mailbox_ref (mailbox);
  self->thread = g_thread_self ();
  self->sender = ipc_peer_ref (sender);
  self->epoch = ipc_peer_get_epoch (sender);
  self->response_size_max = response_size_max;
}

IpcMessageRoute *
ipc_message_route_ref (IpcMessageRoute *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
ipc_message_route_unref (IpcMessageRoute *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  ipc_mailbox_unref (self->mailbox);
  ipc_peer_unref (self->sender);
  self->free (self);
}

static IpcMessage *
message_new (IpcMessageRoute *route, guint64 sequence, gboolean redelivered, gsize size, gsize inline_size)
{
  IpcMessage *self = g_malloc (G_STRUCT_OFFSET (IpcMessage, inline_data) + inline_size);

  g_atomic_ref_count_init (&self->ref_count);
  self->answered = FALSE;
  self->route = ipc_message_route_ref (route);
  self->sequence = sequence;
  self->delivery_count = 1;
  self->redelivered = redelivered;
  self->payload = NULL;
  self->size = size;

  return self;
}

/* A message with a copy of @data. */
IpcMessage *
ipc_message_new (IpcMessageRoute *route, guint64 sequence, gboolean redelivered, const guint8 *data, gsize size)
{
  IpcMessage *self = message_new (route, sequence, redelivered, size, size);

  memcpy (self->inline_data, data, size);

  return self;
}

/* A message with a payload that is not copied. */
IpcMessage *
ipc_message_new_bytes (IpcMessageRoute *route, guint64 sequence, gboolean redelivered, GBytes *payload)
{
  IpcMessage *self = message_new (route, sequence, redelivered, g_bytes_get_size (payload), 0);

  self->payload = g_bytes_ref (payload);

  return self;
}

void
ipc_message_set_delivery_count (IpcMessage *self, guint delivery_count)
{
  self->delivery_count = delivery_count;
}

/* In the node's thread: the handler has returned. */
void
ipc_message_handler_returned (IpcMessage *self)
{
  if (self->route->returned != NULL && !g_atomic_int_get (&self->answered))
    self->route->returned (self->route, self->sequence);
}

static void
parcel_deliver (IpcLetter *letter)
{
  Parcel *parcel = (Parcel *) letter;

  parcel->route->answer (parcel->route, parcel->sequence, parcel->message_size, parcel->type, parcel->payload);
}

static void
parcel_free (IpcLetter *letter)
{
  Parcel *parcel = (Parcel *) letter;

  ipc_message_route_unref (parcel->route);
  g_bytes_unref (parcel->payload);
  g_free (parcel);
}

static void
send_parcel (IpcMessage *self, IpcFrameType type, GBytes *payload)
{
  Parcel *parcel = g_new (Parcel, 1);

  *parcel = (Parcel) {
    .letter = { .deliver = parcel_deliver, .free = parcel_free },
    .route = ipc_message_route_ref (self->route),
    .sequence = self->sequence,
    .message_size = self->size,
    .type = type,
    .payload = g_bytes_ref (payload),
  };
  ipc_mailbox_post (self->route->mailbox, &parcel->letter);
}

static void
answer (IpcMessage *self, IpcFrameType type, GBytes *payload)
{
  if (g_thread_self () == self->route->thread)
    self->route->answer (self->route, self->sequence, self->size, type, payload);
  else
    send_parcel (self, type, payload);
}

static void
answer_failure (IpcMessage *self, const GError *error)
{
  g_autoptr (GBytes) payload = ipc_wire_new_failure (error, self->route->response_size_max);

  answer (self, IPC_FRAME_FAILURE, payload);
}

/* A message is answered once. */
static gboolean
take_answer (IpcMessage *self, const char *function)
{
  if (g_atomic_int_compare_and_exchange (&self->answered, FALSE, TRUE))
    return TRUE;

  g_return_if_fail_warning (G_LOG_DOMAIN, function, "the message has not been answered before");
  return FALSE;
}

/**
 * ipc_message_ref:
 * @self: a message
 *
 * Adds a reference, to answer later. Any thread.
 *
 * Returns: (transfer full): @self
 */
IpcMessage *
ipc_message_ref (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * ipc_message_unref:
 * @self: (transfer full): a message
 *
 * Drops a reference. If it is the last one and the message has not been answered, its sender gets
 * %IPC_ERROR_NO_RESPONSE. Any thread.
 */
void
ipc_message_unref (IpcMessage *self)
{
  g_return_if_fail (self != NULL);

  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  if (!g_atomic_int_get (&self->answered)) {
    g_autoptr (GError) error = g_error_new_literal (IPC_ERROR, IPC_ERROR_NO_RESPONSE,
                                                    "the handler dropped the message without answering it");

    answer_failure (self, error);
  }

  g_clear_pointer (&self->payload, g_bytes_unref);
  ipc_message_route_unref (self->route);
  g_free (self);
}

/**
 * ipc_message_get_data:
 * @self: a message
 * @size: (out): how many bytes it has; may be 0
 *
 * The bytes that were sent. They stay where they are for as long as the message is referenced. Any thread.
 *
 * Returns: (transfer none) (array length=size): the bytes
 */
const guint8 *
ipc_message_get_data (IpcMessage *self, gsize *size)
{
  g_return_val_if_fail (self != NULL, NULL);
  g_return_val_if_fail (size != NULL, NULL);

  *size = self->size;
  return self->payload != NULL ? g_bytes_get_data (self->payload, NULL) : self->inline_data;
}

/**
 * ipc_message_dup_bytes:
 * @self: a message
 *
 * The bytes that were sent, to keep for longer than the message. Small ones are copied, large ones are not. Any thread.
 *
 * Returns: (transfer full): the bytes
 */
GBytes *
ipc_message_dup_bytes (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  if (self->payload != NULL)
    return g_bytes_ref (self->payload);

  return g_bytes_new (self->inline_data, self->size);
}

/**
 * ipc_message_get_sender:
 * @self: a message
 *
 * Who sent the message: its node id, and process and user as the kernel names them. Any thread.
 *
 * Returns: (transfer none): the sender
 */
IpcPeer *
ipc_message_get_sender (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->route->sender;
}

/**
 * ipc_message_get_sequence:
 * @self: a message
 *
 * The message's number among those of its sender, counted from 1. Together with the id of the sender it identifies the
 * message for ever, also when it is sent again. Any thread.
 *
 * Returns: the sequence number
 */
guint64
ipc_message_get_sequence (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->sequence;
}

/**
 * ipc_message_get_epoch:
 * @self: a message
 *
 * The epoch in which this node was master when it took the message: the fencing token. Epochs of a group strictly
 * increase, so a resource that remembers the highest epoch it has seen can turn away whatever a replaced master still
 * tries. Any thread.
 *
 * Returns: the epoch
 */
guint64
ipc_message_get_epoch (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->route->epoch;
}

/**
 * ipc_message_get_redelivered:
 * @self: a message
 *
 * Whether an earlier master may have begun to handle this message. It is never %FALSE when one has; it may be %TRUE
 * when none has. Any thread.
 *
 * Returns: whether the message may have been handled before
 */
gboolean
ipc_message_get_redelivered (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, FALSE);

  return self->redelivered;
}

/**
 * ipc_message_get_delivery_count:
 * @self: a message
 *
 * How often the message has been given to a handler, this time included, as far as the group's ledger knows: it is 1
 * for a new one, and one more for each master that began on it and did not live to answer. It stops counting at 255.
 * When as many masters as [property@Ipc.Node:max-deliveries] have died in the message's handler, it is given to no
 * other. Any thread.
 *
 * Returns: the number of deliveries
 */
guint
ipc_message_get_delivery_count (IpcMessage *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->delivery_count;
}

/**
 * ipc_message_respond:
 * @self: a message that has not been answered
 * @response: (transfer none) (nullable): what the sender gets; %NULL for no bytes
 *
 * Answers the message. The response is on its way when the main loop turns next. If it is larger than the sender
 * accepts, the sender gets %IPC_ERROR_RESPONSE_LOST; if this node is no longer master, nothing is sent, and the sender
 * asks the next master. Any thread.
 */
void
ipc_message_respond (IpcMessage *self, GBytes *response)
{
  g_return_if_fail (self != NULL);

  if (!take_answer (self, G_STRFUNC))
    return;

  if (response == NULL) {
    g_autoptr (GBytes) empty = g_bytes_new_static (NULL, 0);

    answer (self, IPC_FRAME_RESPONSE, empty);
  } else if (g_bytes_get_size (response) > self->route->response_size_max) {
    g_autoptr (GError) error = g_error_new (IPC_ERROR, IPC_ERROR_RESPONSE_LOST,
                                            "the message was handled, but its response of %" G_GSIZE_FORMAT
                                            " bytes is larger than the %u bytes that its sender accepts",
                                            g_bytes_get_size (response), self->route->response_size_max);

    answer_failure (self, error);
  } else {
    answer (self, IPC_FRAME_RESPONSE, response);
  }
}

/**
 * ipc_message_fail:
 * @self: a message that has not been answered
 * @error: (transfer none): what the sender gets
 *
 * Answers the message with an error. Domain, code and text arrive as they are; a text too long for a frame is cut. For
 * the rest it is like [method@Ipc.Message.respond]. Any thread.
 */
void
ipc_message_fail (IpcMessage *self, const GError *error)
{
  g_return_if_fail (self != NULL);
  g_return_if_fail (error != NULL);

  if (!take_answer (self, G_STRFUNC))
    return;

  answer_failure (self, error);
}
