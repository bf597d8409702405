/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-sender.h"

#include "ipc-error.h"
#include "ipc-inbox.h"
#include "ipc-kill-point.h"
#include "ipc-sabotage.h"

/*
 * One sender in one epoch: its inbox, its account in the ledger, the connection it has at the moment, and the way back
 * for answers. It outlives the connection, so that a message sent again after a reconnect is recognised; and its memory
 * outlives the epoch as long as a message is somewhere, so that a late answer goes nowhere instead of into freed
 * memory.
 *
 * The inbox decides in memory, the account remembers for the next master: each message is accepted in the account
 * before its handler runs, and answered there before the answer goes out. When the account turns out to be sealed,
 * another master has taken over, and nothing more is handed over or sent.
 *
 * Flow: while the sender has more bytes unanswered than it was granted, or does not read its answers, nothing is read
 * from it.
 */

/* Answers kept for a sender that reconnects within the epoch; above it they become "lost". */
#define ANSWER_BYTES_KEPT_MAX IPC_WINDOW_BYTES
/* A crash of the handler itself is put down to its message. What crashes later, between handlers, may be any message's
 * that waits for its answer: such a one is given up after so many times max_deliveries. */
#define DELIVERIES_OUTSIDE_FACTOR 10

struct _IpcSender {
  IpcMessageRoute route; /* first: this is what messages hold */
  IpcInbox inbox;
  IpcAccount *account;       /* (owned) (nullable) %NULL once the epoch is over */
  IpcConnection *connection; /* (unowned) (nullable) */
  gsize bytes_unanswered;
  guint max_deliveries;
  gboolean all_known; /* what it may send again is in the ledger, if a handler began on it */
  gboolean stopped;   /* nothing more is read: the master hands over */
  const IpcSenderEvents *events;
  gpointer user_data;
#ifdef IPC_SABOTAGES
  guint64 late_sequence; /* of an answer that has been sent and is not recorded */
  IpcFrameType late_type;
  GBytes *late_payload; /* (owned) (nullable) */
#endif
};

static void
send_answer (IpcSender *self, guint64 sequence, const IpcAnswer *answer)
{
  IpcFrameHeader header = {
    .length = g_bytes_get_size (answer->payload),
    .type = answer->type,
    .sequence = sequence,
    .number = answer->epoch,
  };

  IPC_KILL_POINT_AFTER (HALF_WRITTEN, ipc_connection_write_half (self->connection, &header, answer->payload));
  ipc_connection_queue_bytes (self->connection, &header, answer->payload);
  IPC_KILL_POINT_AFTER (WRITTEN, ipc_connection_flush (self->connection));
}

#ifdef IPC_SABOTAGES
static void
send_nothing (IpcSender *self, guint64 sequence)
{
  g_autoptr (GBytes) payload = g_bytes_new (NULL, 0);

  send_answer (self, sequence, &(IpcAnswer) { payload, self->route.epoch, IPC_FRAME_RESPONSE });
}
#else
#define send_nothing(self, sequence) (void) 0
#endif

/* For the next master. */
static IpcBookResult
record_answer (IpcSender *self, guint64 sequence, IpcFrameType type, GBytes *payload)
{
  gsize size;
  const guint8 *data = g_bytes_get_data (payload, &size);

  return ipc_account_answer (self->account, sequence, type == IPC_FRAME_FAILURE, data, size);
}

#ifdef IPC_SABOTAGES
static IpcBookResult
record_previous_answer (IpcSender *self, guint64 sequence, IpcFrameType type, GBytes *payload)
{
  g_autoptr (GBytes) previous = g_steal_pointer (&self->late_payload);
  IpcBookResult result =
      previous != NULL ? record_answer (self, self->late_sequence, self->late_type, previous) : IPC_BOOK_OK;

  self->late_sequence = sequence;
  self->late_type = type;
  self->late_payload = g_bytes_ref (payload);
  return result;
}
#else
#define record_previous_answer record_answer
#endif

