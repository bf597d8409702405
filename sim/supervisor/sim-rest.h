/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fleet.h"

typedef struct _SimRest SimRest;

SimRest *sim_rest_new (SimFleet *fleet, SimHistory *history);
void sim_rest_free (SimRest *self);

void sim_rest_note_joined (SimRest *self, const SimProcess *process);
gboolean sim_rest_look (SimRest *self);
void sim_rest_note (SimRest *self);
void sim_rest_note_left (SimRest *self);
