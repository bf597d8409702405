/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct _SimWatch SimWatch;

SimWatch *sim_watch_new (void);
void sim_watch_free (SimWatch *self);

gboolean sim_watch_elected (SimWatch *self, guint32 node, guint64 epoch, char **why);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimWatch, sim_watch_free)
