/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-frame-reader.h"

/*
 * Bytes arrive in pieces of any size, and what comes out must not depend on it. And: a peer gets memory only for
 * bytes that it has really sent, never for a length that it merely names.
 */

#define LARGE (300 * 1024)

typedef struct {
  GByteArray *bytes; /* (owned) what is sent */
  GArray *headers;   /* (owned) of IpcFrameHeader */
} Stream;

static void
add_frame (Stream *stream, IpcFrameHeader header, const guint8 *payload)
{
  guint8 head[IPC_WIRE_HEADER_SIZE];

  ipc_wire_put_header (head, &header);
  g_byte_array_append (stream->bytes, head, sizeof head);
  for (guint32 i = 0; i < header.length; i++) {
    guint8 byte = payload != NULL ? payload[i] : (guint8) (i * 7 + header.sequence);

    g_byte_array_append (stream->bytes, &byte, 1);
  }
  g_array_append_val (stream->headers, header);
}

/* A frame of each type that this side may send, some more than once. */
static Stream
make_stream (IpcSide from)
{
  Stream stream = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (IpcFrameHeader)) };
  guint8 ones[40];

  memset (ones, 1, sizeof ones);
  if (from == IPC_SIDE_CLIENT) {
    add_frame (&stream, (IpcFrameHeader) { 40, IPC_FRAME_HELLO, 0, 0, 0, 0 }, ones);
    add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_MESSAGE, 0, 0, 1, 0 }, NULL);
    add_frame (&stream, (IpcFrameHeader) { 100, IPC_FRAME_MESSAGE, 1, 0, 2, 1 }, NULL);
    add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_ACK, 0, 0, 0, 1 }, NULL);
  } else {
    add_frame (&stream, (IpcFrameHeader) { 40, IPC_FRAME_WELCOME, 0, 0, 0, 9 }, ones);
    add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_RESPONSE, 0, 0, 1, 9 }, NULL);
    add_frame (&stream, (IpcFrameHeader) { 100, IPC_FRAME_RESPONSE, 0, 0, 2, 9 }, NULL);
    add_frame (&stream, (IpcFrameHeader) { 20, IPC_FRAME_FAILURE, 0, 0, 3, 9 }, NULL);
  }
  add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_PING, 0, 0, 5, 0 }, NULL);
  add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_PONG, 0, 0, 6, 0 }, NULL);
  add_frame (&stream, (IpcFrameHeader) { 0, IPC_FRAME_GOODBYE, 0, 0, 0, 0 }, NULL);

  return stream;
}

static void
stream_clear (Stream *stream)
{
  g_byte_array_unref (stream->bytes);
  g_array_unref (stream->headers);
}

/* Gives @n bytes to the reader as a socket would: as many at once as it has room for. */
static void
feed (IpcFrameReader *reader, const guint8 *bytes, gsize n)
{
  while (n > 0) {
    gsize space;
    guint8 *room = ipc_frame_reader_prepare (reader, &space);
    gsize part = MIN (n, space);

    g_assert_cmpuint (space, >, 0);
    memcpy (room, bytes, part);
    ipc_frame_reader_commit (reader, part);
    bytes += part;
    n -= part;
    if (n > 0) {
      IpcFrame frame;
      const char *violation;

      g_assert_cmpint (ipc_frame_reader_next (reader, &frame, &violation), ==, IPC_FRAME_READER_NEED_MORE);
    }
  }
}

/* Takes out every complete frame and compares it. */
static void
expect_frames (IpcFrameReader *reader, const Stream *stream, guint *n_seen, gsize *at)
{
  IpcFrame frame;
  const char *violation = NULL;
  IpcFrameReaderResult result;

  while ((result = ipc_frame_reader_next (reader, &frame, &violation)) == IPC_FRAME_READER_FRAME) {
    const IpcFrameHeader *expected = &g_array_index (stream->headers, IpcFrameHeader, *n_seen);

    g_assert_cmpuint (*n_seen, <, stream->headers->len);
    g_assert_cmpuint (frame.header.type, ==, expected->type);
    g_assert_cmpuint (frame.header.sequence, ==, expected->sequence);
    g_assert_cmpuint (frame.header.number, ==, expected->number);
    g_assert_cmpmem (frame.payload, frame.header.length, stream->bytes->data + *at + IPC_WIRE_HEADER_SIZE,
                     expected->length);
    *at += IPC_WIRE_HEADER_SIZE + expected->length;
    ++*n_seen;
  }

  g_assert_cmpint (result, ==, IPC_FRAME_READER_NEED_MORE);
}

