/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-link.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ipc-error.h"
#include "ipc-peer-private.h"
#include "ipc-sabotage.h"

/*
 * The connection to whoever is master: found, kept, replaced.
 *
 *                    socket published, or time to look again
 *      searching  ------------------------------------------->  attempt (HELLO sent)
 *          ^                                                        |
 *          |  end of stream                                         |  WELCOME, epoch not older than any seen
 *          +-----------------------------  up  <--------------------+
 *
 * There may be an attempt while the link is up: a new socket has been published, and its master may be newer. Then the
 * old connection is read to its end and left. So the state is nothing but which of the two connections there are, and
 * whether the link is napping (below).
 *
 * A new master is found by the directory's events. A slow timer stands behind them, and a quicker one in their place
 * when the user has no inotify instance left; both run only while there is no master.
 *
 * The death of a master wakes up every node of its group at once, and the publication of the next one does so again. If
 * all of them went to work, the successor would have to wait for its turn on the processor: with 300 nodes on two cores
 * for tens of milliseconds. So a node that has nothing to send takes a nap when it hears of either: for a moment it
 * listens neither to its connection nor to the directory. Who has something to send goes first.
 *
 * The vigil asks by the link whether the master is alive: ask() by a PING, knock() by another HELLO. What the link
 * keeps for it is whether anything came (heard), and whether somebody listens and does not answer (ignored). Who had no
 * descriptor or no memory to ask with (helpless) has not asked, and knows nothing of the master. A socket that was not
 * there before counts as heard: what has not been answered was asked of somebody else.
 */

/* Events can be lost (overflow, a directory that was deleted and made again): look again by ourselves. */
#define LOOK_MIN_MS 1000
#define LOOK_MAX_MS 2000
/* The backlog is full, the master was about to die, or it asked us to come again: soon, but not all in step, and each
 * time in a row after twice as long. */
#define RETRY_MIN_MS 1
#define RETRY_MAX_MS 4
/* Nothing to send: let the others go first. Longer than a fail-over takes, spread out for a few hundred of them, and
 * too short to notice. */
#define NAP_MIN_MS 5
#define NAP_MAX_MS 30

struct _IpcLink {
  IpcPoller *poller; /* (unowned) */
  IpcGroupDir *dir;  /* (unowned) */
  IpcLinkConfig config;
  const IpcLinkEvents *events;
  gpointer user_data;

  gboolean running;
  IpcConnection *attempt; /* (owned) (nullable) HELLO sent, no WELCOME yet */
  IpcFileId attempt_id;   /* then: of the socket */
  IpcTimer handshake;     /* of the attempt */
  IpcConnection *current; /* (owned) (nullable) up */
  IpcFileId current_id;   /* then: of the socket */
  IpcPeer *master;        /* (owned) (nullable) while up */
  IpcTimer look;
  gboolean napping;       /* the timer runs only to let others go first */
  gboolean over;          /* the present connection has ended; it is dropped after the nap */
  gboolean heard;         /* anything at all from a master, or another socket, since somebody last wanted to know */
  gboolean ignored;       /* the last attempt found somebody who listens, and has not been answered */
  gboolean helpless;      /* the last attempt was not made, for want of something of our own */
  guint n_retries;        /* since a master last answered or went, or a socket was published */
  guint64 newest_epoch;
};

static void connect_now (IpcLink *self);
static void wake_up (IpcLink *self);

static void
look_cb (gpointer user_data)
{
  IpcLink *self = user_data;
  g_autoptr (GError) error = NULL;

  /* What the directory has to tell was the reason for the nap, and not for another one. */
  if (self->napping)
    ipc_group_dir_take_events (self->dir);
  if (!ipc_group_dir_is_current (self->dir) && !ipc_group_dir_reopen (self->dir, &error))
    self->events->failed (error, self->user_data);

  wake_up (self); /* not before: reopening has told us to look, which may have begun a nap */
  connect_now (self);
}

static void
look_after (IpcLink *self, int min_ms, int max_ms)
{
  ipc_poller_start_timer (self->poller, &self->look, g_random_int_range (min_ms, max_ms) * G_TIME_SPAN_MILLISECOND,
                          look_cb, self);
}

