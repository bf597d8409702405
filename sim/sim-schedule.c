/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-schedule.h"

/*
 * Everything that is going to be done to the group, drawn from the seed alone. Pure: it knows no process and no clock.
 *
 * Masters are killed one after the other. A quarter of them dies within three milliseconds of its election, while the
 * others still reconnect, the rest anywhere around the mean. Now and then the fail-over itself is disturbed: the
 * socket, the group file or the directory is deleted while a standby takes over; or the standby is held in the middle
 * of it, so that it wakes up to a group that has moved on. And now and then something is deleted while the master
 * lives. A second stream breaks connections whose ends live on: what is sent again then is a repeat within one epoch,
 * which no kill brings about.
 */

#define QUICK_KILL_MAX_US 3000 /* within the reconnections that follow an election */
#define TAKE_OVER_MAX_US 600   /* a standby claims within this time of a kill */
#define DISTURBED_KILLS 12     /* after one of so many kills something is deleted within the fail-over */
#define HOLDS 6                /* one of so many kills has its successor held */
#define DELETIONS_ALONE 16     /* one of so many steps is a deletion under a living master instead of a kill */

void
sim_schedule_init (SimSchedule *self, guint64 seed, guint64 stream, gint64 interval_us)
{
  g_assert (interval_us > 0);

  *self = (SimSchedule) { .interval_us = interval_us };
  sim_random_init (&self->random, seed, stream);
}

static SimFault
draw_deletion (SimSchedule *self)
{
  static const SimFault deletions[] = {
    SIM_FAULT_DELETE_SOCKET,
    SIM_FAULT_DELETE_FILE,
    SIM_FAULT_DELETE_DIRECTORY,
  };

  return deletions[sim_random_below (&self->random, G_N_ELEMENTS (deletions))];
}

/* Anything from a third to five thirds of the mean. */
static gint64
draw_around (SimSchedule *self, gint64 mean_us)
{
  return mean_us / 3 + (gint64) sim_random_below (&self->random, (guint64) MAX (mean_us * 4 / 3, 1));
}

static SimStep
draw_disturbance (SimSchedule *self)
{
  return (SimStep) {
    .fault = draw_deletion (self),
    .wait_us = (gint64) sim_random_below (&self->random, TAKE_OVER_MAX_US),
    .pick = sim_random_next (&self->random),
    .same_failover = TRUE,
  };
}

/* The next kill or deletion. On average they are the interval apart: what quick ones save the others make up. */
SimStep
sim_schedule_next_step (SimSchedule *self)
{
  gboolean disturb = sim_random_one_in (&self->random, DISTURBED_KILLS);
  SimStep step = { .fault = SIM_FAULT_KILL };

  if (self->after_kill && disturb) {
    self->after_kill = FALSE;
    return draw_disturbance (self);
  }

  if (sim_random_one_in (&self->random, DELETIONS_ALONE))
    step.fault = draw_deletion (self);
  else if (sim_random_one_in (&self->random, HOLDS))
    step.fault = SIM_FAULT_HOLD;
  if (sim_random_one_in (&self->random, 4))
    step.wait_us = (gint64) sim_random_below (&self->random, QUICK_KILL_MAX_US);
  else
    step.wait_us = draw_around (self, self->interval_us * 4 / 3);
  step.pick = sim_random_next (&self->random);

  self->after_kill = step.fault == SIM_FAULT_KILL;
  return step;
}

SimStep
sim_schedule_next_cut (SimSchedule *self)
{
  return (SimStep) {
    .fault = SIM_FAULT_CUT,
    .wait_us = draw_around (self, self->interval_us),
    .pick = sim_random_next (&self->random),
  };
}

const char *
sim_fault_to_string (SimFault fault)
{
  switch (fault) {
  case SIM_FAULT_KILL:
    return "kill";
  case SIM_FAULT_CUT:
    return "cut";
  case SIM_FAULT_DELETE_SOCKET:
    return "delete-socket";
  case SIM_FAULT_DELETE_FILE:
    return "delete-file";
  case SIM_FAULT_DELETE_DIRECTORY:
    return "delete-directory";
  case SIM_FAULT_HOLD:
    return "hold";
  }

  return "unknown";
}
