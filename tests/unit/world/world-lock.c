/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include "ipc-byte-lock.h"
#include "ipc-lock-waiter.h"
#include "world-system.h"

/*
 * Locks on bytes of the group file, in place of ipc-byte-lock.c and ipc-lock-waiter.c. A lock belongs to an open file
 * description and goes with it. Who waits for a byte is granted it in the order of waiting; but who is stopped does not
 * come to take it, and others go first.
 */

typedef struct {
  int fd;
  Host *host;
  gpointer file; /* which one it is open on */
} Description;

typedef struct {
  int fd;
  gpointer file;
  gint64 byte;
  gboolean shared;
} Lock;

struct _IpcLockWaiter {
  IpcPoller *poller; /* (unowned) */
  int lock_fd;
  gint64 byte;
  int event_fd; /* ready when the lock has been granted */
  IpcWatch watch;
  IpcLockWaiterFunc func;
  gpointer user_data;
};

static GArray *descriptions; /* of Description */
static GArray *locks;        /* of Lock */
static GPtrArray *waiters;   /* (unowned) of IpcLockWaiter, the longest first */

void
locks_begin (void)
{
  if (descriptions == NULL) {
    descriptions = g_array_new (FALSE, FALSE, sizeof (Description));
    locks = g_array_new (FALSE, FALSE, sizeof (Lock));
    waiters = g_ptr_array_new ();
  }
  g_array_set_size (descriptions, 0);
  g_array_set_size (locks, 0);
  g_ptr_array_set_size (waiters, 0);
}

void
locks_add_file (int fd, gpointer file)
{
  Description description = { fd, world_self, file };

  g_array_append_val (descriptions, description);
}

static const Description *
find (int fd)
{
  for (guint i = 0; i < descriptions->len; i++) {
    if (g_array_index (descriptions, Description, i).fd == fd)
      return &g_array_index (descriptions, Description, i);
  }

  return NULL;
}

/* Whether another description has a lock on one of these bytes that does not go with ours. */
static gboolean
is_taken (const Description *self, gint64 first, gint64 last, gboolean shared)
{
  for (guint i = 0; i < locks->len; i++) {
    const Lock *lock = &g_array_index (locks, Lock, i);

    if (lock->file == self->file && lock->fd != self->fd && lock->byte >= first && lock->byte <= last
        && !(shared && lock->shared))
      return TRUE;
  }

  return FALSE;
}

/* A lock on another byte is another lock, and one on the same byte is replaced. */
static void
drop (int fd, gint64 byte, gboolean all)
{
  for (guint i = locks->len; i > 0; i--) {
    const Lock *lock = &g_array_index (locks, Lock, i - 1);

    if (lock->fd == fd && (all || lock->byte == byte))
      g_array_remove_index (locks, i - 1);
  }
}

static gboolean
take (int fd, gint64 byte, gboolean shared)
{
  const Description *self = find (fd);
  Lock lock = { fd, self != NULL ? self->file : NULL, byte, shared };

  if (self == NULL || is_taken (self, byte, byte, shared))
    return FALSE;

  drop (fd, byte, FALSE);
  g_array_append_val (locks, lock);
  return TRUE;
}

/* Gives to those who wait what is free. */
void
locks_grant (void)
{
  for (guint i = 0; i < waiters->len;) {
    IpcLockWaiter *waiter = g_ptr_array_index (waiters, i);
    const Description *description = find (waiter->lock_fd);

    if (description == NULL) {
      g_ptr_array_remove_index (waiters, i); /* its process has died */
    } else if (!description->host->is_stopped && !description->host->is_held
               && take (waiter->lock_fd, waiter->byte, FALSE)) {
      g_ptr_array_remove_index (waiters, i);
      fd_set_ready (waiter->event_fd, EPOLLIN);
    } else {
      i++;
    }
  }
}

/* The file is closed. */
void
locks_drop (int fd)
{
  drop (fd, 0, TRUE);
  for (guint i = 0; i < descriptions->len; i++) {
    if (g_array_index (descriptions, Description, i).fd == fd) {
      g_array_remove_index (descriptions, i);
      break;
    }
  }
  locks_grant ();
}

void
locks_drop_of (Host *host)
{
  for (guint i = descriptions->len; i > 0; i--) {
    const Description *description = &g_array_index (descriptions, Description, i - 1);

    if (description->host == host) {
      drop (description->fd, 0, TRUE);
      g_array_remove_index (descriptions, i - 1);
    }
  }
  locks_grant ();
}

gboolean
ipc_byte_lock_try (int fd, gint64 byte)
{
  world_step (WORLD_STEP_SYSTEM);
  return world_is_real () && take (fd, byte, FALSE);
}

gboolean
ipc_byte_lock_share (int fd, gint64 byte)
{
  return world_is_real () && take (fd, byte, TRUE);
}

void
ipc_byte_lock_release (int fd, gint64 byte)
{
  if (!world_is_real ())
    return;

  drop (fd, byte, FALSE);
  locks_grant ();
}

gboolean
ipc_byte_lock_is_held (int fd, gint64 first, gint64 last)
{
  const Description *self = find (fd);

  return self != NULL && first <= last && is_taken (self, first, last, FALSE);
}

static void
granted_cb (guint32 events, gpointer user_data)
{
  IpcLockWaiter *self = user_data;

  ipc_poller_unwatch (self->poller, &self->watch);
  self->func (0, self->user_data);
}

IpcLockWaiter *
ipc_lock_waiter_new (IpcPoller *poller, int fd, guint slot, IpcLockWaiterFunc func, gpointer user_data, GError **error)
{
  IpcLockWaiter *self = g_new0 (IpcLockWaiter, 1);

  self->poller = poller;
  self->lock_fd = fd;
  self->byte = IPC_BYTE_OF_SLOT (slot);
  self->func = func;
  self->user_data = user_data;
  self->event_fd = fd_new (world_self);
  ipc_poller_watch (poller, &self->watch, self->event_fd, EPOLLIN, granted_cb, self);
  if (world_is_real ()) {
    g_ptr_array_add (waiters, self);
    locks_grant ();
  }

  return self;
}

/* A lock that was granted stays. */
void
ipc_lock_waiter_free (IpcLockWaiter *self)
{
  g_ptr_array_remove (waiters, self);
  ipc_poller_unwatch (self->poller, &self->watch);
  fd_free (self->event_fd);
  g_free (self);
}
