/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node-private.h"

/*
 * Giving up mastership on purpose. Whoever asks is told when the epoch in which it asked is over for this node, however
 * that came about: handed over, closed, or deposed meanwhile.
 */

/**
 * ipc_node_resign_async:
 * @self: a node
 * @cancellable: (nullable): not used at present; resigning is bounded in time
 * @callback: (nullable): called when the node is no longer master, or not by the same election
 * @user_data: for @callback
 *
 * Hands over to another candidate and stays in the group: a master takes no more messages, waits up to five seconds for
 * handlers to answer what was accepted, gives up the lock, and becomes a standby that queues behind all others. Nothing
 * of that fails and nothing is handled again, but for messages that were not answered in these five seconds: they go to
 * the next master, marked as redelivered, and what their handlers answer later goes nowhere.
 *
 * If no other candidate waits, the node is elected again at once, in a new epoch. A node that is not master, whatever
 * the reason, has nothing to do: it succeeds soon.
 */
void
ipc_node_resign_async (IpcNode *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;
  guint64 epoch;

  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->thread == g_thread_self ());
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, ipc_node_resign_async);
  g_task_set_check_cancellable (task, FALSE);

  epoch = self->member != NULL ? ipc_member_get_own_epoch (self->member) : 0;
  if (epoch == 0) {
    g_task_return_boolean (task, TRUE);
    return;
  }

  g_task_set_task_data (task, g_memdup2 (&epoch, sizeof epoch), g_free);
  g_queue_push_tail (&self->resign_tasks, g_steal_pointer (&task));
  ipc_member_resign (self->member);
}

/**
 * ipc_node_resign_finish:
 * @self: a node
 * @result: what the callback was given
 *
 * That the epoch in which [method@Ipc.Node.resign_async] was called is over. To be called from the callback, in the
 * node's thread.
 *
 * How resigning went. The epoch in which it was asked for is over for this node by then.
 *
 * Returns: %TRUE; there is no way to fail at present
 */
gboolean
ipc_node_resign_finish (IpcNode *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}

/* Tells those whose epoch is over. */
void
ipc_node_tell_resigned (IpcNode *self)
{
  guint64 epoch = self->member != NULL ? ipc_member_get_own_epoch (self->member) : 0;
  GTask *first;

  /* Those who asked in an earlier epoch come first. */
  while ((first = g_queue_peek_head (&self->resign_tasks)) != NULL
         && *(const guint64 *) g_task_get_task_data (first) != epoch) {
    g_autoptr (GTask) task = g_queue_pop_head (&self->resign_tasks);

    g_task_return_boolean (task, TRUE);
  }
}
