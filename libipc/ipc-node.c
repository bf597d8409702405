/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node-private.h"

#include <errno.h>
#include <gio/gio.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include "ipc-error.h"
#include "ipc-group-dir.h"

/**
 * IpcNode:
 *
 * A member of a group: it sends messages to the group's master, or is the master, or both.
 *
 * ```c
 * IpcNode *node = ipc_node_new ("echo", IPC_MODE_DUAL);
 *
 * ipc_node_set_handler (node, on_message, NULL, NULL);
 * if (!ipc_node_start (node, &error))
 *   ...
 * ipc_node_send_async (node, bytes, NULL, on_response, NULL);
 * ```
 *
 * The group has one master at any time. When it dies, one of the other candidates takes its place within about a
 * millisecond, every node finds it by itself, and what was on its way is sent again: every message still ends with one
 * outcome.
 *
 * A node belongs to the thread that made it and works in the main context that was that thread's default one; all its
 * functions are to be called from that thread. A thread other than the main one pushes a context of its own first
 * (g_main_context_push_thread_default()). Callbacks and signals come from there too, and never before the call that
 * asked for them has returned.
 *
 * A node does not survive fork(): a child that does not exec keeps none of the node's descriptors and must leave the
 * object alone, also not drop it. A program that becomes a daemon starts its nodes after that.
 *
 * A node that is no longer needed is closed with [method@Ipc.Node.close_async]: it answers what it has accepted and
 * hands over. (One that shall hand over and stay resigns with [method@Ipc.Node.resign_async].) If its last reference is
 * dropped without that, it ends at once, as if its process had died: nobody loses anything by it, but messages may be
 * handled a second time. A message that is pending keeps the node alive.
 */

/*
 * Policy only: what may be asked of a node, and who is told. The member does the work. ipc-node-send.c has the calls
 * that send, ipc-node-resign.c the one that hands over, ipc-node-properties.c the settings, ipc-node-state.c the rest
 * of the properties.
 *
 * Applications are called at two places: the handler, in the middle of a turn, for each message; everything else
 * (results, notifications, the error signal) in tell(), after a turn of the main loop, when no part of the library is
 * at work. Both may close or drop the node.
 */

/* Errors nobody has listened to yet; further ones are dropped, the first tell more. */
#define ERRORS_MAX 16

enum {
  SIGNAL_ERROR,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (IpcNode, ipc_node, G_TYPE_OBJECT)

static void
call_back (IpcNode *self)
{
  /* Only those that are due now: a callback may send a message that fails at once, again and again. */
  for (guint n = self->completed.length; n > 0 && self->completed.length > 0; n--) {
    IpcSend *send = g_queue_pop_head_link (&self->completed)->data;

    ipc_send_call_back (send);
    ipc_send_release (send, &self->pool);
  }

  if (self->completed.length > 0 && self->member != NULL)
    ipc_member_want_turn (self->member);
}

static void
signal_errors (IpcNode *self)
{
  GError *error;

  while ((error = g_queue_pop_head (&self->errors)) != NULL) {
    g_signal_emit (self, signals[SIGNAL_ERROR], 0, error);
    g_error_free (error);
  }
}

/* After everything else has been told: the member is freed here. */
static void
close_if_over (IpcNode *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->state != IPC_NODE_CLOSING || !ipc_member_has_left (self->member))
    return;

  self->state = IPC_NODE_CLOSED;
  g_clear_pointer (&self->member, ipc_member_free);
  ipc_node_tell_changes (self);
  ipc_node_tell_resigned (self);
  call_back (self);

  task = g_steal_pointer (&self->close_task);
  g_task_return_boolean (task, TRUE);
}

static void
tell (IpcNode *self)
{
  g_object_ref (self);
  call_back (self);
  ipc_node_tell_changes (self);
  signal_errors (self);
  ipc_node_tell_resigned (self);
  close_if_over (self);
  g_object_unref (self);
}

static gboolean
tell_idle_cb (gpointer user_data)
{
  tell (user_data);

  return G_SOURCE_REMOVE;
}

/* Has tell() run soon, also when nothing makes turns. */
static void
tell_soon (IpcNode *self)
{
  g_autoptr (GSource) source = NULL;

  if (self->member != NULL) {
    ipc_member_want_turn (self->member);
    return;
  }

  source = g_idle_source_new ();
  g_source_set_name (source, "[libipc] results of a node that is not running");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, tell_idle_cb, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
}

/**
 * ipc_node_take_completed:
 * @send: (transfer full): a call that is done
 *
 * Its callback is called soon, and never at once.
 */
void
ipc_node_take_completed (IpcNode *self, IpcSend *send)
{
  if (send->blocking) {
    g_object_unref (send); /* not the last reference: the caller has one */
    return;
  }

  g_queue_push_tail_link (&self->completed, &send->link);
  tell_soon (self);
}

