/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-master.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "ipc-connection.h"
#include "ipc-kill-point.h"
#include "ipc-peer-private.h"
#include "ipc-sabotage.h"
#include "ipc-senders.h"

/*
 * The side that serves, in one epoch: made when the epoch is claimed, freed when it is over, and every connection with
 * it.
 *
 * A Guest is a connection: first without a name, until its HELLO has been judged; then it belongs to an IpcSender,
 * which lives on when the connection ends: until the epoch is over, the sender says goodbye, or its process has ended.
 * Guests without a name are few, and not for long.
 *
 * Before each message: one load says whether we are still master. What a stop after that load lets slip, the ledger
 * catches: nothing is handed over or answered that could not be written there, and what is sealed cannot. Either way
 * the epoch is over, and everything of it is closed, unread input with it.
 *
 * Hand-over: stop reading; let handlers answer what was accepted; say GOODBYE with the newest number accepted, so that
 * the sender knows what was never begun; write everything; end the epoch.
 */

/* Connections that have not finished the handshake. A whole group arrives at once; a flood of silent ones is left in
 * the kernel's queue, and one process gets no more than its share. */
#define UNNAMED_MAX 512
#define UNNAMED_PER_PROCESS_MAX 64
/* How long a master that hands over waits for its handlers, and then for its clients to read. */
#define RESIGN_TIMEOUT_US (5 * G_TIME_SPAN_SECOND)
#define FLUSH_TIMEOUT_US (1 * G_TIME_SPAN_SECOND)

typedef struct {
  IpcMaster *master;         /* (unowned) */
  IpcConnection *connection; /* (owned) */
  IpcSender *sender;         /* (unowned) (nullable) once it has a name */
  IpcSenderKey key;          /* then */
  IpcTimer handshake;
  GList link;
} Guest;

struct _IpcMaster {
  IpcPoller *poller; /* (unowned) */
  guint64 epoch;
  IpcMasterConfig config;
  const IpcMasterEvents *events;
  gpointer user_data;

  GQueue unnamed;      /* (owned) of Guest */
  GQueue named;        /* (owned) of Guest */
  IpcLedger *ledger;   /* (owned) */
  IpcSenders *senders; /* (owned) */

  gboolean resigning;
  gboolean said_goodbye;
  IpcTimer resign;
  IpcDefer replace; /* the ledger is another master's */
};

static void
update_accepting (IpcMaster *self)
{
  self->events->set_accepting (self->unnamed.length < UNNAMED_MAX, self->user_data);
}

static void
guest_free (Guest *guest)
{
  IpcMaster *self = guest->master;

  ipc_poller_stop_timer (self->poller, &guest->handshake);
  g_queue_unlink (guest->sender != NULL ? &self->named : &self->unnamed, &guest->link);
  if (guest->sender != NULL)
    ipc_sender_disconnect (guest->sender);
  ipc_connection_free (guest->connection);
  g_free (guest);
}

static void continue_resigning (IpcMaster *self);

static void
guest_left (Guest *guest)
{
  IpcMaster *self = guest->master;

  guest_free (guest);
  update_accepting (self);
  continue_resigning (self);
}

static void
refuse (Guest *guest, IpcRefusal code, const char *text)
{
  IpcMaster *self = guest->master;
  const struct ucred *credentials = ipc_connection_get_credentials (guest->connection);

  g_info ("master of epoch %" G_GUINT64_FORMAT " refuses process %d of user %u: %s", self->epoch,
          (int) credentials->pid, (guint) credentials->uid, text);
  ipc_connection_refuse (guest->connection, code, text);
  guest_left (guest);
}

static void
say_goodbye_to (gpointer data, gpointer user_data)
{
  Guest *guest = data;
  IpcFrameHeader header = { .type = IPC_FRAME_GOODBYE, .sequence = ipc_sender_get_accepted (guest->sender) };

  ipc_connection_queue (guest->connection, &header, NULL);
  ipc_connection_flush (guest->connection);
  ipc_sender_disconnect (guest->sender); /* that was the last word: an answer that comes now is not sent */
}

/* Whether nothing is left to wait for in this stage of the hand-over. */
static gboolean
stage_is_over (IpcMaster *self)
{
  if (self->said_goodbye) {
    for (GList *l = self->named.head; l != NULL; l = l->next) {
      if (ipc_connection_get_queued (((Guest *) l->data)->connection) > 0)
        return FALSE;
    }
    return TRUE;
  }

  return IPC_SABOTAGE (HANDOVER_DROPS_QUEUE) || !ipc_senders_is_any_unanswered (self->senders);
}

