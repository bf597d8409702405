/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-byte-lock.h"
#include "ipc-group-file.h"

/* How long others are let go first in one vacancy. Longer than it takes any number of candidates to pass the lock on,
 * and short for a group that has no master meanwhile. */
#define IPC_PRIORITY_PATIENCE_US (50 * G_TIME_SPAN_MILLISECOND)

/* What a candidate thinks of its own rank. Embedded in its owner. */
typedef struct {
  int value;           /* IPC_PRIORITY_MIN to IPC_PRIORITY_MAX */
  guint64 served;      /* the last epoch in which it was master, 0 for none */
  IpcWord vacancy;     /* the word when the lock was last granted */
  gint64 vacant_since; /* when it was first granted with that word */
} IpcPriority;

void ipc_priority_show (IpcPriority *self, IpcGroupFile *file);
void ipc_priority_hide (IpcPriority *self, IpcGroupFile *file);
gboolean ipc_priority_must_yield (IpcPriority *self, IpcGroupFile *file, gint64 now_us);
