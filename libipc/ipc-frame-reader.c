/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-frame-reader.h"

#include <string.h>

/*
 * A stream of bytes -> frames. No I/O: the owner asks where to put bytes (prepare), says how many came (commit), and
 * takes frames out until none is complete (next).
 *
 *   buffer   |..consumed..|  complete frames  |  part of a frame  |  free  |
 *            0          start                                    end   capacity
 *
 * A frame is judged when its header is complete, before anything is allocated for its payload, and the buffer grows
 * with the bytes that have really come: at most doubling, and never beyond the frame that is being received. A payload
 * given out by next() is valid until the following prepare().
 *
 * An idle connection holds no buffer: trim() lets it go when nothing is kept in it. The next one that reads in this
 * thread gets it: 64 KiB are above the size from which free() tidies up the whole heap, and that would be done in
 * every turn.
 */

/* One read takes this much: many small messages at once, and still below malloc's threshold for mapping pages. */
#define BUFFER_SIZE (64 * 1024)
/* Payloads from this size on are handed over with the buffer instead of being copied. */
#define TAKE_SIZE (64 * 1024)

/* One free buffer of BUFFER_SIZE for each thread. */
static GPrivate spare_buffer = G_PRIVATE_INIT (g_free);

static guint8 *
take_buffer (void)
{
  guint8 *buffer = g_private_get (&spare_buffer);

  if (buffer == NULL)
    return g_malloc (BUFFER_SIZE);

  g_private_set (&spare_buffer, NULL);
  return buffer;
}

static void
give_buffer_back (guint8 *buffer, gsize capacity)
{
  if (capacity == BUFFER_SIZE && g_private_get (&spare_buffer) == NULL)
    g_private_set (&spare_buffer, buffer);
  else
    g_free (buffer);
}

void
ipc_frame_reader_init (IpcFrameReader *self, IpcSide from, guint32 message_size_max)
{
  *self = (IpcFrameReader) { .from = from, .phase = IPC_PHASE_HANDSHAKE, .message_size_max = message_size_max };
}

void
ipc_frame_reader_clear (IpcFrameReader *self)
{
  g_clear_pointer (&self->buffer, g_free);
  self->capacity = self->start = self->end = 0;
}

/* The size of the frame that is being received, as far as it is known. */
static gsize
current_frame_size (const IpcFrameReader *self)
{
  IpcFrameHeader header;

  if (self->end - self->start < IPC_WIRE_HEADER_SIZE)
    return IPC_WIRE_HEADER_SIZE;

  ipc_wire_get_header (self->buffer + self->start, &header);
  return IPC_WIRE_HEADER_SIZE + (gsize) header.length;
}

/**
 * ipc_frame_reader_prepare:
 * @space: (out): how many bytes fit; at least 1
 *
 * To be called only after next() has said that it needs more, so the frame at the beginning has been judged.
 *
 * Returns: where to put received bytes
 */
guint8 *
ipc_frame_reader_prepare (IpcFrameReader *self, gsize *space)
{
  gsize kept = self->end - self->start;

  if (self->buffer == NULL) {
    self->buffer = take_buffer ();
    self->capacity = BUFFER_SIZE;
  }

  if (self->start > 0) {
    memmove (self->buffer, self->buffer + self->start, kept);
    self->start = 0;
    self->end = kept;
  }

  if (self->end == self->capacity) {
    self->capacity = MIN (self->capacity * 2, current_frame_size (self));
    self->buffer = g_realloc (self->buffer, self->capacity);
  }

  g_assert (self->end < self->capacity);

  *space = self->capacity - self->end;
  return self->buffer + self->end;
}

void
ipc_frame_reader_commit (IpcFrameReader *self, gsize n_bytes)
{
  g_assert (n_bytes <= self->capacity - self->end);

  self->end += n_bytes;
}

/**
 * ipc_frame_reader_next:
 * @frame: (out): the frame, when there is one
 * @violation: (out): what is wrong, when the bytes break the protocol; the stream is then useless
 *
 * Returns: what there is
 */
IpcFrameReaderResult
ipc_frame_reader_next (IpcFrameReader *self, IpcFrame *frame, const char **violation)
{
  gsize kept = self->end - self->start;

  if (kept < IPC_WIRE_HEADER_SIZE)
    return IPC_FRAME_READER_NEED_MORE;

  ipc_wire_get_header (self->buffer + self->start, &frame->header);
  *violation = ipc_handshake_check (self->from, self->phase, &frame->header, self->message_size_max);
  if (*violation != NULL)
    return IPC_FRAME_READER_VIOLATION;
  if (kept - IPC_WIRE_HEADER_SIZE < frame->header.length)
    return IPC_FRAME_READER_NEED_MORE;

  frame->payload = self->buffer + self->start + IPC_WIRE_HEADER_SIZE;
  self->start += IPC_WIRE_HEADER_SIZE + frame->header.length;
  self->phase = ipc_handshake_next (self->phase, frame->header.type);

  return IPC_FRAME_READER_FRAME;
}

/**
 * ipc_frame_reader_take_payload:
 * @frame: the frame that next() has just given out
 *
 * A large payload takes the whole buffer with it, and what was received behind it moves to a new one.
 *
 * Returns: (transfer full): the payload, to keep
 */
GBytes *
ipc_frame_reader_take_payload (IpcFrameReader *self, const IpcFrame *frame)
{
  gsize kept = self->end - self->start;
  guint8 *old = self->buffer;
  gsize size = MAX (kept, BUFFER_SIZE);

  if (frame->header.length < TAKE_SIZE)
    return g_bytes_new (frame->payload, frame->header.length);

  self->buffer = g_malloc (size);
  self->capacity = size;
  memcpy (self->buffer, old + self->start, kept);
  self->start = 0;
  self->end = kept;

  return g_bytes_new_with_free_func (frame->payload, frame->header.length, g_free, old);
}

/* Whether there may be another frame behind the one that next() has just given out. */
gboolean
ipc_frame_reader_has_more (const IpcFrameReader *self)
{
  return self->end - self->start >= IPC_WIRE_HEADER_SIZE;
}

/* Lets the buffer go when nothing is kept in it. */
void
ipc_frame_reader_trim (IpcFrameReader *self)
{
  if (self->buffer == NULL || self->start < self->end)
    return;

  give_buffer_back (g_steal_pointer (&self->buffer), self->capacity);
  self->capacity = self->start = self->end = 0;
}
