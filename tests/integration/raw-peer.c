/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "raw-peer.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A peer made of a bare socket, to be anything from correct to malicious: a client of a real master, or a master that
 * a real node finds. It shares no code with the library, so what they agree on is the protocol.
 */

static void
put (guint8 *out, guint64 value, int n_bytes)
{
  for (int i = 0; i < n_bytes; i++)
    out[i] = value >> (8 * i);
}

static guint64
get (const guint8 *in, int n_bytes)
{
  guint64 value = 0;

  for (int i = n_bytes - 1; i >= 0; i--)
    value = value << 8 | in[i];

  return value;
}

static RawPeer *
raw_new (Fixture *fixture, int fd)
{
  RawPeer *self = g_new0 (RawPeer, 1);

  g_assert_cmpint (fd, !=, -1);
  fcntl (fd, F_SETFL, O_NONBLOCK);
  self->fixture = fixture;
  self->fd = fd;
  self->input = g_byte_array_new ();

  return self;
}

static void
fill_address (Fixture *fixture, const char *name, struct sockaddr_un *address)
{
  g_autofree char *path = fixture_path (fixture, name);

  *address = (struct sockaddr_un) { .sun_family = AF_UNIX };
  g_assert_cmpuint (strlen (path), <, sizeof address->sun_path);
  strcpy (address->sun_path, path);
}

RawPeer *
raw_connect (Fixture *fixture)
{
  struct sockaddr_un address;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  fill_address (fixture, "socket", &address);
  g_assert_cmpint (connect (fd, (struct sockaddr *) &address, sizeof address), ==, 0);

  return raw_new (fixture, fd);
}

/* Connected, and welcomed. */
RawPeer *
raw_join (Fixture *fixture)
{
  RawPeer *self = raw_connect (fixture);
  RawHello hello = { 0 };
  RawFrame welcome;

  raw_hello (self, &hello);
  raw_expect (self, WELCOME, &welcome);
  g_free (welcome.payload);

  return self;
}

/**
 * raw_listen:
 * @listening: whether to listen, or only to be bound
 *
 * Puts a socket of ours in place of the master's. Returns its descriptor.
 */
int
raw_listen (Fixture *fixture, gboolean listening)
{
  g_autofree char *group_dir = fixture_path (fixture, "");
  g_autofree char *temp = fixture_path (fixture, ".raw");
  g_autofree char *path = fixture_path (fixture, "socket");
  struct sockaddr_un address;
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_assert_cmpint (g_mkdir_with_parents (group_dir, 0700), ==, 0);
  fill_address (fixture, ".raw", &address);
  g_assert_cmpint (bind (fd, (struct sockaddr *) &address, sizeof address), ==, 0);
  if (listening)
    g_assert_cmpint (listen (fd, 16), ==, 0);
  g_assert_cmpint (rename (temp, path), ==, 0);

  return fd;
}

/* Waits for a node to connect. */
RawPeer *
raw_accept (Fixture *fixture, int listener)
{
  int fd;

  fixture_wait (fixture, (fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC)) != -1);

  return raw_new (fixture, fd);
}

void
raw_free (RawPeer *self)
{
  close (self->fd);
  g_byte_array_unref (self->input);
  g_free (self);
}

