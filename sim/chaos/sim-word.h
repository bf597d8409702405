/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_WORD_OFFSET 64 /* in the file */

typedef struct {
  guint8 *page; /* (owned) (nullable) of the group file, shared with those who use it */
} SimWord;

gboolean sim_word_open (SimWord *self, const char *path);
void sim_word_close (SimWord *self);
guint64 sim_word_read (const SimWord *self);
