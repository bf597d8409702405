/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-member.h"
#include "ipc-node.h"
#include "ipc-peer-private.h"

typedef enum {
  IPC_NODE_NEW,
  IPC_NODE_RUNNING,
  IPC_NODE_CLOSING,
  IPC_NODE_CLOSED,
} IpcNodeState;

struct _IpcNode {
  GObject parent_instance;

  char *group; /* (owned) */
  IpcMode mode;
  char *runtime_dir; /* (owned) (nullable) */
  guint max_message_size;
  guint max_pending;
  guint64 max_pending_bytes;
  guint send_timeout_ms;
  guint handshake_timeout_ms;
  guint hang_timeout_ms;
  int priority;
  guint max_deliveries;
  gboolean allow_other_users;

  guint8 id[IPC_NODE_ID_SIZE];
  char id_string[IPC_NODE_ID_STRING_SIZE];
  GMainContext *context; /* (owned) */
  GThread *thread;       /* (unowned) */
  IpcNodeState state;

  IpcHandler handler; /* (nullable) */
  gpointer handler_data;
  GDestroyNotify handler_destroy;

  IpcMember *member; /* (owned) (nullable) while running or closing */
  GTask *close_task; /* (owned) (nullable) while closing */
  GQueue resign_tasks; /* (owned) of GTask: who waits for the end of an epoch, which is the task's data */

  guint blocking_depth; /* of calls that wait within one another */
  IpcSendPool pool;
  GQueue completed;     /* (owned) of IpcSend, whose callbacks are due */
  GQueue errors;        /* (owned) of GError, to be signalled */
  char *last_error;     /* (owned) (nullable) text of the last, since the master last changed */
  IpcRole told_role;    /* what was last notified */
  gboolean told_can_send;
  guint told_n_changes; /* of it */
  IpcPeer *told_master; /* (owned) (nullable) */
};

void ipc_node_take_completed (IpcNode *self, IpcSend *send);
void ipc_node_install_properties (GObjectClass *object_class);
void ipc_node_init_properties (IpcNode *self);
gboolean ipc_node_get_can_send (IpcNode *self, guint *n_changes);
void ipc_node_tell_changes (IpcNode *self);
void ipc_node_tell_resigned (IpcNode *self);
