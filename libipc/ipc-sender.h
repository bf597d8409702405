/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-connection.h"
#include "ipc-ledger.h"
#include "ipc-message-private.h"

/* One sender, as the master of one epoch sees it. */
typedef struct _IpcSender IpcSender;

/* Not called once the sender is freed. Each may be called within a handler. */
typedef struct {
  void (*answered) (gpointer user_data); /* after each answer */
  void (*sealed) (gpointer user_data);   /* the ledger is another master's: the epoch is over */
} IpcSenderEvents;

typedef struct {
  IpcMailbox *mailbox;
  guint32 response_size_max; /* the largest response that the sender accepts */
  guint max_deliveries;      /* 0: no limit */
} IpcSenderConfig;

typedef enum {
  IPC_SENDER_DONE,      /* nothing is to be done */
  IPC_SENDER_HANDLE,    /* the message is to be given to the handler */
  IPC_SENDER_VIOLATION, /* the sender broke the protocol */
  IPC_SENDER_NO_ROOM,   /* the ledger has no room for it: nothing was accepted */
  IPC_SENDER_SEALED,    /* the ledger is another master's: the epoch is over */
} IpcSenderVerdict;

/* What a master grants each sender at most. More in flight was not faster, and it bounds what must be held for one. */
#define IPC_WINDOW_BYTES (8 * 1024 * 1024)

IpcSender *ipc_sender_new (const IpcSenderConfig *config, IpcPeer *peer, IpcAccount *account,
                           const IpcSenderEvents *events, gpointer user_data);
void ipc_sender_free (IpcSender *self);
void ipc_sender_forget (IpcSender *self);

void ipc_sender_connect (IpcSender *self, IpcConnection *connection, guint window, gboolean all_known);
void ipc_sender_disconnect (IpcSender *self);

IpcSenderVerdict ipc_sender_receive (IpcSender *self, const IpcFrame *frame, IpcMessage **message,
                                     const char **violation);
const char *ipc_sender_acknowledge (IpcSender *self, guint64 acknowledged);
void ipc_sender_update_flow (IpcSender *self);
void ipc_sender_stop_reading (IpcSender *self);

IpcConnection *ipc_sender_get_connection (IpcSender *self);
guint64 ipc_sender_get_accepted (IpcSender *self);
guint ipc_sender_get_n_unanswered (IpcSender *self);
