/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-client-private.h"

#include <string.h>

#include "ipc-error-private.h"
#include "ipc-fate.h"
#include "ipc-sabotage.h"

/*
 * The side that sends. Here is its half towards the master: which messages go out now, what the answers are, and what
 * becomes of all that when the connection ends. The connection is the link's business (ipc-link.c); here it is only
 * there or not there. The calls, and how each of them ends, are in ipc-client-calls.c.
 *
 * A message lives in the outbox until it is answered or given up, over any number of masters. pump() moves messages
 * from the outbox to the link, as many as window and write queue allow, once at the end of a turn.
 */

static void
send_message (IpcClient *self, const IpcOutboxItem *item)
{
  IpcSend *send = item->message;
  IpcFrameHeader header = {
    .length = g_bytes_get_size (send->payload),
    .type = IPC_FRAME_MESSAGE,
    .flags = (item->repeat ? IPC_FRAME_FLAG_REPEAT : 0)
             | (send->flags & IPC_SEND_AT_MOST_ONCE ? IPC_FRAME_FLAG_ONCE : 0),
    .sequence = item->sequence,
    .number = item->acknowledged,
  };

  if (IPC_SABOTAGE (LOSE_ONE) && g_random_int_range (0, 100000) == 0)
    return;
  if (header.length <= self->welcome.max_message_size) {
    ipc_connection_queue_bytes (ipc_link_get_connection (self->link), &header, send->payload);
    self->acknowledged = item->acknowledged;
    self->n_answers = 0;
    self->answer_bytes = 0;
  } else {
    gpointer message;

    ipc_outbox_answered (&self->outbox, item->sequence, &message);
    ipc_client_complete_with_error (self, send,
                                    ipc_fate_new_refused (item->repeat ? IPC_OUTBOX_MAY_BE_HANDLED
                                                                       : IPC_OUTBOX_NEVER_SENT,
                                                          header.length, self->welcome.max_message_size));
  }
}

/* Tells the master what it may forget, when no message has done so for half a window. */
static void
acknowledge (IpcClient *self)
{
  IpcFrameHeader header = { .type = IPC_FRAME_ACK, .number = self->outbox.acknowledged };

  gboolean is_due = self->n_answers > (self->welcome.window_messages - 1) / 2
                    || self->answer_bytes >= self->welcome.window_bytes / 2;

  if (!is_due || self->outbox.acknowledged <= self->acknowledged)
    return;

  ipc_connection_queue (ipc_link_get_connection (self->link), &header, NULL);
  self->acknowledged = header.number;
  self->n_answers = 0;
  self->answer_bytes = 0;
}

static void
pump_cb (gpointer user_data)
{
  IpcClient *self = user_data;
  IpcOutboxItem item;

  ipc_client_admit_waiting (self);
  if (!ipc_link_is_up (self->link))
    return;

  while (ipc_connection_get_queued (ipc_link_get_connection (self->link)) < IPC_CONNECTION_WRITE_HIGH
         && ipc_outbox_next (&self->outbox, &item))
    send_message (self, &item);
  acknowledge (self);
}

/* At the end of this turn, so that many messages go out in one write. */
void
ipc_client_pump_later (IpcClient *self)
{
  ipc_poller_defer (self->poller, &self->pump, pump_cb, self);
}

static const char *
take_answer (IpcClient *self, const IpcFrame *frame)
{
  gpointer message;
  IpcFailure failure;
  const char *violation = NULL;

  if (frame->header.type == IPC_FRAME_FAILURE) {
    violation = ipc_wire_get_failure (frame->payload, frame->header.length, &failure);
    if (violation != NULL)
      return violation;
  }
  if (frame->header.number > ipc_peer_get_epoch (ipc_link_get_master (self->link)))
    return "an answer from a later epoch than the connection's";
  if (!ipc_outbox_answered (&self->outbox, frame->header.sequence, &message))
    return "an answer to a message that was not sent";

  self->n_answers++;
  self->answer_bytes += frame->header.length;
  ipc_client_pump_later (self);

  if (message != NULL) {
    IpcSend *send = message;

    send->epoch = IPC_SABOTAGE (ANSWER_MISNAMED) ? self->epoch : frame->header.number;
    if (frame->header.type == IPC_FRAME_FAILURE)
      send->error = ipc_error_new_from_failure (&failure);
    else
      send->response = ipc_connection_take_payload (ipc_link_get_connection (self->link), frame);
    ipc_client_complete (self, send);
  }

  return NULL;
}

