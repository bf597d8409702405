/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node-private.h"
#include "ipc-outbox.h"

/*
 * What a node can be asked and told about itself. Settings can be changed until the node is started; role, epoch and
 * master are derived from the member whenever they are asked for, and notified after the turn in which they changed.
 */

#define DEFAULT_MAX_MESSAGE_SIZE (16 * 1024 * 1024)
#define DEFAULT_MAX_PENDING 4096
#define DEFAULT_HANDSHAKE_TIMEOUT_MS 10000
/* So that there is room for messages that were given up among those that wait. */
#define IPC_MAX_PENDING_LIMIT (IPC_OUTBOX_SPAN_MAX / 2)
enum {
  PROP_GROUP = 1,
  PROP_MODE,
  PROP_RUNTIME_DIR,
  PROP_MAX_MESSAGE_SIZE,
  PROP_MAX_PENDING,
  PROP_SEND_TIMEOUT,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_ALLOW_OTHER_USERS,
  PROP_ROLE,
  PROP_EPOCH,
  PROP_ID,
  PROP_MASTER,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  IpcNode *self = IPC_NODE (object);

  switch (prop_id) {
  case PROP_GROUP:
    g_value_set_string (value, self->group);
    break;
  case PROP_MODE:
    g_value_set_enum (value, self->mode);
    break;
  case PROP_RUNTIME_DIR:
    g_value_set_string (value, self->runtime_dir);
    break;
  case PROP_MAX_MESSAGE_SIZE:
    g_value_set_uint (value, self->max_message_size);
    break;
  case PROP_MAX_PENDING:
    g_value_set_uint (value, self->max_pending);
    break;
  case PROP_SEND_TIMEOUT:
    g_value_set_uint (value, self->send_timeout_ms);
    break;
  case PROP_HANDSHAKE_TIMEOUT:
    g_value_set_uint (value, self->handshake_timeout_ms);
    break;
  case PROP_ALLOW_OTHER_USERS:
    g_value_set_boolean (value, self->allow_other_users);
    break;
  case PROP_ROLE:
    g_value_set_enum (value, ipc_node_get_role (self));
    break;
  case PROP_EPOCH:
    g_value_set_uint64 (value, ipc_node_get_epoch (self));
    break;
  case PROP_ID:
    g_value_set_string (value, self->id_string);
    break;
  case PROP_MASTER:
    g_value_set_boxed (value, ipc_node_get_master (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
  }
}

static void
set_handshake_timeout (IpcNode *self, guint handshake_timeout_ms)
{
  g_return_if_fail (self->member == NULL);

  if (self->handshake_timeout_ms == handshake_timeout_ms)
    return;

  self->handshake_timeout_ms = handshake_timeout_ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_HANDSHAKE_TIMEOUT]);
}

static void
set_allow_other_users (IpcNode *self, gboolean allow_other_users)
{
  g_return_if_fail (self->member == NULL);

  if (self->allow_other_users == allow_other_users)
    return;

  self->allow_other_users = allow_other_users;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ALLOW_OTHER_USERS]);
}

static void
set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  IpcNode *self = IPC_NODE (object);

  switch (prop_id) {
  case PROP_GROUP:
    self->group = g_strstrip (g_strdup (g_value_get_string (value) != NULL ? g_value_get_string (value) : ""));
    break;
  case PROP_MODE:
    self->mode = g_value_get_enum (value);
    break;
  case PROP_RUNTIME_DIR:
    ipc_node_set_runtime_dir (self, g_value_get_string (value));
    break;
  case PROP_MAX_MESSAGE_SIZE:
    ipc_node_set_max_message_size (self, g_value_get_uint (value));
    break;
  case PROP_MAX_PENDING:
    ipc_node_set_max_pending (self, g_value_get_uint (value));
    break;
  case PROP_SEND_TIMEOUT:
    ipc_node_set_send_timeout (self, g_value_get_uint (value));
    break;
  case PROP_HANDSHAKE_TIMEOUT:
    set_handshake_timeout (self, g_value_get_uint (value));
    break;
  case PROP_ALLOW_OTHER_USERS:
    set_allow_other_users (self, g_value_get_boolean (value));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
  }
}