static void
member_handle (IpcMessage *message, gpointer user_data)
{
  IpcNode *self = g_object_ref (user_data);

  self->handler (self, message, self->handler_data);
  g_object_unref (self);
}

static void
member_completed (IpcSend *send, gpointer user_data)
{
  ipc_node_take_completed (user_data, send);
}

static void
member_failed (const GError *error, gpointer user_data)
{
  IpcNode *self = user_data;

  /* What lasts is found again at every try, and told once. */
  if (self->last_error != NULL && strcmp (self->last_error, error->message) == 0)
    return;

  g_free (self->last_error);
  self->last_error = g_strdup (error->message);
  if (self->errors.length < ERRORS_MAX)
    g_queue_push_tail (&self->errors, g_error_copy (error));
}

static void
member_turned (gpointer user_data)
{
  tell (user_data);
}

static const IpcMemberEvents member_events = {
  .handle = member_handle,
  .completed = member_completed,
  .failed = member_failed,
  .turned = member_turned,
};

static void
ipc_node_dispose (GObject *object)
{
  IpcNode *self = IPC_NODE (object);

  self->state = IPC_NODE_CLOSED;
  g_clear_pointer (&self->member, ipc_member_free);
  if (self->completed.length > 0)
    tell_soon (self); /* only when somebody else runs dispose: a pending message holds a reference */
  ipc_node_tell_resigned (self);
  if (self->close_task != NULL) {
    g_autoptr (GTask) task = g_steal_pointer (&self->close_task);

    g_task_return_boolean (task, TRUE);
  }

  G_OBJECT_CLASS (ipc_node_parent_class)->dispose (object);
}

static void
ipc_node_finalize (GObject *object)
{
  IpcNode *self = IPC_NODE (object);

  if (self->handler_destroy != NULL)
    self->handler_destroy (self->handler_data);
  ipc_send_pool_clear (&self->pool);
  g_queue_clear_full (&self->errors, (GDestroyNotify) g_error_free);
  g_clear_pointer (&self->told_master, ipc_peer_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->group);
  g_free (self->runtime_dir);
  g_free (self->last_error);

  G_OBJECT_CLASS (ipc_node_parent_class)->finalize (object);
}

static void
ipc_node_class_init (IpcNodeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);

  object_class->dispose = ipc_node_dispose;
  object_class->finalize = ipc_node_finalize;
  ipc_node_install_properties (object_class);

  /**
   * IpcNode::error:
   * @self: the node
   * @error: what has happened
   *
   * Something went wrong that no call returns: the node could not become master or not listen, a peer broke the
   * protocol, a master refused it. The node goes on and tries again by itself; nothing has to be done. What lasts is
   * told once, and again when another error or another master has come between.
   */
  signals[SIGNAL_ERROR] = g_signal_new ("error", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
ipc_node_init (IpcNode *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  ipc_node_init_properties (self);

  while (getrandom (self->id, sizeof self->id, 0) != sizeof self->id)
    continue; /* interrupted while the kernel's pool was being filled at boot */
  ipc_node_id_to_string (self->id, self->id_string);
}

/**
 * ipc_node_new:
 * @group: the name of the group; it is checked by [method@Ipc.Node.start]
 * @mode: what the node is allowed to be
 *
 * Makes a node. Nothing happens before [method@Ipc.Node.start].
 *
 * Returns: (transfer full): a node
 */
IpcNode *
ipc_node_new (const char *group, IpcMode mode)
{
  g_return_val_if_fail (group != NULL, NULL);

  return g_object_new (IPC_TYPE_NODE, "group", group, "mode", mode, NULL);
}

static void
campaign (IpcNode *self)
{
  if (self->mode != IPC_MODE_CLIENT && self->handler != NULL)
    ipc_member_campaign (self->member);
}

/**
 * ipc_node_set_handler:
 * @self: a node that may be master
 * @handler: (scope notified) (closure user_data) (destroy destroy): called for each message
 * @user_data: for @handler
 * @destroy: (nullable): frees @user_data
 *
 * Sets what handles the messages when this node is master. A candidate without a handler does not campaign; one that is
 * given a handler while it runs begins then. The handler can be set once.
 *
 * The handler is called in the node's main context, for the messages of one sender in the order in which they were
 * sent. It should return soon: while it runs, the node does nothing else. It answers the message at once, or keeps a
 * reference and answers later. It may close or drop the node; if it makes a blocking send it may be called again
 * within that. In a node of mode client it is never called. @destroy runs when the node is finalized.
 */
void
ipc_node_set_handler (IpcNode *self, IpcHandler handler, gpointer user_data, GDestroyNotify destroy)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->thread == g_thread_self ());
  g_return_if_fail (handler != NULL);
  g_return_if_fail (self->handler == NULL);

  self->handler = handler;
  self->handler_data = user_data;
  self->handler_destroy = destroy;

  if (self->state == IPC_NODE_RUNNING) {
    campaign (self);
    ipc_node_tell_changes (self);
  }
}

