/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-connection.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc-fork-guard.h"
#include "ipc-out-queue.h"
#include "ipc-sabotage.h"

/*
 * One connected socket: frames in, frames out, credentials of the peer. It carries bytes and judges none of them beyond
 * what the frame reader says.
 *
 * Reading: up to 64 KiB at a time, and every complete frame is given to the owner at once. A paused connection reads
 * nothing, and finds the end of the stream when reading goes on.
 *
 * Whoever is given a frame may turn the poller, in which the frames behind it are given out: they are in our buffer,
 * where the kernel does not see them, so while there are any a nested turn is told of them by a deferral, taken back
 * when it was not needed.
 *
 * Writing: frames are queued, and all of them go out in one system call at the end of the turn; when they are many,
 * some go earlier, so that the peer works on them meanwhile. A failed write is not the end: answers may still be
 * waiting to be read, and after them comes the end of the stream.
 *
 * System calls are used directly and not through GSocket: the hot path is one recv() and one sendmsg(), and errno
 * decides what a full backlog or a hang-up means.
 */

/* One turn reads this often from one connection, so that one fast sender does not starve the others. */
#define READS_PER_TURN 4
/* So long does one turn give out frames of one connection. A read may have brought a thousand messages: the main loop
 * shall turn in between, other peers' PINGs be answered, and answers go out. */
#define GIVE_TIME_US (20 * G_TIME_SPAN_MILLISECOND)
#define VECTORS_PER_WRITE 64
/* With everything written at the end of the turn, a thousand small messages in flight are all with one side while the
 * other waits: measured at 2.7 million a second on two processors, and 4.4 with this. Half of it costs calls on one. */
#define EARLY_WRITE (32 * 1024)
#define WRITE_LOW (IPC_CONNECTION_WRITE_HIGH / 4)
/* The kernel has no memory for what we write. It calls the socket writable all the same, so waiting for that would be
 * to ask all the time. */
#define NO_MEMORY_US (10 * G_TIME_SPAN_MILLISECOND)

struct _IpcConnection {
  grefcount ref_count; /* one of the owner, one while reading */
  IpcPoller *poller;   /* (unowned) */
  int fd;              /* (owned) -1 once freed */
  struct ucred credentials;
  const IpcConnectionEvents *events;
  gpointer user_data;

  IpcFrameReader reader;
  IpcOutQueue out;
  IpcWatch watch;
  IpcDefer flush;
  IpcDefer resume;
  IpcDefer nested; /* while a frame is given out and there are bytes behind it */
  IpcTimer rest;   /* while there are frames for the next turn */
  IpcTimer retry;  /* while blocked for want of memory */
  gint64 give_until_us;
  gboolean paused;
  gboolean blocked; /* the socket took less than we had: wait until it is writable */
  gboolean mute;    /* writing has failed: nothing more is written */
  gboolean ended;
};

static void connection_cb (guint32 events, gpointer user_data);
static void flush_cb (gpointer user_data);
static void resume_cb (gpointer user_data);
static void nested_cb (gpointer user_data);

static void
connection_unref (IpcConnection *self)
{
  if (!g_ref_count_dec (&self->ref_count))
    return;

  ipc_frame_reader_clear (&self->reader);
  ipc_out_queue_clear (&self->out);
  g_free (self);
}

/* Puts the epoll set in step with what we wait for. It reports a hang-up whether we wait for it or not, so a connection
 * that waits for nothing is not in it. Returns FALSE if the kernel has no room to put it back. */
static gboolean
update_watch (IpcConnection *self)
{
  gboolean to_write = self->blocked && !self->retry.running;
  guint32 wanted = (self->paused || self->ended ? 0 : EPOLLIN) | (to_write ? EPOLLOUT : 0);

  if (wanted == 0 && (self->ended || !self->events->hang_up_ends))
    ipc_poller_unwatch (self->poller, &self->watch);
  else if (self->watch.func != NULL)
    ipc_poller_change (self->poller, &self->watch, wanted);
  else
    return ipc_poller_watch (self->poller, &self->watch, self->fd, wanted, connection_cb, self);

  return TRUE;
}

/**
 * ipc_connection_new:
 * @fd: (transfer full): a connected, non-blocking socket
 * @peer_side: what the peer is
 * @message_size_max: the largest message or response that is accepted
 *
 * Returns: (transfer full) (nullable): a connection; or %NULL, with errno set and @fd closed
 */
