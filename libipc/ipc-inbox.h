/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The answer to one message, kept until the sender has it. */
typedef struct {
  GBytes *payload; /* (owned) (nullable) %NULL when there is none yet */
  guint64 epoch;   /* in which it was given */
  guint8 type;     /* of the frame: response or failure */
} IpcAnswer;

typedef struct {
  IpcAnswer answer;
  guint8 state; /* IpcInboxState */
} IpcInboxSlot;

typedef struct {
  IpcInboxSlot *slots; /* (owned) (nullable) a ring; sequence number & (capacity - 1) is the index */
  guint capacity;      /* a power of two, or 0 */
  guint window;
  guint64 acknowledged; /* the sender needs no answer up to here */
  guint64 accepted;     /* the newest sequence number handed to the handler */
  guint64 on_connection; /* the newest sequence number on the present connection */
  guint n_unanswered;    /* handlers have them, whether the sender still waits or not */
  gsize bytes_kept;      /* of answers */
  gsize bytes_kept_max;
  GBytes *lost_payload; /* (owned) the failure that stands for an answer too large to be kept */
} IpcInbox;

typedef enum {
  IPC_INBOX_NEW,              /* to be handled */
  IPC_INBOX_BEGUN,            /* an earlier master began to handle it, and did not answer */
  IPC_INBOX_REPEAT,           /* its handler has not answered yet: the answer will come */
  IPC_INBOX_REPEAT_ANSWERED,  /* the answer is to be sent again */
  IPC_INBOX_VIOLATION,
} IpcInboxVerdict;

void ipc_inbox_init (IpcInbox *self, gsize bytes_kept_max, GBytes *lost_payload);
void ipc_inbox_clear (IpcInbox *self);

void ipc_inbox_restore (IpcInbox *self, guint64 acknowledged, guint64 accepted);
void ipc_inbox_restore_begun (IpcInbox *self, guint64 sequence);
void ipc_inbox_restore_answer (IpcInbox *self, guint64 sequence, const IpcAnswer *answer);

void ipc_inbox_connected (IpcInbox *self, guint window);
IpcInboxVerdict ipc_inbox_receive (IpcInbox *self, guint64 sequence, guint64 acknowledged, IpcAnswer *answer,
                                   const char **violation);
void ipc_inbox_take_back (IpcInbox *self, guint64 sequence);
const char *ipc_inbox_acknowledge (IpcInbox *self, guint64 acknowledged);
gboolean ipc_inbox_answer (IpcInbox *self, guint64 sequence, const IpcAnswer *answer);