/* As much as goes without waiting. Returns -1 when the other side has closed. */
gssize
raw_try_write (RawPeer *self, gconstpointer data, gsize len)
{
  gssize n = send (self->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

  return n == -1 && errno == EAGAIN ? 0 : n;
}

/* All of it, while the main context turns; no error if the other side closes meanwhile. */
void
raw_write (RawPeer *self, gconstpointer data, gsize len)
{
  const guint8 *p = data;
  gssize n = 0;

  while (len > 0 && n != -1) {
    fixture_wait (self->fixture, (n = raw_try_write (self, p, len)) != 0);
    if (n > 0) {
      p += n;
      len -= n;
    }
  }
}

void
raw_put_header (guint8 out[24], const RawHeader *header)
{
  put (out, header->length, 4);
  put (out + 4, header->type, 1);
  put (out + 5, header->flags, 1);
  put (out + 6, header->n_fds, 2);
  put (out + 8, header->sequence, 8);
  put (out + 16, header->number, 8);
}

void
raw_send (RawPeer *self, guint8 type, guint64 sequence, guint64 number, gconstpointer payload, guint32 length)
{
  RawHeader header = { length, type, 0, 0, sequence, number };
  guint8 bytes[24];

  raw_put_header (bytes, &header);
  raw_write (self, bytes, sizeof bytes);
  raw_write (self, payload, length);
}

void
raw_hello (RawPeer *self, const RawHello *hello)
{
  static const guint8 no_id[16];
  static guint32 n_ids;
  guint8 payload[40] = { 0 };

  memcpy (payload, hello->magic != NULL ? hello->magic : "LIPC", 4);
  put (payload + 4, hello->version_min != 0 ? hello->version_min : 1, 2);
  put (payload + 6, hello->version_max != 0 ? hello->version_max : 1, 2);
  memcpy (payload + 8, hello->node_id, 16);
  if (memcmp (hello->node_id, no_id, 16) == 0) {
    put (payload + 8, ++n_ids, 4);
    put (payload + 12, getpid (), 4);
  }
  put (payload + 24, hello->max_message_size != 0 ? hello->max_message_size : 16 * 1024 * 1024, 4);
  payload[28] = hello->mode != 0 ? hello->mode : 1;
  payload[29] = hello->reserved;
  put (payload + 32, hello->newest_epoch, 8);
  raw_send (self, HELLO, 0, 0, payload, sizeof payload);
}

void
raw_welcome (RawPeer *self, guint64 epoch)
{
  guint8 payload[40] = { 0 };

  put (payload, 1, 2);
  put (payload + 4, 1024, 4);
  put (payload + 8, 8 * 1024 * 1024, 8);
  put (payload + 16, 16 * 1024 * 1024, 4);
  memset (payload + 24, 0x77, 16);
  raw_send (self, WELCOME, 0, epoch, payload, sizeof payload);
}

void
raw_refuse (RawPeer *self, guint64 code, const char *text)
{
  raw_send (self, REFUSED, 0, code, text, strlen (text));
}

static void
receive (RawPeer *self)
{
  guint8 data[65536];
  gssize n = recv (self->fd, data, sizeof data, MSG_DONTWAIT);

  if (n > 0)
    g_byte_array_append (self->input, data, n);
  else if (n == 0 || errno != EAGAIN)
    self->at_end = TRUE;
}

/* Whether a whole frame has come. */
gboolean
raw_has_frame (RawPeer *self)
{
  if (!self->at_end)
    receive (self);

  return self->input->len >= 24 && self->input->len - 24 >= get (self->input->data, 4);
}

/* Waits for a frame, whatever it is. */
void
raw_read (RawPeer *self, RawFrame *frame)
{
  const guint8 *in;

  fixture_wait (self->fixture, raw_has_frame (self) || self->at_end);
  g_assert_true (raw_has_frame (self)); /* and not the end of the stream */
  in = self->input->data;
  frame->header = (RawHeader) { get (in, 4), in[4], in[5], get (in + 6, 2), get (in + 8, 8), get (in + 16, 8) };
  frame->payload = g_malloc0 (frame->header.length + 1);
  memcpy (frame->payload, in + 24, frame->header.length);
  g_byte_array_remove_range (self->input, 0, 24 + frame->header.length);
}

/* @frame: (out) (optional) */
void
raw_expect (RawPeer *self, guint8 type, RawFrame *frame)
{
  RawFrame read;

  raw_read (self, &read);
  if (read.header.type == REFUSED && type != REFUSED)
    g_error ("refused: %s", (char *) read.payload);
  g_assert_cmpint (read.header.type, ==, type);
  if (frame != NULL)
    *frame = read;
  else
    g_free (read.payload);
}

void
raw_expect_end (RawPeer *self)
{
  fixture_wait (self->fixture, (receive (self), self->at_end));
  g_assert_cmpuint (self->input->len, ==, 0);
}

/* A frame that says why, and then the end. */
void
raw_expect_refused (RawPeer *self, guint64 code, const char *part)
{
  RawFrame frame;

  raw_expect (self, REFUSED, &frame);
  if (frame.header.number != code || strstr ((char *) frame.payload, part) == NULL)
    g_error ("refused with code %d: “%s”, and not with %d: “…%s…”", (int) frame.header.number, (char *) frame.payload,
             (int) code, part);
  g_free (frame.payload);
  raw_expect_end (self);
}