static void
sender_answer (IpcMessageRoute *route, guint64 sequence, gsize message_size, IpcFrameType type, GBytes *payload)
{
  IpcSender *self = (IpcSender *) route;
  IpcAnswer answer = { payload, route->epoch, type };
  IpcBookResult result;

  if (self->account == NULL)
    return;
  result = IPC_SABOTAGE (LEDGER_LATE) ? record_previous_answer (self, sequence, type, payload)
                                      : record_answer (self, sequence, type, payload);
  if (result != IPC_BOOK_OK) {
    self->events->sealed (self->user_data);
    return;
  }
  IPC_KILL_POINT (ANSWERED);

  self->bytes_unanswered -= message_size;
  if (ipc_inbox_answer (&self->inbox, sequence, &answer) && self->connection != NULL)
    send_answer (self, sequence, &answer);
  ipc_sender_update_flow (self);
  self->events->answered (self->user_data);
}

static void
sender_returned (IpcMessageRoute *route, guint64 sequence)
{
  IpcSender *self = (IpcSender *) route;

  if (self->account != NULL && ipc_account_returned (self->account, sequence) != IPC_BOOK_OK)
    self->events->sealed (self->user_data);
}

static void
sender_free (IpcMessageRoute *route)
{
  IpcSender *self = (IpcSender *) route;

  ipc_inbox_clear (&self->inbox);
  g_free (self);
}

static GBytes *
new_lost_payload (guint32 response_size_max)
{
  g_autoptr (GError) error = g_error_new_literal (IPC_ERROR, IPC_ERROR_RESPONSE_LOST,
                                                  "the message was handled, but the connection was lost and the "
                                                  "response too large to be kept");

  return ipc_wire_new_failure (error, response_size_max);
}

/* What earlier masters wrote down of one message. */
static void
restore (IpcSender *self, guint64 sequence)
{
  IpcRecord record;
  IpcAnswer answer;

  ipc_account_get_record (self->account, sequence, &record);
  if (record.state == IPC_RECORD_BEGUN) {
    ipc_inbox_restore_begun (&self->inbox, sequence);
  } else if (record.state == IPC_RECORD_ANSWERED) {
    g_autoptr (GBytes) payload = record.lost ? NULL : g_bytes_new (record.data, record.size);

    answer = (IpcAnswer) { payload, MIN (record.epoch, self->route.epoch), record.failure ? IPC_FRAME_FAILURE
                                                                                          : IPC_FRAME_RESPONSE };
    ipc_inbox_restore_answer (&self->inbox, sequence, &answer);
  }
}

/**
 * ipc_sender_new:
 * @peer: the sender
 * @account: (transfer full): its account, with what earlier masters knew of it
 *
 * Returns: (transfer full): a sender without a connection
 */
IpcSender *
ipc_sender_new (const IpcSenderConfig *config, IpcPeer *peer, IpcAccount *account, const IpcSenderEvents *events,
                gpointer user_data)
{
  IpcSender *self = g_new0 (IpcSender, 1);
  g_autoptr (GBytes) lost_payload = new_lost_payload (config->response_size_max);
  guint64 acknowledged = ipc_account_get_acknowledged (account);
  guint64 accepted = ipc_account_get_accepted (account);

  ipc_message_route_init (&self->route, config->mailbox, peer, config->response_size_max);
  self->route.answer = sender_answer;
  self->route.returned = sender_returned;
  self->route.free = sender_free;
  self->account = account;
  self->max_deliveries = config->max_deliveries;
  self->events = events;
  self->user_data = user_data;

  ipc_inbox_init (&self->inbox, ANSWER_BYTES_KEPT_MAX, lost_payload);
  ipc_inbox_restore (&self->inbox, acknowledged, accepted);
  for (guint64 s = acknowledged + 1; s <= accepted; s++)
    restore (self, s);

  return self;
}

/* The master is done with the sender. Messages that are still somewhere keep its memory, and their answers go nowhere.
 * What the ledger knows stays. */
