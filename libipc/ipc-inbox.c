/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-inbox.h"

#include "ipc-sabotage.h"
#include "ipc-wire.h"

/*
 * What a master remembers of one sender in its epoch: which messages it has accepted, and the answers the sender has
 * not acknowledged; and what earlier masters accepted and answered, as the ledger had it when the sender came. Pure. It
 * decides whether a message is new, and it outlives the sender's connection, so a message that is sent again after a
 * reconnect is recognised by its number and never handed to a handler twice in one epoch.
 *
 *      acknowledged           accepted
 *   forgotten |  answer kept, or to come |  new
 *
 * The distance between the two is at most the window; the ring grows up to it. Answers are kept up to a number of
 * bytes: one that would go beyond it is still sent when it is given, but if its sender asks again it gets a failure
 * that says so.
 */

typedef enum {
  FREE,
  BEGUN,    /* by an earlier master, and not answered by any */
  ACCEPTED, /* by this one, or answered by any */
} IpcInboxState;

#define FIRST_CAPACITY 16

static IpcInboxSlot *
slot_of (const IpcInbox *self, guint64 sequence)
{
  return &self->slots[sequence & (self->capacity - 1)];
}

void
ipc_inbox_init (IpcInbox *self, gsize bytes_kept_max, GBytes *lost_payload)
{
  *self = (IpcInbox) { .bytes_kept_max = bytes_kept_max, .lost_payload = g_bytes_ref (lost_payload) };
}

static void
forget (IpcInbox *self, guint64 sequence)
{
  IpcInboxSlot *slot = slot_of (self, sequence);

  if (slot->answer.payload != NULL) {
    if (IPC_SABOTAGE (KEEP_ANSWERS))
      g_bytes_ref (slot->answer.payload);
    self->bytes_kept -= g_bytes_get_size (slot->answer.payload);
    g_clear_pointer (&slot->answer.payload, g_bytes_unref);
  }
  slot->state = FREE;
}

static void
forget_up_to (IpcInbox *self, guint64 sequence)
{
  guint64 last = MIN (sequence, self->accepted);

  /* Counted so that it also ends at the largest number there is. */
  for (guint64 s = self->acknowledged; s < last;)
    forget (self, ++s);

  self->acknowledged = sequence;
}

void
ipc_inbox_clear (IpcInbox *self)
{
  forget_up_to (self, self->accepted);
  g_clear_pointer (&self->slots, g_free);
  g_clear_pointer (&self->lost_payload, g_bytes_unref);
  self->capacity = 0;
}

/* A new connection of the same sender: it begins with what is unanswered. */
void
ipc_inbox_connected (IpcInbox *self, guint window)
{
  self->on_connection = 0;
  self->window = window;
}

static void
grow (IpcInbox *self, guint64 span)
{
  IpcInbox old = *self;

  while (self->capacity < span)
    self->capacity = self->capacity == 0 ? FIRST_CAPACITY : self->capacity * 2;

  self->slots = g_new0 (IpcInboxSlot, self->capacity);
  for (guint64 s = old.acknowledged; s < old.accepted; s++)
    *slot_of (self, s + 1) = *slot_of (&old, s + 1);

  g_free (old.slots);
}

/* What earlier masters left: of the numbers between the two, those that are not restored were passed over. */
void
ipc_inbox_restore (IpcInbox *self, guint64 acknowledged, guint64 accepted)
{
  g_assert (self->accepted == 0 && accepted >= acknowledged);

  self->acknowledged = self->accepted = acknowledged;
  grow (self, accepted - acknowledged);
  self->accepted = accepted;
}

void
ipc_inbox_restore_begun (IpcInbox *self, guint64 sequence)
{
  slot_of (self, sequence)->state = BEGUN;
}

static void
keep (IpcInbox *self, IpcInboxSlot *slot, const IpcAnswer *answer)
{
  gboolean lost = answer->payload == NULL
                  || self->bytes_kept + g_bytes_get_size (answer->payload) > self->bytes_kept_max;

  slot->answer = *answer;
  if (lost)
    slot->answer.type = IPC_FRAME_FAILURE;
  slot->answer.payload = g_bytes_ref (lost ? self->lost_payload : answer->payload);
  self->bytes_kept += g_bytes_get_size (slot->answer.payload);
}

