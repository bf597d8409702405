/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include "world-system.h"

/*
 * Descriptors, all processes' in one table: whose each is, and what it is ready for. Whatever stands behind one says
 * when that changes. A number is not used twice in one life of the world, so nothing late can hit another's.
 */

#define FIRST_FD 1000 /* no real one is as high: a call that goes astray is seen */

typedef struct {
  Host *host; /* (nullable) %NULL once closed */
  guint32 ready;
} Fd;

static GArray *fds; /* of Fd */

void
fds_begin (void)
{
  if (fds == NULL)
    fds = g_array_new (FALSE, TRUE, sizeof (Fd));
  g_array_set_size (fds, 0);
}

static Fd *
find (int fd)
{
  g_assert (fd >= FIRST_FD && fd < FIRST_FD + (int) fds->len);

  return &g_array_index (fds, Fd, fd - FIRST_FD);
}

int
fd_new (Host *host)
{
  Fd fd = { .host = host };

  g_array_append_val (fds, fd);
  return FIRST_FD + fds->len - 1;
}

void
fd_free (int fd)
{
  *find (fd) = (Fd) { NULL, 0 };
}

Host *
fd_host (int fd)
{
  return find (fd)->host;
}

guint32
fd_ready (int fd)
{
  return find (fd)->ready;
}

/* As epoll reports it, whether anybody waits for it or not. */
void
fd_set_ready (int fd, guint32 events)
{
  Fd *self = find (fd);

  if (self->host == NULL || self->ready == events)
    return;

  self->ready = events;
  if (events != 0)
    host_wake (self->host);
}
