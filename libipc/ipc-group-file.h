/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-group-dir.h"

typedef struct _IpcGroupFile IpcGroupFile;

/* The word: epoch in the upper 48 bits, slot in the lower 16. Always read and changed at once. */
typedef guint64 IpcWord;

#define IPC_SLOT_BITS 16
/* The slot of a file that is no longer at its path: nobody queues on it, and no master's epoch matches it. */
#define IPC_SLOT_RETIRED 0xffff

static inline IpcWord
ipc_word_make (guint64 epoch, guint slot)
{
  return epoch << IPC_SLOT_BITS | slot;
}

static inline guint64
ipc_word_get_epoch (IpcWord word)
{
  return word >> IPC_SLOT_BITS;
}

static inline guint
ipc_word_get_slot (IpcWord word)
{
  return word & ((1u << IPC_SLOT_BITS) - 1);
}

IpcGroupFile *ipc_group_file_open (IpcGroupDir *dir, const char *node_id, guint64 epoch_min, GError **error);
void ipc_group_file_free (IpcGroupFile *self);

IpcWord ipc_group_file_get_word (IpcGroupFile *self);
gboolean ipc_group_file_claim (IpcGroupFile *self, IpcWord expected, IpcWord word);
void ipc_group_file_retire (IpcGroupFile *self);
void ipc_group_file_revive (IpcGroupFile *self);
gboolean ipc_group_file_is_current (IpcGroupFile *self, IpcGroupDir *dir);
int ipc_group_file_get_fd (IpcGroupFile *self);
