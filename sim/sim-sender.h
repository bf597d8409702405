/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>

#include "sim-options.h"
#include "sim-record.h"

typedef struct _SimSender SimSender;

typedef void (*SimDrainedFunc) (gpointer user_data);

SimSender *sim_sender_new (IpcNode *node, SimRecord *record, const SimOptions *options);
void sim_sender_free (SimSender *self);

void sim_sender_start (SimSender *self);
void sim_sender_cut (SimSender *self);
void sim_sender_drain (SimSender *self, SimDrainedFunc drained, gpointer user_data);
