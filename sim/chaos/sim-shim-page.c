/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-shim-page.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * The supervisor's side of the shim: makes the page that a node's process is to share, says where it is and what is to
 * be loaded, and arms and disarms rules. See shim/sim-shim.h.
 */

#define SHIM_NAME "libsim-shim.so" /* beside this program */

static gpointer
set_error (GError **error, const char *path)
{
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make %s: %s", path, g_strerror (errno));
  return NULL;
}

/* (transfer full) (nullable) */
SimShimPage *
sim_shim_page_create (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  int code = fd >= 0 ? posix_fallocate (fd, 0, SIM_SHIM_PAGE_SIZE) : errno;
  gpointer mapping = MAP_FAILED;

  errno = code;
  if (code == 0)
    mapping = mmap (NULL, SIM_SHIM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (fd >= 0)
    close (fd);
  return mapping != MAP_FAILED ? mapping : set_error (error, path);
}

void
sim_shim_page_free (SimShimPage *self)
{
  munmap (self, SIM_SHIM_PAGE_SIZE);
}

/* From now on. No other rule may be armed. */
void
sim_shim_page_arm (SimShimPage *self, const SimRule *rule)
{
  __atomic_store_n (&self->n_seen, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&self->n_hit, 0, __ATOMIC_RELAXED);
  __atomic_store_n (&self->rule, sim_rule_pack (rule), __ATOMIC_RELEASE);
}

/* Returns how many calls the rule has hit. */
guint
sim_shim_page_disarm (SimShimPage *self)
{
  __atomic_store_n (&self->rule, 0, __ATOMIC_RELEASE);
  return __atomic_load_n (&self->n_hit, __ATOMIC_ACQUIRE);
}

/* (transfer full) (nullable): of a process into which the shim is to be loaded. */
char **
sim_shim_build_environment (const char *page_path, GError **error)
{
  g_autofree char *program = g_file_read_link ("/proc/self/exe", error);
  g_autofree char *folder = program != NULL ? g_path_get_dirname (program) : NULL;
  g_autofree char *shim = folder != NULL ? g_build_filename (folder, SHIM_NAME, NULL) : NULL;
  g_autofree char *asan = g_strconcat ("verify_asan_link_order=0:", g_getenv ("ASAN_OPTIONS"), NULL);
  char **environment;

  if (shim == NULL)
    return NULL;
  if (!g_file_test (shim, G_FILE_TEST_IS_REGULAR)) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND, "System calls cannot be made to fail without %s", shim);
    return NULL;
  }
  environment = g_get_environ ();
  environment = g_environ_setenv (environment, SIM_SHIM_ENV, page_path, TRUE);
  environment = g_environ_setenv (environment, "LD_PRELOAD", shim, TRUE);
  return g_environ_setenv (environment, "ASAN_OPTIONS", asan, TRUE);
}
