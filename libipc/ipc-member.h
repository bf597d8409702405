/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-enums.h"
#include "ipc-message.h"
#include "ipc-peer.h"
#include "ipc-send-private.h"
#include "ipc-wire.h"

typedef struct _IpcMember IpcMember;

typedef struct {
  void (*handle) (IpcMessage *message, gpointer user_data);   /* in the middle of a turn; may end everything */
  void (*completed) (IpcSend *send, gpointer user_data);      /* @send: (transfer full) */
  void (*failed) (const GError *error, gpointer user_data);   /* what no call returns */
  void (*turned) (gpointer user_data);                        /* nothing is at work: applications may be called */
} IpcMemberEvents;

typedef struct {
  GMainContext *context;
  const char *group;
  const char *runtime_dir; /* (nullable) */
  guint8 id[IPC_NODE_ID_SIZE];
  IpcMode mode;
  guint max_message_size;
  guint max_pending;
  guint64 max_pending_bytes;
  guint max_deliveries;
  guint handshake_timeout_ms;
  guint hang_timeout_ms;
  int priority;
  gboolean allow_other_users;
  gboolean candidate; /* it will campaign at once: the group's file must be there, or be made */
} IpcMemberConfig;

IpcMember *ipc_member_new (const IpcMemberConfig *config, const IpcMemberEvents *events, gpointer user_data,
                           GError **error);
void ipc_member_free (IpcMember *self);

void ipc_member_campaign (IpcMember *self);
void ipc_member_resign (IpcMember *self);
void ipc_member_leave (IpcMember *self);
gboolean ipc_member_has_left (IpcMember *self);

void ipc_member_send (IpcMember *self, IpcSend *send, gint64 timeout_us);
void ipc_member_cancel (IpcMember *self, IpcSend *send);
IpcMailbox *ipc_member_get_mailbox (IpcMember *self);
void ipc_member_turn_blocking (IpcMember *self);
void ipc_member_want_turn (IpcMember *self);

gboolean ipc_member_has_room (IpcMember *self, guint *n_changes);
IpcRole ipc_member_get_role (IpcMember *self);
guint64 ipc_member_get_own_epoch (IpcMember *self);
IpcPeer *ipc_member_get_master (IpcMember *self);
