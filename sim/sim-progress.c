/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-progress.h"

#include <stdio.h>
#include <unistd.h>

/*
 * The line that shows that a run is alive: rewritten in place on a terminal, a new one now and then elsewhere.
 */

#define SKIP_IN_LOGS 3 /* of the calls that show nothing new in kind, so that a log gets a line every two seconds */

void
sim_progress_init (SimProgress *self)
{
  *self = (SimProgress) { .live = isatty (STDERR_FILENO) };
}

/* now: it says something new in kind. */
void
sim_progress_show (SimProgress *self, gboolean now, const char *format, ...)
{
  va_list args;

  if (!self->live && !now && self->n_skipped < SKIP_IN_LOGS) {
    self->n_skipped++;
    return;
  }
  self->n_skipped = 0;

  va_start (args, format);
  if (self->live)
    fputs ("\r\033[K", stderr);
  vfprintf (stderr, format, args);
  if (!self->live)
    fputc ('\n', stderr);
  fflush (stderr);
  va_end (args);
}

void
sim_progress_end (SimProgress *self)
{
  if (self->live)
    fputs ("\r\033[K", stderr);
}
