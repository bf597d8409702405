/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>

#include "ipc-agenda.h"
#include "ipc-mailbox.h"

typedef struct _IpcCancel IpcCancel;

IpcCancel *ipc_cancel_new (GCancellable *cancellable, IpcMailbox *mailbox, IpcFunc func, gpointer user_data);
void ipc_cancel_free (IpcCancel *self);
