/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-group-dir.h"
#include "ipc-word.h"

typedef struct _IpcGroupFile IpcGroupFile;

IpcGroupFile *ipc_group_file_open (IpcGroupDir *dir, const char *node_id, guint64 epoch_min, GError **error);
void ipc_group_file_free (IpcGroupFile *self);

IpcWord ipc_group_file_get_word (IpcGroupFile *self);
guint64 ipc_group_file_next_epoch (IpcWord word);
gboolean ipc_group_file_claim (IpcGroupFile *self, IpcWord expected, IpcWord word);
void ipc_group_file_retire (IpcGroupFile *self);
void ipc_group_file_revive (IpcGroupFile *self);
guint8 *ipc_group_file_get_ledger (IpcGroupFile *self);
void ipc_group_file_raise (IpcGroupFile *self, guint64 epoch);
gboolean ipc_group_file_is_current (IpcGroupFile *self, IpcGroupDir *dir);
int ipc_group_file_get_fd (IpcGroupFile *self);
