/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "ipc-wire.h"

/* Who a sender is: the id alone could be claimed by another process first. Made by ipc_sender_key_init(): keys are
 * compared as bytes. */
typedef struct {
  guint8 node_id[IPC_NODE_ID_SIZE];
  gint32 pid;
  guint32 uid;
} IpcSenderKey;

void ipc_sender_key_init (IpcSenderKey *self, const guint8 node_id[IPC_NODE_ID_SIZE], gint32 pid, guint32 uid);
guint ipc_sender_key_hash (gconstpointer self);
gboolean ipc_sender_key_equal (gconstpointer a, gconstpointer b);
