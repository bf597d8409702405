/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "ipc-peer.h"
#include "ipc-version.h"

G_BEGIN_DECLS

#define IPC_TYPE_MESSAGE (ipc_message_get_type ())

/**
 * IpcMessage:
 *
 * A message as the master's handler gets it. It is answered exactly once: with [method@Ipc.Message.respond] or
 * [method@Ipc.Message.fail], at once or later. Keep a reference to answer later. When the last reference goes
 * without an answer, the sender gets %IPC_ERROR_NO_RESPONSE.
 *
 * All functions may be called from any thread; an answer given in another thread is carried to the node's own.
 */
typedef struct _IpcMessage IpcMessage;

IPC_PUBLIC GType ipc_message_get_type (void);

IPC_PUBLIC IpcMessage *ipc_message_ref (IpcMessage *self);
IPC_PUBLIC void ipc_message_unref (IpcMessage *self);

IPC_PUBLIC const guint8 *ipc_message_get_data (IpcMessage *self, gsize *size);
IPC_PUBLIC GBytes *ipc_message_dup_bytes (IpcMessage *self);

IPC_PUBLIC IpcPeer *ipc_message_get_sender (IpcMessage *self);
IPC_PUBLIC guint64 ipc_message_get_sequence (IpcMessage *self);
IPC_PUBLIC guint64 ipc_message_get_epoch (IpcMessage *self);
IPC_PUBLIC gboolean ipc_message_get_redelivered (IpcMessage *self);
IPC_PUBLIC guint ipc_message_get_delivery_count (IpcMessage *self);

IPC_PUBLIC void ipc_message_respond (IpcMessage *self, GBytes *response);
IPC_PUBLIC void ipc_message_fail (IpcMessage *self, const GError *error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcMessage, ipc_message_unref)

G_END_DECLS
