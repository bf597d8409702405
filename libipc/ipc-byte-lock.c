/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-byte-lock.h"

#include <errno.h>
#include <fcntl.h>

/*
 * Locks on single bytes of a file that belong to an open file description: closing it gives them up, and closing
 * another descriptor of the same file does not.
 */

static struct flock
make_lock (short type, gint64 first, gint64 last)
{
  return (struct flock) { .l_type = type, .l_whence = SEEK_SET, .l_start = first, .l_len = last - first + 1 };
}

/* Waits for the byte to be ours alone, for as long as that takes; a cancellation point. Returns 0 or an errno. */
int
ipc_byte_lock_wait (int fd, gint64 byte)
{
  struct flock lock = make_lock (F_WRLCK, byte, byte);
  int result;

  do
    result = fcntl (fd, F_OFD_SETLKW, &lock);
  while (result == -1 && errno == EINTR);

  return result == -1 ? errno : 0;
}

/* Takes the byte for us alone, if nobody has it. */
gboolean
ipc_byte_lock_try (int fd, gint64 byte)
{
  struct flock lock = make_lock (F_WRLCK, byte, byte);

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

/* Takes the byte together with others who share it. */
gboolean
ipc_byte_lock_share (int fd, gint64 byte)
{
  struct flock lock = make_lock (F_RDLCK, byte, byte);

  return fcntl (fd, F_OFD_SETLK, &lock) == 0;
}

void
ipc_byte_lock_release (int fd, gint64 byte)
{
  struct flock lock = make_lock (F_UNLCK, byte, byte);

  fcntl (fd, F_OFD_SETLK, &lock); /* cannot fail for a byte that is the whole of a lock */
}

/* Whether anybody else holds or shares one of these bytes. If it cannot be found out, nobody does. */
gboolean
ipc_byte_lock_is_held (int fd, gint64 first, gint64 last)
{
  struct flock lock = make_lock (F_WRLCK, first, last);

  return first <= last && fcntl (fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}
