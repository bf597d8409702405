/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-deposer.h"

#include "ipc-byte-lock.h"

/*
 * Takes the place of a master that has the lock and does not answer. The lock cannot be taken from it, so the group
 * moves to the next slot: the deposer takes that one's lock, without waiting, and then claims an epoch with a word that
 * names it. Whoever was master by the old word finds out at his next look at it.
 *
 * If somebody else has the next slot's lock, another deposer is at work, and it is left to him. But he may stop there
 * for ever. So who comes again, after another whole timeout with the same word, goes one slot further. That can do no
 * harm: the word is changed by compare-and-swap, from the one that was suspected.
 */

/* To be called when the master is asked for a sign of life: only what has not changed since then may be deposed. */
void
ipc_deposer_suspect (IpcDeposer *self, IpcGroupFile *file)
{
  IpcWord word = ipc_group_file_get_word (file);

  if (word == self->suspected)
    return;

  self->suspected = word;
  self->n_refused = 0;
}

/**
 * ipc_deposer_take_slot:
 * @slot: (inout): the one whose lock somebody holds and we wait for; then another, whose lock is ours
 *
 * Returns: %FALSE if another is at work, or has been, or nobody holds the lock
 */
gboolean
ipc_deposer_take_slot (IpcDeposer *self, IpcGroupFile *file, guint *slot)
{
  int fd = ipc_group_file_get_fd (file);
  guint next = (*slot + 1 + self->n_refused) % IPC_SLOT_RETIRED;

  if (ipc_group_file_get_word (file) != self->suspected || ipc_word_get_slot (self->suspected) != *slot
      || !ipc_byte_lock_is_held (fd, IPC_BYTE_OF_SLOT (*slot), IPC_BYTE_OF_SLOT (*slot)))
    return FALSE;
  if (!ipc_byte_lock_try (fd, IPC_BYTE_OF_SLOT (next))) {
    self->n_refused++;
    return FALSE;
  }

  *slot = next;
  return TRUE;
}
