/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct {
  guint64 state;
} SimRandom;

void sim_random_init (SimRandom *self, guint64 seed, guint64 stream);
guint64 sim_random_next (SimRandom *self);
guint64 sim_random_below (SimRandom *self, guint64 limit);
gboolean sim_random_one_in (SimRandom *self, guint64 n);

guint64 sim_random_mix (guint64 value);
