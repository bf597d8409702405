/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-sender-key.h"

#include <string.h>

/*
 * What a sender is known by, from its first message until the ledger forgets it, and from one master to the next: what
 * it says of itself, and what the kernel says of it.
 */

void
ipc_sender_key_init (IpcSenderKey *self, const guint8 node_id[IPC_NODE_ID_SIZE], gint32 pid, guint32 uid)
{
  memset (self, 0, sizeof *self);
  memcpy (self->node_id, node_id, IPC_NODE_ID_SIZE);
  self->pid = pid;
  self->uid = uid;
}

/* For a GHashTable of keys, as is the next. */
guint
ipc_sender_key_hash (gconstpointer self)
{
  guint hash;

  memcpy (&hash, ((const IpcSenderKey *) self)->node_id, sizeof hash); /* random already */
  return hash;
}

gboolean
ipc_sender_key_equal (gconstpointer a, gconstpointer b)
{
  return memcmp (a, b, sizeof (IpcSenderKey)) == 0;
}
