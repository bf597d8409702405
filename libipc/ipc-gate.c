/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-gate.h"

/*
 * How much a client may have pending, in messages and in bytes, and what becomes of more: the gate in front of the
 * outbox. Pure: the outbox knows what is pending, the owner keeps the calls.
 *
 *   a call ──▶ [ waiting, in order ] ──▶ gate ──▶ outbox ──▶ the master
 *
 * Nobody overtakes: while calls wait, a call that does not want to wait is refused, whatever its size. One message may
 * be larger than all the bytes that are allowed, if nothing else is pending.
 *
 * @open is for those who wait for a notification. It goes when a call finds no room, or the next one would find none.
 * It comes back when something has left, the outbox is half empty, and there is room for what was not admitted: so a
 * sender that fills it up again each time is not told of every single message, and never told in vain.
 */

void
ipc_gate_init (IpcGate *self, guint messages_max, guint64 bytes_max)
{
  *self = (IpcGate) { .messages_max = messages_max, .bytes_max = bytes_max, .open = TRUE };
}

/* For the first of those who wait, or for anybody when nobody does. */
gboolean
ipc_gate_has_room (const IpcGate *self, const IpcOutbox *outbox, gsize size)
{
  if (outbox->n_pending >= self->messages_max || !ipc_outbox_has_room (outbox))
    return FALSE;

  return outbox->n_pending == 0 || outbox->bytes_pending + size <= self->bytes_max;
}

/* Whether a new call may go straight to the outbox. */
gboolean
ipc_gate_admits (const IpcGate *self, const IpcOutbox *outbox, gsize size)
{
  return g_queue_is_empty ((GQueue *) &self->waiting) && ipc_gate_has_room (self, outbox, size);
}

static gboolean
set_open (IpcGate *self, gboolean open)
{
  if (self->open == open)
    return FALSE;

  self->open = open;
  self->wanted = 0;
  self->n_changes++;
  return TRUE;
}

/* A call of @size was not admitted. Returns whether @open has changed. */
gboolean
ipc_gate_refused (IpcGate *self, gsize size)
{
  gboolean changed = set_open (self, FALSE);

  self->wanted = MAX (self->wanted, size);
  return changed;
}

/* Something has entered the outbox. Returns whether @open has changed. */
gboolean
ipc_gate_entered (IpcGate *self, const IpcOutbox *outbox)
{
  gboolean full = outbox->n_pending >= self->messages_max || outbox->bytes_pending >= self->bytes_max;

  return full && set_open (self, FALSE);
}

/* Something has left the outbox, or those that wait. Returns whether @open has changed. */
gboolean
ipc_gate_left (IpcGate *self, const IpcOutbox *outbox)
{
  return !self->open && outbox->n_pending <= self->messages_max / 2 && outbox->bytes_pending <= self->bytes_max / 2
         && ipc_gate_admits (self, outbox, self->wanted) && set_open (self, TRUE);
}
