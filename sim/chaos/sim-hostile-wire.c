/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hostile-wire.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * A bare socket that says whatever it is told to. It is written from docs/protocol.md and shares no code with the
 * library, which judges what it says: what both agree on is the protocol, and not one function that is wrong on both
 * sides. It blocks, up to a deadline: its process does nothing else.
 */

#define RETRY_US 2000          /* nobody listens, or the backlog is full: a fail-over takes half of this */
#define FDS_PER_MESSAGE_MAX 64 /* the kernel takes 253 */
#define RESPONSE_MAX (16 * 1024 * 1024)

static void
put (guint8 *out, guint64 value, guint n_bytes)
{
  for (guint i = 0; i < n_bytes; i++)
    out[i] = (guint8) (value >> (8 * i));
}

static guint64
get (const guint8 *in, guint n_bytes)
{
  guint64 value = 0;

  for (guint i = n_bytes; i > 0; i--)
    value = value << 8 | in[i - 1];
  return value;
}

/* fd: (transfer full) */
SimWire *
sim_wire_new (int fd)
{
  SimWire *self = g_new0 (SimWire, 1);

  self->fd = fd;
  self->input = g_byte_array_new ();
  return self;
}

static int
try_connect (const char *path)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_strlcpy (address.sun_path, path, sizeof address.sun_path);
  if (fd >= 0 && connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  return -1;
}

/* (nullable): when nobody listens until then. */
SimWire *
sim_wire_connect (const char *path, gint64 deadline_us)
{
  int fd;

  while ((fd = try_connect (path)) < 0 && g_get_monotonic_time () < deadline_us)
    g_usleep (RETRY_US);
  return fd >= 0 ? sim_wire_new (fd) : NULL;
}

void
sim_wire_free (SimWire *self)
{
  close (self->fd);
  g_byte_array_unref (self->input);
  g_free (self);
}

void
sim_wire_put_header (guint8 out[SIM_HEADER_SIZE], const SimHeader *header)
{
  put (out, header->length, 4);
  put (out + 4, header->type, 1);
  put (out + 5, header->flags, 1);
  put (out + 6, header->n_fds, 2);
  put (out + 8, header->sequence, 8);
  put (out + 16, header->number, 8);
}

void
sim_wire_put_hello (guint8 out[SIM_HELLO_SIZE], const SimHello *hello)
{
  static const guint8 no_id[16];
  static guint32 n_ids;

  memset (out, 0, SIM_HELLO_SIZE);
  memcpy (out, hello->magic != NULL ? hello->magic : "LIPC", 4);
  put (out + 4, hello->version_min != 0 ? hello->version_min : 1, 2);
  put (out + 6, hello->version_max != 0 ? hello->version_max : 1, 2);
  memcpy (out + 8, hello->node_id, 16);
  if (memcmp (hello->node_id, no_id, 16) == 0) {
    put (out + 8, ++n_ids, 4);
    put (out + 12, (guint64) getpid (), 4);
  }
  put (out + 24, hello->max_message_size != 0 ? hello->max_message_size : RESPONSE_MAX, 4);
  out[28] = 1; /* a client */
  put (out + 32, hello->newest_epoch, 8);
}

/* Of a master. */
void
sim_wire_put_welcome (guint8 out[SIM_HELLO_SIZE])
{
  memset (out, 0, SIM_HELLO_SIZE);
  put (out, 1, 2);
  put (out + 4, 1024, 4);
  put (out + 8, 8 * 1024 * 1024, 8);
  put (out + 16, RESPONSE_MAX, 4);
  memset (out + 24, 0x77, 16);
}

static gboolean
wait_for (SimWire *self, short events, gint64 deadline_us)
{
  gint64 left_us = MAX (deadline_us - g_get_monotonic_time (), 0);
  struct pollfd pfd = { .fd = self->fd, .events = events };

  return poll (&pfd, 1, (int) (left_us / 1000) + 1) == 1;
}

/* Waits until there is something to read or, if that is wanted, room to write. */
void
sim_wire_wait (SimWire *self, gboolean to_write, gint64 deadline_us)
{
  wait_for (self, (short) (POLLIN | (to_write ? POLLOUT : 0)), deadline_us);
}

/* As much as goes without waiting; -1 when the other side has closed. */
gssize
sim_wire_try_write (SimWire *self, gconstpointer data, gsize len)
{
  gssize n = send (self->fd, data, len, MSG_NOSIGNAL | MSG_DONTWAIT);

  return n < 0 && errno == EAGAIN ? 0 : n;
}

