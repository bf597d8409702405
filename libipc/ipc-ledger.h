/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-book.h"
#include "ipc-word.h"

/* The record of outcomes, as the master of one epoch sees it. */
typedef struct _IpcLedger IpcLedger;

typedef struct {
  gboolean (*is_slot_free) (guint slot, gpointer user_data); /* nobody holds the lock of this slot */
  gboolean (*is_gone) (const IpcSenderKey *key, gpointer user_data); /* the sender's process has ended */
} IpcLedgerFuncs;

/* The predecessor's, ours, and two that masters who are stopped may hold; a fifth would cost each group 2 MiB more. */
#define IPC_LEDGER_N_BOOKS 4
#define IPC_LEDGER_SIZE (IPC_LEDGER_N_BOOKS * IPC_BOOK_SIZE)

IpcLedger *ipc_ledger_open (guint8 *memory, IpcWord word, guint64 epoch_seen, const IpcLedgerFuncs *funcs,
                            gpointer user_data);
void ipc_ledger_free (IpcLedger *self);

guint64 ipc_ledger_get_born (IpcLedger *self);
gboolean ipc_ledger_knows (IpcLedger *self, guint64 oldest_epoch, guint64 newest_epoch);
guint ipc_ledger_get_window (IpcLedger *self);
gboolean ipc_ledger_is_shared (IpcLedger *self);

IpcAccount *ipc_ledger_take_account (IpcLedger *self, const IpcSenderKey *key);
void ipc_ledger_forget_gone (IpcLedger *self);
