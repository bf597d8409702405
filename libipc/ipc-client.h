/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-link.h"
#include "ipc-send-private.h"

typedef struct _IpcClient IpcClient;

typedef struct {
  void (*completed) (IpcSend *send, gpointer user_data);           /* @send: (transfer full) */
  void (*state_changed) (gpointer user_data);                      /* another master, or none; room, or none */
  void (*failed) (const GError *error, gpointer user_data);        /* a master refused us, or broke the protocol */
} IpcClientEvents;

typedef struct {
  guint8 node_id[IPC_NODE_ID_SIZE];
  guint8 mode;
  guint32 max_message_size;
  guint max_pending;
  guint64 max_pending_bytes;
  guint handshake_timeout_ms;
  gboolean allow_other_users;
} IpcClientConfig;

IpcClient *ipc_client_new (IpcPoller *poller, IpcGroupDir *dir, const IpcClientConfig *config,
                           const IpcClientEvents *events, gpointer user_data);
void ipc_client_free (IpcClient *self);

void ipc_client_start (IpcClient *self);
void ipc_client_stop (IpcClient *self);
void ipc_client_look (IpcClient *self);

void ipc_client_send (IpcClient *self, IpcSend *send, gint64 timeout_us);
void ipc_client_cancel (IpcClient *self, IpcSend *send);

gboolean ipc_client_has_room (IpcClient *self, guint *n_changes);
IpcLink *ipc_client_get_link (IpcClient *self);
gboolean ipc_client_is_waiting (IpcClient *self);
IpcPeer *ipc_client_get_master (IpcClient *self);
void ipc_client_saw_epoch (IpcClient *self, guint64 epoch);
guint64 ipc_client_get_newest_epoch (IpcClient *self);