static void
stage_over_cb (gpointer user_data)
{
  IpcMaster *self = user_data;

  if (self->said_goodbye) {
    self->events->resigned (self->user_data);
    return;
  }

  self->said_goodbye = TRUE;
  ipc_poller_start_timer (self->poller, &self->resign, FLUSH_TIMEOUT_US, stage_over_cb, self);
  g_queue_foreach (&self->named, say_goodbye_to, NULL);
  IPC_KILL_POINT (GOODBYE_SAID);
  continue_resigning (self);
}

static void
continue_resigning (IpcMaster *self)
{
  /* Not at once: this may be called within a handler that has just answered. */
  if (self->resigning && stage_is_over (self))
    ipc_poller_start_timer (self->poller, &self->resign, 0, stage_over_cb, self);
}

static void
sender_answered (gpointer user_data)
{
  continue_resigning (user_data);
}

static void
replaced_cb (gpointer user_data)
{
  IpcMaster *self = user_data;

  self->events->replaced (self->user_data);
}

/* Not at once: this may be called within a handler. */
static void
sender_sealed (gpointer user_data)
{
  IpcMaster *self = user_data;

  ipc_poller_defer (self->poller, &self->replace, replaced_cb, self);
}

static const IpcSenderEvents sender_events = {
  .answered = sender_answered,
  .sealed = sender_sealed,
};

/* The sender of a guest that has just got its name. */
static IpcSender *
obtain_sender (Guest *guest, guint32 response_size_max)
{
  IpcMaster *self = guest->master;
  IpcSender *sender = ipc_senders_find (self->senders, &guest->key);
  IpcSenderConfig config = {
    .mailbox = ipc_poller_get_mailbox (self->poller),
    .response_size_max = MIN (response_size_max, self->config.max_message_size),
    .max_deliveries = self->config.max_deliveries,
  };
  g_autoptr (IpcPeer) peer = NULL;

  if (sender != NULL)
    return sender;

  peer = ipc_peer_new (guest->key.node_id, ipc_connection_get_credentials (guest->connection), self->epoch);
  return ipc_senders_add (self->senders, &guest->key, &config, peer, &sender_events, self);
}

/* @all_known: whether the ledger knows of all that the sender may send again. */
static void
welcome (Guest *guest, guint32 response_size_max, gboolean all_known)
{
  IpcMaster *self = guest->master;
  IpcFrameHeader header = { .type = IPC_FRAME_WELCOME, .length = IPC_WIRE_WELCOME_SIZE, .number = self->epoch };
  IpcWelcome answer = { IPC_WIRE_VERSION, ipc_ledger_get_window (self->ledger), IPC_WINDOW_BYTES,
                        self->config.max_message_size, { 0 } };
  guint8 payload[IPC_WIRE_WELCOME_SIZE];

  guest->sender = obtain_sender (guest, response_size_max);
  ipc_poller_stop_timer (self->poller, &guest->handshake);
  g_queue_unlink (&self->unnamed, &guest->link);
  g_queue_push_tail_link (&self->named, &guest->link);
  ipc_sender_connect (guest->sender, guest->connection, answer.window_messages, all_known);

  memcpy (answer.node_id, self->config.node_id, IPC_NODE_ID_SIZE);
  ipc_wire_put_welcome (payload, &answer);
  ipc_connection_queue (guest->connection, &header, payload);
  update_accepting (self);
}

static Guest *
find_guest (IpcMaster *self, IpcSender *sender)
{
  for (GList *l = self->named.head; l != NULL; l = l->next) {
    Guest *guest = l->data;

    if (guest->sender == sender)
      return guest;
  }

  return NULL;
}

/* Whether the sender has another connection that is alive. One that its end has merely not been read of is closed
 * here. */
static gboolean
is_busy (IpcMaster *self, const IpcSenderKey *key)
{
  IpcSender *sender = ipc_senders_find (self->senders, key);

  if (sender == NULL || ipc_sender_get_connection (sender) == NULL)
    return FALSE;
  if (!ipc_connection_has_hung_up (ipc_sender_get_connection (sender)))
    return TRUE;

  guest_free (find_guest (self, sender));
  return FALSE;
}

