/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>

#include "sim-options.h"
#include "sim-record.h"

typedef struct _SimConsumer SimConsumer;

SimConsumer *sim_consumer_new (IpcNode *node, SimRecord *record, const SimOptions *options, GError **error);
void sim_consumer_slow_down (SimConsumer *self, guint late_ms, guint for_ms);
void sim_consumer_free (SimConsumer *self);
