/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-node.h"

#include <errno.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#include "ipc-campaign.h"
#include "ipc-client.h"
#include "ipc-error.h"
#include "ipc-group-dir.h"
#include "ipc-master.h"
#include "ipc-peer-private.h"
#include "ipc-poller.h"
#include "ipc-send-private.h"

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
 * The group has one master at any time. When it dies, one of the other candidates takes its place within about a millisecond, every
 * node finds it by itself, and what was on its way is sent again: every message still ends with one outcome.
 *
 * A node belongs to the thread that made it and works in the main context that was that thread's default one; all its
 * functions are to be called from that thread. Callbacks and signals come from there too, handlers and callbacks never before the call that
 * asked for them has returned.
 *
 * A node that is no longer needed is closed with [method@Ipc.Node.close_async]: it answers what it has accepted and hands over. If
 * its last reference is dropped without that, it ends at once, as if its process had died: nobody loses
 * anything by it, but messages may be handled a second time. A message that is pending keeps the node alive.
 */

/*
 * Policy only: what may be asked of a node, and who is told. The campaign says whether it is master, the master serves, the
 * client sends; the node puts them together and owns what they share, the poller and the directory.
 *
 * Applications are called at two places: the handler, in the middle of a turn, for each message; everything else (results, notifications, the
 * error signal) in epilogue(), after a turn of the main loop, when no part of the library is at work. Both may close or drop the node.
 */

#define DEFAULT_MAX_MESSAGE_SIZE (16 * 1024 * 1024)
#define DEFAULT_MAX_PENDING 4096
#define DEFAULT_HANDSHAKE_TIMEOUT_MS 10000
/* Half of what the outbox can span, so that there is room for messages that were given up among those that wait. */
#define IPC_MAX_PENDING_LIMIT (512 * 1024)
/* Errors nobody has listened to yet; further ones are dropped, the first tell more. */
#define ERRORS_MAX 16

typedef enum {
  STATE_NEW,
  STATE_RUNNING,
  STATE_CLOSING,
  STATE_CLOSED,
} State;

struct _IpcNode {
  GObject parent_instance;

  char *group; /* (owned) */
  IpcMode mode;
  char *runtime_dir; /* (owned) (nullable) */
  guint max_message_size;
  guint max_pending;
  guint send_timeout_ms;
  guint handshake_timeout_ms;
  gboolean allow_other_users;

  guint8 id[IPC_NODE_ID_SIZE];
  char id_string[IPC_NODE_ID_STRING_SIZE];
  GMainContext *context; /* (owned) */
  GThread *thread;       /* (unowned) */
  State state;

  IpcHandler handler;
  gpointer handler_data;
  GDestroyNotify handler_destroy;

  IpcPoller *poller;     /* (owned) (nullable) from start to the end */
  IpcGroupDir *dir;      /* (owned) (nullable) */
  IpcClient *client;     /* (owned) (nullable) */
  IpcCampaign *campaign; /* (owned) (nullable) only in a candidate */
  IpcMaster *master;     /* (owned) (nullable) only while master */
  IpcPeer *self_peer;    /* (owned) (nullable) only while master */

  GTask *close_task;   /* (owned) (nullable) */
  GQueue completed;    /* (owned) of IpcSend, whose callbacks are due */
  GQueue errors;       /* (owned) of GError, to be signalled */
  IpcRole told_role;   /* what was last notified */
  IpcPeer *told_master; /* (owned) (nullable) */
};

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

enum {
  SIGNAL_ERROR,
  N_SIGNALS,
};

static guint signals[N_SIGNALS];

G_DEFINE_FINAL_TYPE (IpcNode, ipc_node, G_TYPE_OBJECT)

static gboolean
is_running (IpcNode *self)
{
  return self->state == STATE_RUNNING || self->state == STATE_CLOSING;
}

static IpcPeer *
present_master (IpcNode *self)
{
  if (self->self_peer != NULL)
    return self->self_peer;

  return self->client != NULL ? ipc_client_get_master (self->client) : NULL;
}

static void
tell_changes (IpcNode *self)
{
  IpcRole role = ipc_node_get_role (self);
  IpcPeer *master = present_master (self);
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
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_MASTER]);
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_EPOCH]);
  }
  if (other_role)
    g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ROLE]);
  g_object_thaw_notify (G_OBJECT (self));
}

