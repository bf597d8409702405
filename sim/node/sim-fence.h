/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct _SimFence SimFence;

typedef enum {
  SIM_FENCE_TAKEN,
  SIM_FENCE_REFUSED, /* it has a write of a newer epoch */
  SIM_FENCE_FULL,
} SimFenceResult;

gboolean sim_fence_create (const char *path, GError **error);
SimFence *sim_fence_open (const char *path, GError **error);
void sim_fence_free (SimFence *self);

SimFenceResult sim_fence_write (SimFence *self, guint64 epoch, guint64 *place, guint64 *newest);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimFence, sim_fence_free)
