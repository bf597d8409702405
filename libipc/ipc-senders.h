/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-sender.h"

/* All senders that the master of one epoch knows. */
typedef struct _IpcSenders IpcSenders;

gboolean ipc_senders_is_gone (const IpcSenderKey *key);

IpcSenders *ipc_senders_new (IpcLedger *ledger);
void ipc_senders_free (IpcSenders *self);

IpcSender *ipc_senders_find (IpcSenders *self, const IpcSenderKey *key);
gboolean ipc_senders_has_too_many (IpcSenders *self, const IpcSenderKey *key);
IpcSender *ipc_senders_add (IpcSenders *self, const IpcSenderKey *key, const IpcSenderConfig *config, IpcPeer *peer,
                            const IpcSenderEvents *events, gpointer user_data);
void ipc_senders_forget (IpcSenders *self, const IpcSenderKey *key);
void ipc_senders_make_room (IpcSenders *self);
gboolean ipc_senders_is_any_unanswered (IpcSenders *self);
