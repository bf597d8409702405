/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-disk.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

/*
 * A small file system of our own, in memory, that can be filled up without anybody else noticing. It is mounted in a
 * name space of this process and its children, and so is gone with the last of them, whatever becomes of us.
 */

#define OPTIONS "size=96m,mode=0700" /* a dozen group files: those that were deleted take room while they are open */
#define CHUNK_SIZE (64 * 1024)
#define SMALLEST_CHUNK 1

static gboolean
set_error (const char *what, GError **error)
{
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot %s: %s", what, g_strerror (errno));
  return FALSE;
}

/* Needs CAP_SYS_ADMIN. */
gboolean
sim_disk_mount (const char *path, GError **error)
{
  if (unshare (CLONE_NEWNS) < 0)
    return set_error ("have mounts of our own", error);
  if (mount ("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0
      || mount ("ipc-sim", path, "tmpfs", MS_NOSUID | MS_NODEV, OPTIONS) < 0)
    return set_error ("mount a small file system", error);
  return TRUE;
}

void
sim_disk_unmount (const char *path)
{
  umount2 (path, MNT_DETACH);
}

/* Takes all the room that there is. Returns the descriptor of a file without a name, whose end gives it back; or -1. */
int
sim_disk_fill (const char *path)
{
  int fd = open (path, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
  off_t size = 0;

  if (fd < 0)
    return -1;
  for (off_t chunk = CHUNK_SIZE; chunk >= SMALLEST_CHUNK; chunk /= 2) {
    while (posix_fallocate (fd, size, chunk) == 0)
      size += chunk;
  }
  return fd;
}
