/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-entry.h"

typedef struct _SimRecord SimRecord;

/* How many entries of the kinds that the live view shows. */
typedef struct {
  guint64 n_sent;
  guint64 n_handled;
  guint64 n_answered;
} SimRecordCounts;

SimRecord *sim_record_create (const char *path, guint32 node, GError **error);
SimRecord *sim_record_open (const char *path, GError **error);
void sim_record_free (SimRecord *self);

gboolean sim_record_append (SimRecord *self, const SimEntry *entry);
guint32 sim_record_get_node (SimRecord *self);
SimRecordCounts sim_record_get_counts (SimRecord *self);

GArray *sim_record_load (const char *path, guint32 node, GError **error);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimRecord, sim_record_free)