static void
test_every_offset (gconstpointer user_data)
{
  IpcSide from = GPOINTER_TO_INT (user_data);
  Stream stream = make_stream (from);

  g_test_summary ("A stream that is cut in three at every pair of offsets gives the same frames");

  for (gsize first = 0; first <= stream.bytes->len; first++) {
    for (gsize second = first; second <= stream.bytes->len; second++) {
      IpcFrameReader reader;
      const gsize cuts[] = { 0, first, second, stream.bytes->len };
      guint n_seen = 0;
      gsize at = 0;

      ipc_frame_reader_init (&reader, from, 4096);
      for (guint i = 0; i < 3; i++) {
        feed (&reader, stream.bytes->data + cuts[i], cuts[i + 1] - cuts[i]);
        expect_frames (&reader, &stream, &n_seen, &at);
        if (first % 2 == 0)
          ipc_frame_reader_trim (&reader);
      }
      g_assert_cmpuint (n_seen, ==, stream.headers->len);
      g_assert_cmpint (reader.phase, ==, IPC_PHASE_OVER);
      ipc_frame_reader_clear (&reader);
    }
  }

  stream_clear (&stream);
}

static void
test_byte_by_byte (gconstpointer user_data)
{
  IpcSide from = GPOINTER_TO_INT (user_data);
  Stream stream = make_stream (from);
  IpcFrameReader reader;
  guint n_seen = 0;
  gsize at = 0;

  g_test_summary ("One byte at a time: no frame comes early, none late");

  ipc_frame_reader_init (&reader, from, 4096);
  for (gsize i = 0; i < stream.bytes->len; i++) {
    feed (&reader, stream.bytes->data + i, 1);
    expect_frames (&reader, &stream, &n_seen, &at);
    g_assert_cmpuint (i + 1 - at, ==, reader.end - reader.start);
    g_assert_cmpuint (reader.end - reader.start, <,
                      n_seen == stream.headers->len ? 1
                      : 24 + g_array_index (stream.headers, IpcFrameHeader, n_seen).length);
    ipc_frame_reader_trim (&reader);
    g_assert_true ((reader.buffer == NULL) == (at == i + 1));
  }
  g_assert_cmpuint (n_seen, ==, stream.headers->len);

  ipc_frame_reader_clear (&reader);
  stream_clear (&stream);
}

static void
open_reader (IpcFrameReader *reader, guint32 size_max)
{
  ipc_frame_reader_init (reader, IPC_SIDE_CLIENT, size_max);
  reader->phase = IPC_PHASE_OPEN;
}

static void
test_grows_with_bytes (void)
{
  Stream stream = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (IpcFrameHeader)) };
  const gsize pieces[] = { 1, 24, 1000, 4096, 65536, 100000 };

  g_test_summary ("A peer that names a large length gets memory for what it has sent: at most twice that, and never "
                  "more than the frame");

  add_frame (&stream, (IpcFrameHeader) { LARGE, IPC_FRAME_MESSAGE, 0, 0, 1, 0 }, NULL);
  for (guint i = 0; i < G_N_ELEMENTS (pieces); i++) {
    IpcFrameReader reader;
    IpcFrame frame;
    const char *violation;
    gsize at = 0;

    open_reader (&reader, 1 << 30);
    while (at < stream.bytes->len) {
      gsize n = MIN (pieces[i], stream.bytes->len - at);

      g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_NEED_MORE);
      feed (&reader, stream.bytes->data + at, n);
      at += n;
      g_assert_cmpuint (reader.capacity, <=, MAX (64 * 1024, MIN (2 * at, stream.bytes->len)));
      g_assert_cmpuint (reader.end, <=, reader.capacity);
    }
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
    g_assert_cmpmem (frame.payload, LARGE, stream.bytes->data + 24, LARGE);
    ipc_frame_reader_clear (&reader);
  }

  stream_clear (&stream);
}

static void
test_too_long (void)
{
  static const guint32 lengths[] = { 4097, 65536, 1u << 30, G_MAXUINT32 - 24, G_MAXUINT32 - 1, G_MAXUINT32 };

  g_test_summary ("A length beyond the limit is refused when the header is there, before anything is allocated for it");

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    IpcFrameHeader header = { lengths[i], IPC_FRAME_MESSAGE, 0, 0, 1, 0 };
    guint8 bytes[IPC_WIRE_HEADER_SIZE];
    IpcFrameReader reader;
    IpcFrame frame;
    const char *violation = NULL;

    ipc_wire_put_header (bytes, &header);
    open_reader (&reader, 4096);
    feed (&reader, bytes, sizeof bytes);
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_VIOLATION);
    g_assert_nonnull (violation);
    g_assert_cmpuint (reader.capacity, <=, 64 * 1024);
    ipc_frame_reader_clear (&reader);
  }
}