static void
call_back (IpcNode *self)
{
  /* Only those that are due now: a callback may send a message that fails at once, again and again. */
  for (guint n = self->completed.length; n > 0 && self->completed.length > 0; n--) {
    IpcSend *send = g_queue_pop_head_link (&self->completed)->data;

    ipc_send_call_back (send);
    g_object_unref (send);
  }

  if (self->completed.length > 0 && self->poller != NULL)
    ipc_poller_want_turn (self->poller);
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

static void close_if_over (IpcNode *self);

static void
epilogue (gpointer user_data)
{
  IpcNode *self = g_object_ref (user_data);

  call_back (self);
  tell_changes (self);
  signal_errors (self);
  close_if_over (self);
  g_object_unref (self);
}

static gboolean
epilogue_idle_cb (gpointer user_data)
{
  epilogue (user_data);

  return G_SOURCE_REMOVE;
}

/* Has the epilogue run soon, also when there is no poller. */
static void
want_epilogue (IpcNode *self)
{
  g_autoptr (GSource) source = NULL;

  if (self->poller != NULL) {
    ipc_poller_want_turn (self->poller);
    return;
  }

  source = g_idle_source_new ();
  g_source_set_name (source, "[libipc] results of a node that is not running");
  g_source_set_priority (source, G_PRIORITY_DEFAULT);
  g_source_set_callback (source, epilogue_idle_cb, g_object_ref (self), g_object_unref);
  g_source_attach (source, self->context);
}

static void
changed (gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_poller_want_turn (self->poller);
}

static void
failed (const GError *error, gpointer user_data)
{
  IpcNode *self = user_data;

  if (self->errors.length < ERRORS_MAX)
    g_queue_push_tail (&self->errors, g_error_copy (error));
  ipc_poller_want_turn (self->poller);
}

/* @send: (transfer full) */
static void
completed (IpcSend *send, gpointer user_data)
{
  IpcNode *self = user_data;

  g_queue_push_tail_link (&self->completed, &send->link);
  want_epilogue (self);
}

static gboolean
master_is_master (gpointer user_data)
{
  IpcNode *self = user_data;

  return ipc_campaign_is_master (self->campaign);
}

static void
master_replaced (gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_campaign_step_down (self->campaign);
}

static void
master_handle (IpcMessage *message, gpointer user_data)
{
  IpcNode *self = g_object_ref (user_data);

  self->handler (self, message, self->handler_data);
  g_object_unref (self);
}

static void
master_set_accepting (gboolean accepting, gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_campaign_set_accepting (self->campaign, accepting);
}

static void
master_resigned (gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_campaign_resigned (self->campaign);
}

static const IpcMasterEvents master_events = {
  .is_master = master_is_master,
  .replaced = master_replaced,
  .handle = master_handle,
  .set_accepting = master_set_accepting,
  .resigned = master_resigned,
};

static void
campaign_elected (guint64 epoch, gpointer user_data)
{
  IpcNode *self = user_data;
  struct ucred credentials = { getpid (), geteuid (), getegid () };
  IpcMasterConfig config = {
    .max_message_size = self->max_message_size,
    .handshake_timeout_ms = self->handshake_timeout_ms,
    .allow_other_users = self->allow_other_users,
  };

  memcpy (config.node_id, self->id, IPC_NODE_ID_SIZE);
  self->self_peer = ipc_peer_new (self->id, &credentials, epoch);
  self->master = ipc_master_new (self->poller, self->context, epoch, &config, &master_events, self);
}

static void
campaign_ceased (gpointer user_data)
{
  IpcNode *self = user_data;

  g_clear_pointer (&self->master, ipc_master_free);
  g_clear_pointer (&self->self_peer, ipc_peer_unref);
}

static void
campaign_resign (gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_master_resign (self->master);
}

static void
campaign_connected (int fd, gpointer user_data)
{
  IpcNode *self = user_data;

  ipc_master_accept (self->master, fd);
}

static const IpcCampaignEvents campaign_events = {
  .elected = campaign_elected,
  .ceased = campaign_ceased,
  .resign = campaign_resign,
  .connected = campaign_connected,
  .state_changed = changed,
  .failed = failed,
};

static const IpcClientEvents client_events = {
  .completed = completed,
  .state_changed = changed,
  .failed = failed,
};

static void
dir_changed (IpcGroupDirChanges changes, gpointer user_data)
{
  IpcNode *self = user_data;

  if (self->campaign != NULL) {
    ipc_campaign_saw_epoch (self->campaign, ipc_client_get_newest_epoch (self->client));
    ipc_campaign_look (self->campaign, changes);
  }
  if (changes & IPC_GROUP_DIR_SOCKET)
    ipc_client_look (self->client);
}

static void
start_campaign (IpcNode *self)
{
  if (self->mode == IPC_MODE_CLIENT || self->handler == NULL || self->campaign != NULL)
    return;

  self->campaign = ipc_campaign_new (self->poller, self->dir, self->id_string, &campaign_events, self);
  ipc_campaign_start (self->campaign);
}

static void
start_client (IpcNode *self)
{
  IpcClientConfig config = {
    .mode = self->mode,
    .max_message_size = self->max_message_size,
    .max_pending = self->max_pending,
    .handshake_timeout_ms = self->handshake_timeout_ms,
    .allow_other_users = self->allow_other_users,
  };

  memcpy (config.node_id, self->id, IPC_NODE_ID_SIZE);
  self->client = ipc_client_new (self->poller, self->dir, &config, &client_events, self);
  ipc_client_start (self->client);
}

/* Lets go of everything that start() took, at once. */
static void
release (IpcNode *self)
{
  if (self->client != NULL)
    ipc_client_stop (self->client);
  if (self->campaign != NULL)
    ipc_campaign_stop (self->campaign);

  g_clear_pointer (&self->client, ipc_client_free);
  g_clear_pointer (&self->campaign, ipc_campaign_free);
  g_clear_pointer (&self->dir, ipc_group_dir_free);
  g_clear_pointer (&self->poller, ipc_poller_free);
}

static gboolean
open_group (IpcNode *self, GError **error)
{
  g_autofree char *name = g_strdup_printf ("[libipc] node of group %s", self->group);

  self->poller = ipc_poller_new (self->context, name, error);
  if (self->poller == NULL)
    return FALSE;

  ipc_poller_set_epilogue (self->poller, epilogue, self);
  self->dir = ipc_group_dir_open (self->runtime_dir, self->group, self->allow_other_users, error);

  return self->dir != NULL && ipc_group_dir_watch (self->dir, self->poller, dir_changed, self, error);
}

/* After the epilogue: the poller may be freed here. */
static void
close_if_over (IpcNode *self)
{
  g_autoptr (GTask) task = NULL;

  if (self->state != STATE_CLOSING
      || (self->campaign != NULL && ipc_campaign_get_state (self->campaign) != IPC_CAMPAIGN_OFF))
    return;

  self->state = STATE_CLOSED;
  release (self);
  tell_changes (self);
  if (self->completed.length > 0)
    want_epilogue (self);

  task = g_steal_pointer (&self->close_task);
  g_task_return_boolean (task, TRUE);
}

static void
ipc_node_dispose (GObject *object)
{
  IpcNode *self = IPC_NODE (object);

  if (is_running (self)) {
    self->state = STATE_CLOSED;
    release (self);
    if (self->completed.length > 0)
      want_epilogue (self); /* only if somebody else ran dispose: a pending message holds a reference */
  }
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
  g_queue_clear_full (&self->errors, (GDestroyNotify) g_error_free);
  g_clear_pointer (&self->told_master, ipc_peer_unref);
  g_clear_pointer (&self->context, g_main_context_unref);
  g_free (self->group);
  g_free (self->runtime_dir);

  G_OBJECT_CLASS (ipc_node_parent_class)->finalize (object);
}

static void
ipc_node_get_property (GObject *object, guint prop_id, GValue *value, GParamSpec *pspec)
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
    g_value_set_boxed (value, present_master (self));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
  }
}

