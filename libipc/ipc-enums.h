/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "ipc-version.h"

G_BEGIN_DECLS

/**
 * IpcMode:
 * @IPC_MODE_DUAL: may send, and campaigns to be master (the default).
 * @IPC_MODE_CLIENT: only sends; never master.
 * @IPC_MODE_MASTER: campaigns to be master; never sends.
 *
 * What a node is allowed to be. It is chosen when the node is made and never changes.
 */
typedef enum {
  IPC_MODE_DUAL,
  IPC_MODE_CLIENT,
  IPC_MODE_MASTER,
} IpcMode;

/**
 * IpcRole:
 * @IPC_ROLE_IDLE: not started, or closed.
 * @IPC_ROLE_SEARCHING: started, and no master is known at the moment.
 * @IPC_ROLE_CLIENT: connected to a master, and not a candidate.
 * @IPC_ROLE_STANDBY: connected to a master, and waiting to succeed it.
 * @IPC_ROLE_MASTER: the master of the group.
 *
 * What a node is now.
 */
typedef enum {
  IPC_ROLE_IDLE,
  IPC_ROLE_SEARCHING,
  IPC_ROLE_CLIENT,
  IPC_ROLE_STANDBY,
  IPC_ROLE_MASTER,
} IpcRole;

/**
 * IpcSendFlags:
 * @IPC_SEND_DEFAULT: wait for a master for as long as the deadline allows.
 * @IPC_SEND_FAIL_FAST: fail with %IPC_ERROR_NO_MASTER when the node is connected to no master at the moment of
 *   the call, and also when the message is still unsent when the connection is lost. A node that has just been
 *   started is connected to none: [property@Ipc.Node:master] tells when it is.
 * @IPC_SEND_WAIT: when too much is pending in this node, wait for room, for as long as the deadline allows, instead of
 *   failing with %IPC_ERROR_QUEUE_FULL. Calls that wait keep their order.
 * @IPC_SEND_AT_MOST_ONCE: when a master dies that may have begun to handle the message, fail with
 *   %IPC_ERROR_OUTCOME_UNKNOWN instead of giving it to the next one. Without this flag the next master handles it, and
 *   is told that it is redelivered.
 *
 * How one message is to be sent.
 */
typedef enum /*< flags >*/ {
  IPC_SEND_DEFAULT = 0,
  IPC_SEND_FAIL_FAST = 1 << 0,
  IPC_SEND_WAIT = 1 << 1,
  IPC_SEND_AT_MOST_ONCE = 1 << 2,
} IpcSendFlags;

IPC_PUBLIC GType ipc_mode_get_type (void);
#define IPC_TYPE_MODE (ipc_mode_get_type ())

IPC_PUBLIC GType ipc_role_get_type (void);
#define IPC_TYPE_ROLE (ipc_role_get_type ())

IPC_PUBLIC GType ipc_send_flags_get_type (void);
#define IPC_TYPE_SEND_FLAGS (ipc_send_flags_get_type ())

G_END_DECLS
