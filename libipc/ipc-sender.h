/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-connection.h"
#include "ipc-message-private.h"

/* One sender, as the master of one epoch sees it. */
typedef struct _IpcSender IpcSender;

/* @user_data is given at ipc_sender_new(); not called once the sender is detached. */
typedef void (*IpcSenderAnsweredFunc) (gpointer user_data);

/* What a master grants each sender. More in flight was not faster, and it bounds what must be held for one. */
#define IPC_WINDOW_MESSAGES 1024
#define IPC_WINDOW_BYTES (8 * 1024 * 1024)

IpcSender *ipc_sender_new (GMainContext *context, IpcPeer *peer, guint32 response_size_max,
                           IpcSenderAnsweredFunc answered, gpointer user_data);
void ipc_sender_free (IpcSender *self);

void ipc_sender_connect (IpcSender *self, IpcConnection *connection);
void ipc_sender_disconnect (IpcSender *self);

const char *ipc_sender_receive (IpcSender *self, const IpcFrame *frame, IpcMessage **message);
const char *ipc_sender_acknowledge (IpcSender *self, guint64 acknowledged);
void ipc_sender_update_flow (IpcSender *self);
void ipc_sender_stop_reading (IpcSender *self);

IpcConnection *ipc_sender_get_connection (IpcSender *self);
guint64 ipc_sender_get_accepted (IpcSender *self);
guint ipc_sender_get_n_unanswered (IpcSender *self);
