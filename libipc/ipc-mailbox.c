/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-mailbox.h"

#include <errno.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc-fork-guard.h"

/*
 * The way into a node's thread from any other: letters in a queue, and a descriptor that is readable for exactly as
 * long as there are any. Turns of the node see it among their descriptors, also the turns of a blocking call, which an
 * idle source of the main context would not reach; at rest nothing wakes up.
 *
 * Who may post holds a reference. After the end of the node nothing is delivered any more, and a letter is freed by
 * whoever posts it.
 */

struct _IpcMailbox {
  gatomicrefcount ref_count;
  GMutex lock;
  GQueue letters; /* of IpcLetter; under lock */
  int fd;         /* (owned) an event descriptor; -1 once closed; written and closed under lock */
};

/* Returns: (transfer full) (nullable): a mailbox, or %NULL with errno set */
IpcMailbox *
ipc_mailbox_new (void)
{
  int fd = eventfd (0, EFD_CLOEXEC | EFD_NONBLOCK);
  IpcMailbox *self;

  if (fd == -1)
    return NULL;

  ipc_fork_guard_add (fd);
  self = g_new0 (IpcMailbox, 1);
  g_atomic_ref_count_init (&self->ref_count);
  g_mutex_init (&self->lock);
  self->fd = fd;

  return self;
}

IpcMailbox *
ipc_mailbox_ref (IpcMailbox *self)
{
  g_atomic_ref_count_inc (&self->ref_count);
  return self;
}

void
ipc_mailbox_unref (IpcMailbox *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  ipc_mailbox_close (self);
  g_mutex_clear (&self->lock);
  g_free (self);
}

/* With the lock held: the descriptor becomes readable, or ceases to be. Neither can fail on a counter of 0 or 1. */
static void
set_readable (IpcMailbox *self, gboolean readable)
{
  guint64 count = 1;

  while ((readable ? write (self->fd, &count, sizeof count) : read (self->fd, &count, sizeof count)) == -1
         && errno == EINTR)
    continue;
}

/**
 * ipc_mailbox_post:
 * @letter: (transfer full): to be delivered
 *
 * Any thread.
 */
void
ipc_mailbox_post (IpcMailbox *self, IpcLetter *letter)
{
  gboolean open;

  letter->link = (GList) { .data = letter };

  g_mutex_lock (&self->lock);
  open = self->fd != -1;
  if (open) {
    if (g_queue_is_empty (&self->letters))
      set_readable (self, TRUE);
    g_queue_push_tail_link (&self->letters, &letter->link);
  }
  g_mutex_unlock (&self->lock);

  if (!open)
    letter->free (letter);
}

int
ipc_mailbox_get_fd (IpcMailbox *self)
{
  return self->fd;
}

static IpcLetter *
take (IpcMailbox *self)
{
  GList *link;

  g_mutex_lock (&self->lock);
  link = g_queue_pop_head_link (&self->letters);
  if (link != NULL && g_queue_is_empty (&self->letters))
    set_readable (self, FALSE);
  g_mutex_unlock (&self->lock);

  return link != NULL ? link->data : NULL;
}

static guint
count (IpcMailbox *self)
{
  guint n;

  g_mutex_lock (&self->lock);
  n = self->letters.length;
  g_mutex_unlock (&self->lock);

  return n;
}

/* Delivers what is in it; what is posted meanwhile is for the next time. A delivery may close the mailbox. */
void
ipc_mailbox_empty (IpcMailbox *self)
{
  IpcLetter *letter;

  ipc_mailbox_ref (self);
  for (guint n = count (self); n > 0 && (letter = take (self)) != NULL; n--) {
    letter->deliver (letter);
    letter->free (letter);
  }
  ipc_mailbox_unref (self);
}

/* Nothing is delivered from now on. */
void
ipc_mailbox_close (IpcMailbox *self)
{
  GQueue undelivered;
  IpcLetter *letter;

  g_mutex_lock (&self->lock);
  undelivered = self->letters;
  g_queue_init (&self->letters);
  if (self->fd != -1)
    ipc_fork_guard_close (self->fd);
  self->fd = -1;
  g_mutex_unlock (&self->lock);

  while ((letter = g_queue_peek_head (&undelivered)) != NULL) {
    g_queue_unlink (&undelivered, &letter->link);
    letter->free (letter);
  }
}
