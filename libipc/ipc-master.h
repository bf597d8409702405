/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-ledger.h"
#include "ipc-message.h"
#include "ipc-poller.h"
#include "ipc-wire.h"

typedef struct _IpcMaster IpcMaster;

typedef struct {
  gboolean (*is_master) (gpointer user_data);                     /* the self-check, before each message */
  void (*replaced) (gpointer user_data);                          /* it failed: end the epoch */
  void (*handle) (IpcMessage *message, gpointer user_data);       /* may end the epoch, or everything */
  void (*set_accepting) (gboolean accepting, gpointer user_data); /* too many handshakes, or no longer */
  void (*resigned) (gpointer user_data);                          /* all is answered and written: end the epoch */
} IpcMasterEvents;

typedef struct {
  guint8 node_id[IPC_NODE_ID_SIZE];
  guint32 max_message_size;
  guint handshake_timeout_ms;
  guint max_deliveries; /* 0: no limit */
  gboolean allow_other_users;
} IpcMasterConfig;

IpcMaster *ipc_master_new (IpcPoller *poller, IpcLedger *ledger, guint64 epoch, const IpcMasterConfig *config,
                           const IpcMasterEvents *events, gpointer user_data);
void ipc_master_free (IpcMaster *self);

void ipc_master_accept (IpcMaster *self, int fd);
void ipc_master_resign (IpcMaster *self);