static void
retry_soon (IpcLink *self)
{
  int factor = 1 << MIN (self->n_retries++, 10);

  look_after (self, MIN (RETRY_MIN_MS * factor, LOOK_MIN_MS), MIN (RETRY_MAX_MS * factor, LOOK_MAX_MS));
}

static void
look_later (IpcLink *self)
{
  if (self->current != NULL)
    return;

  /* Nothing tells when a directory that has gone is made again. */
  if (ipc_group_dir_is_current (self->dir) && ipc_group_dir_try_watch (self->dir))
    look_after (self, LOOK_MIN_MS, LOOK_MAX_MS);
  else
    retry_soon (self);
}

static void
drop_attempt (IpcLink *self)
{
  ipc_poller_stop_timer (self->poller, &self->handshake);
  g_clear_pointer (&self->attempt, ipc_connection_free);
}

static void
nap (IpcLink *self)
{
  if (self->napping)
    return;

  drop_attempt (self); /* the end of the nap begins another */
  self->napping = TRUE;
  ipc_group_dir_set_paused (self->dir, TRUE);
  if (self->current != NULL)
    ipc_connection_set_paused (self->current, TRUE);
  look_after (self, NAP_MIN_MS, NAP_MAX_MS);
}

static void
connect_soon (IpcLink *self)
{
  if (self->events->is_urgent (self->user_data))
    connect_now (self);
  else
    nap (self);
}

/* The connection is over, and everything that came on it has been given out. */
static void
drop_current (IpcLink *self)
{
  g_clear_pointer (&self->current, ipc_connection_free);
  g_clear_pointer (&self->master, ipc_peer_unref);
  self->over = FALSE;
  self->n_retries = 0;
  self->events->down (self->user_data);
}

/* The end of a nap: what was put off is done now. */
static void
wake_up (IpcLink *self)
{
  if (!self->napping)
    return;

  self->napping = FALSE;
  ipc_group_dir_set_paused (self->dir, FALSE);
  if (self->over)
    drop_current (self);
  else if (self->current != NULL)
    ipc_connection_set_paused (self->current, FALSE);
}

static void
report_refusal (IpcLink *self, const IpcFrame *frame)
{
  g_autofree char *text = g_utf8_make_valid ((const char *) frame->payload, frame->header.length);
  g_autoptr (GError) error = g_error_new (IPC_ERROR, IPC_ERROR_REFUSED, "the master refused this node: %s", text);

  self->events->failed (error, self->user_data);
}

static void
report_violation (IpcLink *self, const char *violation)
{
  g_autoptr (GError) error = g_error_new (IPC_ERROR, IPC_ERROR_PROTOCOL, "the master broke the protocol: %s",
                                          violation);

  g_info ("%s", error->message);
  self->events->failed (error, self->user_data);
}

/* What to do after an attempt was refused depends on why. */
static void
attempt_refused (IpcLink *self, const IpcFrame *frame)
{
  drop_attempt (self);

  switch ((IpcRefusal) frame->header.number) {
  case IPC_REFUSAL_BUSY:
    if (self->current != NULL)
      break; /* the master we have has merely published itself again */
    G_GNUC_FALLTHROUGH;
  case IPC_REFUSAL_TOO_MANY:
  case IPC_REFUSAL_TIMEOUT:
    retry_soon (self);
    break;
  case IPC_REFUSAL_STALE:
  case IPC_REFUSAL_CLOSING:
    look_later (self);
    break;
  case IPC_REFUSAL_PROTOCOL:
  case IPC_REFUSAL_VERSION:
  case IPC_REFUSAL_NOT_ALLOWED:
  default: /* a code of a newer version */
    look_later (self);
    report_refusal (self, frame);
    break;
  }
}

static void
end_attempt (IpcLink *self, const char *violation)
{
  ipc_connection_refuse (self->attempt, IPC_REFUSAL_PROTOCOL, violation);
  drop_attempt (self);
  look_later (self);
  report_violation (self, violation);
}

/* Reads what is left on the old connection, then leaves it for good. */
static void
leave_current (IpcLink *self)
{
  if (self->current == NULL)
    return;

  ipc_connection_read_rest (self->current);
  wake_up (self);
  if (self->current != NULL)
    drop_current (self);
}