void
ipc_sender_free (IpcSender *self)
{
  self->connection = NULL;
  g_clear_pointer (&self->account, ipc_account_free);
  ipc_message_route_unref (&self->route);
}

/* The sender will never come back: the ledger may forget it. To be freed afterwards. */
void
ipc_sender_forget (IpcSender *self)
{
  if (ipc_account_close (self->account) != IPC_BOOK_OK)
    self->events->sealed (self->user_data);
}

/**
 * ipc_sender_connect:
 * @connection: (unowned): new, and used until it is taken away
 * @window: how many messages it may have in flight
 * @all_known: whether the ledger goes back to all that the sender may send again
 */
void
ipc_sender_connect (IpcSender *self, IpcConnection *connection, guint window, gboolean all_known)
{
  g_assert (self->connection == NULL);

  self->connection = connection;
  self->all_known = all_known;
  ipc_inbox_connected (&self->inbox, window);
}

void
ipc_sender_disconnect (IpcSender *self)
{
  self->connection = NULL;
}

static IpcMessage *
new_message (IpcSender *self, const IpcFrame *frame, gboolean redelivered)
{
  g_autoptr (GBytes) payload = NULL;

  if (frame->header.length <= IPC_MESSAGE_INLINE_MAX)
    return ipc_message_new (&self->route, frame->header.sequence, redelivered, frame->payload, frame->header.length);

  payload = ipc_connection_take_payload (self->connection, frame);
  return ipc_message_new_bytes (&self->route, frame->header.sequence, redelivered, payload);
}

/* Answers in place of a handler. */
static void
fail_message (IpcSender *self, const IpcFrame *frame, IpcError code, const char *text)
{
  g_autoptr (GError) error = g_error_new_literal (IPC_ERROR, code, text);
  g_autoptr (GBytes) payload = ipc_wire_new_failure (error, self->route.response_size_max);

  self->route.answer (&self->route, frame->header.sequence, frame->header.length, IPC_FRAME_FAILURE, payload);
}

static gboolean
is_poisoned (IpcSender *self, const IpcRecord *record)
{
  return self->max_deliveries > 0 && !IPC_SABOTAGE (POISON_UNBOUNDED)
         && (record->deaths >= self->max_deliveries
             || record->deliveries >= self->max_deliveries * DELIVERIES_OUTSIDE_FACTOR);
}

/* Writes the message down as accepted, and makes it if a handler is to have it. @record: what was known of it. */
static IpcSenderVerdict
take_message (IpcSender *self, const IpcFrame *frame, const IpcRecord *record, gboolean may_be_begun,
              IpcMessage **message)
{
  gboolean once = (frame->header.flags & IPC_FRAME_FLAG_ONCE) != 0;

  self->bytes_unanswered += frame->header.length;
  if (is_poisoned (self, record)) {
    fail_message (self, frame, IPC_ERROR_POISONED,
                  "as many masters as are allowed have died while they handled this message");
    return IPC_SENDER_DONE;
  }

  switch (ipc_account_accept (self->account, frame->header.sequence)) {
  case IPC_BOOK_OK:
    IPC_KILL_POINT (ACCEPTED);
    break;
  case IPC_BOOK_FULL:
    self->bytes_unanswered -= frame->header.length;
    ipc_inbox_take_back (&self->inbox, frame->header.sequence);
    return IPC_SENDER_NO_ROOM;
  case IPC_BOOK_WAS_SEALED:
    return IPC_SENDER_SEALED;
  default:
    g_assert_not_reached ();
  }

  if (once && may_be_begun && !IPC_SABOTAGE (ONCE_REPEATED)) {
    fail_message (self, frame, IPC_ERROR_OUTCOME_UNKNOWN,
                  "a master that died may have handled the message; it was to be handled at most once");
    return IPC_SENDER_DONE;
  }

  if (IPC_SABOTAGE (ANSWER_EARLY))
    send_nothing (self, frame->header.sequence);
  *message = new_message (self, frame, may_be_begun && !IPC_SABOTAGE (MARK_NEVER_SET));
  ipc_message_set_delivery_count (*message, IPC_SABOTAGE (DELIVERIES_UNCOUNTED) ? 1 : record->deliveries + 1);
  ipc_sender_update_flow (self);
  return IPC_SENDER_HANDLE;
}

