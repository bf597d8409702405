/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node-private.h"

/*
 * What a node is at the moment. Nothing of it is stored: role, epoch and master are derived from the member whenever
 * they are asked for. What was last told is kept, so that a change is notified after the turn in which it came, once.
 */

/* @n_changes: (out): how often that has changed; left alone in a node that cannot send at all */
gboolean
ipc_node_get_can_send (IpcNode *self, guint *n_changes)
{
  return self->state == IPC_NODE_RUNNING && self->mode != IPC_MODE_MASTER
         && ipc_member_has_room (self->member, n_changes);
}

/**
 * ipc_node_get_role: (get-property role)
 * @self: a node
 *
 * What the node is now.
 *
 * Returns: the role
 */
IpcRole
ipc_node_get_role (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), IPC_ROLE_IDLE);

  return self->member != NULL ? ipc_member_get_role (self->member) : IPC_ROLE_IDLE;
}

/**
 * ipc_node_get_epoch: (get-property epoch)
 * @self: a node
 *
 * The epoch of the present master.
 *
 * Returns: the epoch; 0 while no master is known
 */
guint64
ipc_node_get_epoch (IpcNode *self)
{
  IpcPeer *master;

  g_return_val_if_fail (IPC_IS_NODE (self), 0);

  master = ipc_node_get_master (self);
  return master != NULL ? ipc_peer_get_epoch (master) : 0;
}

/**
 * ipc_node_get_master: (get-property master)
 * @self: a node
 *
 * The present master, which may be this node.
 *
 * Returns: (transfer none) (nullable): the master, or %NULL while none is known
 */
IpcPeer *
ipc_node_get_master (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), NULL);

  return self->member != NULL ? ipc_member_get_master (self->member) : NULL;
}

static void
tell_role (IpcNode *self)
{
  IpcRole role = ipc_node_get_role (self);
  IpcPeer *master = ipc_node_get_master (self);
  gboolean other_role = role != self->told_role;
  gboolean other_master = master != self->told_master;

  if (!other_role && !other_master)
    return;

  g_debug ("node %s: role %d -> %d, epoch %" G_GUINT64_FORMAT, self->id_string, self->told_role, role,
           ipc_node_get_epoch (self));
  self->told_role = role;
  g_clear_pointer (&self->told_master, ipc_peer_unref);
  self->told_master = master != NULL ? ipc_peer_ref (master) : NULL;

  g_object_freeze_notify (G_OBJECT (self));
  if (other_master) {
    g_clear_pointer (&self->last_error, g_free);
    g_object_notify (G_OBJECT (self), "master");
    g_object_notify (G_OBJECT (self), "epoch");
  }
  if (other_role)
    g_object_notify (G_OBJECT (self), "role");
  g_object_thaw_notify (G_OBJECT (self));
}

/* Also when it has gone and come back since: somebody may have seen it in between, and wait. */
static void
tell_can_send (IpcNode *self)
{
  guint n_changes = self->told_n_changes;
  gboolean can_send = ipc_node_get_can_send (self, &n_changes);

  if (can_send == self->told_can_send && n_changes == self->told_n_changes)
    return;

  self->told_can_send = can_send;
  self->told_n_changes = n_changes;
  g_object_notify (G_OBJECT (self), "can-send");
}

/* Notifies what has changed since it was last told. */
void
ipc_node_tell_changes (IpcNode *self)
{
  g_object_ref (self);
  tell_role (self);
  tell_can_send (self);
  g_object_unref (self);
}
