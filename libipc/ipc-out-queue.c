/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-out-queue.h"

#include <string.h>

/*
 * Frames on their way out, as few pieces as possible so that one system call writes many. Small frames are copied one
 * behind the other into buffers; a large payload is referenced where it is. What has been written is taken off the
 * front.
 */

/* Up to here copying is cheaper than one more vector in the write. */
#define COPY_MAX 4096
/* A buffer's first size, and the one it is given when it turns out that many frames are queued. */
#define FIRST_BUFFER_SIZE 2048
#define BUFFER_SIZE (64 * 1024)

struct _IpcOutSegment {
  GList link;
  GBytes *payload; /* (owned) (nullable) %NULL for a buffer of our own */
  guint8 *buffer;  /* (owned) (nullable) */
  const guint8 *data;
  gsize start;
  gsize end;
  gsize capacity; /* of our own buffer */
};

static IpcOutSegment *
push_segment (IpcOutQueue *self)
{
  IpcOutSegment *segment = g_slice_new0 (IpcOutSegment);

  segment->link.data = segment;
  g_queue_push_tail_link (&self->segments, &segment->link);

  return segment;
}

static void
pop_segment (IpcOutQueue *self)
{
  IpcOutSegment *segment = g_queue_pop_head_link (&self->segments)->data;

  g_clear_pointer (&segment->payload, g_bytes_unref);
  g_free (segment->buffer);
  g_slice_free (IpcOutSegment, segment);
}

void
ipc_out_queue_init (IpcOutQueue *self)
{
  g_queue_init (&self->segments);
  self->size = 0;
}

void
ipc_out_queue_clear (IpcOutQueue *self)
{
  while (!g_queue_is_empty (&self->segments))
    pop_segment (self);

  self->size = 0;
}

/* Room for @len bytes at the end of the queue, in one piece. */
static guint8 *
reserve (IpcOutQueue *self, gsize len)
{
  IpcOutSegment *tail = g_queue_peek_tail (&self->segments);
  guint8 *room;

  if (tail == NULL || tail->payload != NULL || tail->capacity - tail->end < len) {
    gsize capacity = tail == NULL ? FIRST_BUFFER_SIZE : BUFFER_SIZE;

    tail = push_segment (self);
    tail->capacity = MAX (capacity, len);
    tail->buffer = g_malloc (tail->capacity);
    tail->data = tail->buffer;
  }

  room = tail->buffer + tail->end;
  tail->end += len;
  self->size += len;

  return room;
}

/* Queues a frame, whose payload is copied. */
void
ipc_out_queue_append (IpcOutQueue *self, const IpcFrameHeader *header, const guint8 *payload)
{
  guint8 *room = reserve (self, IPC_WIRE_HEADER_SIZE + (gsize) header->length);

  ipc_wire_put_header (room, header);
  if (header->length > 0)
    memcpy (room + IPC_WIRE_HEADER_SIZE, payload, header->length);
}

/* Queues a frame, whose payload is copied or referenced, whichever is cheaper. */
void
ipc_out_queue_append_bytes (IpcOutQueue *self, const IpcFrameHeader *header, GBytes *payload)
{
  gsize len;
  const guint8 *data = g_bytes_get_data (payload, &len);

  g_assert (len == header->length);

  if (len <= COPY_MAX) {
    ipc_out_queue_append (self, header, data);
  } else {
    IpcOutSegment *segment;

    ipc_wire_put_header (reserve (self, IPC_WIRE_HEADER_SIZE), header);

    segment = push_segment (self);
    segment->payload = g_bytes_ref (payload);
    segment->data = data;
    segment->end = len;
    self->size += len;
  }
}

guint
ipc_out_queue_peek (const IpcOutQueue *self, struct iovec *vectors, guint n_vectors_max)
{
  guint n = 0;

  for (const GList *l = self->segments.head; l != NULL && n < n_vectors_max; l = l->next) {
    const IpcOutSegment *segment = l->data;

    vectors[n].iov_base = (guint8 *) segment->data + segment->start;
    vectors[n].iov_len = segment->end - segment->start;
    n++;
  }

  return n;
}

void
ipc_out_queue_consume (IpcOutQueue *self, gsize n_bytes)
{
  g_assert (n_bytes <= self->size);

  self->size -= n_bytes;
  while (n_bytes > 0) {
    IpcOutSegment *head = g_queue_peek_head (&self->segments);
    gsize len = MIN (n_bytes, head->end - head->start);

    head->start += len;
    n_bytes -= len;
    if (head->start == head->end)
      pop_segment (self);
  }
}
