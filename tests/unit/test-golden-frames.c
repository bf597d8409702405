/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-frame-reader.h"
#include "ipc-inbox.h"

/*
 * The golden frames of tests/data/frames.txt, which other implementations are tested with as well: this one must come
 * to the same verdict on every line, whatever the pieces in which the bytes arrive. The file says what its fields
 * mean.
 */

#define SIZE_MAX_OF_RECEIVER 4096

static GByteArray *
parse_hex (const char *hex)
{
  GByteArray *bytes = g_byte_array_new ();

  g_assert_cmpuint (strlen (hex) % 2, ==, 0);
  for (const char *p = hex; *p != '\0'; p += 2) {
    guint8 byte = g_ascii_xdigit_value (p[0]) << 4 | g_ascii_xdigit_value (p[1]);

    g_assert_true (g_ascii_isxdigit (p[0]) && g_ascii_isxdigit (p[1]));
    g_byte_array_append (bytes, &byte, 1);
  }

  return bytes;
}

/* What the inbox says of a first message; windows are not the file's business. */
static const char *
judge_message (const IpcFrameHeader *header)
{
  g_autoptr (GBytes) lost = g_bytes_new_static ("", 0);
  IpcInbox inbox;
  IpcAnswer answer;
  const char *violation;

  ipc_inbox_init (&inbox, 0, lost);
  ipc_inbox_connected (&inbox, 1024);
  ipc_inbox_receive (&inbox, header->sequence, header->number, &answer, &violation);
  ipc_inbox_clear (&inbox);

  return violation;
}

/* What the layers above the reader say of the payload. */
static const char *
judge_payload (const IpcFrame *frame)
{
  IpcHello hello;
  IpcWelcome welcome;
  IpcFailure failure;
  const IpcFrameHeader *header = &frame->header;

  if (frame->header.type == IPC_FRAME_HELLO)
    return ipc_wire_get_hello (frame->payload, frame->header.length, &hello);
  if (frame->header.type == IPC_FRAME_WELCOME)
    return ipc_wire_get_welcome (frame->payload, frame->header.length, &welcome);
  if (frame->header.type == IPC_FRAME_FAILURE)
    return ipc_wire_get_failure (frame->payload, frame->header.length, &failure);
  if (header->type == IPC_FRAME_MESSAGE
      && (header->number >= header->sequence || header->sequence >= IPC_SEQUENCE_END))
    return judge_message (header);

  return NULL;
}

/* Reads the bytes in pieces of @piece. */
static const char *
judge (IpcSide from, IpcPhase phase, const GByteArray *bytes, gsize piece)
{
  IpcFrameReader reader;
  IpcFrame frame;
  const char *violation = NULL, *verdict = "need-more";
  IpcFrameReaderResult result = IPC_FRAME_READER_NEED_MORE;

  ipc_frame_reader_init (&reader, from, SIZE_MAX_OF_RECEIVER);
  reader.phase = phase;
  for (gsize at = 0; at < bytes->len && result == IPC_FRAME_READER_NEED_MORE; at += piece) {
    gsize space;
    guint8 *room = ipc_frame_reader_prepare (&reader, &space);
    gsize n = MIN (piece, bytes->len - at);

    g_assert_cmpuint (space, >=, n);
    memcpy (room, bytes->data + at, n);
    ipc_frame_reader_commit (&reader, n);
    result = ipc_frame_reader_next (&reader, &frame, &violation);
    if (result != IPC_FRAME_READER_NEED_MORE)
      g_assert_cmpuint (at + n, ==, bytes->len); /* not a byte too early */
  }

  if (result == IPC_FRAME_READER_FRAME)
    violation = judge_payload (&frame);
  if (result != IPC_FRAME_READER_NEED_MORE)
    verdict = violation == NULL ? "ok" : "violation";
  ipc_frame_reader_clear (&reader);

  return verdict;
}

static void
check_line (const char *line)
{
  g_auto (GStrv) fields = g_strsplit (line, "|", -1);
  g_autoptr (GByteArray) bytes = NULL;

  g_assert_cmpuint (g_strv_length (fields), ==, 6);
  for (guint i = 0; i < 6; i++)
    g_strstrip (fields[i]);
  bytes = parse_hex (fields[4]);

  for (int from = IPC_SIDE_CLIENT; from <= IPC_SIDE_MASTER; from++) {
    const char *name = from == IPC_SIDE_CLIENT ? "client" : "master";
    IpcPhase phase = strcmp (fields[2], "hello") == 0 ? IPC_PHASE_HANDSHAKE : IPC_PHASE_OPEN;

    if (strcmp (fields[1], name) != 0 && strcmp (fields[1], "both") != 0)
      continue;
    for (gsize piece = 1; piece <= bytes->len + 1; piece += piece < 50 ? 1 : bytes->len) {
      const char *verdict = judge (from, phase, bytes, piece);

      if (strcmp (verdict, fields[3]) != 0)
        g_error ("%s from %s: %s, but the file says %s (%s)", fields[0], name, verdict, fields[3], fields[5]);
    }
  }
}

static void
test_every_line (void)
{
  g_autofree char *path = g_test_build_filename (G_TEST_DIST, "data", "frames.txt", NULL);
  g_autofree char *text = NULL;
  g_autoptr (GError) error = NULL;
  g_auto (GStrv) lines = NULL;
  guint n = 0;

  g_test_summary ("Two implementations that read the same page must come to the same verdicts");

  g_file_get_contents (path, &text, NULL, &error);
  g_assert_no_error (error);
  lines = g_strsplit (text, "\n", -1);
  for (guint i = 0; lines[i] != NULL; i++) {
    if (lines[i][0] != '\0' && lines[i][0] != '#') {
      check_line (lines[i]);
      n++;
    }
  }

  g_assert_cmpuint (n, >, 100);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/golden-frames/every-line", test_every_line);

  return g_test_run ();
}
