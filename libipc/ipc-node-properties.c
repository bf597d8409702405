/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-byte-lock.h"
#include "ipc-node-private.h"
#include "ipc-outbox.h"

/*
 * What a node can be asked and told about itself. Settings can be changed until the node is started. What it is at the
 * moment (role, epoch, master, can-send) is derived, and notified, in ipc-node-state.c.
 */

#define DEFAULT_MAX_MESSAGE_SIZE (16 * 1024 * 1024)
#define DEFAULT_MAX_PENDING 4096
/* Messages of 64 KiB, as many as that: a sender that is so far ahead should hear of it. */
#define DEFAULT_MAX_PENDING_BYTES (256 * 1024 * 1024)
#define DEFAULT_HANDSHAKE_TIMEOUT_MS 10000
#define DEFAULT_MAX_DELIVERIES 3
/* The ledger counts up to 255 deliveries, ten for each of these. */
#define IPC_MAX_DELIVERIES_LIMIT 25
#define DEFAULT_HANG_TIMEOUT_MS 10000
/* So that there is room for messages that were given up among those that wait. */
#define IPC_MAX_PENDING_LIMIT (IPC_OUTBOX_SPAN_MAX / 2)

enum {
  PROP_GROUP = 1,
  PROP_MODE,
  PROP_RUNTIME_DIR,
  PROP_MAX_MESSAGE_SIZE,
  PROP_MAX_PENDING,
  PROP_MAX_PENDING_BYTES,
  PROP_SEND_TIMEOUT,
  PROP_HANDSHAKE_TIMEOUT,
  PROP_MAX_DELIVERIES,
  PROP_HANG_TIMEOUT,
  PROP_PRIORITY,
  PROP_ALLOW_OTHER_USERS,
  PROP_ROLE,
  PROP_EPOCH,
  PROP_ID,
  PROP_MASTER,
  PROP_CAN_SEND,
  N_PROPS,
};

static GParamSpec *properties[N_PROPS];

static void
get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
{
  IpcNode *self = IPC_NODE (object);
  guint n_changes;

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
  case PROP_MAX_PENDING_BYTES:
    g_value_set_uint64 (value, self->max_pending_bytes);
    break;
  case PROP_SEND_TIMEOUT:
    g_value_set_uint (value, self->send_timeout_ms);
    break;
  case PROP_HANDSHAKE_TIMEOUT:
    g_value_set_uint (value, self->handshake_timeout_ms);
    break;
  case PROP_MAX_DELIVERIES:
    g_value_set_uint (value, self->max_deliveries);
    break;
  case PROP_HANG_TIMEOUT:
    g_value_set_uint (value, self->hang_timeout_ms);
    break;
  case PROP_PRIORITY:
    g_value_set_int (value, self->priority);
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
  case PROP_CAN_SEND:
    g_value_set_boolean (value, ipc_node_get_can_send (self, &n_changes));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
  }
}

/* Whether a property has another value than @value. */
static gboolean
is_other (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  g_auto (GValue) present = G_VALUE_INIT;

  g_value_init (&present, G_PARAM_SPEC_VALUE_TYPE (pspec));
  get_property (object, prop_id, &present, pspec);

  return g_param_values_cmp (pspec, &present, value) != 0;
}

static void
store (IpcNode *self, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  switch (prop_id) {
  case PROP_RUNTIME_DIR:
    g_free (self->runtime_dir);
    self->runtime_dir = g_value_dup_string (value);
    break;
  case PROP_MAX_MESSAGE_SIZE:
    self->max_message_size = g_value_get_uint (value);
    break;
  case PROP_MAX_PENDING:
    self->max_pending = g_value_get_uint (value);
    break;
  case PROP_MAX_PENDING_BYTES:
    self->max_pending_bytes = g_value_get_uint64 (value);
    break;
  case PROP_SEND_TIMEOUT:
    self->send_timeout_ms = g_value_get_uint (value);
    break;
  case PROP_HANDSHAKE_TIMEOUT:
    self->handshake_timeout_ms = g_value_get_uint (value);
    break;
  case PROP_MAX_DELIVERIES:
    self->max_deliveries = g_value_get_uint (value);
    break;
  case PROP_HANG_TIMEOUT:
    self->hang_timeout_ms = g_value_get_uint (value);
    break;
  case PROP_PRIORITY:
    self->priority = g_value_get_int (value);
    break;
  case PROP_ALLOW_OTHER_USERS:
    self->allow_other_users = g_value_get_boolean (value);
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (self, prop_id, pspec);
  }
}

