/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-priority.h"

/*
 * Among the candidates that wait, who goes first. The kernel grants the slot's lock in its own order and knows no
 * priorities. So whoever waits shows his own by sharing the lock of a byte that stands for it, and whoever is granted
 * the slot's lock looks whether somebody with a higher one waits; then he gives it up and queues again, behind the
 * others. A master that has resigned does so for anybody: the kernel may grant it the lock that it has just given up
 * before the one who was woken up for it comes to take it.
 *
 * All this only for a moment in each vacancy, which is known by the word: it changes with every election. So one who is
 * stopped, and shows a priority without ever taking his turn, costs the others that moment and not their master.
 */

/* To be called before one waits: who is granted the lock meanwhile shall see it. Who does not is not waited for. */
void
ipc_priority_show (IpcPriority *self, IpcGroupFile *file)
{
  ipc_byte_lock_share (ipc_group_file_get_fd (file), IPC_BYTE_OF_PRIORITY (self->value));
}

void
ipc_priority_hide (IpcPriority *self, IpcGroupFile *file)
{
  ipc_byte_lock_release (ipc_group_file_get_fd (file), IPC_BYTE_OF_PRIORITY (self->value));
}

/* With the slot's lock held: whether somebody else is to be let go first. It costs one fcntl(). */
gboolean
ipc_priority_must_yield (IpcPriority *self, IpcGroupFile *file, gint64 now_us)
{
  IpcWord word = ipc_group_file_get_word (file);
  gboolean has_resigned = ipc_word_get_epoch (word) == self->served;

  if (word != self->vacancy) {
    self->vacancy = word;
    self->vacant_since = now_us;
  }

  return now_us - self->vacant_since < IPC_PRIORITY_PATIENCE_US
         && ipc_byte_lock_is_held (ipc_group_file_get_fd (file),
                                   IPC_BYTE_OF_PRIORITY (has_resigned ? IPC_PRIORITY_MIN : self->value + 1),
                                   IPC_BYTE_OF_PRIORITY (IPC_PRIORITY_MAX));
}