static void
ipc_node_set_property (GObject *object, guint prop_id, const GValue *value, GParamSpec *pspec)
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
    ipc_node_set_handshake_timeout (self, g_value_get_uint (value));
    break;
  case PROP_ALLOW_OTHER_USERS:
    ipc_node_set_allow_other_users (self, g_value_get_boolean (value));
    break;
  default:
    G_OBJECT_WARN_INVALID_PROPERTY_ID (object, prop_id, pspec);
  }
}

static void
ipc_node_class_init (IpcNodeClass *klass)
{
  GObjectClass *object_class = G_OBJECT_CLASS (klass);
  const GParamFlags construct_only = G_PARAM_READWRITE | G_PARAM_CONSTRUCT_ONLY | G_PARAM_STATIC_STRINGS;
  const GParamFlags writable = G_PARAM_READWRITE | G_PARAM_EXPLICIT_NOTIFY | G_PARAM_STATIC_STRINGS;
  const GParamFlags readable = G_PARAM_READABLE | G_PARAM_STATIC_STRINGS;

  object_class->dispose = ipc_node_dispose;
  object_class->finalize = ipc_node_finalize;
  object_class->get_property = ipc_node_get_property;
  object_class->set_property = ipc_node_set_property;

  /**
   * IpcNode:group: (getter get_group)
   *
   * The name of the group: 1 to 64 of `A-Z a-z 0-9 . _ -`, not beginning with a dot. White space around it is removed; it is
   * checked by [method@Ipc.Node.start].
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
  properties[PROP_MAX_MESSAGE_SIZE] = g_param_spec_uint ("max-message-size", NULL, NULL, IPC_MESSAGE_SIZE_MIN_LIMIT,
                                                         IPC_MESSAGE_SIZE_MAX_LIMIT, DEFAULT_MAX_MESSAGE_SIZE, writable);

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
   * How long a message may take, from the call to its outcome, in milliseconds, unless the call says something else; 0 for
   * ever. A slow handler is not an error unless this makes it one.
   */
  properties[PROP_SEND_TIMEOUT] = g_param_spec_uint ("send-timeout", NULL, NULL, 0, G_MAXINT, 0, writable);

  /**
   * IpcNode:handshake-timeout: (getter get_handshake_timeout) (setter set_handshake_timeout)
   *
   * How long a peer may take to introduce itself, in milliseconds. Who connects and stays silent is closed after that.
   */
  properties[PROP_HANDSHAKE_TIMEOUT] = g_param_spec_uint ("handshake-timeout", NULL, NULL, 1, G_MAXINT,
                                                          DEFAULT_HANDSHAKE_TIMEOUT_MS, writable);

  /**
   * IpcNode:allow-other-users: (getter get_allow_other_users) (setter set_allow_other_users)
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

  /**
   * IpcNode::error:
   * @self: the node
   * @error: what has happened
   *
   * Something went wrong that no call returns: the node could not become master or not listen, a peer broke the protocol, a
   * master refused it. The node goes on and tries again by itself; nothing has to be done.
   */
  signals[SIGNAL_ERROR] = g_signal_new ("error", G_TYPE_FROM_CLASS (klass), G_SIGNAL_RUN_LAST, 0, NULL, NULL, NULL,
                                        G_TYPE_NONE, 1, G_TYPE_ERROR);
}