/* @answer: without a payload if it was lost */
void
ipc_inbox_restore_answer (IpcInbox *self, guint64 sequence, const IpcAnswer *answer)
{
  IpcInboxSlot *slot = slot_of (self, sequence);

  slot->state = ACCEPTED;
  keep (self, slot, answer);
}

/**
 * ipc_inbox_acknowledge:
 * @acknowledged: what the sender says it needs no answer for any more
 *
 * Returns: (nullable): %NULL, or how the sender broke the protocol
 */
const char *
ipc_inbox_acknowledge (IpcInbox *self, guint64 acknowledged)
{
  if (acknowledged < self->acknowledged)
    return "the acknowledgement went back";
  if (acknowledged > self->acknowledged)
    forget_up_to (self, acknowledged);

  return NULL;
}

/**
 * ipc_inbox_receive:
 * @answer: (out): the answer to send again, for %IPC_INBOX_REPEAT_ANSWERED; owned by the inbox
 * @violation: (out): for %IPC_INBOX_VIOLATION
 *
 * A message that is new or was begun counts as accepted from now on.
 *
 * Returns: what to do with the message
 */
IpcInboxVerdict
ipc_inbox_receive (IpcInbox *self, guint64 sequence, guint64 acknowledged, IpcAnswer *answer, const char **violation)
{
  IpcInboxSlot *slot;

  *violation = NULL;
  if (sequence >= IPC_SEQUENCE_END)
    *violation = "sequence numbers end below 2^63";
  else if (sequence <= self->on_connection)
    *violation = "the sequence number does not increase";
  else if (acknowledged >= sequence)
    *violation = "the message acknowledges itself";
  else if (sequence - acknowledged > self->window)
    *violation = "the message is outside the window";
  else
    *violation = ipc_inbox_acknowledge (self, acknowledged);
  if (*violation != NULL)
    return IPC_INBOX_VIOLATION;

  self->on_connection = sequence;

  if (sequence > self->accepted) {
    if (sequence - self->acknowledged > self->capacity)
      grow (self, sequence - self->acknowledged);
    self->accepted = sequence;
    self->n_unanswered++;
    slot_of (self, sequence)->state = ACCEPTED;
    return IPC_INBOX_NEW;
  }

  slot = slot_of (self, sequence);
  if (slot->state == FREE) {
    *violation = "the sequence number was passed over before";
    return IPC_INBOX_VIOLATION;
  }
  if (slot->state == BEGUN) {
    slot->state = ACCEPTED;
    self->n_unanswered++;
    return IPC_INBOX_BEGUN;
  }
  if (slot->answer.payload == NULL)
    return IPC_INBOX_REPEAT;

  *answer = slot->answer;
  return IPC_INBOX_REPEAT_ANSWERED;
}

/* The newest message was %IPC_INBOX_NEW, but cannot be accepted: it is new when it comes again. */
void
ipc_inbox_take_back (IpcInbox *self, guint64 sequence)
{
  g_assert (sequence == self->accepted);

  slot_of (self, sequence)->state = FREE;
  self->accepted--;
  self->on_connection--;
  self->n_unanswered--;
}

/**
 * ipc_inbox_answer:
 * @answer: (transfer none): the answer
 *
 * To be called once for each message that was %IPC_INBOX_NEW or %IPC_INBOX_BEGUN.
 *
 * Returns: whether to send the answer now. Not when the sender wants none any more; and not when it has connected again
 *   and has not repeated the message yet: it would take the answer for a breach of the protocol, and gets it then
 */
gboolean
ipc_inbox_answer (IpcInbox *self, guint64 sequence, const IpcAnswer *answer)
{
  IpcInboxSlot *slot;

  /* Also when nobody waits for the answer any more: the handler had it until now. */
  self->n_unanswered--;
  if (sequence <= self->acknowledged)
    return FALSE;

  slot = slot_of (self, sequence);
  g_assert (slot->state == ACCEPTED && slot->answer.payload == NULL);
  keep (self, slot, answer);

  return sequence <= self->on_connection;
}
