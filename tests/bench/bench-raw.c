/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>

#include "bench-case.h"
#include "bench-meter.h"
#include "bench-payload.h"
#include "bench-socket.h"

/*
 * The floor: what a socket costs when a program does nothing else. The round trip is a blocking write and a blocking
 * read of 64 bytes on each side. The pipeline has frames (a length of 4 bytes, then the bytes); each side reads up to
 * 64 KiB at a time, takes the messages out one by one, and writes all that they caused with one call.
 */

#define READ_SIZE (64 * 1024)
#define HEADER_SIZE 4
/* Room for all that can be in flight: 1000 frames, or what one read brought. */
#define WRITE_SIZE (128 * 1024)

/* Bytes that were read and do not end with a whole frame. */
typedef struct {
  guint8 bytes[READ_SIZE];
  gsize start;
  gsize end;
} InBuffer;

typedef struct {
  guint8 bytes[WRITE_SIZE];
  gsize start;
  gsize end;
} OutBuffer;

static gboolean
in_buffer_fill (InBuffer *self, int fd)
{
  gssize n_read;

  memmove (self->bytes, self->bytes + self->start, self->end - self->start);
  self->end -= self->start;
  self->start = 0;
  n_read = read (fd, self->bytes + self->end, READ_SIZE - self->end);
  if (n_read <= 0)
    return FALSE;
  self->end += n_read;
  return TRUE;
}

/* The next whole frame's payload, or NULL: read more. */
static const guint8 *
in_buffer_next (InBuffer *self, guint32 *size)
{
  const guint8 *frame = self->bytes + self->start;

  if (self->end - self->start < HEADER_SIZE)
    return NULL;
  memcpy (size, frame, HEADER_SIZE);
  *size = GUINT32_FROM_LE (*size);
  if (*size > READ_SIZE - HEADER_SIZE)
    bench_fail ("A frame of %u bytes is too long", *size);
  if (self->end - self->start - HEADER_SIZE < *size)
    return NULL;
  self->start += HEADER_SIZE + *size;
  return frame + HEADER_SIZE;
}

static guint8 *
out_buffer_add (OutBuffer *self, guint32 size)
{
  guint8 *frame = self->bytes + self->end;
  guint32 length = GUINT32_TO_LE (size);

  g_assert (self->end + HEADER_SIZE + size <= sizeof self->bytes);
  memcpy (frame, &length, HEADER_SIZE);
  self->end += HEADER_SIZE + size;
  return frame + HEADER_SIZE;
}

void
bench_raw_serve_rtt (const BenchTask *task)
{
  int listener = bench_socket_listen (task->dir, "socket");
  guint8 payload[BENCH_PAYLOAD_SIZE];
  int fd;

  bench_report_ready ();
  fd = bench_socket_accept (listener);
  while (bench_socket_read (fd, payload, sizeof payload))
    if (!bench_socket_write (fd, payload, sizeof payload))
      break;
}

static int
connect_to_server (const BenchTask *task)
{
  int fd = bench_socket_connect (task->dir);

  if (fd < 0)
    bench_fail ("Cannot connect in %s: %s", task->dir, g_strerror (errno));
  return fd;
}

void
bench_raw_rtt (const BenchTask *task)
{
  g_autoptr (BenchMeter) meter = bench_meter_new (task->n_warmup, task->n_messages, 0);
  guint8 payload[BENCH_PAYLOAD_SIZE];
  int fd = connect_to_server (task);

  while (bench_meter_has_more (meter)) {
    bench_payload_fill (payload, meter->n_sent);
    bench_meter_sent (meter);
    if (!bench_socket_write (fd, payload, sizeof payload) || !bench_socket_read (fd, payload, sizeof payload))
      bench_fail ("raw: the server is gone");
    if (!bench_payload_check (payload, sizeof payload, meter->n_answered))
      bench_fail ("raw: answer %u is wrong", meter->n_answered);
    bench_meter_answered (meter);
  }
  bench_meter_report (meter);
}

/* The client reads whatever happens, so a server that blocks in its write never waits for ever. */
void
bench_raw_serve_pipeline (const BenchTask *task)
{
  g_autofree InBuffer *in = g_new0 (InBuffer, 1);
  g_autofree OutBuffer *out = g_new0 (OutBuffer, 1);
  int listener = bench_socket_listen (task->dir, "socket");
  const guint8 *payload;
  guint32 size;
  int fd;

  bench_report_ready ();
  fd = bench_socket_accept (listener);
  while (in_buffer_fill (in, fd)) {
    out->end = 0;
    while ((payload = in_buffer_next (in, &size)) != NULL)
      memcpy (out_buffer_add (out, size), payload, size);
    if (!bench_socket_write (fd, out->bytes, out->end))
      break;
  }
}

static void
add_message (OutBuffer *out, BenchMeter *meter)
{
  bench_payload_fill (out_buffer_add (out, BENCH_PAYLOAD_SIZE), meter->n_sent);
  bench_meter_sent (meter);
}

/* Writes what fits. When not all did, waits until there is something to read or room to write. */
static void
flush (int fd, OutBuffer *out, gboolean *readable)
{
  struct pollfd poll_fd = { .fd = fd, .events = POLLIN | POLLOUT };
  gssize n_sent;

  *readable = TRUE;
  if (out->start == out->end)
    return;

  n_sent = send (fd, out->bytes + out->start, out->end - out->start, MSG_NOSIGNAL | MSG_DONTWAIT);
  if (n_sent < 0 && errno != EAGAIN)
    bench_fail ("raw: the server is gone");
  out->start += MAX (n_sent, 0);
  if (out->start == out->end) {
    out->start = out->end = 0;
    return;
  }
  poll (&poll_fd, 1, -1);
  *readable = (poll_fd.revents & POLLIN) != 0;
}

/* Takes all answers out that are there, and puts as many new messages behind those that are not written yet. */
static void
take_answers (int fd, InBuffer *in, OutBuffer *out, BenchMeter *meter)
{
  const guint8 *payload;
  guint32 size;

  if (!in_buffer_fill (in, fd))
    bench_fail ("raw: the server is gone");
  memmove (out->bytes, out->bytes + out->start, out->end - out->start);
  out->end -= out->start;
  out->start = 0;
  while ((payload = in_buffer_next (in, &size)) != NULL) {
    if (!bench_payload_check (payload, size, meter->n_answered))
      bench_fail ("raw: answer %u is wrong", meter->n_answered);
    bench_meter_answered (meter);
    if (bench_meter_has_more (meter))
      add_message (out, meter);
  }
}

void
bench_raw_pipeline (const BenchTask *task)
{
  g_autoptr (BenchMeter) meter = bench_meter_new (task->n_warmup, task->n_messages, 6);
  g_autofree InBuffer *in = g_new0 (InBuffer, 1);
  g_autofree OutBuffer *out = g_new0 (OutBuffer, 1);
  int fd = connect_to_server (task);
  gboolean readable;

  while (meter->n_sent < task->n_in_flight)
    add_message (out, meter);
  while (!bench_meter_is_done (meter)) {
    flush (fd, out, &readable);
    if (readable)
      take_answers (fd, in, out, meter);
  }
  bench_meter_report (meter);
}