static void
ipc_node_init (IpcNode *self)
{
  self->context = g_main_context_ref_thread_default ();
  self->thread = g_thread_self ();
  self->max_message_size = DEFAULT_MAX_MESSAGE_SIZE;
  self->max_pending = DEFAULT_MAX_PENDING;
  self->handshake_timeout_ms = DEFAULT_HANDSHAKE_TIMEOUT_MS;

  while (getrandom (self->id, sizeof self->id, 0) != sizeof self->id)
    continue; /* interrupted while the kernel's pool was being filled at boot */
  ipc_node_id_to_string (self->id, self->id_string);
}

/**
 * ipc_node_new:
 * @group: the name of the group
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
 * The handler is called in the node's main context, for the messages of one sender in the order in which they were sent. It
 * should return soon: while it runs, the node does nothing else. It answers the message at once, or keeps a reference and
 * answers later.
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

  if (self->state == STATE_RUNNING) {
    start_campaign (self);
    tell_changes (self);
  }
}

/**
 * ipc_node_start:
 * @self: a node
 *
 * Joins the group: looks for its master and, if the node is a candidate, queues to succeed it. It returns without waiting for
 * either; [property@Ipc.Node:role] tells how it went on. A node is started once.
 *
 * Errors: %IPC_ERROR_INVALID_GROUP; %IPC_ERROR_RUNTIME_DIR if the directory is missing, not the user's, has another
 * mode than 0700, is a symbolic link, read-only or full; %IPC_ERROR_CLOSED if the node has been closed. After a failure it may be
 * tried again.
 *
 * Returns: whether the node is running
 */
