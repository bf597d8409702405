/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-unlock.h"

#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/*
 * Takes the locks of another process away, as a forked child does that unlocks what it inherited: a lock of an open file
 * description can be given up by whoever has a descriptor of it. Its owner is not told. So two candidates can believe
 * that it is their turn, and only the compare-and-swap of the word stands between them and the same epoch.
 */

static gboolean
has_lock (pid_t pid, const char *fd_name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fdinfo/%s", (int) pid, fd_name);
  g_autofree char *info = NULL;

  return g_file_get_contents (path, &info, NULL, NULL) && strstr (info, "OFDLCK") != NULL;
}

static gboolean
give_up_lock (int pidfd, int their_fd)
{
  struct flock everything = { .l_type = F_UNLCK, .l_whence = SEEK_SET };
  int fd = pidfd_getfd (pidfd, their_fd, 0);
  gboolean done;

  if (fd < 0)
    return FALSE;
  done = fcntl (fd, F_OFD_SETLK, &everything) == 0;
  close (fd);
  return done;
}

/* Returns how many descriptors have lost their locks; 0 where the system does not allow it. */
guint
sim_unlock_all (pid_t pid, int pidfd)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fdinfo", (int) pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n_unlocked = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    if (has_lock (pid, name) && give_up_lock (pidfd, atoi (name)))
      n_unlocked++;
  }
  return n_unlocked;
}