IpcConnection *
ipc_connection_new (IpcPoller *poller, int fd, IpcSide peer_side, guint32 message_size_max,
                    const IpcConnectionEvents *events, gpointer user_data)
{
  IpcConnection *self = g_new0 (IpcConnection, 1);
  socklen_t len = sizeof self->credentials;

  if (getsockopt (fd, SOL_SOCKET, SO_PEERCRED, &self->credentials, &len) == -1
      || !ipc_poller_watch (poller, &self->watch, fd, EPOLLIN, connection_cb, self)) {
    int saved_errno = errno;

    close (fd);
    g_free (self);
    errno = saved_errno;
    return NULL;
  }

  ipc_fork_guard_add (fd);
  g_ref_count_init (&self->ref_count);
  self->poller = poller;
  self->fd = fd;
  self->events = events;
  self->user_data = user_data;
  ipc_frame_reader_init (&self->reader, peer_side, message_size_max);
  ipc_out_queue_init (&self->out);

  return self;
}

/**
 * ipc_connection_open:
 * @path: of a listening socket
 *
 * Never blocks. A full backlog is %EAGAIN, and the kernel does not say when there is room again.
 *
 * Returns: (transfer full) (nullable): a connection to a master, or %NULL with errno set
 */
IpcConnection *
ipc_connection_open (IpcPoller *poller, const char *path, guint32 message_size_max, const IpcConnectionEvents *events,
                     gpointer user_data)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

  if (fd == -1)
    return NULL;

  if (IPC_SABOTAGE (LEAK_DESCRIPTOR))
    dup (STDIN_FILENO);
  g_assert (strlen (path) < sizeof address.sun_path);
  strcpy (address.sun_path, path);
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == -1) {
    int saved_errno = errno;

    close (fd);
    errno = saved_errno;
    return NULL;
  }

  return ipc_connection_new (poller, fd, IPC_SIDE_MASTER, message_size_max, events, user_data);
}

/* Closes at once: what is queued is not written any more. */
void
ipc_connection_free (IpcConnection *self)
{
  ipc_poller_cancel_defer (self->poller, &self->flush);
  ipc_poller_cancel_defer (self->poller, &self->resume);
  ipc_poller_cancel_defer (self->poller, &self->nested);
  ipc_poller_stop_timer (self->poller, &self->rest);
  ipc_poller_stop_timer (self->poller, &self->retry);
  ipc_poller_unwatch (self->poller, &self->watch);
  ipc_fork_guard_close (self->fd);
  self->fd = -1;
  self->ended = TRUE;
  connection_unref (self);
}

static void
write_queued (IpcConnection *self)
{
  struct iovec vectors[VECTORS_PER_WRITE];

  ipc_poller_stop_timer (self->poller, &self->retry);
  while (self->out.size > 0 && !self->mute) {
    struct msghdr message = { .msg_iov = vectors };
    gssize n;

    message.msg_iovlen = ipc_out_queue_peek (&self->out, vectors, VECTORS_PER_WRITE);
    n = sendmsg (self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT);
    if (n >= 0) {
      ipc_out_queue_consume (&self->out, n);
    } else if (errno == EAGAIN) {
      break;
    } else if (errno == ENOBUFS || errno == ENOMEM) {
      ipc_poller_start_timer (self->poller, &self->retry, NO_MEMORY_US, flush_cb, self);
      break;
    } else if (errno != EINTR) {
      self->mute = TRUE;
      ipc_out_queue_clear (&self->out);
    }
  }

  self->blocked = self->out.size > 0;
  if (!update_watch (self))
    ipc_poller_defer (self->poller, &self->resume, resume_cb, self);
}

/* Writes what is queued, as far as the socket takes it. */
void
ipc_connection_flush (IpcConnection *self)
{
  gboolean was_high = self->out.size > WRITE_LOW;
  gboolean was_blocked = self->blocked;
  gboolean relieved;

  write_queued (self);

  relieved = (was_high && self->out.size <= WRITE_LOW) || (was_blocked && self->out.size == 0);
  if (relieved && !self->ended)
    self->events->drained (self, self->user_data);
}

static void
flush_cb (gpointer user_data)
{
  ipc_connection_flush (user_data);
}

