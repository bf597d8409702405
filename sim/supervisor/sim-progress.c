/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-progress.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <unistd.h>

/*
 * How a run shows that it is alive: on a terminal a view that fills it, on a screen of its own so that what was there
 * before is there again afterwards; elsewhere a line now and then.
 */

#define SKIP_IN_LOGS 7 /* of the calls that show nothing new in kind, so that a log gets a line every two seconds */
#define WIDTH_OTHERWISE 80
#define HEIGHT_OTHERWISE 24

#define TAKE_SCREEN "\033[?1049h\033[?25l"
#define GIVE_SCREEN_BACK "\033[?25h\033[?1049l"

static gboolean screen_is_taken;

/* Whatever ends this process in an orderly way. */
static void
give_screen_back (void)
{
  if (!screen_is_taken)
    return;
  screen_is_taken = FALSE;
  fputs (GIVE_SCREEN_BACK, stderr);
  fflush (stderr);
}

static void
take_screen (void)
{
  static gboolean registered;

  if (!registered)
    atexit (give_screen_back);
  registered = TRUE;
  screen_is_taken = TRUE;
  fputs (TAKE_SCREEN, stderr);
}

/* See no-color.org: any value but none. */
static gboolean
wants_colours (void)
{
  const char *no_color = g_getenv ("NO_COLOR");

  return no_color == NULL || *no_color == '\0';
}

void
sim_progress_init (SimProgress *self)
{
  const char *terminal = g_getenv ("TERM");

  *self = (SimProgress) {
    .live = isatty (STDERR_FILENO) && terminal != NULL && !g_str_equal (terminal, "dumb"),
    .colours = wants_colours (),
  };
  if (self->live)
    take_screen ();
}

/* now: it says something new in kind. In a view it stays until there is something newer to say. */
void
sim_progress_show (SimProgress *self, gboolean now, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  if (!now && self->n_skipped < SKIP_IN_LOGS) {
    self->n_skipped++;
    return;
  }
  self->n_skipped = 0;
  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);

  if (!self->live) {
    fprintf (stderr, "%s\n", text);
    return;
  }
  g_free (self->message);
  self->message = g_steal_pointer (&text);
}

/* Asked anew each time: it may change. */
void
sim_progress_get_size (guint *width, guint *height)
{
  struct winsize size = { 0 };

  ioctl (STDERR_FILENO, TIOCGWINSZ, &size);
  *width = size.ws_col > 0 ? size.ws_col : WIDTH_OTHERWISE;
  *height = size.ws_row > 0 ? size.ws_row : HEIGHT_OTHERWISE;
}

void
sim_progress_draw (const char *page)
{
  fputs (page, stderr);
  fflush (stderr);
}

/* What was said last must not go with the screen. */
void
sim_progress_end (SimProgress *self)
{
  give_screen_back ();
  if (self->message != NULL)
    fprintf (stderr, "%s\n", self->message);
  g_clear_pointer (&self->message, g_free);
}
