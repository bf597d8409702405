/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-run-dir.h"

#include <errno.h>
#include <ftw.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <stdlib.h>

/*
 * The directory of one run: the nodes' runtime directory, and beside the group their records and logs.
 */

#define OPEN_FDS_MAX 16

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
