/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "ipc-record.h"
#include "ipc-sender-key.h"

/* One epoch's record of what was accepted and answered. */
typedef struct _IpcBook IpcBook;

/* The part of a book that belongs to one sender. */
typedef struct _IpcAccount IpcAccount;

typedef enum {
  IPC_BOOK_OK,
  IPC_BOOK_WAS_SEALED, /* somebody has taken over: nothing was changed, and nothing may be done any more */
  IPC_BOOK_FULL,       /* nothing was changed */
} IpcBookResult;

IpcBook *ipc_book_new (guint8 *memory, guint64 epoch);
void ipc_book_free (IpcBook *self);
guint ipc_book_get_n_accounts (IpcBook *self);
guint ipc_book_get_window (IpcBook *self);

IpcAccount *ipc_book_open_account (IpcBook *self, const IpcSenderKey *key);
void ipc_account_free (IpcAccount *self);
IpcBookResult ipc_account_close (IpcAccount *self);

const IpcSenderKey *ipc_account_get_key (IpcAccount *self);
guint64 ipc_account_get_accepted (IpcAccount *self);
guint64 ipc_account_get_acknowledged (IpcAccount *self);
void ipc_account_get_record (IpcAccount *self, guint64 sequence, IpcRecord *record);

IpcBookResult ipc_account_accept (IpcAccount *self, guint64 sequence);
IpcBookResult ipc_account_returned (IpcAccount *self, guint64 sequence);
IpcBookResult ipc_account_answer (IpcAccount *self, guint64 sequence, gboolean failure, const guint8 *data, gsize size);
void ipc_account_acknowledge (IpcAccount *self, guint64 acknowledged);

IpcBookResult ipc_account_restore (IpcAccount *self, guint64 acknowledged, guint64 accepted);
void ipc_account_restore_record (IpcAccount *self, guint64 sequence, const IpcRecord *record);