void
ipc_node_install_properties (GObjectClass *object_class)
{
  const GParamFlags construct_only = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  const GParamFlags writable = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->get_property = get_property;
  object_class->set_property = set_property;

  /**
   * IpcNode:group: (getter get_group)
   *
   * The name of the group: 1 to 64 of `A-Z a-z 0-9 . _ -`, not beginning with a dot. White space around it is removed;
   * it is checked by [method@Ipc.Node.start].
   */
  properties[PROP_GROUP] = g_param_spec_string ("group", NULL, NULL, NULL, construct_only);

  /**
   * IpcNode:mode: (getter get_mode)
   *
   * What the node is allowed to be.
   */
  properties[PROP_MODE] = g_param_spec_enum ("mode", NULL, NULL, IPC_TYPE_MODE, IPC_MODE_DUAL, construct_only);

  /**
   * IpcNode:runtime-dir: (getter get_runtime_dir) (setter set_runtime_dir)
   *
   * The directory in which groups have theirs, or %NULL for the default: `IPC_RUNTIME_DIR`, or `libipc` in
   * `XDG_RUNTIME_DIR`, or a directory of the user's in the system's temporary one. A directory given here must
   * exist, be the user's own, and not be writable by others.
   */
  properties[PROP_RUNTIME_DIR] = g_param_spec_string ("runtime-dir", NULL, NULL, NULL, writable);

  /**
   * IpcNode:max-message-size: (getter get_max_message_size) (setter set_max_message_size)
   *
   * The largest message and the largest response, in bytes, that this node sends or accepts.
   */
  properties[PROP_MAX_MESSAGE_SIZE]
    = g_param_spec_uint ("max-message-size", NULL, NULL, IPC_MESSAGE_SIZE_MIN_LIMIT, IPC_MESSAGE_SIZE_MAX_LIMIT,
                         DEFAULT_MAX_MESSAGE_SIZE, writable);

  /**
   * IpcNode:max-pending: (getter get_max_pending) (setter set_max_pending)
   *
   * How many messages may be waiting for their outcome at the same time. One more fails with %IPC_ERROR_QUEUE_FULL.
   */
  properties[PROP_MAX_PENDING] = g_param_spec_uint ("max-pending", NULL, NULL, 1, IPC_MAX_PENDING_LIMIT,
                                                    DEFAULT_MAX_PENDING, writable);

  /**
   * IpcNode:send-timeout: (getter get_send_timeout) (setter set_send_timeout)
   *
   * How long a message may take, from the call to its outcome, in milliseconds, unless the call says something else; 0
   * for ever, which is the default. A slow handler is not an error unless this makes it one.
   */
  properties[PROP_SEND_TIMEOUT] = g_param_spec_uint ("send-timeout", NULL, NULL, 0, G_MAXINT, 0, writable);

  /**
   * IpcNode:handshake-timeout:
   *
   * How long a peer may take to introduce itself, in milliseconds. Who connects and stays silent is closed after that.
   */
  properties[PROP_HANDSHAKE_TIMEOUT] = g_param_spec_uint ("handshake-timeout", NULL, NULL, 1, G_MAXINT,
                                                          DEFAULT_HANDSHAKE_TIMEOUT_MS, writable);

  /**
   * IpcNode:allow-other-users:
   *
   * Whether processes of other users may be peers, and the directories belong to another user. Directories must be
   * 0700 all the same, so this is for root and a user to talk.
   */
  properties[PROP_ALLOW_OTHER_USERS] = g_param_spec_boolean ("allow-other-users", NULL, NULL, FALSE, writable);

  /**
   * IpcNode:role: (getter get_role)
   *
   * What the node is now.
   */
  properties[PROP_ROLE] = g_param_spec_enum ("role", NULL, NULL, IPC_TYPE_ROLE, IPC_ROLE_IDLE, readable);

  /**
   * IpcNode:epoch: (getter get_epoch)
   *
   * The epoch of the present master; 0 while none is known.
   */
  properties[PROP_EPOCH] = g_param_spec_uint64 ("epoch", NULL, NULL, 0, G_MAXUINT64, 0, readable);

  /**
   * IpcNode:id: (getter get_id)
   *
   * The node's random id: 32 hexadecimal digits, new for each node.
   */
  properties[PROP_ID] = g_param_spec_string ("id", NULL, NULL, NULL, readable);

  /**
   * IpcNode:master: (getter get_master)
   *
   * The present master, which may be this node; %NULL while none is known.
   */
  properties[PROP_MASTER] = g_param_spec_boxed ("master", NULL, NULL, IPC_TYPE_PEER, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

void
ipc_node_init_properties (IpcNode *self)
{
  self->max_message_size = DEFAULT_MAX_MESSAGE_SIZE;
  self->max_pending = DEFAULT_MAX_PENDING;
  self->handshake_timeout_ms = DEFAULT_HANDSHAKE_TIMEOUT_MS;
}

/* Notifies what has changed since it was last told. */
void
ipc_node_tell_changes (IpcNode *self)
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
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MASTER]);
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EPOCH]);
  }
  if (other_role)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ROLE]);
  g_object_thaw_notify (G_OBJECT (self));
}