gboolean
ipc_node_start (IpcNode *self, GError **error)
{
  g_return_val_if_fail (IPC_IS_NODE (self), FALSE);
  g_return_val_if_fail (self->thread == g_thread_self (), FALSE);
  g_return_val_if_fail (error == NULL || *error == NULL, FALSE);
  g_return_val_if_fail (!is_running (self), FALSE);

  if (self->state == STATE_CLOSED) {
    g_set_error_literal (error, IPC_ERROR, IPC_ERROR_CLOSED, "a node that was closed cannot be started again");
    return FALSE;
  }
  if (!ipc_group_name_check (self->group, error))
    return FALSE;
  if (!open_group (self, error)) {
    release (self);
    return FALSE;
  }

  self->state = STATE_RUNNING;
  start_campaign (self);
  start_client (self);
  tell_changes (self);

  return TRUE;
}

static GError *
refuse_send (IpcNode *self)
{
  if (self->mode == IPC_MODE_MASTER)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_NOT_A_CLIENT, "a node of mode “master” does not send");
  if (self->state == STATE_NEW)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_CLOSED, "the node has not been started; the message was not sent");
  if (self->state != STATE_RUNNING)
    return g_error_new_literal (IPC_ERROR, IPC_ERROR_CLOSED, "the node is closed; the message was not sent");

  return NULL;
}

static gint64
timeout_in_us (IpcNode *self, int timeout_ms)
{
  if (timeout_ms == IPC_TIMEOUT_DEFAULT)
    timeout_ms = self->send_timeout_ms != 0 ? (int) self->send_timeout_ms : IPC_TIMEOUT_NONE;

  return timeout_ms == IPC_TIMEOUT_NONE ? -1 : timeout_ms * (gint64) G_TIME_SPAN_MILLISECOND;
}

/* @send: (transfer full): completed() gives it back in any case. */
static void
start_send (IpcNode *self, IpcSend *send, int timeout_ms, GCancellable *cancellable)
{
  GError *error = refuse_send (self);

  if (error == NULL)
    g_cancellable_set_error_if_cancelled (cancellable, &error);
  if (error != NULL) {
    send->error = error;
    send->done = TRUE;
    completed (send, self);
    return;
  }

  if (cancellable != NULL) {
    send->cancel_source = g_cancellable_source_new (cancellable);
    g_source_set_name (send->cancel_source, "[libipc] cancellation of a message");
    g_source_attach (send->cancel_source, self->context);
  }
  ipc_client_send (self->client, send, timeout_in_us (self, timeout_ms));
}

/**
 * ipc_node_send_full_async:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send; not copied
 * @flags: how
 * @timeout_ms: how long it may take, in milliseconds, or %IPC_TIMEOUT_DEFAULT or %IPC_TIMEOUT_NONE
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called once, with the outcome; never before this function has returned
 * @user_data: for @callback
 *
 * Sends a message to the group's master. Messages of a node are handled in the order in which they were sent, and each has exactly
 * one outcome, which [method@Ipc.Node.send_finish] returns. If the master dies meanwhile, the message goes to the next one with the same
 * identity; if it may have been begun already, it is marked as redelivered there.
 */
void
ipc_node_send_full_async (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms, GCancellable *cancellable,
                          GAsyncReadyCallback callback, gpointer user_data)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (self->thread == g_thread_self ());
  g_return_if_fail (message != NULL);
  g_return_if_fail (timeout_ms >= IPC_TIMEOUT_DEFAULT);
  g_return_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable));

  start_send (self, ipc_send_new (G_OBJECT (self), message, flags, callback, user_data), timeout_ms, cancellable);
}

/**
 * ipc_node_send_async:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send; not copied
 * @cancellable: (nullable): ends the wait
 * @callback: (nullable): called once, with the outcome; never before this function has returned
 * @user_data: for @callback
 *
 * [method@Ipc.Node.send_full_async] without flags and with the node's [property@Ipc.Node:send-timeout].
 */
void
ipc_node_send_async (IpcNode *self, GBytes *message, GCancellable *cancellable, GAsyncReadyCallback callback,
                     gpointer user_data)
{
  ipc_node_send_full_async (self, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_DEFAULT, cancellable, callback, user_data);
}

