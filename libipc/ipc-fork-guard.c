/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-fork-guard.h"

#include <glib.h>
#include <pthread.h>
#include <unistd.h>

/*
 * Descriptors that a forked child must not keep. A child that is made by fork() and does not exec shares the open files
 * of its parent: it would hold the lock of a master that has died, and keep connections open so that no peer sees their
 * end. So the child closes them, and closes only: unlocking would take the lock from the parent as well.
 *
 * A set of descriptor numbers, as bits; all of the process's nodes share it.
 */

#define BITS_PER_WORD 64

static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static GArray *words; /* of guint64; lives as long as the process */

static void
before_fork (void)
{
  pthread_mutex_lock (&mutex);
}

static void
after_fork_in_parent (void)
{
  pthread_mutex_unlock (&mutex);
}

static void
after_fork_in_child (void)
{
  for (guint i = 0; i < words->len; i++) {
    guint64 *word = &g_array_index (words, guint64, i);

    for (guint bit = 0; *word != 0; bit++) {
      if (*word & 1)
        close (i * BITS_PER_WORD + bit);
      *word >>= 1;
    }
  }

  pthread_mutex_unlock (&mutex);
}

static void
set_guarded (int fd, gboolean guarded)
{
  guint64 mask = G_GUINT64_CONSTANT (1) << (fd % BITS_PER_WORD);
  guint64 *word;

  if (words == NULL) {
    words = g_array_new (FALSE, TRUE, sizeof (guint64));
    pthread_atfork (before_fork, after_fork_in_parent, after_fork_in_child);
  }
  if (words->len <= (guint) fd / BITS_PER_WORD)
    g_array_set_size (words, fd / BITS_PER_WORD + 1);

  word = &g_array_index (words, guint64, fd / BITS_PER_WORD);
  if (guarded)
    *word |= mask;
  else
    *word &= ~mask;
}

/* A child of this process shall close @fd. */
void
ipc_fork_guard_add (int fd)
{
  g_assert (fd >= 0);

  pthread_mutex_lock (&mutex);
  set_guarded (fd, TRUE);
  pthread_mutex_unlock (&mutex);
}

/* Closes @fd, in one step as seen from a fork: afterwards its number may belong to somebody else. */
void
ipc_fork_guard_close (int fd)
{
  g_assert (fd >= 0);

  pthread_mutex_lock (&mutex);
  set_guarded (fd, FALSE);
  close (fd);
  pthread_mutex_unlock (&mutex);
}