static void
attempt_welcomed (IpcLink *self, const IpcFrame *frame)
{
  IpcConnection *connection = self->attempt;
  IpcWelcome welcome;
  const char *violation = ipc_wire_get_welcome (frame->payload, frame->header.length, &welcome);
  guint64 epoch = frame->header.number;

  if (violation == NULL && epoch > IPC_EPOCH_MAX)
    violation = "an epoch has at most 48 bits";
  if (violation != NULL) {
    end_attempt (self, violation);
    return;
  }
  if ((epoch < self->newest_epoch && !IPC_SABOTAGE (IGNORE_EPOCHS))
      || (self->current != NULL && epoch == self->newest_epoch)) {
    g_debug ("link: a master of epoch %" G_GUINT64_FORMAT " welcomes us, but we have seen %" G_GUINT64_FORMAT, epoch,
             self->newest_epoch);
    drop_attempt (self);
    look_later (self);
    return;
  }

  leave_current (self);
  g_assert (!self->napping); /* a nap drops the attempt */
  ipc_poller_stop_timer (self->poller, &self->handshake);
  ipc_poller_stop_timer (self->poller, &self->look);
  self->attempt = NULL;
  self->current = connection;
  self->current_id = self->attempt_id;
  self->newest_epoch = epoch;
  self->master = ipc_peer_new (welcome.node_id, ipc_connection_get_credentials (connection), epoch);
  self->events->up (&welcome, self->user_data);
}

static void
current_ended (IpcLink *self, const char *violation)
{
  if (violation == NULL && self->attempt == NULL && !self->events->is_urgent (self->user_data)) {
    self->over = TRUE;
    nap (self);
    return;
  }

  drop_current (self);
  if (violation != NULL) {
    look_later (self);
    report_violation (self, violation);
  } else if (self->attempt == NULL) {
    connect_now (self);
  }
}

/* After WELCOME, because of something that we sent: what we send again on the next connection may have the same end, so
 * the delays go on growing until something is answered. */
static void
current_refused (IpcLink *self, const IpcFrame *frame)
{
  guint n_retries = self->n_retries;

  drop_current (self);
  self->n_retries = n_retries;
  if (frame->header.number == IPC_REFUSAL_TOO_MANY)
    retry_soon (self);
  else
    look_later (self);
  report_refusal (self, frame);
}

static void
current_frame (IpcLink *self, const IpcFrame *frame)
{
  const char *violation = NULL;

  if (frame->header.type == IPC_FRAME_PING) {
    if (ipc_connection_get_queued (self->current) < IPC_CONNECTION_WRITE_HIGH) /* who does not read is not answered */
      ipc_connection_pong (self->current, frame);
  } else if (frame->header.type == IPC_FRAME_REFUSED) {
    current_refused (self, frame);
  } else if (frame->header.type != IPC_FRAME_PONG) {
    self->n_retries = 0;
    violation = self->events->frame (frame, self->user_data);
  }

  if (violation != NULL) {
    ipc_connection_refuse (self->current, IPC_REFUSAL_PROTOCOL, violation);
    current_ended (self, violation);
  }
}

static void
connection_frame (IpcConnection *connection, const IpcFrame *frame, gpointer user_data)
{
  IpcLink *self = user_data;

  self->heard = TRUE;
  self->ignored = FALSE;
  if (connection == self->current)
    current_frame (self, frame);
  else if (frame->header.type == IPC_FRAME_WELCOME)
    attempt_welcomed (self, frame);
  else
    attempt_refused (self, frame); /* the only other frame that a master may send now */
}

static void
connection_ended (IpcConnection *connection, const char *violation, gpointer user_data)
{
  IpcLink *self = user_data;

  self->heard = TRUE; /* whoever comes next shall have all the time that there is */
  self->ignored = FALSE;
  if (connection == self->current) {
    current_ended (self, violation);
    return;
  }

  drop_attempt (self);
  if (violation != NULL) {
    look_later (self);
    report_violation (self, violation);
  } else {
    retry_soon (self); /* it died as we came */
  }
}

static void
connection_drained (IpcConnection *connection, gpointer user_data)
{
  IpcLink *self = user_data;

  if (connection == self->current)
    self->events->drained (self->user_data);
}

static const IpcConnectionEvents connection_events = {
  .frame = connection_frame,
  .drained = connection_drained,
  .ended = connection_ended,
};

