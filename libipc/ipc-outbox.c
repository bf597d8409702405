/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-outbox.h"

#include "ipc-sabotage.h"

/*
 * What a client has to send and what it waits for: a ring of slots, one for each sequence number from the oldest
 * message that needs an answer to the newest. Pure: it decides what goes out next, with which mark, and within which
 * window.
 *
 *       acknowledged          next            last
 *   done    |  sent, unanswered |  queued       |
 *
 * A message is QUEUED until next() gives it out, then SENT until it is answered. When the connection ends, what was
 * SENT is QUEUED again, marked as begun, and goes out first on the next connection: order and identity never change. A
 * message that is given up is DONE at once, so that a handler that never answers does not hold up everything behind;
 * the answer may still come, and is for nobody.
 */

typedef enum {
  DONE,
  QUEUED,
  SENT,
} IpcOutboxState;

#define FIRST_CAPACITY 64

static IpcOutboxSlot *
slot_of (const IpcOutbox *self, guint64 sequence)
{
  return &self->slots[sequence & (self->capacity - 1)];
}

void
ipc_outbox_init (IpcOutbox *self)
{
  *self = (IpcOutbox) { .next = 1, .capacity = FIRST_CAPACITY, .slots = g_new0 (IpcOutboxSlot, FIRST_CAPACITY) };
}

void
ipc_outbox_clear (IpcOutbox *self)
{
  g_clear_pointer (&self->slots, g_free);
}

static gboolean
is_live (const IpcOutbox *self, guint64 sequence)
{
  return sequence > self->acknowledged && sequence <= self->last && slot_of (self, sequence)->state != DONE;
}

static void
grow (IpcOutbox *self)
{
  IpcOutbox old = *self;

  self->capacity *= 2;
  self->slots = g_new0 (IpcOutboxSlot, self->capacity);
  for (guint64 sequence = old.acknowledged + 1; sequence <= old.last; sequence++)
    *slot_of (self, sequence) = *slot_of (&old, sequence);

  g_free (old.slots);
}

gboolean
ipc_outbox_has_room (const IpcOutbox *self)
{
  return self->last - self->acknowledged < IPC_OUTBOX_SPAN_MAX;
}

/* Queues a message and gives it its sequence number. */
guint64
ipc_outbox_push (IpcOutbox *self, gpointer message, guint32 size)
{
  g_assert (message != NULL);
  g_assert (ipc_outbox_has_room (self));

  if (self->last - self->acknowledged == self->capacity)
    grow (self);

  self->last++;
  self->n_pending++;
  self->bytes_pending += size;
  *slot_of (self, self->last) = (IpcOutboxSlot) { .message = message, .size = size, .state = QUEUED };

  return self->last;
}

#ifdef IPC_SABOTAGES
static void
reverse_unanswered (IpcOutbox *self)
{
  for (guint64 low = self->acknowledged + 1, high = self->next - 1; low < high; low++, high--) {
    IpcOutboxSlot slot = *slot_of (self, low);

    *slot_of (self, low) = *slot_of (self, high);
    *slot_of (self, high) = slot;
  }
}
#else
#define reverse_unanswered(self) (void) 0
#endif

/* A new connection: everything unanswered is to be sent on it, oldest first. */
void
ipc_outbox_connected (IpcOutbox *self, guint window_messages, guint64 window_bytes)
{
  g_assert (self->n_in_flight == 0);

  if (IPC_SABOTAGE (NEWEST_FIRST))
    reverse_unanswered (self);
  if (!IPC_SABOTAGE (FORGET_UNANSWERED))
    self->next = self->acknowledged + 1;
  self->window_messages = window_messages;
  self->window_bytes = window_bytes;
}

static void
advance (IpcOutbox *self)
{
  while (self->acknowledged < self->last && slot_of (self, self->acknowledged + 1)->state == DONE)
    self->acknowledged++;

  self->next = MAX (self->next, self->acknowledged + 1);
}

static void
leave_flight (IpcOutbox *self, IpcOutboxSlot *slot)
{
  self->n_in_flight--;
  self->bytes_in_flight -= slot->size;
}

static gpointer
finish (IpcOutbox *self, IpcOutboxSlot *slot)
{
  gpointer message = g_steal_pointer (&slot->message);

  self->n_pending--;
  self->bytes_pending -= slot->size;
  slot->state = DONE;
  advance (self);

  return message;
}

