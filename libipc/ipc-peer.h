/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>
#include <sys/types.h>

#include "ipc-version.h"

G_BEGIN_DECLS

#define IPC_TYPE_PEER (ipc_peer_get_type ())

/**
 * IpcPeer:
 *
 * Another node as this one sees it: its id, the process and user behind it as the kernel names them, and the epoch
 * in which the two met. Immutable and reference-counted; may be used from any thread.
 */
typedef struct _IpcPeer IpcPeer;

IPC_PUBLIC GType ipc_peer_get_type (void);

IPC_PUBLIC IpcPeer *ipc_peer_ref (IpcPeer *self);
IPC_PUBLIC void ipc_peer_unref (IpcPeer *self);

IPC_PUBLIC const char *ipc_peer_get_id (IpcPeer *self);
IPC_PUBLIC pid_t ipc_peer_get_pid (IpcPeer *self);
IPC_PUBLIC uid_t ipc_peer_get_uid (IpcPeer *self);
IPC_PUBLIC guint64 ipc_peer_get_epoch (IpcPeer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcPeer, ipc_peer_unref)

G_END_DECLS
