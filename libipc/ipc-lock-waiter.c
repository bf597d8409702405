/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-lock-waiter.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "ipc-byte-lock.h"
#include "ipc-fork-guard.h"

/*
 * Waits for the lock of a slot in a thread that sleeps in fcntl (F_OFD_SETLKW). The kernel wakes exactly one waiter
 * when the holder is gone, and the thread tells the main context through an event descriptor. This is the fastest
 * hand-over there is (half a millisecond with 1000 waiters, docs/election.md) and costs nothing while nothing happens.
 *
 * In glibc fcntl (F_OFD_SETLKW) is a cancellation point, so a thread that still sleeps is ended by pthread_cancel(). If
 * the lock was granted in the same moment, it goes when the owner closes the file. The thread touches only its own
 * struct, which is freed after it is joined, and blocks every signal: the application's handlers run elsewhere.
 */

/* The thread makes two system calls; the default of 8 MiB would be address space for nothing. */
#define STACK_SIZE (128 * 1024)

struct _IpcLockWaiter {
  IpcPoller *poller; /* (unowned) */
  int lock_fd;       /* (unowned) */
  guint slot;
  int event_fd; /* (owned) */
  IpcWatch watch;
  pthread_t thread;
  int saved_errno; /* written by the thread before it tells; read after */
  IpcLockWaiterFunc func;
  gpointer user_data;
};

static gpointer
wait_for_lock (gpointer data)
{
  IpcLockWaiter *self = data;
  guint64 one = 1;
  gssize n;

  self->saved_errno = ipc_byte_lock_wait (self->lock_fd, IPC_BYTE_OF_SLOT (self->slot));
  n = write (self->event_fd, &one, sizeof one);
  g_assert (n == sizeof one); /* a counter that nobody else adds to */

  return NULL;
}

static void
granted_cb (guint32 events, gpointer user_data)
{
  IpcLockWaiter *self = user_data;
  guint64 count;

  if (read (self->event_fd, &count, sizeof count) != sizeof count)
    return;

  ipc_poller_unwatch (self->poller, &self->watch);
  self->func (self->saved_errno, self->user_data);
}

/* Returns 0 or an errno. */
static int
start_thread (IpcLockWaiter *self)
{
  pthread_attr_t attributes;
  sigset_t all, before;
  int result;

  sigfillset (&all);
  pthread_attr_init (&attributes);
  pthread_attr_setstacksize (&attributes, STACK_SIZE);
  pthread_sigmask (SIG_SETMASK, &all, &before);
  result = pthread_create (&self->thread, &attributes, wait_for_lock, self);
  pthread_sigmask (SIG_SETMASK, &before, NULL);
  pthread_attr_destroy (&attributes);
  if (result == 0)
    pthread_setname_np (self->thread, "libipc-lock");

  return result;
}

/**
 * ipc_lock_waiter_new:
 * @fd: the group file; its description will own the lock
 * @slot: which lock
 * @func: called once, in the poller's turns, unless the waiter is freed before
 *
 * Returns: (transfer full) (nullable): the waiter, or %NULL with @error set
 */
IpcLockWaiter *
ipc_lock_waiter_new (IpcPoller *poller, int fd, guint slot, IpcLockWaiterFunc func, gpointer user_data, GError **error)
{
  IpcLockWaiter *self = g_new0 (IpcLockWaiter, 1);
  int saved_errno = 0;

  self->poller = poller;
  self->lock_fd = fd;
  self->slot = slot;
  self->func = func;
  self->user_data = user_data;

  self->event_fd = eventfd (0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (self->event_fd != -1)
    ipc_fork_guard_add (self->event_fd);
  if (self->event_fd == -1 || !ipc_poller_watch (poller, &self->watch, self->event_fd, EPOLLIN, granted_cb, self))
    saved_errno = errno;
  else
    saved_errno = start_thread (self);

  if (saved_errno != 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "cannot wait for the lock: %s",
                 g_strerror (saved_errno));
    ipc_poller_unwatch (poller, &self->watch);
    if (self->event_fd != -1)
      ipc_fork_guard_close (self->event_fd);
    g_free (self);
    return NULL;
  }

  return self;
}

/* Stops waiting. The lock, if it was granted, stays with the file. */
void
ipc_lock_waiter_free (IpcLockWaiter *self)
{
  pthread_cancel (self->thread);
  pthread_join (self->thread, NULL);
  ipc_poller_unwatch (self->poller, &self->watch);
  ipc_fork_guard_close (self->event_fd);
  g_free (self);
}
