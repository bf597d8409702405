/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* One message in the outbox. */
typedef struct {
  gpointer message;    /* (unowned) (nullable) %NULL when it is done */
  guint64 begun_epoch; /* of the first connection that ended when it was sent; 0 if none: nobody has begun on it */
  guint32 size;
  guint8 state; /* IpcOutboxState */
} IpcOutboxSlot;

typedef struct {
  IpcOutboxSlot *slots; /* (owned) a ring; sequence number & (capacity - 1) is the index */
  guint capacity;       /* a power of two */
  guint64 acknowledged; /* everything up to here needs no answer any more */
  guint64 last;         /* the newest sequence number given */
  guint64 next;         /* the first that may have to be sent on this connection */
  guint n_pending;      /* messages that somebody waits for */
  gsize bytes_pending;
  guint n_in_flight;    /* messages sent on this connection and not answered */
  gsize bytes_in_flight;
  guint window_messages; /* 0 while not connected */
  guint64 window_bytes;
} IpcOutbox;

/* A message to be sent now. */
typedef struct {
  gpointer message; /* (unowned) */
  guint64 sequence;
  guint64 acknowledged;
  gboolean repeat;
} IpcOutboxItem;

/* What became of a message that is being given up. */
typedef enum {
  IPC_OUTBOX_NEVER_SENT,
  IPC_OUTBOX_MAY_BE_HANDLED,
} IpcOutboxFate;

/* The ring grows to this many sequence numbers between the oldest unanswered message and the newest; it takes a message
 * that is never answered while a million newer ones were given up unsent to get there. */
#define IPC_OUTBOX_SPAN_MAX (1u << 20)

void ipc_outbox_init (IpcOutbox *self);
void ipc_outbox_clear (IpcOutbox *self);

gboolean ipc_outbox_has_room (const IpcOutbox *self);
guint64 ipc_outbox_push (IpcOutbox *self, gpointer message, guint32 size);

void ipc_outbox_connected (IpcOutbox *self, guint window_messages, guint64 window_bytes);
void ipc_outbox_disconnected (IpcOutbox *self, guint64 epoch);
void ipc_outbox_handed_over (IpcOutbox *self, guint64 last_accepted);

gboolean ipc_outbox_next (IpcOutbox *self, IpcOutboxItem *item);
gboolean ipc_outbox_answered (IpcOutbox *self, guint64 sequence, gpointer *message);
IpcOutboxFate ipc_outbox_give_up (IpcOutbox *self, guint64 sequence);
gpointer ipc_outbox_peek (const IpcOutbox *self, guint64 sequence);
IpcOutboxFate ipc_outbox_get_fate (const IpcOutbox *self, guint64 sequence);
guint64 ipc_outbox_get_oldest_epoch (const IpcOutbox *self);
