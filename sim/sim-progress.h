/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct {
  gboolean live; /* one line that changes, on a terminal */
  guint n_skipped;
} SimProgress;

void sim_progress_init (SimProgress *self);
void sim_progress_show (SimProgress *self, gboolean now, const char *format, ...) G_GNUC_PRINTF (3, 4);
void sim_progress_end (SimProgress *self);