/**
 * ipc_node_send_finish:
 * @self: a node
 * @result: what the callback was given
 *
 * The outcome of a message.
 *
 * Errors that say that it was certainly not handled: %IPC_ERROR_MESSAGE_TOO_LARGE, %IPC_ERROR_QUEUE_FULL,
 * %IPC_ERROR_NO_MASTER, %IPC_ERROR_NOT_SENT, %IPC_ERROR_NOT_A_CLIENT, %IPC_ERROR_CLOSED. That it may have been, or may yet be:
 * %IPC_ERROR_TIMED_OUT, %IPC_ERROR_OUTCOME_UNKNOWN. That it was: %IPC_ERROR_RESPONSE_LOST, %IPC_ERROR_NO_RESPONSE, and
 * whatever error the handler set. %G_IO_ERROR_CANCELLED: the text says which.
 *
 * Returns: (transfer full): the response, or %NULL with @error set
 */
GBytes *
ipc_node_send_finish (IpcNode *self, GAsyncResult *result, GError **error)
{
  IpcSend *send;

  g_return_val_if_fail (IPC_IS_NODE (self), NULL);
  g_return_val_if_fail (IPC_IS_SEND (result), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  send = IPC_SEND (result);
  g_return_val_if_fail (send->source == G_OBJECT (self), NULL);
  g_return_val_if_fail (send->response != NULL || send->error != NULL, NULL); /* finished twice */

  if (send->error != NULL) {
    g_propagate_error (error, g_steal_pointer (&send->error));
    return NULL;
  }

  return g_steal_pointer (&send->response);
}

/**
 * ipc_node_get_result_epoch:
 * @self: a node
 * @result: what the callback was given
 *
 * The epoch in which the message was handled; also when its handler answered with an error. It may be asked before or
 * after [method@Ipc.Node.send_finish].
 *
 * Returns: the epoch; 0 if no answer came from a handler
 */
guint64
ipc_node_get_result_epoch (IpcNode *self, GAsyncResult *result)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);
  g_return_val_if_fail (IPC_IS_SEND (result), 0);

  return IPC_SEND (result)->epoch;
}

static void
cancel_blocking (IpcNode *self, IpcSend *send, GCancellable *cancellable)
{
  GError *error = NULL;

  if (send->done || !g_cancellable_set_error_if_cancelled (cancellable, &error))
    return;

  ipc_client_give_up (self->client, send, error);
}

/**
 * ipc_node_send_full:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send
 * @flags: how
 * @timeout_ms: how long it may take, in milliseconds, or %IPC_TIMEOUT_DEFAULT or %IPC_TIMEOUT_NONE
 * @cancellable: (nullable): ends the wait
 *
 * Sends a message and waits for its outcome; see [method@Ipc.Node.send_full_async]. While it waits, only this node's own
 * input and output go on: no other source of the main context runs, and no callback and no signal of this node.
 *
 * A node that is itself the master can do this, because its handler is called meanwhile, for this and for any other message
 * that arrives. What the handler needs must not depend on the code that waits here, and a handler that answers later from another source of the same
 * main context cannot do so before this call returns: give such calls a timeout.
 *
 * Returns: (transfer full): the response, or %NULL with @error set as by [method@Ipc.Node.send_finish]
 */
GBytes *
ipc_node_send_full (IpcNode *self, GBytes *message, IpcSendFlags flags, int timeout_ms, GCancellable *cancellable,
                    GError **error)
{
  g_autoptr (IpcSend) send = NULL;

  g_return_val_if_fail (IPC_IS_NODE (self), NULL);
  g_return_val_if_fail (self->thread == g_thread_self (), NULL);
  g_return_val_if_fail (message != NULL, NULL);
  g_return_val_if_fail (timeout_ms >= IPC_TIMEOUT_DEFAULT, NULL);
  g_return_val_if_fail (cancellable == NULL || G_IS_CANCELLABLE (cancellable), NULL);
  g_return_val_if_fail (error == NULL || *error == NULL, NULL);

  send = ipc_send_new (G_OBJECT (self), message, flags, NULL, NULL);
  start_send (self, g_object_ref (send), timeout_ms, NULL);
  while (!send->done) {
    ipc_poller_turn_blocking (self->poller, cancellable);
    cancel_blocking (self, send, cancellable);
  }

  return ipc_node_send_finish (self, G_ASYNC_RESULT (send), error);
}

/**
 * ipc_node_send:
 * @self: a node that may send
 * @message: (transfer none): the bytes to send
 * @cancellable: (nullable): ends the wait
 *
 * [method@Ipc.Node.send_full] without flags and with the node's [property@Ipc.Node:send-timeout].
 *
 * Returns: (transfer full): the response, or %NULL with @error set as by [method@Ipc.Node.send_finish]
 */
