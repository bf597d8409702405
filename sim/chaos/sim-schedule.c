/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-schedule.h"

/*
 * Everything that is going to be done to the group, drawn from the seed alone. Pure: it knows no process and no clock.
 *
 * Each step is one fault, drawn by weight; most of them end a master. A quarter of the steps comes within three
 * milliseconds of an election, while the others still reconnect, the rest anywhere around the mean. Now and then the
 * fail-over after a kill is disturbed: the socket, the group file or the directory is deleted while a standby takes
 * over. A cascade goes on for some steps: each successor dies within a millisecond. A second stream breaks connections
 * whose ends live on: what is sent again then is a repeat within one epoch, which no kill brings about.
 */

#define QUICK_KILL_MAX_US 3000 /* within the reconnections that follow an election */
#define TAKE_OVER_MAX_US 600   /* a standby claims within this time of a kill */
#define CASCADE_MAX_US 1000
#define CASCADE_MIN 3
#define CASCADE_MAX 6
#define DISTURBED_KILLS 12 /* after one of so many kills something is deleted within the fail-over */

void
sim_schedule_init (SimSchedule *self, guint64 seed, guint64 stream, const SimWeights *weights, gint64 interval_us)
{
  g_assert (interval_us > 0);

  *self = (SimSchedule) { .weights = *weights, .interval_us = interval_us };
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

static gboolean
can_disturb (const SimSchedule *self)
{
  const guint *of = self->weights.of;

  return of[SIM_FAULT_DELETE_SOCKET] > 0 && of[SIM_FAULT_DELETE_FILE] > 0 && of[SIM_FAULT_DELETE_DIRECTORY] > 0;
}

/* With none but that of cuts it is a kill. */
static SimFault
draw_fault (SimSchedule *self)
{
  guint64 drawn = sim_random_below (&self->random, MAX (sim_weights_sum (&self->weights, SIM_FAULT_PLAIN), 1));

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    if (sim_fault_has ((SimFault) i, SIM_FAULT_BESIDES))
      continue;
    if (drawn < self->weights.of[i])
      return (SimFault) i;
    drawn -= self->weights.of[i];
  }
  return SIM_FAULT_KILL;
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

static SimStep
draw_successor (SimSchedule *self)
{
  self->cascade_left--;
  return (SimStep) {
    .fault = SIM_FAULT_CASCADE,
    .wait_us = (gint64) sim_random_below (&self->random, CASCADE_MAX_US),
    .pick = sim_random_next (&self->random),
  };
}

/* The next step. On average they are the interval apart: what quick ones save the others make up. */
SimStep
sim_schedule_next_step (SimSchedule *self)
{
  gboolean disturb = sim_random_one_in (&self->random, DISTURBED_KILLS) && can_disturb (self);
  SimStep step = { 0 };

  if (self->cascade_left > 0)
    return draw_successor (self);
  if (self->after_kill && disturb) {
    self->after_kill = FALSE;
    return draw_disturbance (self);
  }

  step.fault = draw_fault (self);
  if (sim_random_one_in (&self->random, 4))
    step.wait_us = (gint64) sim_random_below (&self->random, QUICK_KILL_MAX_US);
  else
    step.wait_us = draw_around (self, self->interval_us * 4 / 3);
  step.pick = sim_random_next (&self->random);
  if (step.fault == SIM_FAULT_CASCADE)
    self->cascade_left = CASCADE_MIN + (guint) sim_random_below (&self->random, CASCADE_MAX - CASCADE_MIN + 1);

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
