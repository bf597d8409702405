/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-random.h"

/* What can be done to a group. */
typedef enum {
  SIM_FAULT_KILL,             /* SIGKILL of the master */
  SIM_FAULT_CUT,              /* the connection of a node to the master breaks, and both live on */
  SIM_FAULT_DELETE_SOCKET,    /* unlink of the published socket */
  SIM_FAULT_DELETE_FILE,      /* unlink of the group file */
  SIM_FAULT_DELETE_DIRECTORY, /* the group's directory and all that is in it */
  SIM_FAULT_HOLD,             /* a kill; its successor is held as it takes over, and the group moves on without it */
} SimFault;

/* One thing to do, and when: so long after the last step, or after the present master was elected if that was later. */
typedef struct {
  SimFault fault;
  gint64 wait_us;
  guint64 pick;           /* draws what the fault leaves open, such as whom it hits */
  gboolean same_failover; /* wait for no successor: this step is to hit the fail-over that the last one began */
} SimStep;

typedef struct {
  SimRandom random;
  gint64 interval_us;
  gboolean after_kill;
} SimSchedule;

void sim_schedule_init (SimSchedule *self, guint64 seed, guint64 stream, gint64 interval_us);
SimStep sim_schedule_next_step (SimSchedule *self);
SimStep sim_schedule_next_cut (SimSchedule *self);

const char *sim_fault_to_string (SimFault fault);
