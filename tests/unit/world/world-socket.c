/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <string.h>

#include "world-system.h"

/*
 * Connected sockets. Each way is a stream of bytes with room for a few frames, so that writers have to wait:
 *
 *     taken          visible        sent         taken + ROOM
 *   gone |  to be read  |  on its way  |  free  |
 *
 * What is sent becomes visible after a while, in order. A read may take less than there is, and a write less than there
 * is room for. A connection breaks at any byte: what was on its way is cut off there, both ends see the end of the
 * stream, and what they write goes nowhere.
 */

#define ROOM 2048
#define ON_ITS_WAY_US 200

typedef struct {
  guint8 bytes[ROOM]; /* position % ROOM is the index */
  guint64 taken;
  guint64 visible;
  guint64 sent;
  gboolean has_ended; /* after what is visible comes the end */
} Stream;

typedef struct {
  int fds[2];
  Host *hosts[2];    /* the one that connected, the one that listened */
  gboolean open[2];
  gboolean is_cut;
  Stream streams[2]; /* to each of the two */
} Pair;

static GPtrArray *pairs; /* (owned) of Pair; used again in the next world */
static guint n_pairs;
static GHashTable *ends; /* fd -> Pair */

void
sockets_begin (void)
{
  if (pairs == NULL) {
    pairs = g_ptr_array_new_with_free_func (g_free);
    ends = g_hash_table_new (NULL, NULL);
  }
  g_hash_table_remove_all (ends);
  n_pairs = 0;
}

static Pair *
find (int fd, guint *end)
{
  Pair *self = g_hash_table_lookup (ends, GINT_TO_POINTER (fd));

  *end = self != NULL && self->fds[1] == fd;
  return self;
}

static void
update_ready (Pair *self, guint end)
{
  const Stream *in = &self->streams[end], *out = &self->streams[!end];
  guint32 events = 0;

  if (!self->open[end])
    return;

  if (in->visible > in->taken)
    events |= EPOLLIN;
  if (in->has_ended)
    events |= EPOLLIN | EPOLLRDHUP | EPOLLHUP;
  if (out->sent - out->taken < ROOM)
    events |= EPOLLOUT;
  fd_set_ready (self->fds[end], events);
}

/* What was sent up to the position in @argument has arrived. */
static void
arrive_cb (gpointer data, guint64 argument)
{
  Pair *self = data;
  guint end = argument & 1;
  Stream *in = &self->streams[end];

  in->visible = MAX (in->visible, MIN (argument >> 1, in->sent));
  update_ready (self, end);
}

static void
end_cb (gpointer data, guint64 argument)
{
  Pair *self = data;
  Stream *in = &self->streams[argument];

  in->visible = in->sent;
  in->has_ended = TRUE;
  update_ready (self, argument);
}

static Pair *
new_pair (void)
{
  if (n_pairs == pairs->len)
    g_ptr_array_add (pairs, g_malloc (sizeof (Pair)));

  return g_ptr_array_index (pairs, n_pairs++);
}

int
world_socket (int domain, int type, int protocol)
{
  world_step (WORLD_STEP_SYSTEM);
  return fd_new (world_self);
}

int
world_connect (int fd, const struct sockaddr *address, socklen_t len)
{
  Host *server = NULL;
  int server_fd = -1;
  int result = world_is_real () ? group_connect (world_self, &server_fd, &server) : ECONNREFUSED;
  Pair *self;

  if (result != 0) {
    errno = result;
    return -1;
  }

  self = new_pair ();
  self->is_cut = FALSE;
  for (guint end = 0; end < 2; end++) {
    Stream *stream = &self->streams[end];

    self->fds[end] = end == 0 ? fd : server_fd;
    self->hosts[end] = end == 0 ? world_self : server;
    self->open[end] = TRUE;
    stream->taken = stream->visible = stream->sent = 0;
    stream->has_ended = FALSE;
    g_hash_table_insert (ends, GINT_TO_POINTER (self->fds[end]), self);
  }
  for (guint end = 0; end < 2; end++)
    update_ready (self, end);
  group_put_in_backlog (server_fd);

  return 0;
}

/* SO_PEERCRED: all are processes of one user, and have the number of their place and 1. */
int
world_getsockopt (int fd, int level, int name, void *value, socklen_t *len)
{
  struct ucred *credentials = value;
  guint end;
  Pair *self = find (fd, &end);

  g_assert (name == SO_PEERCRED);
  *credentials = (struct ucred) { self->hosts[!end]->index + 1, geteuid (), getegid () };
  return 0;
}