/* The owner is told nothing here: it has not seen the queue high, and if the socket does not take everything we are
 * blocked, and a flush will follow. */
static void
flush_soon (IpcConnection *self)
{
  if (self->blocked)
    return;

  if (self->out.size >= EARLY_WRITE)
    write_queued (self);
  else
    ipc_poller_defer (self->poller, &self->flush, flush_cb, self);
}

/* Queues a frame to be written at the end of the turn, or earlier when there are many. */
void
ipc_connection_queue (IpcConnection *self, const IpcFrameHeader *header, const guint8 *payload)
{
  if (self->mute)
    return;

  ipc_out_queue_append (&self->out, header, payload);
  flush_soon (self);
}

void
ipc_connection_queue_bytes (IpcConnection *self, const IpcFrameHeader *header, GBytes *payload)
{
  if (self->mute)
    return;

  ipc_out_queue_append_bytes (&self->out, header, payload);
  flush_soon (self);
}

#ifdef IPC_KILL_POINTS
/* Writes all that is queued, and then half of a frame. */
void
ipc_connection_write_half (IpcConnection *self, const IpcFrameHeader *header, GBytes *payload)
{
  struct iovec vectors[2];
  struct msghdr message = { .msg_iov = vectors };
  IpcOutQueue queue;

  ipc_out_queue_init (&queue);
  ipc_out_queue_append_bytes (&queue, header, payload);
  message.msg_iovlen = ipc_out_queue_peek (&queue, vectors, G_N_ELEMENTS (vectors));
  vectors[message.msg_iovlen - 1].iov_len /= 2;

  write_queued (self);
  if (self->out.size == 0)
    sendmsg (self->fd, &message, MSG_NOSIGNAL | MSG_DONTWAIT); /* a peer that has gone gets nothing */
  ipc_out_queue_clear (&queue);
}
#endif

/* Tells the peer why the connection ends, as far as it can be told without waiting. The owner then frees the
 * connection. */
void
ipc_connection_refuse (IpcConnection *self, IpcRefusal code, const char *text)
{
  IpcFrameHeader header = { .type = IPC_FRAME_REFUSED, .number = code, .length = strlen (text) };

  self->ended = TRUE;
  ipc_connection_queue (self, &header, (const guint8 *) text);
  ipc_connection_flush (self);
}

gsize
ipc_connection_get_queued (IpcConnection *self)
{
  return self->out.size;
}

static void
end (IpcConnection *self, const char *violation)
{
  if (self->ended)
    return;

  if (violation != NULL)
    ipc_connection_refuse (self, IPC_REFUSAL_PROTOCOL, violation);

  self->ended = TRUE;
  self->blocked = FALSE;
  ipc_poller_stop_timer (self->poller, &self->retry);
  update_watch (self);
  self->events->ended (self, violation, self->user_data);
}

/* Exact to a few milliseconds; asked for each frame, and costs next to nothing. */
static gint64
get_coarse_time (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC_COARSE, &now);
  return now.tv_sec * G_TIME_SPAN_SECOND + now.tv_nsec / 1000;
}

/* Gives out the frames that are complete. Returns FALSE when no more is to be read now. */
static gboolean
give_complete (IpcConnection *self)
{
  while (!self->ended && !self->paused) {
    IpcFrame frame;
    const char *violation;

    switch (ipc_frame_reader_next (&self->reader, &frame, &violation)) {
    case IPC_FRAME_READER_FRAME:
      if (!self->nested.queued && ipc_frame_reader_has_more (&self->reader))
        ipc_poller_defer (self->poller, &self->nested, nested_cb, self);
      self->events->frame (self, &frame, self->user_data);
      if (!self->ended && get_coarse_time () > self->give_until_us) {
        if (ipc_frame_reader_has_more (&self->reader))
          ipc_poller_start_timer (self->poller, &self->rest, 0, nested_cb, self);
        return FALSE;
      }
      break;
    case IPC_FRAME_READER_NEED_MORE:
      return TRUE;
    case IPC_FRAME_READER_VIOLATION:
      end (self, violation);
      return FALSE;
    default:
      g_assert_not_reached ();
    }
  }

  return FALSE;
}

static gboolean
give_frames (IpcConnection *self)
{
  gboolean go_on = give_complete (self);

  if (self->nested.queued) /* if not, the poller may be gone with us */
    ipc_poller_cancel_defer (self->poller, &self->nested);

  return go_on;
}