static void
handshake_timeout_cb (gpointer user_data)
{
  IpcLink *self = user_data;

  g_debug ("link: no WELCOME within %u ms", self->config.handshake_timeout_ms);
  drop_attempt (self);
  look_after (self, LOOK_MIN_MS, LOOK_MAX_MS); /* also when there is a master: this may have been a newer one */
}

static gboolean
is_other_user (IpcLink *self)
{
  uid_t uid = ipc_connection_get_credentials (self->attempt)->uid;
  g_autoptr (GError) error = NULL;

  if (uid == geteuid () || self->config.allow_other_users)
    return FALSE;

  g_set_error (&error, IPC_ERROR, IPC_ERROR_REFUSED, "the socket belongs to a process of user %u, which is not allowed",
               (guint) uid);
  self->events->failed (error, self->user_data);
  return TRUE;
}

static void
say_hello (IpcLink *self)
{
  IpcFrameHeader header = {
    .type = IPC_FRAME_HELLO,
    .length = IPC_WIRE_HELLO_SIZE,
    .number = self->events->get_oldest_epoch (self->user_data),
  };
  IpcHello hello = self->config.hello;
  guint8 payload[IPC_WIRE_HELLO_SIZE];

  self->ignored = TRUE;
  self->helpless = FALSE;
  hello.newest_epoch = self->newest_epoch;
  ipc_wire_put_hello (payload, &hello);
  ipc_connection_queue (self->attempt, &header, payload);
  ipc_connection_flush (self->attempt); /* at once: somebody may be waiting for the answer to a message */
  ipc_poller_start_timer (self->poller, &self->handshake, self->config.handshake_timeout_ms * (gint64) 1000,
                          handshake_timeout_cb, self);
}

/* Whether that was for want of something that this process needs, whatever the master does. */
static gboolean
is_own_want (int saved_errno)
{
  return saved_errno == EMFILE || saved_errno == ENFILE || saved_errno == ENOBUFS || saved_errno == ENOMEM
         || saved_errno == ENOSPC || saved_errno == EINTR;
}

static void
connect_failed (IpcLink *self, int saved_errno)
{
  g_autoptr (GError) error = NULL;

  self->ignored = saved_errno == EAGAIN;
  self->helpless = is_own_want (saved_errno);
  if (saved_errno == EAGAIN) {
    retry_soon (self); /* the backlog is full */
    return;
  }

  look_later (self);
  if (saved_errno != ENOENT && saved_errno != ECONNREFUSED) { /* otherwise merely nobody listens */
    ipc_group_dir_set_error (self->dir, "socket", "cannot connect", saved_errno, &error);
    self->events->failed (error, self->user_data);
  }
}

static gboolean
is_published (IpcLink *self)
{
  IpcFileId id;

  return ipc_group_dir_identify (self->dir, "socket", &id);
}

/* Whether the socket that is published now is the one that we have a connection to, or are making one. */
static gboolean
knows_socket (IpcLink *self)
{
  const IpcFileId *known = self->attempt != NULL ? &self->attempt_id : &self->current_id;
  IpcFileId now;

  if (self->attempt == NULL && (self->current == NULL || self->over))
    return FALSE;

  return ipc_group_dir_identify (self->dir, "socket", &now) && ipc_file_id_equal (&now, known);
}

/* Tries the socket that is published now; an attempt that is under way is given up for it. */
static void
connect_now (IpcLink *self)
{
  g_autofree char *path = ipc_group_dir_reach (self->dir, "socket");
  IpcFileId before = self->attempt_id;

  drop_attempt (self);
  ipc_poller_stop_timer (self->poller, &self->look);

  /* Before: what comes later can only be newer. */
  if (ipc_group_dir_identify (self->dir, "socket", &self->attempt_id)
      && !ipc_file_id_equal (&before, &self->attempt_id))
    self->heard = TRUE;
  self->attempt = ipc_connection_open (self->poller, path, self->config.hello.max_message_size, &connection_events,
                                       self);
  if (self->attempt == NULL) {
    connect_failed (self, errno);
  } else if (is_other_user (self)) {
    drop_attempt (self);
    look_later (self);
  } else {
    say_hello (self);
  }
}