static void
copy_in (Stream *self, const guint8 *data, gsize size)
{
  for (gsize i = 0; i < size;) {
    gsize at = self->sent % ROOM;
    gsize n = MIN (size - i, ROOM - at);

    memcpy (self->bytes + at, data + i, n);
    self->sent += n;
    i += n;
  }
}

/* Some of so many bytes: mostly all of them. */
static gsize
some_of (gsize n)
{
  return n > 1 && world_one_in (8) ? 1 + world_chance (n) : n;
}

gssize
world_sendmsg (int fd, const struct msghdr *message, int flags)
{
  guint end;
  Pair *self = find (fd, &end);
  Stream *out;
  gsize room, n = 0;

  world_step (WORLD_STEP_SYSTEM);
  if (!world_is_real () || self->is_cut || !self->open[!end]) {
    errno = EPIPE;
    return -1;
  }

  out = &self->streams[!end];
  room = some_of (ROOM - (out->sent - out->taken));
  for (gsize i = 0; i < message->msg_iovlen && n < room; i++) {
    gsize len = MIN (message->msg_iov[i].iov_len, room - n);

    copy_in (out, message->msg_iov[i].iov_base, len);
    n += len;
  }
  update_ready (self, end);
  if (n == 0) {
    errno = EAGAIN;
    return -1;
  }

  world_at (world_delay (ON_ITS_WAY_US), arrive_cb, self, out->sent << 1 | !end);
  return n;
}

gssize
world_recv (int fd, void *buffer, gsize size, int flags)
{
  guint end;
  Pair *self = find (fd, &end);
  Stream *in = &self->streams[end];
  gsize n;

  world_step (WORLD_STEP_SYSTEM);
  if (!world_is_real ())
    return 0;

  n = some_of (MIN (size, in->visible - in->taken));
  if (n == 0 && in->has_ended)
    return 0;
  if (n == 0) {
    errno = EAGAIN;
    return -1;
  }

  for (gsize i = 0; i < n; i++)
    ((guint8 *) buffer)[i] = in->bytes[(in->taken + i) % ROOM];
  in->taken += n;
  update_ready (self, end);
  update_ready (self, !end); /* there is room again */

  return n;
}

/* Only asked whether the peer has hung up. */
int
world_poll (struct pollfd *fds, nfds_t n_fds, int timeout_ms)
{
  guint end;
  Pair *self = find (fds[0].fd, &end);

  fds[0].revents = self->is_cut || !self->open[!end] ? POLLRDHUP : 0;
  return fds[0].revents != 0;
}

static void
close_end (Pair *self, guint end)
{
  if (!self->open[end])
    return;

  self->open[end] = FALSE;
  fd_free (self->fds[end]);
  world_at (world_delay (ON_ITS_WAY_US), end_cb, self, !end);
}

int
world_close (int fd)
{
  guint end;
  Pair *self = find (fd, &end);

  if (!world_is_real ())
    return 0; /* the system does it */

  if (self != NULL)
    close_end (self, end);
  else
    fd_free (fd);
  return 0;
}

void
sockets_close_of (Host *host)
{
  for (guint i = 0; i < n_pairs; i++) {
    Pair *self = g_ptr_array_index (pairs, i);

    for (guint end = 0; end < 2; end++) {
      if (self->hosts[end] == host)
        close_end (self, end);
    }
  }
}

static void
cut (Pair *self)
{
  self->is_cut = TRUE;
  for (guint end = 0; end < 2; end++) {
    Stream *stream = &self->streams[end];

    stream->sent = stream->visible + world_chance (stream->sent - stream->visible + 1);
    world_at (world_delay (ON_ITS_WAY_US), end_cb, self, end);
  }
}

/* Breaks a connection of this process; FALSE if it has none. */
gboolean
socket_cut_one (Host *host)
{
  for (guint i = n_pairs; i > 0; i--) {
    Pair *self = g_ptr_array_index (pairs, i - 1);

    if (self->open[0] && self->open[1] && !self->is_cut && (self->hosts[0] == host || self->hosts[1] == host)
        && !world_one_in (3)) {
      WORLD_TRACE ("the connection of process %u to %u breaks", self->hosts[0]->index, self->hosts[1]->index);
      cut (self);
      return TRUE;
    }
  }

  return FALSE;
}
