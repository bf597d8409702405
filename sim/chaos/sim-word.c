/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-word.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * The word of a group file, read only: it changes at the moment at which a candidate claims an epoch. Where it is, is
 * known from docs/protocol.md, section 7.
 */

#define PAGE_SIZE 4096

gboolean
sim_word_open (SimWord *self, const char *path)
{
  int fd = open (path, O_RDONLY | O_CLOEXEC);
  struct stat st;

  self->page = NULL;
  if (fd < 0)
    return FALSE;
  if (fstat (fd, &st) == 0 && st.st_size >= PAGE_SIZE)
    self->page = mmap (NULL, PAGE_SIZE, PROT_READ, MAP_SHARED, fd, 0);
  close (fd);
  if (self->page == MAP_FAILED)
    self->page = NULL;
  return self->page != NULL;
}

void
sim_word_close (SimWord *self)
{
  if (self->page != NULL)
    munmap (self->page, PAGE_SIZE);
  self->page = NULL;
}

guint64
sim_word_read (const SimWord *self)
{
  return __atomic_load_n ((const guint64 *) (const void *) (self->page + SIM_WORD_OFFSET), __ATOMIC_SEQ_CST);
}