/**
 * ipc_node_get_group: (get-property group)
 * @self: a node
 *
 * The name of the group.
 *
 * Returns: (transfer none): the name
 */
const char *
ipc_node_get_group (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), NULL);

  return self->group;
}

/**
 * ipc_node_get_mode: (get-property mode)
 * @self: a node
 *
 * What the node is allowed to be.
 *
 * Returns: the mode
 */
IpcMode
ipc_node_get_mode (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), IPC_MODE_DUAL);

  return self->mode;
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
 * ipc_node_get_id: (get-property id)
 * @self: a node
 *
 * The node's random id.
 *
 * Returns: (transfer none): 32 hexadecimal digits
 */
const char *
ipc_node_get_id (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), NULL);

  return self->id_string;
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

/**
 * ipc_node_get_runtime_dir: (get-property runtime-dir)
 * @self: a node
 *
 * The directory in which groups have theirs.
 *
 * Returns: (transfer none) (nullable): a path, or %NULL for the default
 */
const char *
ipc_node_get_runtime_dir (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), NULL);

  return self->runtime_dir;
}

/**
 * ipc_node_set_runtime_dir: (set-property runtime-dir)
 * @self: a node that has not been started
 * @runtime_dir: (nullable): a path, or %NULL for the default
 *
 * Sets the directory in which groups have theirs.
 */
void
ipc_node_set_runtime_dir (IpcNode *self, const char *runtime_dir)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->member == NULL);

  if (g_strcmp0 (self->runtime_dir, runtime_dir) == 0)
    return;

  g_free (self->runtime_dir);
  self->runtime_dir = g_strdup (runtime_dir);
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_RUNTIME_DIR]);
}

/**
 * ipc_node_get_max_message_size: (get-property max-message-size)
 * @self: a node
 *
 * The largest message and the largest response that this node sends or accepts.
 *
 * Returns: a number of bytes
 */
guint
ipc_node_get_max_message_size (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);

  return self->max_message_size;
}

/**
 * ipc_node_set_max_message_size: (set-property max-message-size)
 * @self: a node that has not been started
 * @max_message_size: a number of bytes, 1 KiB to 1 GiB
 *
 * Sets the largest message and the largest response that this node sends or accepts.
 */
void
ipc_node_set_max_message_size (IpcNode *self, guint max_message_size)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->member == NULL);
  g_return_if_fail (max_message_size >= IPC_MESSAGE_SIZE_MIN_LIMIT && max_message_size <= IPC_MESSAGE_SIZE_MAX_LIMIT);

  if (self->max_message_size == max_message_size)
    return;

  self->max_message_size = max_message_size;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_MESSAGE_SIZE]);
}

/**
 * ipc_node_get_max_pending: (get-property max-pending)
 * @self: a node
 *
 * How many messages may be waiting for their outcome.
 *
 * Returns: a number of messages
 */
guint
ipc_node_get_max_pending (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);

  return self->max_pending;
}

/**
 * ipc_node_set_max_pending: (set-property max-pending)
 * @self: a node that has not been started
 * @max_pending: a number of messages, 1 to 524288
 *
 * Sets how many messages may be waiting for their outcome.
 */
void
ipc_node_set_max_pending (IpcNode *self, guint max_pending)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->member == NULL);
  g_return_if_fail (max_pending >= 1 && max_pending <= IPC_MAX_PENDING_LIMIT);

  if (self->max_pending == max_pending)
    return;

  self->max_pending = max_pending;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MAX_PENDING]);
}

/**
 * ipc_node_get_send_timeout: (get-property send-timeout)
 * @self: a node
 *
 * How long a message may take unless the call says something else.
 *
 * Returns: milliseconds; 0 for ever
 */
guint
ipc_node_get_send_timeout (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);

  return self->send_timeout_ms;
}

/**
 * ipc_node_set_send_timeout: (set-property send-timeout)
 * @self: a node that has not been started
 * @send_timeout_ms: milliseconds; 0 for ever
 *
 * Sets how long a message may take unless the call says something else.
 */
void
ipc_node_set_send_timeout (IpcNode *self, guint send_timeout_ms)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->member == NULL);
  g_return_if_fail (send_timeout_ms <= G_MAXINT);

  if (self->send_timeout_ms == send_timeout_ms)
    return;

  self->send_timeout_ms = send_timeout_ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SEND_TIMEOUT]);
}