static const char *
link_frame (const IpcFrame *frame, gpointer user_data)
{
  IpcClient *self = user_data;

  if (frame->header.type == IPC_FRAME_GOODBYE) {
    ipc_outbox_handed_over (&self->outbox, frame->header.sequence);
    return NULL;
  }

  return take_answer (self, frame);
}

static void
link_drained (gpointer user_data)
{
  ipc_client_pump_later (user_data);
}

static void
link_up (const IpcWelcome *welcome, gpointer user_data)
{
  IpcClient *self = user_data;

  self->welcome = *welcome;
  self->epoch = ipc_peer_get_epoch (ipc_link_get_master (self->link));
  self->acknowledged = 0;
  self->n_answers = 0;
  self->answer_bytes = 0;
  ipc_outbox_connected (&self->outbox, welcome->window_messages, welcome->window_bytes);
  ipc_client_pump_later (self);
  self->events->state_changed (self->user_data);
}

static void
link_down (gpointer user_data)
{
  IpcClient *self = user_data;

  ipc_outbox_disconnected (&self->outbox, self->epoch);
  ipc_client_fail_fast (self);
  self->events->state_changed (self->user_data);
}

/* The first epoch in which a master may have begun on anything that we may send again; 0 if there is nothing. */
static guint64
link_get_oldest_epoch (gpointer user_data)
{
  IpcClient *self = user_data;
  guint64 epoch = ipc_outbox_get_oldest_epoch (&self->outbox);

  if (epoch != 0)
    return epoch;

  return self->outbox.window_messages > 0 ? self->epoch : 0; /* connected: until the change it may go on sending */
}

static gboolean
link_is_urgent (gpointer user_data)
{
  IpcClient *self = user_data;

  return self->outbox.n_pending > 0;
}

static void
link_failed (const GError *error, gpointer user_data)
{
  IpcClient *self = user_data;

  self->events->failed (error, self->user_data);
}

static const IpcLinkEvents link_events = {
  .frame = link_frame,
  .drained = link_drained,
  .up = link_up,
  .down = link_down,
  .get_oldest_epoch = link_get_oldest_epoch,
  .is_urgent = link_is_urgent,
  .failed = link_failed,
};

IpcClient *
ipc_client_new (IpcPoller *poller, IpcGroupDir *dir, const IpcClientConfig *config, const IpcClientEvents *events,
                gpointer user_data)
{
  IpcClient *self = g_new0 (IpcClient, 1);
  IpcLinkConfig link_config = {
    .hello = {
      .version_min = IPC_WIRE_VERSION,
      .version_max = IPC_WIRE_VERSION,
      .max_message_size = config->max_message_size,
      .mode = config->mode,
    },
    .handshake_timeout_ms = config->handshake_timeout_ms,
    .allow_other_users = config->allow_other_users,
  };

  memcpy (link_config.hello.node_id, config->node_id, IPC_NODE_ID_SIZE);
  self->poller = poller;
  self->config = *config;
  self->events = events;
  self->user_data = user_data;
  self->link = ipc_link_new (poller, dir, &link_config, &link_events, self);
  ipc_outbox_init (&self->outbox);
  ipc_gate_init (&self->gate, config->max_pending, config->max_pending_bytes);

  return self;
}

/* To be stopped before. */
void
ipc_client_free (IpcClient *self)
{
  g_assert (!self->running);

  ipc_poller_cancel_defer (self->poller, &self->pump);
  ipc_link_free (self->link);
  ipc_outbox_clear (&self->outbox);
  g_free (self);
}

void
ipc_client_start (IpcClient *self)
{
  self->running = TRUE;
  ipc_link_start (self->link);
}

/* Says goodbye to the master. Every message that is still unanswered ends here, in the order of sending. */
void
ipc_client_stop (IpcClient *self)
{
  self->running = FALSE;
  ipc_client_fail_all (self);
  ipc_link_stop (self->link);
}

/* The group's socket may be another one. */
void
ipc_client_look (IpcClient *self)
{
  ipc_link_look (self->link);
}

IpcLink *
ipc_client_get_link (IpcClient *self)
{
  return self->link;
}

/* Whether a master has something to answer, or is searched for. */
gboolean
ipc_client_is_waiting (IpcClient *self)
{
  return self->outbox.n_pending > 0 || !ipc_link_is_up (self->link);
}

/* The present master, or NULL. */
IpcPeer *
ipc_client_get_master (IpcClient *self)
{
  return ipc_link_get_master (self->link);
}

void
ipc_client_saw_epoch (IpcClient *self, guint64 epoch)
{
  ipc_link_saw_epoch (self->link, epoch);
}

guint64
ipc_client_get_newest_epoch (IpcClient *self)
{
  return ipc_link_get_newest_epoch (self->link);
}