static void
hello_received (Guest *guest, const IpcFrame *frame)
{
  IpcMaster *self = guest->master;
  const struct ucred *credentials = ipc_connection_get_credentials (guest->connection);
  IpcAdmission admission = { geteuid (), self->config.allow_other_users, self->epoch };
  IpcHello hello;
  IpcRefusal code = IPC_REFUSAL_PROTOCOL;
  const char *text = ipc_wire_get_hello (frame->payload, frame->header.length, &hello);

  if (text == NULL)
    code = ipc_handshake_judge (&hello, credentials->uid, &admission, &text);
  if (code == IPC_REFUSAL_STALE && !self->events->is_master (self->user_data)) {
    self->events->replaced (self->user_data);
    return;
  }
  if (code != 0) {
    refuse (guest, code, text);
    return;
  }

  ipc_sender_key_init (&guest->key, hello.node_id, credentials->pid, credentials->uid);
  if (is_busy (self, &guest->key))
    refuse (guest, IPC_REFUSAL_BUSY, "this node has a connection already");
  else if (ipc_senders_has_too_many (self->senders, &guest->key))
    refuse (guest, IPC_REFUSAL_TOO_MANY, "too many nodes of one process");
  else
    welcome (guest, hello.max_message_size,
             ipc_ledger_knows (self->ledger, frame->header.number, hello.newest_epoch));
}

static void
handle (IpcMaster *self, IpcMessage *message)
{
  IPC_KILL_POINT (HANDLER_BEGUN);
  self->events->handle (message, self->user_data); /* guest and master may be gone after this */
  ipc_message_handler_returned (message);
  IPC_KILL_POINT (HANDLER_RETURNED);
  ipc_message_unref (message);
}

static void
message_received (Guest *guest, const IpcFrame *frame)
{
  IpcMaster *self = guest->master;
  IpcMessage *message;
  const char *violation;

  IPC_KILL_POINT (MESSAGE_READ);
  if (!self->events->is_master (self->user_data) && !IPC_SABOTAGE (CONNECTION_SURVIVES)) {
    self->events->replaced (self->user_data);
    return;
  }
  IPC_KILL_POINT (SELF_CHECKED);

  switch (ipc_sender_receive (guest->sender, frame, &message, &violation)) {
  case IPC_SENDER_HANDLE:
    handle (self, message);
    break;
  case IPC_SENDER_DONE:
    break;
  case IPC_SENDER_VIOLATION:
    refuse (guest, IPC_REFUSAL_PROTOCOL, violation);
    break;
  case IPC_SENDER_NO_ROOM:
    ipc_senders_make_room (self->senders);
    refuse (guest, IPC_REFUSAL_TOO_MANY, "the group's ledger has no room for this message at the moment");
    break;
  case IPC_SENDER_SEALED:
    self->events->replaced (self->user_data);
    break;
  default:
    g_assert_not_reached ();
  }
}

static void
goodbye_received (Guest *guest)
{
  IpcMaster *self = guest->master;
  IpcSenderKey key = guest->key;

  guest_left (guest);
  ipc_senders_forget (self->senders, &key);
  continue_resigning (self);
}

static void
guest_frame (IpcConnection *connection, const IpcFrame *frame, gpointer user_data)
{
  Guest *guest = user_data;
  const char *violation = NULL;

  switch ((IpcFrameType) frame->header.type) {
  case IPC_FRAME_HELLO:
    hello_received (guest, frame);
    break;
  case IPC_FRAME_MESSAGE:
    message_received (guest, frame);
    break;
  case IPC_FRAME_ACK:
    violation = ipc_sender_acknowledge (guest->sender, frame->header.number);
    break;
  case IPC_FRAME_PING:
    ipc_connection_pong (connection, frame);
    ipc_sender_update_flow (guest->sender); /* who does not read PONGs is not read from */
    break;
  case IPC_FRAME_PONG:
    break;
  case IPC_FRAME_GOODBYE:
    goodbye_received (guest);
    break;
  case IPC_FRAME_REFUSED:
    guest_left (guest);
    break;
  case IPC_FRAME_WELCOME:
  case IPC_FRAME_RESPONSE:
  case IPC_FRAME_FAILURE:
  default:
    g_assert_not_reached (); /* the frame reader lets none of these through from a client */
  }

  if (violation != NULL)
    refuse (guest, IPC_REFUSAL_PROTOCOL, violation);
}

static void
guest_ended (IpcConnection *connection, const char *violation, gpointer user_data)
{
  Guest *guest = user_data;
  IpcMaster *self = guest->master;

  if (violation != NULL)
    g_info ("master of epoch %" G_GUINT64_FORMAT " closes the connection of process %d: %s", self->epoch,
            (int) ipc_connection_get_credentials (connection)->pid, violation);

  guest_left (guest);
}

static void
guest_drained (IpcConnection *connection, gpointer user_data)
{
  Guest *guest = user_data;

  if (guest->sender != NULL)
    ipc_sender_update_flow (guest->sender);
  continue_resigning (guest->master);
}

