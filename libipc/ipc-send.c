/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-send-private.h"

/*
 * A GAsyncResult of its own instead of a GTask: a pipeline with one GTask for each message was measured at less than a
 * quarter of the rate of the same loop without (docs/architecture.md). One object carries a message from the call to
 * its callback.
 */

static void async_result_iface_init (GAsyncResultIface *iface);

G_DEFINE_FINAL_TYPE_WITH_CODE (IpcSend, ipc_send, G_TYPE_OBJECT,
                               G_IMPLEMENT_INTERFACE (G_TYPE_ASYNC_RESULT, async_result_iface_init))

static void
ipc_send_finalize (GObject *object)
{
  IpcSend *self = IPC_SEND (object);

  g_assert (!self->deadline.running);
  g_assert (self->cancel_source == NULL);

  g_clear_object (&self->source);
  g_clear_pointer (&self->payload, g_bytes_unref);
  g_clear_pointer (&self->response, g_bytes_unref);
  g_clear_error (&self->error);

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

IpcSend *
ipc_send_new (GObject *source, GBytes *payload, IpcSendFlags flags, GAsyncReadyCallback callback, gpointer user_data)
{
  IpcSend *self = g_object_new (IPC_TYPE_SEND, NULL);

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
