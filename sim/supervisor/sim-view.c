/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-view.h"

#include <string.h>

/*
 * What a run looks like while it goes on, as text that fills a terminal from its upper left corner: every line is cut to
 * the width and cleared behind its end, and what does not fit below is left out, so that any size will do and nothing is
 * ever scrolled. Pure; sim-progress.c has the terminal.
 */

#define HOME "\033[H"
#define CLEAR_LINE "\033[K"
#define CLEAR_BELOW "\033[J"
#define BOLD "\033[1m"
#define RED "\033[31m"
#define PLAIN "\033[0m"

#define WORRYING_WAIT_S 1.0 /* longer than any fail-over that nothing else disturbs */

typedef struct {
  GString *text;
  guint width;
  guint n_left; /* lines */
  gboolean colours;
} Page;

static void add_line (Page *self, const char *colour, const char *format, ...) G_GNUC_PRINTF (3, 4);

static void
add_line (Page *self, const char *colour, const char *format, ...)
{
  g_autofree char *whole = NULL;
  g_autofree char *cut = NULL;
  va_list args;

  if (self->n_left == 0)
    return;
  va_start (args, format);
  whole = g_strdup_vprintf (format, args);
  va_end (args);
  cut = g_utf8_substring (whole, 0, MIN (g_utf8_strlen (whole, -1), (glong) self->width));

  if (self->n_left-- > 0 && self->text->len > strlen (HOME))
    g_string_append (self->text, "\r\n");
  if (self->colours && colour != NULL)
    g_string_append_printf (self->text, "%s%s" PLAIN, colour, cut);
  else
    g_string_append (self->text, cut);
  g_string_append (self->text, CLEAR_LINE);
}

static void
add_master (Page *self, const SimViewState *state)
{
  if (state->master >= 0)
    add_line (self, BOLD, "master    node %d  epoch %" G_GUINT64_FORMAT "  for %.1f s", state->master, state->epoch,
              state->master_for_s);
  else
    add_line (self, RED, "master    none");
}

static void
add_waits (Page *self, const SimViewState *state)
{
  const char *colour = state->waiting_s > WORRYING_WAIT_S ? RED : NULL;

  if (state->waiting_node >= 0)
    add_line (self, colour, "waiting   node %d for %.1f s; longest so far %.1f s", state->waiting_node, state->waiting_s,
              state->longest_wait_s);
  else
    add_line (self, NULL, "waiting   nobody; longest so far %.1f s", state->longest_wait_s);
}

/* (transfer full) */
char *
sim_view_render (const SimViewState *state, guint width, guint height, gboolean colours)
{
  Page page = { g_string_new (HOME), width, height, colours };

  add_line (&page, BOLD, "ipc-sim   seed %" G_GINT64_FORMAT "  %s  %.1f of %.1f s", state->seed, state->phase,
            state->chaos_s, state->duration_s);
  add_line (&page, NULL, "nodes     %u of %u", state->n_joined, state->n_nodes);
  add_master (&page, state);
  add_line (&page, NULL, "messages  %.0f sent a second, %.0f answered", state->sent_rate, state->answered_rate);
  add_waits (&page, state);
  add_line (&page, NULL, "faults    %" G_GUINT64_FORMAT " so far, %u masters killed", state->n_faults, state->n_kills);
  add_line (&page, NULL, "%s", "");
  for (guint i = 0; state->events[i] != NULL; i++)
    add_line (&page, NULL, "  %s", state->events[i]);
  add_line (&page, NULL, "%s", "");
  add_line (&page, NULL, "Ctrl-C heals, checks, and reports what there is.");
  g_string_append (page.text, CLEAR_BELOW);
  return g_string_free (page.text, FALSE);
}