static const IpcConnectionEvents guest_events = {
  .frame = guest_frame,
  .drained = guest_drained,
  .ended = guest_ended,
  .hang_up_ends = TRUE,
};

static void
handshake_timeout_cb (gpointer user_data)
{
  refuse (user_data, IPC_REFUSAL_TIMEOUT, "the handshake was not finished in time");
}

static guint
count_unnamed_of (IpcMaster *self, pid_t pid)
{
  guint n = 0;

  for (GList *l = self->unnamed.head; l != NULL; l = l->next)
    n += ipc_connection_get_credentials (((Guest *) l->data)->connection)->pid == pid;

  return n;
}

/**
 * ipc_master_accept:
 * @fd: (transfer full): a connection that has just been made
 */
void
ipc_master_accept (IpcMaster *self, int fd)
{
  Guest *guest = g_new0 (Guest, 1);

  guest->master = self;
  guest->link.data = guest;
  guest->connection = ipc_connection_new (self->poller, fd, IPC_SIDE_CLIENT, self->config.max_message_size,
                                          &guest_events, guest);
  if (guest->connection == NULL) {
    g_info ("master: cannot take a connection: %s", g_strerror (errno));
    g_free (guest);
    return;
  }

  g_queue_push_tail_link (&self->unnamed, &guest->link);
  if (!IPC_SABOTAGE (NO_HANDSHAKE_DEADLINE))
    ipc_poller_start_timer (self->poller, &guest->handshake, self->config.handshake_timeout_ms * (gint64) 1000,
                            handshake_timeout_cb, guest);

  if (self->resigning)
    refuse (guest, IPC_REFUSAL_CLOSING, "the master is handing over");
  else if (count_unnamed_of (self, ipc_connection_get_credentials (guest->connection)->pid) > UNNAMED_PER_PROCESS_MAX)
    refuse (guest, IPC_REFUSAL_TOO_MANY, "too many unfinished handshakes of one process");
  else
    update_accepting (self);
}

/**
 * ipc_master_new:
 * @ledger: (transfer full): opened in this epoch
 * @epoch: ours, from now on
 *
 * Returns: (transfer full): a master without connections
 */
IpcMaster *
ipc_master_new (IpcPoller *poller, IpcLedger *ledger, guint64 epoch, const IpcMasterConfig *config,
                const IpcMasterEvents *events, gpointer user_data)
{
  IpcMaster *self = g_new0 (IpcMaster, 1);

  self->poller = poller;
  self->epoch = epoch;
  self->config = *config;
  self->events = events;
  self->user_data = user_data;
  self->ledger = ledger;
  self->senders = ipc_senders_new (ledger);

  return self;
}

#ifdef IPC_SABOTAGES
static void
read_rest (gpointer data, gpointer user_data)
{
  ipc_connection_read_rest (((Guest *) data)->connection);
}
#else
#define read_rest NULL
#endif

/* The epoch is over: closes every connection. */
void
ipc_master_free (IpcMaster *self)
{
  if (IPC_SABOTAGE (CONNECTION_SURVIVES))
    g_queue_foreach (&self->named, read_rest, NULL);
  ipc_poller_stop_timer (self->poller, &self->resign);
  while (!g_queue_is_empty (&self->unnamed))
    guest_free (g_queue_peek_head (&self->unnamed));
  while (!g_queue_is_empty (&self->named))
    guest_free (g_queue_peek_head (&self->named));
  ipc_poller_cancel_defer (self->poller, &self->replace);
  ipc_senders_free (self->senders);
  ipc_ledger_free (self->ledger);
  g_free (self);
}

/**
 * ipc_master_resign:
 *
 * Begins to hand over; resigned() is called when it is done, after at most RESIGN_TIMEOUT_US and FLUSH_TIMEOUT_US.
 */
void
ipc_master_resign (IpcMaster *self)
{
  IPC_KILL_POINT (RESIGN_BEGUN);
  self->resigning = TRUE;
  update_accepting (self);
  for (GList *l = self->named.head; l != NULL; l = l->next)
    ipc_sender_stop_reading (((Guest *) l->data)->sender);
  while (!g_queue_is_empty (&self->unnamed))
    refuse (g_queue_peek_head (&self->unnamed), IPC_REFUSAL_CLOSING, "the master is handing over");

  ipc_poller_start_timer (self->poller, &self->resign, RESIGN_TIMEOUT_US, stage_over_cb, self);
  continue_resigning (self);
}