/* One read. Returns FALSE when there is nothing more to read now. *@filled: it took all the room, so there may be. */
static gboolean
read_once (IpcConnection *self, gboolean *filled)
{
  gsize space;
  guint8 *room = ipc_frame_reader_prepare (&self->reader, &space);
  gssize n;

  do
    n = recv (self->fd, room, space, MSG_DONTWAIT);
  while (n == -1 && errno == EINTR); /* who reads the rest must get all of it */

  if (n > 0) {
    ipc_frame_reader_commit (&self->reader, n);
    *filled = (gsize) n == space;
    return give_frames (self);
  }

  if (n == 0 || errno != EAGAIN)
    end (self, NULL);

  return FALSE;
}

static void
read_frames (IpcConnection *self)
{
  g_ref_count_inc (&self->ref_count);

  self->give_until_us = get_coarse_time () + GIVE_TIME_US;
  if (give_frames (self)) {
    gboolean filled = TRUE;

    for (int i = 0; i < READS_PER_TURN && filled && read_once (self, &filled); i++)
      continue;
  }

  if (!self->ended)
    ipc_frame_reader_trim (&self->reader);
  connection_unref (self);
}

static void
nested_cb (gpointer user_data)
{
  IpcConnection *self = user_data;

  if (!self->ended && !self->paused)
    read_frames (self);
}

static void
connection_cb (guint32 events, gpointer user_data)
{
  IpcConnection *self = user_data;

  g_ref_count_inc (&self->ref_count);
  if (self->blocked && (events & (EPOLLOUT | EPOLLHUP | EPOLLERR)))
    ipc_connection_flush (self);
  if (!self->ended && !self->paused)
    read_frames (self);
  else if (self->paused && (events & (EPOLLHUP | EPOLLERR)) && self->events->hang_up_ends)
    end (self, NULL); /* otherwise its descriptor would stay until the handler answers, perhaps for ever */
  connection_unref (self);
}

static void
resume_cb (gpointer user_data)
{
  IpcConnection *self = user_data;

  if (update_watch (self))
    read_frames (self);
  else
    end (self, NULL); /* without the watch it would be silent for ever */
}

/* A paused connection gives out no frames; what has been read is kept. */
void
ipc_connection_set_paused (IpcConnection *self, gboolean paused)
{
  if (self->paused == paused)
    return;

  self->paused = paused;
  if (!update_watch (self) || !paused)
    ipc_poller_defer (self->poller, &self->resume, resume_cb, self);
}

/**
 * ipc_connection_read_rest:
 *
 * Reads everything that the kernel holds for us now and gives it out, because the owner is about to leave.
 *
 * Returns: whether the connection is still usable
 */
gboolean
ipc_connection_read_rest (IpcConnection *self)
{
  gboolean usable;

  g_ref_count_inc (&self->ref_count);
  self->paused = FALSE;
  self->give_until_us = G_MAXINT64;
  if (give_frames (self)) {
    gboolean filled;

    /* To the end: a read that is short is no sign of it when descriptors came with the bytes. */
    while (read_once (self, &filled))
      continue;
  }
  usable = !self->ended;
  connection_unref (self);

  return usable;
}

/* Whether the peer has closed, though its last bytes may not have been read yet. */
gboolean
ipc_connection_has_hung_up (IpcConnection *self)
{
  struct pollfd pfd = { .fd = self->fd, .events = POLLRDHUP };

  return poll (&pfd, 1, 0) == 1 && (pfd.revents & (POLLRDHUP | POLLHUP | POLLERR)) != 0;
}

/* Answers a PING. */
void
ipc_connection_pong (IpcConnection *self, const IpcFrame *ping)
{
  IpcFrameHeader header = { .type = IPC_FRAME_PONG, .sequence = ping->header.sequence };

  ipc_connection_queue (self, &header, NULL);
}

/* The payload of the frame that is being given out, to keep. */
GBytes *
ipc_connection_take_payload (IpcConnection *self, const IpcFrame *frame)
{
  return ipc_frame_reader_take_payload (&self->reader, frame);
}

/* As the kernel recorded them when the peer connected, or began to listen. */
const struct ucred *
ipc_connection_get_credentials (IpcConnection *self)
{
  return &self->credentials;
}
