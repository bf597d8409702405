/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-options.h"

typedef struct _SimStranger SimStranger;

/* sign: one of those in sim-hostile.h; text: what it did, and what is to be said of it. 0 and NULL: it has ended. */
typedef void (*SimStrangerFunc) (SimStranger *self, char sign, const char *text, gpointer user_data);

SimStranger *sim_stranger_start (const SimOptions *options, const char *kind, SimFault fault, SimStrangerFunc func,
                                 gpointer user_data);
void sim_stranger_free (SimStranger *self);

SimFault sim_stranger_get_fault (SimStranger *self);
gboolean sim_stranger_count_effect (SimStranger *self);