/**
 * ipc_sender_receive:
 * @frame: a MESSAGE
 * @message: (out) (transfer full) (nullable): the message, if it is to be handled
 * @violation: (out) (nullable): how the sender broke the protocol, if it did
 *
 * When it is to be handled, it is written down as accepted.
 */
IpcSenderVerdict
ipc_sender_receive (IpcSender *self, const IpcFrame *frame, IpcMessage **message, const char **violation)
{
  guint64 sequence = frame->header.sequence;
  gboolean repeat = (frame->header.flags & IPC_FRAME_FLAG_REPEAT) != 0;
  IpcRecord record = { .state = IPC_RECORD_NONE };
  IpcInboxVerdict verdict;
  IpcAnswer answer;

  *message = NULL;
  verdict = ipc_inbox_receive (&self->inbox, sequence, frame->header.number, &answer, violation);
  if (verdict == IPC_INBOX_VIOLATION)
    return IPC_SENDER_VIOLATION;

  ipc_account_acknowledge (self->account, frame->header.number);
  if (IPC_SABOTAGE (NO_REPEAT_DETECTION) && (verdict == IPC_INBOX_REPEAT || verdict == IPC_INBOX_REPEAT_ANSWERED)) {
    *message = new_message (self, frame, TRUE);
    return IPC_SENDER_HANDLE;
  }
  switch (verdict) {
  case IPC_INBOX_NEW:
    return take_message (self, frame, &record, repeat && !self->all_known, message);
  case IPC_INBOX_BEGUN:
    ipc_account_get_record (self->account, sequence, &record);
    return take_message (self, frame, &record, TRUE, message);
  case IPC_INBOX_REPEAT_ANSWERED:
    send_answer (self, sequence, &answer);
    ipc_sender_update_flow (self);
    return IPC_SENDER_DONE;
  case IPC_INBOX_REPEAT:
    return IPC_SENDER_DONE;
  case IPC_INBOX_VIOLATION:
  default:
    g_assert_not_reached ();
  }
}

const char *
ipc_sender_acknowledge (IpcSender *self, guint64 acknowledged)
{
  const char *violation = ipc_inbox_acknowledge (&self->inbox, acknowledged);

  if (violation == NULL)
    ipc_account_acknowledge (self->account, MIN (acknowledged, IPC_SEQUENCE_END - 1));

  return violation;
}

/* Reads on, or stops reading. A sender that keeps to its window, and gives nothing up, is never stopped for it. */
void
ipc_sender_update_flow (IpcSender *self)
{
  gboolean over = (self->bytes_unanswered > IPC_WINDOW_BYTES && self->inbox.n_unanswered > 1)
                  || self->inbox.n_unanswered > IPC_BOOK_CAPACITY_MAX;

  if (self->connection != NULL)
    ipc_connection_set_paused (self->connection, self->stopped || over
                               || ipc_connection_get_queued (self->connection) >= IPC_CONNECTION_WRITE_HIGH);
}

/* For good: what has not been accepted by now is for the next master. */
void
ipc_sender_stop_reading (IpcSender *self)
{
  self->stopped = TRUE;
  ipc_sender_update_flow (self);
}

/* The sender's connection, or NULL. */
IpcConnection *
ipc_sender_get_connection (IpcSender *self)
{
  return self->connection;
}

/* The newest sequence number that was given to the handler. */
guint64
ipc_sender_get_accepted (IpcSender *self)
{
  return self->inbox.accepted;
}

guint
ipc_sender_get_n_unanswered (IpcSender *self)
{
  return self->inbox.n_unanswered;
}