GBytes *
ipc_node_send (IpcNode *self, GBytes *message, GCancellable *cancellable, GError **error)
{
  return ipc_node_send_full (self, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_DEFAULT, cancellable, error);
}

/**
 * ipc_node_close_async:
 * @self: a node
 * @cancellable: (nullable): not used at present; closing is bounded in time
 * @callback: (nullable): called when the node has left the group
 * @user_data: for @callback
 *
 * Leaves the group in good order. Messages that this node has sent and that have no answer fail: with %IPC_ERROR_CLOSED if they were never
 * sent, with %IPC_ERROR_OUTCOME_UNKNOWN otherwise. If it is master, it takes no more messages, waits up to five seconds for handlers to answer
 * what was accepted, and hands over: nothing of that fails, and nothing is handled again.
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

  if (self->state == STATE_CLOSING) {
    g_task_return_new_error (task, IPC_ERROR, IPC_ERROR_CLOSED, "the node is being closed already");
  } else if (self->state != STATE_RUNNING) {
    self->state = STATE_CLOSED;
    g_task_return_boolean (task, TRUE);
  } else {
    self->state = STATE_CLOSING;
    self->close_task = g_steal_pointer (&task);
    ipc_client_stop (self->client);
    if (self->campaign != NULL)
      ipc_campaign_resign (self->campaign);
    ipc_poller_want_turn (self->poller);
  }
}

/**
 * ipc_node_close_finish:
 * @self: a node
 * @result: what the callback was given
 *
 * Errors: %IPC_ERROR_CLOSED if the node was being closed already.
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

  return ipc_role_derive (is_running (self),
                          self->campaign != NULL ? ipc_campaign_get_state (self->campaign) : IPC_CAMPAIGN_OFF,
                          present_master (self) != NULL);
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

  master = present_master (self);
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

  return present_master (self);
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
  g_return_if_fail (!is_running (self));

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
  g_return_if_fail (!is_running (self));
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
  g_return_if_fail (!is_running (self));
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
  g_return_if_fail (!is_running (self));
  g_return_if_fail (send_timeout_ms <= G_MAXINT);

  if (self->send_timeout_ms == send_timeout_ms)
    return;

  self->send_timeout_ms = send_timeout_ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_SEND_TIMEOUT]);
}

/**
 * ipc_node_get_handshake_timeout: (get-property handshake-timeout)
 * @self: a node
 *
 * How long a peer may take to introduce itself.
 *
 * Returns: milliseconds
 */
guint
ipc_node_get_handshake_timeout (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), 0);

  return self->handshake_timeout_ms;
}

/**
 * ipc_node_set_handshake_timeout: (set-property handshake-timeout)
 * @self: a node that has not been started
 * @handshake_timeout_ms: milliseconds, at least 1
 *
 * Sets how long a peer may take to introduce itself.
 */
void
ipc_node_set_handshake_timeout (IpcNode *self, guint handshake_timeout_ms)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (!is_running (self));
  g_return_if_fail (handshake_timeout_ms >= 1 && handshake_timeout_ms <= G_MAXINT);

  if (self->handshake_timeout_ms == handshake_timeout_ms)
    return;

  self->handshake_timeout_ms = handshake_timeout_ms;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_HANDSHAKE_TIMEOUT]);
}

/**
 * ipc_node_get_allow_other_users: (get-property allow-other-users)
 * @self: a node
 *
 * Whether processes of other users may be peers.
 *
 * Returns: whether they may
 */
gboolean
ipc_node_get_allow_other_users (IpcNode *self)
{
  g_return_val_if_fail (IPC_IS_NODE (self), FALSE);

  return self->allow_other_users;
}

/**
 * ipc_node_set_allow_other_users: (set-property allow-other-users)
 * @self: a node that has not been started
 * @allow_other_users: whether they may
 *
 * Sets whether processes of other users may be peers.
 */
void
ipc_node_set_allow_other_users (IpcNode *self, gboolean allow_other_users)
{
  g_return_if_fail (IPC_IS_NODE (self));
  g_return_if_fail (!is_running (self));

  if (self->allow_other_users == allow_other_users)
    return;

  self->allow_other_users = allow_other_users;
  g_object_notify_by_pspec (G_OBJECT (self), properties[PROP_ALLOW_OTHER_USERS]);
}
