/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-client-private.h"

#include "ipc-fate.h"

/*
 * The client's half towards the application: where a call finds its place, and how it ends.
 *
 * In front of the outbox is the gate: what finds no room is refused, or waits there without a sequence number, in
 * order. Whichever way a call ends (answered, deadline, cancelled, no master, closed), it passes ipc_client_complete(),
 * and what it held in outbox or gate is free by then.
 */

/* Whoever waits for room may have it now. While the gate is open nobody does. */
static void
made_room (IpcClient *self)
{
  if (self->gate.open)
    return;
  if (ipc_gate_left (&self->gate, &self->outbox))
    self->events->state_changed (self->user_data);
  if (!g_queue_is_empty (&self->gate.waiting))
    ipc_client_pump_later (self);
}

/* The message is neither in the outbox nor waiting for it any more, or has never been: it has its outcome. */
void
ipc_client_complete (IpcClient *self, IpcSend *send)
{
  if (send->client != NULL)
    made_room (self);
  send->client = NULL;
  send->done = TRUE;
  ipc_poller_stop_timer (self->poller, &send->deadline);
  g_clear_pointer (&send->cancel, ipc_cancel_free);
  g_clear_pointer (&send->payload, g_bytes_unref);

  self->events->completed (send, self->user_data);
}

/* @error: (transfer full) */
void
ipc_client_complete_with_error (IpcClient *self, IpcSend *send, GError *error)
{
  send->error = error;
  ipc_client_complete (self, send);
}

static gboolean
is_waiting (const IpcSend *send)
{
  return send->sequence == 0;
}

static IpcOutboxFate
get_fate (IpcClient *self, IpcSend *send)
{
  return is_waiting (send) ? IPC_OUTBOX_NEVER_SENT : ipc_outbox_get_fate (&self->outbox, send->sequence);
}

/* @reason: (transfer full): the error of the call */
static void
give_up (IpcClient *self, IpcSend *send, GError *reason)
{
  if (is_waiting (send))
    g_queue_unlink (&self->gate.waiting, &send->link);
  else
    ipc_outbox_give_up (&self->outbox, send->sequence);
  ipc_client_complete_with_error (self, send, reason);
}

static void
deadline_cb (gpointer user_data)
{
  IpcSend *send = user_data;
  IpcClient *self = send->client;

  give_up (self, send,
           ipc_fate_new_deadline (get_fate (self, send), ipc_link_is_up (self->link), is_waiting (send)));
}

/* @send: a call that is not done. The error says what became of the message. */
void
ipc_client_cancel (IpcClient *self, IpcSend *send)
{
  give_up (self, send, ipc_fate_new_cancelled (get_fate (self, send)));
}

static void
enter_outbox (IpcClient *self, IpcSend *send)
{
  send->sequence = ipc_outbox_push (&self->outbox, send, g_bytes_get_size (send->payload));
  if (ipc_gate_entered (&self->gate, &self->outbox))
    self->events->state_changed (self->user_data);
}

/* Those that have waited longest go in, as far as there is room. */
void
ipc_client_admit_waiting (IpcClient *self)
{
  IpcSend *send;

  while ((send = g_queue_peek_head (&self->gate.waiting)) != NULL
         && ipc_gate_has_room (&self->gate, &self->outbox, g_bytes_get_size (send->payload))) {
    g_queue_unlink (&self->gate.waiting, &send->link);
    enter_outbox (self, send);
  }
}

static void
fail_fast_unsent (IpcClient *self, IpcSend *send)
{
  if ((send->flags & IPC_SEND_FAIL_FAST) && get_fate (self, send) == IPC_OUTBOX_NEVER_SENT)
    give_up (self, send, ipc_fate_new_no_master (FALSE));
}

/* Messages that must not wait for a master, and that no master has seen. */
void
ipc_client_fail_fast (IpcClient *self)
{
  for (guint64 sequence = self->outbox.acknowledged + 1; sequence <= self->outbox.last; sequence++) {
    IpcSend *send = ipc_outbox_peek (&self->outbox, sequence);

    if (send != NULL)
      fail_fast_unsent (self, send);
  }
  for (GList *l = self->gate.waiting.head, *next; l != NULL; l = next) {
    next = l->next;
    fail_fast_unsent (self, l->data);
  }
}

static void
give_up_closed (IpcClient *self, IpcSend *send)
{
  give_up (self, send, ipc_fate_new_closed (get_fate (self, send)));
}

/* Every message that is still unanswered ends here, in the order of sending. */
void
ipc_client_fail_all (IpcClient *self)
{
  for (guint64 sequence = self->outbox.acknowledged + 1; sequence <= self->outbox.last; sequence++) {
    IpcSend *send = ipc_outbox_peek (&self->outbox, sequence);

    if (send != NULL)
      give_up_closed (self, send);
  }
  while (!g_queue_is_empty (&self->gate.waiting))
    give_up_closed (self, g_queue_peek_head (&self->gate.waiting));
}

static GError *
refuse_send (IpcClient *self, IpcSend *send)
{
  gsize size = g_bytes_get_size (send->payload);

  if (size > self->config.max_message_size)
    return ipc_fate_new_too_large (size, self->config.max_message_size);
  if ((send->flags & IPC_SEND_FAIL_FAST) && ipc_link_get_master (self->link) == NULL)
    return ipc_fate_new_no_master (TRUE);

  return NULL;
}

/* In the outbox, or among those who wait for room there. Returns an error when there is none. */
static GError *
find_place (IpcClient *self, IpcSend *send)
{
  gsize size = g_bytes_get_size (send->payload);
  guint waiting_max = send->flags & IPC_SEND_WAIT ? IPC_GATE_WAITING_MAX : 0;

  if (ipc_gate_admits (&self->gate, &self->outbox, size)) {
    enter_outbox (self, send);
    return NULL;
  }

  if (ipc_gate_refused (&self->gate, size))
    self->events->state_changed (self->user_data);
  if (self->gate.waiting.length >= waiting_max)
    return ipc_fate_new_full (&self->gate, &self->outbox);

  g_queue_push_tail_link (&self->gate.waiting, &send->link);
  return NULL;
}

/**
 * ipc_client_send:
 * @send: (transfer full): the call; completed() gives it back
 * @timeout_us: how long it may take, or -1 for ever
 *
 * Queues a message; it goes out when this turn ends, or when there is a master and room.
 */
void
ipc_client_send (IpcClient *self, IpcSend *send, gint64 timeout_us)
{
  GError *error;

  ipc_link_hurry (self->link);
  error = refuse_send (self, send);
  if (error == NULL)
    error = find_place (self, send);
  if (error != NULL) {
    ipc_client_complete_with_error (self, send, error);
    return;
  }

  send->client = self;
  if (timeout_us >= 0)
    ipc_poller_start_timer (self->poller, &send->deadline, timeout_us, deadline_cb, send);

  ipc_client_pump_later (self);
}

/* Whether a message would find room now, or could soon; see ipc-gate.c. @n_changes: (out): of that. */
gboolean
ipc_client_has_room (IpcClient *self, guint *n_changes)
{
  *n_changes = self->gate.n_changes;

  return self->gate.open;
}
