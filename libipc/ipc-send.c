/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-send-private.h"

/*
 * One call that sends: the message from the call to its callback, and the result that the callback gets. It is a
 * GAsyncResult of its own instead of a GTask: a pipeline with one GTask for each message was measured at less than a
 * quarter of the rate of the same loop without (docs/architecture.md).
 *
 * Making and finalizing a GObject costs more than all the rest of the way of a small message, so objects that nobody
 * holds on to are kept in a pool and used again.
 */

/* As many as a window has messages: what a busy client needs from one turn to the next. */
#define SPARE_MAX 1024

static void async_result_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (IpcSend, ipc_send, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, async_result_iface_init))

static void
let_go (IpcSend *self)
{
  g_assert (!self->deadline.running);
  g_assert (self->cancel == NULL);

  g_clear_object (&self->source);
  g_clear_pointer (&self->payload, g_bytes_unref);
  g_clear_pointer (&self->response, g_bytes_unref);
  g_clear_error (&self->error);
}

static void
ipc_send_finalize (GObject *object)
{
  let_go (IPC_SEND (object));

  G_OBJECT_CLASS (ipc_send_parent_class)->finalize (object);
}

static void
ipc_send_class_init (IpcSendClass *klass)
{
  G_OBJECT_CLASS (klass)->finalize = ipc_send_finalize;
}

static void
ipc_send_init (IpcSend *self)
{
}

static gpointer
ipc_send_get_user_data (GAsyncResult *result)
{
  return IPC_SEND (result)->user_data;
}

static GObject *
ipc_send_get_source_object (GAsyncResult *result)
{
  return g_object_ref (IPC_SEND (result)->source);
}

static void
async_result_iface_init (GAsyncResultIface *iface)
{
  iface->get_user_data = ipc_send_get_user_data;
  iface->get_source_object = ipc_send_get_source_object;
}

/**
 * ipc_send_new:
 * @pool: where a used one may be found
 * @source: the node
 *
 * Returns: (transfer full): a call that has not begun
 */
IpcSend *
ipc_send_new (IpcSendPool *pool, GObject *source, GBytes *payload, IpcSendFlags flags, GAsyncReadyCallback callback,
              gpointer user_data)
{
  GList *spare = g_queue_pop_head_link (&pool->spare);
  IpcSend *self = spare != NULL ? spare->data : g_object_new (IPC_TYPE_SEND, NULL);

  self->source = g_object_ref (source);
  self->payload = g_bytes_ref (payload);
  self->flags = flags;
  self->callback = callback;
  self->user_data = user_data;
  self->link.data = self;

  return self;
}

void
ipc_send_call_back (IpcSend *self)
{
  if (self->callback != NULL)
    self->callback (self->source, G_ASYNC_RESULT (self), self->user_data);
}

/* Whether we hold the only reference, and nobody has attached anything. */
static gboolean
is_ours_alone (IpcSend *self)
{
  GObject *object = G_OBJECT (self);

  return g_atomic_int_get (&object->ref_count) == 1 && object->qdata == NULL;
}

/**
 * ipc_send_release:
 * @self: (transfer full): a call whose callback has been called
 * @pool: where it may be kept
 */
void
ipc_send_release (IpcSend *self, IpcSendPool *pool)
{
  if (pool->spare.length >= SPARE_MAX || !is_ours_alone (self)) {
    g_object_unref (self);
    return;
  }

  let_go (self);
  self->sequence = 0;
  self->done = FALSE;
  self->epoch = 0;
  g_queue_push_head_link (&pool->spare, &self->link);
}

void
ipc_send_pool_clear (IpcSendPool *self)
{
  while (!g_queue_is_empty (&self->spare))
    g_object_unref (g_queue_pop_head_link (&self->spare)->data);
}