IpcLink *
ipc_link_new (IpcPoller *poller, IpcGroupDir *dir, const IpcLinkConfig *config, const IpcLinkEvents *events,
              gpointer user_data)
{
  IpcLink *self = g_new0 (IpcLink, 1);

  self->poller = poller;
  self->dir = dir;
  self->config = *config;
  self->events = events;
  self->user_data = user_data;

  return self;
}

/* To be stopped before. */
void
ipc_link_free (IpcLink *self)
{
  g_assert (!self->running);

  g_free (self);
}

void
ipc_link_start (IpcLink *self)
{
  self->running = TRUE;
  connect_now (self);
}

/* Says goodbye, as far as that can be done without waiting. */
void
ipc_link_stop (IpcLink *self)
{
  IpcFrameHeader header = { .type = IPC_FRAME_GOODBYE };

  self->running = FALSE;
  wake_up (self);
  ipc_poller_stop_timer (self->poller, &self->look);
  drop_attempt (self);
  if (self->current != NULL) {
    ipc_connection_queue (self->current, &header, NULL);
    ipc_connection_flush (self->current);
    drop_current (self);
  }
}

/* Another socket may have been published. One event often comes after we have found it by ourselves. */
void
ipc_link_look (IpcLink *self)
{
  self->n_retries = 0;
  if (self->running && !knows_socket (self))
    connect_soon (self);
}

/* A master has been asked and has not answered. It may have been replaced, and who has no directory events, and still
 * its connection, would never hear of that. */
void
ipc_link_look_past (IpcLink *self)
{
  gboolean has_asked = self->current != NULL || self->attempt != NULL;

  if (self->running && !self->napping && has_asked && is_published (self) && !knows_socket (self))
    connect_now (self);
}

/* Something is to be sent: no time for a nap. */
void
ipc_link_hurry (IpcLink *self)
{
  if (!self->running || !self->napping)
    return;

  wake_up (self);
  connect_now (self);
}

/* Asks the master for a sign of life. Whatever comes is one. Who is not connected tries to be, now: to wait for the
 * next time to look would be to ask nothing, and so to hear nothing. */
void
ipc_link_ask (IpcLink *self)
{
  IpcFrameHeader header = { .type = IPC_FRAME_PING };

  self->heard = FALSE;
  if (ipc_link_is_up (self) && ipc_connection_get_queued (self->current) < IPC_CONNECTION_WRITE_HIGH)
    ipc_connection_queue (self->current, &header, NULL);
  else if (self->running && self->current == NULL && self->attempt == NULL && !self->napping)
    connect_now (self);
}

/* The same, on another connection: a master that has enough of our messages reads no further on this one. It refuses a
 * second one of the same node, and that is an answer. */
void
ipc_link_knock (IpcLink *self)
{
  if (self->attempt == NULL && ipc_link_is_up (self))
    connect_now (self);
}

/* Whether there is anybody who could have answered. */
gboolean
ipc_link_has_asked (IpcLink *self)
{
  return self->current != NULL || self->ignored;
}

/* Whether anything came since this was last called. While napping we do not know; and who could not even ask is the
 * last to call the master silent. */
gboolean
ipc_link_take_heard (IpcLink *self)
{
  gboolean heard = (self->heard || self->napping || self->helpless) && !IPC_SABOTAGE (DEAF_VIGIL);

  self->heard = FALSE;
  return heard;
}

/* Whether frames can be sent now. There may be a master known while this is not so: for the length of a nap. */
gboolean
ipc_link_is_up (IpcLink *self)
{
  return self->current != NULL && !self->napping;
}

/* The present master, as far as is known, or NULL. */
IpcPeer *
ipc_link_get_master (IpcLink *self)
{
  return self->master;
}

IpcConnection *
ipc_link_get_connection (IpcLink *self)
{
  return self->current;
}

/* There is a newer master than the one that we are connected to, if we are. */
void
ipc_link_saw_epoch (IpcLink *self, guint64 epoch)
{
  if (epoch <= self->newest_epoch)
    return;

  self->newest_epoch = epoch;
  wake_up (self);
  leave_current (self);
  if (self->running)
    connect_soon (self);
}

guint64
ipc_link_get_newest_epoch (IpcLink *self)
{
  return self->newest_epoch;
}
