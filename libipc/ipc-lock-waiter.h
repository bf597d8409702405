/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-poller.h"

typedef struct _IpcLockWaiter IpcLockWaiter;

/* @saved_errno: 0 when the lock has been granted, else why waiting for it is impossible. */
typedef void (*IpcLockWaiterFunc) (int saved_errno, gpointer user_data);

IpcLockWaiter *ipc_lock_waiter_new (IpcPoller *poller, int fd, guint slot, IpcLockWaiterFunc func, gpointer user_data,
                                    GError **error);
void ipc_lock_waiter_free (IpcLockWaiter *self);
