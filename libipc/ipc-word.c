/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-word.h"

#include "ipc-sabotage.h"

/*
 * The word where all candidates see it. Each changes it by compare-and-swap only, and an epoch belongs to whoever did
 * that; so nothing here needs to know who else is at it.
 */

IpcWord
ipc_word_load (const IpcWord *self)
{
  return __atomic_load_n (self, __ATOMIC_SEQ_CST);
}

/* Changes the word, unless somebody else has. */
gboolean
ipc_word_claim (IpcWord *self, IpcWord expected, IpcWord word)
{
  if (IPC_SABOTAGE (CLAIM_BLIND)) {
    __atomic_store_n (self, word, __ATOMIC_SEQ_CST);
    return TRUE;
  }
  return __atomic_compare_exchange_n (self, &expected, word, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/**
 * ipc_word_next_epoch:
 * @word: as it was read
 * @clock: the wall clock, as an epoch
 *
 * The epoch to claim: the wall clock, or one more than the last when the clock was set back. Going by the word alone
 * would not do: a file that is made while another is being deleted may begin below epochs that were claimed by the
 * other, and so may one that is moved away and back. The clock at the claim is above them all.
 *
 * Returns: an epoch above that of @word
 */
guint64
ipc_word_next_epoch (IpcWord word, guint64 clock)
{
  return MAX (clock, ipc_word_get_epoch (word) + 1);
}

/* The file is not the one at its path: whoever is still master by it shall find out at his next look. */
void
ipc_word_retire (IpcWord *self)
{
  IpcWord word = ipc_word_load (self);

  while (ipc_word_get_slot (word) != IPC_SLOT_RETIRED
         && !ipc_word_claim (self, word, ipc_word_make (ipc_word_get_epoch (word) + 1, IPC_SLOT_RETIRED)))
    word = ipc_word_load (self);
}

/* The file was moved away and back: it is the group's again, and nobody is master by it. */
void
ipc_word_revive (IpcWord *self)
{
  IpcWord word = ipc_word_load (self);

  if (ipc_word_get_slot (word) == IPC_SLOT_RETIRED)
    ipc_word_claim (self, word, ipc_word_make (ipc_word_get_epoch (word) + 1, 0)); /* or another has done so */
}

/* A newer epoch has been seen than this file knows of: whoever is master by it would be refused by all who have seen
 * it, and for as long as he lives. His epoch is over, and the next one is above it. */
void
ipc_word_raise (IpcWord *self, guint64 epoch)
{
  IpcWord word = ipc_word_load (self);

  while (ipc_word_get_epoch (word) < epoch
         && !ipc_word_claim (self, word, ipc_word_make (epoch, ipc_word_get_slot (word))))
    word = ipc_word_load (self);
}
