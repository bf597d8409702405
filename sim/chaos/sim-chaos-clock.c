/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

/*
 * Steps of the wall clock by which all nodes go, of a minute to days, forwards and backwards: fencing tokens must not
 * go back with it.
 *
 * Where group files are deleted or replaced it goes forwards only. That an old epoch can come again if the file is
 * deleted, the clock set back, and the new file made by somebody who has never met the group, is no secret.
 */

#define STEP_MIN_S 60
#define STEP_DOUBLINGS 13 /* of that: from a minute to five days */
#define WAIT_MS 2000      /* for the election in which the step counts */

static gboolean
loses_files (SimChaos *self)
{
  return sim_weights_sum (&self->options->weights, SIM_FAULT_LOSES_LEDGER) > 0;
}

/* The epoch of the new master had to be above the old one's all the same. */
static void
stepped_elected (SimChaos *self, gpointer data)
{
  sim_chaos_note (self, 0, SIM_ENTRY_EFFECTIVE, sim_fleet_get_epoch (self->fleet), SIM_FAULT_CLOCK_STEP);
  sim_chaos_end_spell (self, SIM_FAULT_CLOCK_STEP);
}

static void
stepped_end (SimChaos *self, gpointer data)
{
  if (!self->running && !loses_files (self))
    sim_clock_set_offset (self->clock, 0);
}

/* One that no election has felt yet is left to have its effect. */
void
sim_chaos_do_clock_step (SimChaos *self, const SimStep *step)
{
  static const SimSpellFuncs funcs = { .elected = stepped_elected, .end = stepped_end };
  gint64 longest_s = (gint64) STEP_MIN_S << ((step->pick >> 1) % STEP_DOUBLINGS);
  gint64 step_s = longest_s + (gint64) (sim_random_mix (step->pick) % (guint64) longest_s);
  gboolean back = step->pick % 2 > 0 && !loses_files (self);

  if (sim_chaos_has_spell (self, SIM_FAULT_CLOCK_STEP))
    return;
  sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, SIM_FAULT_CLOCK_STEP);
  sim_clock_set_offset (self->clock, sim_clock_get_offset (self->clock) + (back ? -step_s : step_s));
  sim_chaos_begin_spell (self, SIM_FAULT_CLOCK_STEP, WAIT_MS, &funcs, NULL);
}