static void
test_take (void)
{
  static const guint32 lengths[] = { 0, 1, 65535, 65536, 65537, 70000, 200000 };
  static const guint32 behind[] = { 0, 1, 23, 24, 100, 65535, 65536, 150000 };

  g_test_summary ("A payload that is taken stays what it was, and what was received behind it is not lost, whether the "
                  "payload is copied or takes the buffer with it");

  for (guint i = 0; i < G_N_ELEMENTS (lengths) * G_N_ELEMENTS (behind); i++) {
    guint32 length = lengths[i % G_N_ELEMENTS (lengths)];
    gsize n_behind = behind[i / G_N_ELEMENTS (lengths)];
    Stream stream = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (IpcFrameHeader)) };
    IpcFrameReader reader;
    IpcFrame frame;
    const char *violation;
    gsize space, at;

    add_frame (&stream, (IpcFrameHeader) { length, IPC_FRAME_MESSAGE, 0, 0, 1, 0 }, NULL);
    at = stream.bytes->len;
    add_frame (&stream, (IpcFrameHeader) { 200000, IPC_FRAME_MESSAGE, 0, 0, 2, 0 }, NULL);

    /* As much behind it as fits the buffer in which it came. */
    open_reader (&reader, 1 << 20);
    feed (&reader, stream.bytes->data, at - 1);
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_NEED_MORE);
    ipc_frame_reader_prepare (&reader, &space);
    n_behind = MIN (n_behind, space - 1);
    feed (&reader, stream.bytes->data + at - 1, 1 + n_behind);

    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
    g_autoptr (GBytes) taken = ipc_frame_reader_take_payload (&reader, &frame);
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_NEED_MORE);
    feed (&reader, stream.bytes->data + at + n_behind, stream.bytes->len - at - n_behind);
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
    g_assert_cmpmem (frame.payload, frame.header.length, stream.bytes->data + at + 24, 200000);
    ipc_frame_reader_clear (&reader);

    g_assert_cmpmem (g_bytes_get_data (taken, NULL), g_bytes_get_size (taken), stream.bytes->data + 24, length);
    stream_clear (&stream);
  }
}

static void
test_take_from_large_buffer (void)
{
  Stream stream = { g_byte_array_new (), g_array_new (FALSE, FALSE, sizeof (IpcFrameHeader)) };
  IpcFrameReader reader;
  IpcFrame frame;
  const char *violation;
  gsize first;

  g_test_summary ("A buffer that an earlier frame has made large holds a large payload and more behind it: taking the "
                  "payload leaves that behind");

  add_frame (&stream, (IpcFrameHeader) { LARGE, IPC_FRAME_MESSAGE, 0, 0, 1, 0 }, NULL);
  first = stream.bytes->len;
  add_frame (&stream, (IpcFrameHeader) { 70000, IPC_FRAME_MESSAGE, 0, 0, 2, 0 }, NULL);
  add_frame (&stream, (IpcFrameHeader) { 80000, IPC_FRAME_MESSAGE, 0, 0, 3, 0 }, NULL);

  open_reader (&reader, 1 << 20);
  feed (&reader, stream.bytes->data, first);
  g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
  feed (&reader, stream.bytes->data + first, stream.bytes->len - first);
  g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
  g_autoptr (GBytes) taken = ipc_frame_reader_take_payload (&reader, &frame);
  g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
  g_assert_cmpmem (frame.payload, frame.header.length, stream.bytes->data + stream.bytes->len - 80000, 80000);
  ipc_frame_reader_clear (&reader);
  g_assert_cmpmem (g_bytes_get_data (taken, NULL), g_bytes_get_size (taken), stream.bytes->data + first + 24, 70000);
  stream_clear (&stream);
}

static void
test_trim (void)
{
  IpcFrameReader reader;
  guint8 header[IPC_WIRE_HEADER_SIZE] = { 0, 0, 0, 0, IPC_FRAME_ACK };
  IpcFrame frame;
  const char *violation;

  g_test_summary ("An idle connection holds no buffer, but part of a frame is never thrown away");

  open_reader (&reader, 4096);
  g_assert_null (reader.buffer);
  for (gsize n = 1; n <= sizeof header; n++) {
    feed (&reader, header, n);
    ipc_frame_reader_trim (&reader);
    g_assert_nonnull (reader.buffer);
    feed (&reader, header + n, sizeof header - n);
    g_assert_cmpint (ipc_frame_reader_next (&reader, &frame, &violation), ==, IPC_FRAME_READER_FRAME);
    ipc_frame_reader_trim (&reader);
    g_assert_null (reader.buffer);
  }
  ipc_frame_reader_clear (&reader);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD_SIDE(path, func, side) g_test_add_data_func ("/frame-reader/split/" path, GINT_TO_POINTER (side), func)
  ADD_SIDE ("every-offset/client", test_every_offset, IPC_SIDE_CLIENT);
  ADD_SIDE ("every-offset/master", test_every_offset, IPC_SIDE_MASTER);
  ADD_SIDE ("byte-by-byte/client", test_byte_by_byte, IPC_SIDE_CLIENT);
  ADD_SIDE ("byte-by-byte/master", test_byte_by_byte, IPC_SIDE_MASTER);
  g_test_add_func ("/frame-reader/large/grows-with-bytes", test_grows_with_bytes);
  g_test_add_func ("/frame-reader/large/too-long", test_too_long);
  g_test_add_func ("/frame-reader/take/every-size", test_take);
  g_test_add_func ("/frame-reader/take/from-large-buffer", test_take_from_large_buffer);
  g_test_add_func ("/frame-reader/trim", test_trim);

  return g_test_run ();
}
