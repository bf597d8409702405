/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct {
  gboolean live; /* there is a terminal, and a view fills it */
  gboolean colours;
  guint n_skipped;
  char *message; /* (owned) (nullable) what was said last that belongs into the view */
} SimProgress;

void sim_progress_init (SimProgress *self);
void sim_progress_show (SimProgress *self, gboolean now, const char *format, ...) G_GNUC_PRINTF (3, 4);
void sim_progress_get_size (guint *width, guint *height);
void sim_progress_draw (const char *page);
void sim_progress_end (SimProgress *self);
