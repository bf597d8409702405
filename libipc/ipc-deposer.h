/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-group-file.h"

/* What a standby knows of a master that does not answer. Embedded in its owner. */
typedef struct {
  IpcWord suspected; /* the word when it was asked */
  guint n_refused;   /* how often somebody else had the slot that we wanted, with that word */
} IpcDeposer;

void ipc_deposer_suspect (IpcDeposer *self, IpcGroupFile *file);
gboolean ipc_deposer_take_slot (IpcDeposer *self, IpcGroupFile *file, guint *slot);
