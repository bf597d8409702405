/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "ipc-peer.h"
#include "ipc-wire.h"

/* A node id in hexadecimal, with its NUL. */
#define IPC_NODE_ID_STRING_SIZE (2 * IPC_NODE_ID_SIZE + 1)

void ipc_node_id_to_string (const guint8 id[IPC_NODE_ID_SIZE], char out[IPC_NODE_ID_STRING_SIZE]);

IpcPeer *ipc_peer_new (const guint8 id[IPC_NODE_ID_SIZE], const struct ucred *credentials, guint64 epoch);
