/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-run-dir.h"

#include <errno.h>
#include <ftw.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/statvfs.h>

/*
 * The directory of one run: the nodes' runtime directory, and beside the group their records and logs.
 */

#define OPEN_FDS_MAX 16
#define MEMORY_DIR "/dev/shm"
#define MEMORY_WANTED (256 * 1024 * 1024)

/* (transfer full) (nullable): a new directory, ours alone. */
char *
sim_run_dir_make (const char *base, GError **error)
{
  g_autofree char *path = g_build_filename (base, "ipc-sim-XXXXXX", NULL);
  char *absolute;

  if (g_mkdtemp_full (path, 0700) == NULL) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make a directory in %s: %s", base,
                 g_strerror (errno));
    return NULL;
  }
  absolute = realpath (path, NULL);
  return absolute != NULL ? absolute : g_steal_pointer (&path);
}

/* Where groups usually are: in memory. On a disk's file system, putting a socket in place takes half a millisecond. But
 * there must be room for the group's file, and for those that were deleted and are still open. */
const char *
sim_run_dir_find_memory (const char *otherwise)
{
  const char *runtime_dir = g_getenv ("XDG_RUNTIME_DIR");
  const char *const dirs[] = { runtime_dir != NULL ? runtime_dir : MEMORY_DIR, MEMORY_DIR };

  for (guint i = 0; i < G_N_ELEMENTS (dirs); i++) {
    struct statvfs info;

    if (g_access (dirs[i], W_OK | X_OK) == 0 && statvfs (dirs[i], &info) == 0
        && (guint64) info.f_bavail * info.f_frsize >= MEMORY_WANTED)
      return dirs[i];
  }
  return otherwise;
}

static int
remove_one (const char *path, const struct stat *info, int type, struct FTW *place)
{
  return remove (path);
}

/* With all that is in it; links are not followed. What is gone already is no error. */
void
sim_run_dir_remove (const char *path)
{
  if (nftw (path, remove_one, OPEN_FDS_MAX, FTW_DEPTH | FTW_PHYS) != 0 && errno != ENOENT)
    g_printerr ("Cannot remove %s: %s\n", path, g_strerror (errno));
}