/* Takes back what was sent with a sequence number above @above. @epoch: in which it may have been begun, or 0 */
static void
take_back (IpcOutbox *self, guint64 above, guint64 epoch)
{
  for (guint64 sequence = MAX (above, self->acknowledged) + 1; sequence < self->next; sequence++) {
    IpcOutboxSlot *slot = slot_of (self, sequence);

    if (slot->state != SENT)
      continue;

    leave_flight (self, slot);
    slot->state = QUEUED;
    if (slot->begun_epoch == 0)
      slot->begun_epoch = epoch;
  }
}

/* The connection to the master of this epoch has ended, and everything that came on it has been read. */
void
ipc_outbox_disconnected (IpcOutbox *self, guint64 epoch)
{
  take_back (self, 0, epoch);
  g_assert (self->n_in_flight == 0);

  self->window_messages = 0;
  advance (self);
}

/* The master gives up its mastership: what it has not accepted, it has not begun. Nothing more is sent to it. */
void
ipc_outbox_handed_over (IpcOutbox *self, guint64 last_accepted)
{
  take_back (self, MIN (last_accepted, self->last), 0);
  self->window_messages = 0;
}

static gboolean
fits_window (const IpcOutbox *self, guint64 sequence, const IpcOutboxSlot *slot)
{
  if (sequence - self->acknowledged > self->window_messages)
    return FALSE;

  return self->n_in_flight == 0 || self->bytes_in_flight + slot->size <= self->window_bytes;
}

/**
 * ipc_outbox_next:
 * @item: (out): what to send
 *
 * The message counts as sent from now on.
 *
 * Returns: whether a message may be sent now
 */
gboolean
ipc_outbox_next (IpcOutbox *self, IpcOutboxItem *item)
{
  IpcOutboxSlot *slot;

  while (self->next <= self->last && slot_of (self, self->next)->state == DONE)
    self->next++;
  if (self->next > self->last)
    return FALSE;

  slot = slot_of (self, self->next);
  g_assert (slot->state == QUEUED);
  if (!fits_window (self, self->next, slot))
    return FALSE;

  *item = (IpcOutboxItem) { slot->message, self->next, self->acknowledged, slot->begun_epoch != 0 };
  slot->state = SENT;
  self->n_in_flight++;
  self->bytes_in_flight += slot->size;
  self->next++;

  return TRUE;
}

/**
 * ipc_outbox_answered:
 * @message: (out) (nullable): the message; %NULL if it was given up, and nobody waits for the answer
 *
 * Returns: %FALSE if no answer to such a message can come, because it was not sent on this connection
 */
gboolean
ipc_outbox_answered (IpcOutbox *self, guint64 sequence, gpointer *message)
{
  IpcOutboxSlot *slot;

  *message = NULL;
  if (sequence >= self->next)
    return FALSE;
  if (!is_live (self, sequence))
    return TRUE;

  slot = slot_of (self, sequence);
  if (slot->state != SENT)
    return FALSE;

  leave_flight (self, slot);
  *message = finish (self, slot);

  return TRUE;
}

IpcOutboxFate
ipc_outbox_get_fate (const IpcOutbox *self, guint64 sequence)
{
  IpcOutboxSlot *slot = slot_of (self, sequence);

  g_assert (is_live (self, sequence));

  if (IPC_SABOTAGE (FATE_DENIED))
    return IPC_OUTBOX_NEVER_SENT;
  return slot->begun_epoch != 0 || slot->state == SENT ? IPC_OUTBOX_MAY_BE_HANDLED : IPC_OUTBOX_NEVER_SENT;
}

/* The first epoch in which a handler may have begun on anything that is sent again on the next connection; 0 if there
 * is nothing. Messages are first sent in order, so it is the oldest one's. */
guint64
ipc_outbox_get_oldest_epoch (const IpcOutbox *self)
{
  return self->acknowledged < self->last ? slot_of (self, self->acknowledged + 1)->begun_epoch : 0;
}

/* Nobody waits for this message any more; it will not be sent again. */
IpcOutboxFate
ipc_outbox_give_up (IpcOutbox *self, guint64 sequence)
{
  IpcOutboxFate fate = ipc_outbox_get_fate (self, sequence);
  IpcOutboxSlot *slot = slot_of (self, sequence);

  if (slot->state == SENT)
    leave_flight (self, slot);
  finish (self, slot);

  return fate;
}

/* The message with this number, or %NULL if nobody waits for it. */
gpointer
ipc_outbox_peek (const IpcOutbox *self, guint64 sequence)
{
  return is_live (self, sequence) ? slot_of (self, sequence)->message : NULL;
}
