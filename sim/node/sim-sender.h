/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>

#include "sim-options.h"
#include "sim-payload.h"
#include "sim-record.h"

typedef struct _SimSender SimSender;

typedef void (*SimSenderFunc) (gpointer user_data);

SimSender *sim_sender_new (IpcNode *node, SimRecord *record, const SimOptions *options);
void sim_sender_free (SimSender *self);

guint sim_sender_get_room (const SimOptions *options);

void sim_sender_start (SimSender *self);
void sim_sender_cut (SimSender *self);
void sim_sender_send (SimSender *self, SimDeed deed);
void sim_sender_probe (SimSender *self, SimSenderFunc answered, gpointer user_data);
void sim_sender_drain (SimSender *self, SimSenderFunc drained, gpointer user_data);
void sim_sender_send_many (SimSender *self, guint n_messages);
