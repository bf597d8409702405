/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "ipc-cancel.h"
#include "ipc-enums.h"
#include "ipc-poller.h"

#define IPC_TYPE_SEND (ipc_send_get_type ())

G_DECLARE_FINAL_TYPE (IpcSend, ipc_send, IPC, SEND, GObject)

/* One call of ipc_node_send_*(): it is the result that the application's callback gets, and also the entry in the
 * client's outbox. */
struct _IpcSend {
  GObject parent_instance;

  GObject *source; /* (owned) the node */
  GAsyncReadyCallback callback; /* (nullable) */
  gpointer user_data;

  GBytes *payload; /* (owned) (nullable) until it is done */
  IpcSendFlags flags;
  guint64 sequence; /* 0 until it is in the outbox */
  gpointer client;  /* (unowned) (nullable) while it is in the outbox, or waits for room there */
  IpcTimer deadline;
  IpcCancel *cancel; /* (owned) (nullable) */

  gboolean blocking; /* somebody waits for @done, and there is nobody to be called back */
  gboolean done;
  GBytes *response; /* (owned) (nullable) */
  GError *error;    /* (owned) (nullable) */
  guint64 epoch;    /* in which it was answered; 0 if it was not */
  GList link;       /* among those that wait for room, and then those whose callbacks are due */
};

/* Objects to be used again. All zero when empty. */
typedef struct {
  GQueue spare; /* (owned) of IpcSend */
} IpcSendPool;

IpcSend *ipc_send_new (IpcSendPool *pool, GObject *source, GBytes *payload, IpcSendFlags flags,
                       GAsyncReadyCallback callback, gpointer user_data);
void ipc_send_call_back (IpcSend *self);
void ipc_send_release (IpcSend *self, IpcSendPool *pool);
void ipc_send_pool_clear (IpcSendPool *self);
