/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-peer-private.h"

/* Who another node is. The id is what the node says of itself; pid and uid are what the kernel says of it. */

struct _IpcPeer {
  gatomicrefcount ref_count;
  char id[IPC_NODE_ID_STRING_SIZE];
  pid_t pid;
  uid_t uid;
  guint64 epoch;
};

G_DEFINE_BOXED_TYPE (IpcPeer, ipc_peer, ipc_peer_ref, ipc_peer_unref)

void
ipc_node_id_to_string (const guint8 id[IPC_NODE_ID_SIZE], char out[IPC_NODE_ID_STRING_SIZE])
{
  static const char digits[] = "0123456789abcdef";

  for (int i = 0; i < IPC_NODE_ID_SIZE; i++) {
    out[2 * i] = digits[id[i] >> 4];
    out[2 * i + 1] = digits[id[i] & 15];
  }
  out[2 * IPC_NODE_ID_SIZE] = '\0';
}

IpcPeer *
ipc_peer_new (const guint8 id[IPC_NODE_ID_SIZE], const struct ucred *credentials, guint64 epoch)
{
  IpcPeer *self = g_new0 (IpcPeer, 1);

  g_atomic_ref_count_init (&self->ref_count);
  ipc_node_id_to_string (id, self->id);
  self->pid = credentials->pid;
  self->uid = credentials->uid;
  self->epoch = epoch;

  return self;
}

/**
 * ipc_peer_ref:
 * @self: a peer
 *
 * Adds a reference. Any thread.
 *
 * Returns: (transfer full): @self
 */
IpcPeer *
ipc_peer_ref (IpcPeer *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

/**
 * ipc_peer_unref:
 * @self: (transfer full): a peer
 *
 * Drops a reference; with the last one the peer is freed. Any thread.
 */
void
ipc_peer_unref (IpcPeer *self)
{
  g_return_if_fail (self != NULL);

  if (g_atomic_ref_count_dec (&self->ref_count))
    g_free (self);
}

/**
 * ipc_peer_get_id:
 * @self: a peer
 *
 * The node's random id, new for each node: 32 hexadecimal digits.
 *
 * Returns: (transfer none): the id
 */
const char *
ipc_peer_get_id (IpcPeer *self)
{
  g_return_val_if_fail (self != NULL, NULL);

  return self->id;
}

/**
 * ipc_peer_get_pid:
 * @self: a peer
 *
 * The process, as the kernel recorded it when the connection was made, seen from this process's PID namespace. It may
 * have ended since, and its number may belong to another process by now.
 *
 * Returns: the process id; 0 if the process is not visible from here
 */
pid_t
ipc_peer_get_pid (IpcPeer *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->pid;
}

/**
 * ipc_peer_get_uid:
 * @self: a peer
 *
 * The effective user of the process, as the kernel recorded it when the connection was made.
 *
 * Returns: the user id
 */
uid_t
ipc_peer_get_uid (IpcPeer *self)
{
  g_return_val_if_fail (self != NULL, (uid_t) -1);

  return self->uid;
}

/**
 * ipc_peer_get_epoch:
 * @self: a peer
 *
 * The epoch of the connection to the peer.
 *
 * Returns: the epoch
 */
guint64
ipc_peer_get_epoch (IpcPeer *self)
{
  g_return_val_if_fail (self != NULL, 0);

  return self->epoch;
}
