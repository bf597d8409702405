/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node-private.h"

#include "ipc-error.h"

/*
 * The calls that send. Each makes one IpcSend, which is the entry in the client's outbox and the result of the call;
 * whatever happens it comes back through ipc_node_take_completed(), so a callback is never called before the call has
 * returned.
 */

static GError *
refuse_send (IpcNode *self)
{
  if (self->mode == IPC_MODE_MASTER)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_NOT_A_CLIENT, "a node of mode “master” does not send");
  if (self->state == IPC_NODE_NEW)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_CLOSED, "the node has not been started; the message was not sent");
  if (self->state != IPC_NODE_RUNNING)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_CLOSED, "the node is closed; the message was not sent");

  return NULL;
}

static gint64
timeout_in_us (IpcNode *self, int timeout_ms)
{
  if (timeout_ms == IPC_TIMEOUT_DEFAULT)
    timeout_ms = self->send_timeout_ms != 0 ? (int) self->send_timeout_ms : IPC_TIMEOUT_NONE;

  return timeout_ms == IPC_TIMEOUT_NONE ? -1 : timeout_ms * (gint64) G_TIME_SPAN_MILLISECOND;
}

/* While a call blocks in a handler, handlers are called for what arrives, and each may block in a call of its own. The
 * stack has room for far more, but not for as many as peers can send. */
#define BLOCKING_DEPTH_MAX 64

static GError *
refuse_depth (IpcNode *self, IpcSend *send)
{
  if (!send->blocking || self->blocking_depth <= BLOCKING_DEPTH_MAX)
    return NULL;

  return g_error_new (IPC_ERROR, IPC_ERROR_QUEUE_FULL,
                      "%d blocking calls wait within one another's handlers already; the message was not sent",
                      BLOCKING_DEPTH_MAX);
}

static void
cancelled_cb (gpointer user_data)
{
  IpcSend *send = user_data;

  ipc_member_cancel (IPC_NODE (send->source)->member, send);
}

/* @send: (transfer full): completed() gives it back in any case. */
static void
start_send (IpcNode *self, IpcSend *send, int timeout_ms, GCancellable *cancellable)
{
  GError *error = refuse_send (self);

  if (error == NULL)
    error = refuse_depth (self, send);
  if (error == NULL && g_cancellable_set_error_if_cancelled (cancellable, &error))
    g_prefix_error (&error, "The message was not sent: ");
  if (error != NULL) {
    send->error = error;
    send->done = TRUE;
    ipc_node_take_completed (self, send);
    return;
  }

  if (cancellable != NULL)
    send->cancel = ipc_cancel_new (cancellable, ipc_member_get_mailbox (self->member), cancelled_cb, send);
  ipc_member_send (self->member, send, timeout_in_us (self, timeout_ms));
}

/**
 * ipc_node_send_full_async:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send; not copied
 * @flags: how
 * @timeout_ms: how long it may take, in milliseconds, or %IPC_TIMEOUT_DEFAULT or %IPC_TIMEOUT_NONE
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called once, with the outcome; never before this function has returned
 * @user_data: for @callback
 *
 * Sends a message to the group's master. Messages of a node are handled in the order in which they were sent, and each
 * has exactly one outcome, which [method@Ipc.Node.send_finish] returns. If the master dies meanwhile, the message goes
 * to the next one with the same identity: if it was answered, the answer comes from the group's ledger; if it was
 * begun, it is marked as redelivered, or fails with %IPC_ERROR_OUTCOME_UNKNOWN if @flags has %IPC_SEND_AT_MOST_ONCE.
 *
 * When [property@Ipc.Node:max-pending] or [property@Ipc.Node:max-pending-bytes] is reached, the message fails with
 * %IPC_ERROR_QUEUE_FULL, and [property@Ipc.Node:can-send] tells when to go on. With %IPC_SEND_WAIT it waits for room
 * instead: it takes its place among the messages of this node at once, so one that does not wait fails with
 * %IPC_ERROR_QUEUE_FULL for as long as others do, rather than to overtake them. What waits holds a reference to
 * @message and copies nothing; more than 65536 calls do not wait, and fail too.
 */
void
ipc_node_send_full_async (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->thread == g_thread_self ());
  g_return_if_fail (message != NULL);
  g_return_if_fail (timeout_ms >= IPC_TIMEOUT_DEFAULT);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  start_send (self, ipc_send_new (&self->pool, G_OBJECT (self), message, flags, callback, user_data), timeout_ms,
              cancellable);
}

/**
 * ipc_node_send_async:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send; not copied
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called once, with the outcome; never before this function has returned
 * @user_data: for @callback
 *
 * [method@Ipc.Node.send_full_async] without flags and with the node's [property@Ipc.Node:send-timeout].
 */
