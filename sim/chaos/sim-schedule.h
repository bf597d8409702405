/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-fault.h"
#include "sim-random.h"

/* One thing to do, and when: so long after the last step, or after the present master was elected if that was later. */
typedef struct {
  SimFault fault;
  gint64 wait_us;
  guint64 pick;           /* draws what the fault leaves open, such as whom it hits */
  gboolean same_failover; /* wait for no successor: this step is to hit the fail-over that the last one began */
} SimStep;

typedef struct {
  SimRandom random;
  SimWeights weights;
  gint64 interval_us;
  gboolean after_kill;
  guint cascade_left; /* so many more of the successors are to die */
} SimSchedule;

void sim_schedule_init (SimSchedule *self, guint64 seed, guint64 stream, const SimWeights *weights, gint64 interval_us);
SimStep sim_schedule_next_step (SimSchedule *self);
SimStep sim_schedule_next_cut (SimSchedule *self);
