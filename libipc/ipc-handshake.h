/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/types.h>

#include "ipc-wire.h"

/* The side a frame comes from. */
typedef enum {
  IPC_SIDE_CLIENT,
  IPC_SIDE_MASTER,
} IpcSide;

typedef enum {
  IPC_PHASE_HANDSHAKE, /* until HELLO (at the master) or WELCOME (at the client) has arrived */
  IPC_PHASE_OPEN,
  IPC_PHASE_OVER, /* GOODBYE has arrived */
} IpcPhase;

/* What a master knows when it judges a HELLO. */
typedef struct {
  uid_t own_uid;
  gboolean allow_other_users;
  guint64 epoch;
} IpcAdmission;

const char *ipc_handshake_check (IpcSide from, IpcPhase phase, const IpcFrameHeader *header, guint32 message_size_max);
IpcPhase ipc_handshake_next (IpcPhase phase, IpcFrameType type);
IpcRefusal ipc_handshake_judge (const IpcHello *hello, uid_t peer_uid, const IpcAdmission *admission,
                                const char **text);

const char *ipc_frame_type_to_string (IpcFrameType type);