static void
fill_config (IpcNode *self, IpcMemberConfig *config)
{
  *config = (IpcMemberConfig) {
    .context = self->context,
    .group = self->group,
    .runtime_dir = self->runtime_dir,
    .mode = self->mode,
    .max_message_size = self->max_message_size,
    .max_pending = self->max_pending,
    .max_pending_bytes = self->max_pending_bytes,
    .handshake_timeout_ms = self->handshake_timeout_ms,
    .hang_timeout_ms = self->hang_timeout_ms,
    .priority = self->priority,
    .max_deliveries = self->max_deliveries,
    .allow_other_users = self->allow_other_users,
    .candidate = self->mode != IPC_MODE_CLIENT && self->handler != NULL,
  };
  memcpy (config->id, self->id, IPC_NODE_ID_SIZE);
}

/* To close or to resign is to make a GTask. With the first of a process GLib makes a descriptor, and aborts when there
 * is none: so now, when it can be said that there is none, and not when a master that has run out of them gives up. */
static gboolean
prepare_tasks (GError **error)
{
  int fd = eventfd (0, EFD_CLOEXEC);

  if (fd == -1) {
    int saved_errno = errno;

    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "cannot make a descriptor: %s",
                 g_strerror (saved_errno));
    return FALSE;
  }

  close (fd);
  g_type_ensure (G_TYPE_TASK);
  return TRUE;
}

/**
 * ipc_node_start:
 * @self: a node
 *
 * Joins the group: looks for its master and, if the node is a candidate, queues to succeed it. It returns without
 * waiting for either; [property@Ipc.Node:role] tells how it went on. A node is started once.
 *
 * Errors: %IPC_ERROR_INVALID_GROUP; %IPC_ERROR_RUNTIME_DIR if the directory is missing, not the user's, has another
 * mode than 0700, is a symbolic link, read-only or full; %IPC_ERROR_CLOSED if the node has been closed. After a failure
 * it may be tried again.
 *
 * Returns: whether the node is running
 */
gboolean
ipc_node_start (IpcNode *self, GError **error)
{
  IpcMemberConfig config;

  g_return_val_if_fail (IPC_IS_NODE (self), FALSE);
  g_return_val_if_fail (self->thread == g_thread_self (), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (self->member == NULL, FALSE);

  if (self->state == IPC_NODE_CLOSED) {
    g_set_error_literal (error, IPC_ERROR, IPC_ERROR_CLOSED, "a node that was closed cannot be started again");
    return FALSE;
  }
  if (!ipc_group_name_check (self->group, error))
    return FALSE;

  if (!prepare_tasks (error))
    return FALSE;

  fill_config (self, &config);
  self->member = ipc_member_new (&config, &member_events, self, error);
  if (self->member == NULL)
    return FALSE;

  self->state = IPC_NODE_RUNNING;
  campaign (self);
  ipc_node_tell_changes (self);

  return TRUE;
}

/**
 * ipc_node_close_async:
 * @self: a node
 * @cancellable: (nullable): not used at present; closing is bounded in time
 * @callback: (nullable): called when the node has left the group
 * @user_data: for @callback
 *
 * Leaves the group in good order; the program goes on turning the main loop until @callback is called. Messages that
 * this node has sent and that have no answer fail: with %IPC_ERROR_CLOSED if they were never sent, with
 * %IPC_ERROR_OUTCOME_UNKNOWN otherwise. If it is master, it takes no more messages, waits up to five seconds for
 * handlers to answer what was accepted, and hands over: nothing of that fails, and nothing is handled again.
 */
void
ipc_node_close_async (IpcNode *self, GCancellable *cancellable, GAsyncReadyCallback callback, gpointer user_data)
{
  g_autoptr (GTask) task = NULL;

  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->thread == g_thread_self ());
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  task = g_task_new (self, cancellable, callback, user_data);
  g_task_set_source_tag (task, ipc_node_close_async);
  g_task_set_check_cancellable (task, FALSE);

  if (self->state == IPC_NODE_CLOSING) {
    g_task_return_new_error (task, IPC_ERROR, IPC_ERROR_CLOSED, "the node is being closed already");
  } else if (self->state != IPC_NODE_RUNNING) {
    self->state = IPC_NODE_CLOSED;
    g_task_return_boolean (task, TRUE);
  } else {
    self->state = IPC_NODE_CLOSING;
    self->close_task = g_steal_pointer (&task);
    ipc_member_leave (self->member);
  }
}

/**
 * ipc_node_close_finish:
 * @self: a node
 * @result: what the callback was given
 *
 * How closing went. If it went well, the node has left the group.
 *
 * Errors: %IPC_ERROR_CLOSED if the node was being closed already; that first close goes on.
 *
 * Returns: whether the node was closed by this call
 */
gboolean
ipc_node_close_finish (IpcNode *self, GAsyncResult *result, GError **error)
{
  g_return_val_if_fail (g_task_is_valid (result, self), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);

  return g_task_propagate_boolean (G_TASK (result), error);
}