void
ipc_node_send_async (IpcNode *self, GBytes *message, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  ipc_node_send_full_async (self, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_DEFAULT, cancellable, callback, user_data);
}

/**
 * ipc_node_send_finish:
 * @self: a node
 * @result: what the callback was given
 *
 * The outcome of a message.
 *
 * Errors that say that it was certainly not handled: %IPC_ERROR_MESSAGE_TOO_LARGE, %IPC_ERROR_QUEUE_FULL,
 * %IPC_ERROR_NO_MASTER, %IPC_ERROR_NOT_SENT, %IPC_ERROR_NOT_A_CLIENT, %IPC_ERROR_CLOSED. That it may have been, or may
 * yet be: %IPC_ERROR_TIMED_OUT, %IPC_ERROR_OUTCOME_UNKNOWN. That it was: %IPC_ERROR_RESPONSE_LOST,
 * %IPC_ERROR_NO_RESPONSE, and whatever error the handler set. That it was begun, and never finished:
 * %IPC_ERROR_POISONED. %G_IO_ERROR_CANCELLED: the text says which.
 *
 * Returns: (transfer full): the response, or %NULL with @error set
 */
GBytes *
ipc_node_send_finish (IpcNode *self, GAsyncResult *result, GError **error)
{
  IpcSend *send;

  g_return_val_if_fail (IPC_IS_NODE (self), NULL);
  g_return_val_if_fail (IPC_IS_SEND (result), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  send = IPC_SEND (result);
  g_return_val_if_fail (send->source == G_OBJECT (self), NULL);
  g_return_val_if_fail (send->response != NULL || send->error != NULL, NULL); /* finished twice */

  if (send->error != NULL) {
    g_propagate_error (error, g_steal_pointer (&send->error));
    return NULL;
  }

  return g_steal_pointer (&send->response);
}

/**
 * ipc_node_get_result_epoch:
 * @self: a node
 * @result: what the callback was given
 *
 * The epoch in which the message was handled; also when its handler answered with an error, or dropped it. It may be
 * asked before or after [method@Ipc.Node.send_finish].
 *
 * Returns: the epoch; 0 if the outcome does not come from a master
 */
guint64
ipc_node_get_result_epoch (IpcNode *self, GAsyncResult *result)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);
  g_return_val_if_fail (IPC_IS_SEND (result), 0);

  return IPC_SEND (result)->epoch;
}

/**
 * ipc_node_send_full:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send
 * @flags: how
 * @timeout_ms: how long it may take, in milliseconds, or %IPC_TIMEOUT_DEFAULT or %IPC_TIMEOUT_NONE
 * @cancellable: (nullable): ends the wait
 *
 * Sends a message and waits for its outcome, and with %IPC_SEND_WAIT for room before that; see
 * [method@Ipc.Node.send_full_async]. While it waits, only this node's own input and output go on: no other source of
 * the main context runs, and no callback and no signal of this node.
 *
 * A node that is itself the master can do this, because its handler is called meanwhile, for this and for any other
 * message that arrives. It may answer at once, or have another thread answer: such answers arrive here too. What cannot
 * arrive before this call has returned is an answer from another source of the same main context, because none of them
 * runs; give such calls a timeout, or send asynchronously. What the handler needs must not depend on the code that
 * waits here. A
 * handler that makes such a call itself may be called again within it; more than 64 deep the call fails with
 * %IPC_ERROR_QUEUE_FULL.
 *
 * Returns: (transfer full): the response, or %NULL with @error set as by [method@Ipc.Node.send_finish]
 */
GBytes *
ipc_node_send_full (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms, GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (IpcSend) send = NULL;

  g_return_val_if_fail (IPC_IS_NODE (self), NULL);
  g_return_val_if_fail (self->thread == g_thread_self (), NULL);
  g_return_val_if_fail (message != NULL, NULL);
  g_return_val_if_fail (timeout_ms >= IPC_TIMEOUT_DEFAULT, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  send = ipc_send_new (&self->pool, G_OBJECT (self), message, flags, NULL, NULL);
  send->blocking = TRUE;
  self->blocking_depth++;
  start_send (self, g_object_ref (send), timeout_ms, cancellable);
  while (!send->done)
    ipc_member_turn_blocking (self->member);
  self->blocking_depth--;

  return ipc_node_send_finish (self, G_ASYNC_RESULT (send), error);
}

/**
 * ipc_node_send:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send
 * @cancellable: (nullable): ends the wait
 *
 * [method@Ipc.Node.send_full] without flags and with the node's [property@Ipc.Node:send-timeout].
 *
 * Returns: (transfer full): the response, or %NULL with @error set as by [method@Ipc.Node.send_finish]
 */
GBytes *
ipc_node_send (IpcNode *self, GBytes *message, GCancellable *cancellable, GError **error)
{
  return ipc_node_send_full (self, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_DEFAULT, cancellable, error);
}
