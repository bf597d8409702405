/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* The word of a group: epoch in the upper 48 bits, slot in the lower 16. Always read and changed at once. Of two words
 * of one file the greater one is the later. */
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

IpcWord ipc_word_load (const IpcWord *self);
gboolean ipc_word_claim (IpcWord *self, IpcWord expected, IpcWord word);
guint64 ipc_word_next_epoch (IpcWord word, guint64 clock);
void ipc_word_retire (IpcWord *self);
void ipc_word_revive (IpcWord *self);
void ipc_word_raise (IpcWord *self, guint64 epoch);
