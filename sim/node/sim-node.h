/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-notice.h"
#include "sim-options.h"
#include "sim-position.h"
#include "sim-record.h"

int sim_node_run (const SimOptions *options);

/* What every node's process does, whatever runs in it. */
gboolean sim_node_prepare_process (const SimOptions *options);
SimRecord *sim_node_open_record (const SimOptions *options, GError **error);
void sim_node_append (SimRecord *record, SimEntry entry);
void sim_node_note (SimRecord *record, SimEntry entry);
void sim_node_stop (SimRecord *record, const SimOptions *options, SimEntry entry);
void sim_node_notify (const SimOptions *options, SimNoticeKind kind, guint64 epoch);
void sim_node_tell_position (SimRecord *record, const SimOptions *options, SimPosition *position, SimEntry entry);
