/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "ipc-enums.h"
#include "ipc-message.h"
#include "ipc-peer.h"
#include "ipc-version.h"

G_BEGIN_DECLS

#define IPC_TYPE_NODE (ipc_node_get_type ())

#ifndef __GI_SCANNER__
__attribute__ ((visibility ("default")))
#endif
G_DECLARE_FINAL_TYPE (IpcNode, ipc_node, IPC, NODE, GObject)

/**
 * IPC_TIMEOUT_DEFAULT:
 *
 * As a timeout: use the node's [property@Ipc.Node:send-timeout].
 */
#define IPC_TIMEOUT_DEFAULT (-1)

/**
 * IPC_TIMEOUT_NONE:
 *
 * As a timeout: wait for ever.
 */
#define IPC_TIMEOUT_NONE 2147483647

/**
 * IpcHandler:
 * @node: the node that is master
 * @message: (transfer none): the message; reference it to answer later
 * @user_data: what was given to [method@Ipc.Node.set_handler]
 *
 * Handles one message, in the node's own main context. It answers with [method@Ipc.Message.respond] or
 * [method@Ipc.Message.fail], before it returns or later.
 */
typedef void (*IpcHandler) (IpcNode *node, IpcMessage *message, gpointer user_data);

IPC_PUBLIC IpcNode *ipc_node_new (const char *group, IpcMode mode);

IPC_PUBLIC void ipc_node_set_handler (IpcNode *self, IpcHandler handler, gpointer user_data, GDestroyNotify destroy);
IPC_PUBLIC gboolean ipc_node_start (IpcNode *self, GError **error);

IPC_PUBLIC void ipc_node_send_async (IpcNode *self, GBytes *message, GCancellable *cancellable,
                                     GAsyncReadyCallback callback, gpointer user_data);
IPC_PUBLIC void ipc_node_send_full_async (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms,
                                          GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data);
IPC_PUBLIC GBytes *ipc_node_send_finish (IpcNode *self, GAsyncResult *result, GError **error);
IPC_PUBLIC GBytes *ipc_node_send (IpcNode *self, GBytes *message, GCancellable *cancellable, GError **error);
IPC_PUBLIC GBytes *ipc_node_send_full (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms,
                                       GCancellable *cancellable, GError **error);
IPC_PUBLIC guint64 ipc_node_get_result_epoch (IpcNode *self, GAsyncResult *result);

IPC_PUBLIC void ipc_node_resign_async (IpcNode *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                       gpointer user_data);
IPC_PUBLIC gboolean ipc_node_resign_finish (IpcNode *self, GAsyncResult *result, GError **error);

IPC_PUBLIC void ipc_node_close_async (IpcNode *self, GCancellable *cancellable, GAsyncReadyCallback callback,
                                      gpointer user_data);
IPC_PUBLIC gboolean ipc_node_close_finish (IpcNode *self, GAsyncResult *result, GError **error);

IPC_PUBLIC const char *ipc_node_get_group (IpcNode *self);
IPC_PUBLIC IpcMode ipc_node_get_mode (IpcNode *self);
IPC_PUBLIC IpcRole ipc_node_get_role (IpcNode *self);
IPC_PUBLIC guint64 ipc_node_get_epoch (IpcNode *self);
IPC_PUBLIC const char *ipc_node_get_id (IpcNode *self);
IPC_PUBLIC IpcPeer *ipc_node_get_master (IpcNode *self);
IPC_PUBLIC const char *ipc_node_get_runtime_dir (IpcNode *self);
IPC_PUBLIC void ipc_node_set_runtime_dir (IpcNode *self, const char *runtime_dir);

G_END_DECLS