static void
set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
{
  IpcNode *self = IPC_NODE (object);

  g_return_if_fail (self->member == NULL); /* it has been started, and would not look at it any more */

  if (prop_id == PROP_GROUP) {
    self->group = g_strstrip (g_strdup (g_value_get_string (value) != NULL ? g_value_get_string (value) : ""));
  } else if (prop_id == PROP_MODE) {
    self->mode = g_value_get_enum (value);
  } else if (is_other (object, prop_id, value, pspec)) {
    store (self, prop_id, value, pspec);
    g_object_notify_by_pspec (object, pspec);
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
   * exist, be the user's own, and not be writable by others. A relative one is seen from the working directory in
   * which the node is started.
   */
  properties[PROP_RUNTIME_DIR] = g_param_spec_string ("runtime-dir", NULL, NULL, NULL, writable);

  /**
   * IpcNode:max-message-size:
   *
   * The largest message and the largest response, in bytes, that this node sends or accepts.
   */
  properties[PROP_MAX_MESSAGE_SIZE]
    = g_param_spec_uint ("max-message-size", NULL, NULL, IPC_MESSAGE_SIZE_MIN_LIMIT, IPC_MESSAGE_SIZE_MAX_LIMIT,
                         DEFAULT_MAX_MESSAGE_SIZE, writable);

  /**
   * IpcNode:max-pending:
   *
   * How many messages may be waiting for their outcome at the same time. One more fails with %IPC_ERROR_QUEUE_FULL, or
   * waits for room with %IPC_SEND_WAIT.
   */
  properties[PROP_MAX_PENDING] = g_param_spec_uint ("max-pending", NULL, NULL, 1, IPC_MAX_PENDING_LIMIT,
                                                    DEFAULT_MAX_PENDING, writable);

  /**
   * IpcNode:max-pending-bytes:
   *
   * How many bytes messages that are waiting for their outcome may have together; beyond that it is as with
   * [property@Ipc.Node:max-pending]. A message that is larger than this is sent when nothing else is pending. The bytes
   * are the caller's own: the node holds references and copies nothing.
   */
  properties[PROP_MAX_PENDING_BYTES] = g_param_spec_uint64 ("max-pending-bytes", NULL, NULL, 1, G_MAXUINT64,
                                                            DEFAULT_MAX_PENDING_BYTES, writable);

  /**
   * IpcNode:send-timeout:
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
   * IpcNode:max-deliveries:
   *
   * How many masters one message may take with it; 0 for any number. When so many have died while its handler ran
   * (crashed, were killed, or were replaced because they hung), it is given to no other, and its sender gets
   * %IPC_ERROR_POISONED. It counts only while this node is master, so all candidates of a group should have the same.
   *
   * A crash between handlers is put down to none of the messages that wait for their answers; ten times as many
   * deliveries end those, too.
   */
  properties[PROP_MAX_DELIVERIES] = g_param_spec_uint ("max-deliveries", NULL, NULL, 0, IPC_MAX_DELIVERIES_LIMIT,
                                                       DEFAULT_MAX_DELIVERIES, writable);

  /**
   * IpcNode:hang-timeout:
   *
   * How long a master may give no sign of life, in milliseconds, before another candidate takes its place; 0 for ever.
   *
   * A master hangs when its main context does not run: it is stopped, blocked in a handler, or in an endless loop. A
   * handler that answers later is no reason. It is noticed while a message waits for its answer, or by a node that
   * searches for its master, and only then: between one and one and a half times this value after it began. A stop that
   * is shorter changes nothing. When the old master runs again it finds out before it handles anything more, and
   * becomes a standby; but a handler that is at work at that moment goes on to its end ([method@Ipc.Message.get_epoch]
   * tells how to protect against that).
   *
   * Every node goes by its own value: a client tells the standbys after half of its own, a standby takes over after all
   * of its own. All should have the same. Much less than 100 ms mistakes a busy machine for a master that hangs.
   */
  properties[PROP_HANG_TIMEOUT] = g_param_spec_uint ("hang-timeout", NULL, NULL, 0, G_MAXINT, DEFAULT_HANG_TIMEOUT_MS,
                                                     writable);

  /**
   * IpcNode:priority:
   *
   * Which of the candidates that wait is elected first: the one with the highest, and among equals the one that has
   * waited longest. It decides when there is a master to be elected, and displaces none: to have another master now,
   * call [method@Ipc.Node.resign_async] where the present one is.
   *
   * A preference and not a promise: who has begun to wait in the moment of the election may be too late, and one that
   * does not take its turn within 50 ms (it is stopped, or very busy) loses it. A deposed master is succeeded by
   * whoever deposes it.
   */
  properties[PROP_PRIORITY] = g_param_spec_int ("priority", NULL, NULL, IPC_PRIORITY_MIN, IPC_PRIORITY_MAX, 0,
                                                writable);

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

  /**
   * IpcNode:can-send:
   *
   * Whether it is time to send. It becomes %FALSE when [property@Ipc.Node:max-pending] or
   * [property@Ipc.Node:max-pending-bytes] is reached, or a message finds no room; and %TRUE again when at most half of
   * each is pending, no call waits, and there is room for the message that found none. It is %FALSE as well in a node
   * that is not running, and in one of mode “master”.
   *
   * Whoever sends as much as goes looks at it before each message, or when a message has failed with
   * %IPC_ERROR_QUEUE_FULL, and goes on at `notify::can-send`. Sending while it is %FALSE is no mistake: there may be
   * room.
   */
  properties[PROP_CAN_SEND] = g_param_spec_boolean ("can-send", NULL, NULL, FALSE, readable);

  g_object_class_install_properties (object_class, N_PROPS, properties);
}

void
ipc_node_init_properties (IpcNode *self)
{
  self->max_message_size = DEFAULT_MAX_MESSAGE_SIZE;
  self->max_pending = DEFAULT_MAX_PENDING;
  self->max_pending_bytes = DEFAULT_MAX_PENDING_BYTES;
  self->handshake_timeout_ms = DEFAULT_HANDSHAKE_TIMEOUT_MS;
  self->max_deliveries = DEFAULT_MAX_DELIVERIES;
  self->hang_timeout_ms = DEFAULT_HANG_TIMEOUT_MS;
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

  g_object_set (self, "runtime-dir", runtime_dir, NULL);
}
