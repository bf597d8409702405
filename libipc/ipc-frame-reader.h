/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-handshake.h"

typedef enum {
  IPC_FRAME_READER_FRAME,
  IPC_FRAME_READER_NEED_MORE,
  IPC_FRAME_READER_VIOLATION,
} IpcFrameReaderResult;

typedef struct {
  guint8 *buffer; /* (owned) (nullable) only while bytes are being read or kept */
  gsize capacity;
  gsize start; /* first byte that is not consumed */
  gsize end;   /* after the last byte received */
  IpcSide from;
  IpcPhase phase;
  guint32 message_size_max;
} IpcFrameReader;

void ipc_frame_reader_init (IpcFrameReader *self, IpcSide from, guint32 message_size_max);
void ipc_frame_reader_clear (IpcFrameReader *self);

guint8 *ipc_frame_reader_prepare (IpcFrameReader *self, gsize *space);
void ipc_frame_reader_commit (IpcFrameReader *self, gsize n_bytes);
IpcFrameReaderResult ipc_frame_reader_next (IpcFrameReader *self, IpcFrame *frame, const char **violation);
GBytes *ipc_frame_reader_take_payload (IpcFrameReader *self, const IpcFrame *frame);
gboolean ipc_frame_reader_has_more (const IpcFrameReader *self);
void ipc_frame_reader_trim (IpcFrameReader *self);
