/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The bytes that candidates lock are beyond the end of any file, so that a lock never gets in the way of reading or
 * writing. Each slot of the word has one; behind them is one for each priority. */
#define IPC_BYTE_OF_SLOT(slot) ((G_GINT64_CONSTANT (1) << 32) + (slot))
#define IPC_BYTE_OF_PRIORITY(priority) ((G_GINT64_CONSTANT (1) << 33) + IPC_PRIORITY_MAX + (priority))

#define IPC_PRIORITY_MAX 100
#define IPC_PRIORITY_MIN (-IPC_PRIORITY_MAX)

int ipc_byte_lock_wait (int fd, gint64 byte);
gboolean ipc_byte_lock_try (int fd, gint64 byte);
gboolean ipc_byte_lock_share (int fd, gint64 byte);
void ipc_byte_lock_release (int fd, gint64 byte);
gboolean ipc_byte_lock_is_held (int fd, gint64 first, gint64 last);
