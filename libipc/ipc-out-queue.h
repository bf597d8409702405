/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/uio.h>

#include "ipc-wire.h"

typedef struct _IpcOutSegment IpcOutSegment;

typedef struct {
  GQueue segments; /* (owned) of IpcOutSegment */
  gsize size;      /* bytes queued and not consumed */
} IpcOutQueue;

void ipc_out_queue_init (IpcOutQueue *self);
void ipc_out_queue_clear (IpcOutQueue *self);

void ipc_out_queue_append (IpcOutQueue *self, const IpcFrameHeader *header, const guint8 *payload);
void ipc_out_queue_append_bytes (IpcOutQueue *self, const IpcFrameHeader *header, GBytes *payload);
guint ipc_out_queue_peek (const IpcOutQueue *self, struct iovec *vectors, guint n_vectors_max);
void ipc_out_queue_consume (IpcOutQueue *self, gsize n_bytes);
