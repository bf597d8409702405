/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-fence.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * A resource as applications have them, which handlers of all masters write to: a database or a disk. It takes a write
 * only from an epoch that is not older than that of the write before. It is a file that all candidates map: a log of
 * epochs, one for each write that was taken. The next place is filled in by a compare-and-swap from 0, and what is
 * before it never changes any more; so comparing with it and taking its place are one step, wherever a process stops.
 */

#define PLACES_MAX (1 << 20)
#define FILE_SIZE (PLACES_MAX * sizeof (guint64))

struct _SimFence {
  guint64 *epochs; /* (owned) mapping; 0: not taken yet */
  gsize n_seen;    /* places before this one are taken */
};

static gpointer
set_error (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot use %s: %s", path, g_strerror (errno));
  return NULL;
}

gboolean
sim_fence_create (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  gboolean done;

  if (fd < 0)
    return set_error (error, path), FALSE;
  errno = posix_fallocate (fd, 0, FILE_SIZE);
  done = errno == 0;
  if (!done)
    set_error (error, path);
  close (fd);
  return done;
}

/* (transfer full) (nullable) */
SimFence *
sim_fence_open (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  gpointer mapping;
  SimFence *self;

  if (fd < 0)
    return set_error (error, path);
  mapping = mmap (NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  close (fd);
  if (mapping == MAP_FAILED)
    return set_error (error, path);

  self = g_new0 (SimFence, 1);
  self->epochs = mapping;
  return self;
}

void
sim_fence_free (SimFence *self)
{
  munmap (self->epochs, FILE_SIZE);
  g_free (self);
}

/**
 * sim_fence_write:
 * @epoch: in whose name
 * @place: (out): the write's number, counted from 1, if it was taken
 * @newest: (out): the epoch of the last write that was taken before
 */
SimFenceResult
sim_fence_write (SimFence *self, guint64 epoch, guint64 *place, guint64 *newest)
{
  g_assert (epoch != 0);

  for (; self->n_seen < PLACES_MAX; self->n_seen++) {
    guint64 nobody = 0;

    if (__atomic_load_n (&self->epochs[self->n_seen], __ATOMIC_SEQ_CST) != 0)
      continue;
    *newest = self->n_seen > 0 ? self->epochs[self->n_seen - 1] : 0;
    if (epoch < *newest) {
      /* Nothing newer can come between: a write that fills this place now is at least as new. */
      return SIM_FENCE_REFUSED;
    }
    if (__atomic_compare_exchange_n (&self->epochs[self->n_seen], &nobody, epoch, FALSE, __ATOMIC_SEQ_CST,
                                     __ATOMIC_SEQ_CST)) {
      *place = ++self->n_seen;
      return SIM_FENCE_TAKEN;
    }
  }
  return SIM_FENCE_FULL;
}