/* FALSE when the other side has closed, or takes nothing for a second. */
gboolean
sim_wire_write (SimWire *self, gconstpointer data, gsize len)
{
  const guint8 *p = data;

  while (len > 0) {
    gssize n = sim_wire_try_write (self, p, len);

    if (n < 0 || (n == 0 && !wait_for (self, POLLOUT, g_get_monotonic_time () + G_USEC_PER_SEC)))
      return FALSE;
    p += n;
    len -= (gsize) n;
  }
  return TRUE;
}

/* With so many copies of a descriptor, which no frame announces. */
gboolean
sim_wire_write_with_fds (SimWire *self, gconstpointer data, gsize len, int fd, guint n_fds)
{
  _Alignas (struct cmsghdr) char control[CMSG_SPACE (FDS_PER_MESSAGE_MAX * sizeof (int))] = { 0 };
  struct iovec vector = { (gpointer) data, len };
  struct msghdr message = { .msg_iov = &vector, .msg_iovlen = 1, .msg_control = control };
  struct cmsghdr *header = (struct cmsghdr *) control;

  n_fds = MIN (n_fds, FDS_PER_MESSAGE_MAX);
  message.msg_controllen = CMSG_SPACE (n_fds * sizeof (int));
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN (n_fds * sizeof (int));
  for (guint i = 0; i < n_fds; i++)
    memcpy (CMSG_DATA (header) + i * sizeof (int), &fd, sizeof fd);
  return sendmsg (self->fd, &message, MSG_NOSIGNAL) == (gssize) len;
}

/* The payload is as long as the header says, unless it is NULL: then there is none, whatever the header says. */
gboolean
sim_wire_send (SimWire *self, const SimHeader *header, gconstpointer payload)
{
  guint8 bytes[SIM_HEADER_SIZE];

  sim_wire_put_header (bytes, header);
  return sim_wire_write (self, bytes, sizeof bytes)
         && (payload == NULL || sim_wire_write (self, payload, header->length));
}

gboolean
sim_wire_say_hello (SimWire *self, const SimHello *hello)
{
  SimHeader header = { .length = SIM_HELLO_SIZE, .type = SIM_FRAME_HELLO };
  guint8 payload[SIM_HELLO_SIZE];

  sim_wire_put_hello (payload, hello);
  return sim_wire_send (self, &header, payload);
}

/* One that the simulator's handlers answer and write nothing down of. */
gboolean
sim_wire_send_message (SimWire *self, guint64 sequence)
{
  SimHeader header = {
    .type = SIM_FRAME_MESSAGE,
    .length = sizeof SIM_STRANGER_MAGIC - 1,
    .sequence = sequence,
  };

  return sim_wire_send (self, &header, SIM_STRANGER_MAGIC);
}

/* Of a handler. Somebody's program may well answer a stranger with an error. */
gboolean
sim_frame_is_answer (SimFrameType type)
{
  return type == SIM_FRAME_RESPONSE || type == SIM_FRAME_FAILURE;
}

static gboolean
has_frame (SimWire *self)
{
  return self->input->len >= SIM_HEADER_SIZE && self->input->len - SIM_HEADER_SIZE >= get (self->input->data, 4);
}

static SimFrameType
take_frame (SimWire *self)
{
  guint32 length = (guint32) get (self->input->data, 4);
  SimFrameType type = (SimFrameType) self->input->data[4];

  const guint8 *payload = self->input->data + SIM_HEADER_SIZE;

  self->last_number = get (self->input->data + 16, 8);
  if (type == SIM_FRAME_WELCOME && length == SIM_HELLO_SIZE) {
    self->window = (guint32) get (payload + 4, 4);
    memcpy (self->last_id, payload + 24, sizeof self->last_id);
  }
  if (type == SIM_FRAME_HELLO && length == SIM_HELLO_SIZE)
    self->last_newest = get (payload + 32, 8);
  g_byte_array_remove_range (self->input, 0, SIM_HEADER_SIZE + length);
  return type;
}

/* The next frame that comes, or that none came until then. */
SimFrameType
sim_wire_read (SimWire *self, gint64 deadline_us)
{
  guint8 data[65536];

  while (!has_frame (self)) {
    gssize n = recv (self->fd, data, sizeof data, MSG_DONTWAIT);

    if (n > 0)
      g_byte_array_append (self->input, data, (guint) n);
    else if (n == 0 || errno != EAGAIN)
      return SIM_FRAME_END;
    else if (g_get_monotonic_time () >= deadline_us || !wait_for (self, POLLIN, deadline_us))
      return SIM_FRAME_NONE;
  }
  return take_frame (self);
}
