/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct _SimClock SimClock;

gboolean sim_clock_create (const char *path, GError **error);
SimClock *sim_clock_open (const char *path, GError **error);
void sim_clock_free (SimClock *self);

void sim_clock_set_offset (SimClock *self, gint64 offset_s);
gint64 sim_clock_get_offset (SimClock *self);
void sim_clock_follow (SimClock *self);
