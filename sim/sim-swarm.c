/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-swarm.h"

#include "sim-payload.h"
#include "sim-random.h"

/*
 * Draws from the seed what a run is like: a group that is large or small, busy or idle, and which of all faults it has
 * to bear. A run in which everything happens at once finds only what survives everything else; leaving faults out finds
 * what they would have hidden. Pure.
 *
 * Every draw has a stream of its own, so that giving one setting leaves all others as they were drawn: a run that
 * failed can be made smaller one setting at a time.
 */

#define STREAM G_GUINT64_CONSTANT (0x73776172) /* far from those of the schedule and of the nodes */
#define STREAM_FAULTS (STREAM + 100) /* there is room for settings to come, which then change none of these */

#define SHARE_PARTS 8     /* a fault is in with a chance of one to seven of so many parts, drawn for each run */
#define WEIGHT_DOUBLINGS 3 /* and comes up to four times as often as in the mix of all */

#define TOTAL_RATE_MAX 6000 /* messages a second of all nodes: more is for two cores to do, and nothing else */
/* What all nodes have in flight, in bytes: the ledger has to have room for the answers, or it may say that one was
 * lost; and one of at most so many is stored at all. */
#define TOTAL_SIZE_MAX (512 * 1024)
#define SIZE_MAX_DRAWN (64 * 1024)

/* Small groups have other races than large ones; above this, two cores are too slow for a run of some seconds. */
static const struct {
  double min, max;
} ranges[SIM_N_SETTINGS] = {
  [SIM_SETTING_NODES] = { 2, 40 },
  [SIM_SETTING_CANDIDATES] = { 1, 12 },
  [SIM_SETTING_MASTERS_ONLY] = { 0, 6 },
  [SIM_SETTING_PRIORITIES] = { 1, 4 },
  [SIM_SETTING_RATE] = { 5, 1000 },
  [SIM_SETTING_IN_FLIGHT] = { 1, 64 },
  [SIM_SETTING_SIZE] = { SIM_PAYLOAD_SIZE_MIN, SIZE_MAX_DRAWN },
  [SIM_SETTING_AT_MOST_ONCE] = { 0, 100 },
  [SIM_SETTING_HANG_TIMEOUT] = { 300, 1200 },
  [SIM_SETTING_KILL_INTERVAL] = { 60, 900 },
  [SIM_SETTING_GIVE_UP] = { 0, 100 },
};

double
sim_swarm_get_min (SimSetting setting)
{
  return ranges[setting].min;
}

double
sim_swarm_get_max (SimSetting setting)
{
  return ranges[setting].max;
}

/* As likely between 10 and 20 as between 20 and 40. */
static double
draw_number (guint64 seed, SimSetting setting, double min, double max)
{
  guint64 low = (guint64) min, high = (guint64) max, n_doublings = 0;
  SimRandom random;

  sim_random_init (&random, seed, STREAM + setting);
  while (MAX (low, 1) << (n_doublings + 1) <= high)
    n_doublings++;
  n_doublings = sim_random_below (&random, n_doublings + 1);
  if (n_doublings > 0)
    low = MAX (low, 1) << n_doublings;
  if (high >= 2 * MAX (low, 1))
    high = 2 * MAX (low, 1) - 1;
  return (double) (low + sim_random_below (&random, high - low + 1));
}

/* All or nothing as often as something in between. */
static double
draw_share (guint64 seed, SimSetting setting)
{
  SimRandom random;

  sim_random_init (&random, seed, STREAM + setting);
  if (sim_random_one_in (&random, 3))
    return sim_random_one_in (&random, 2) ? 0 : 100;
  return (double) sim_random_below (&random, 101);
}

static void
draw (SimSettings *self, guint64 seed, SimSetting setting, double max)
{
  double min = ranges[setting].min;
  double value = setting == SIM_SETTING_AT_MOST_ONCE
                     ? draw_share (seed, setting)
                     : draw_number (seed, setting, min, CLAMP (max, min, ranges[setting].max));

  sim_settings_set (self, setting, value, SIM_SOURCE_DRAWN);
}

/* All that nothing else has set. In this order: later ones have to fit to earlier ones, given or drawn. */
void
sim_swarm_draw_settings (SimSettings *settings, guint64 seed)
{
  const double *values = settings->values;
  double n_nodes;

  draw (settings, seed, SIM_SETTING_NODES, G_MAXDOUBLE);
  n_nodes = MAX (values[SIM_SETTING_NODES], 1);
  draw (settings, seed, SIM_SETTING_CANDIDATES, n_nodes);
  draw (settings, seed, SIM_SETTING_MASTERS_ONLY, values[SIM_SETTING_CANDIDATES] / 2);
  draw (settings, seed, SIM_SETTING_PRIORITIES, G_MAXDOUBLE);
  draw (settings, seed, SIM_SETTING_RATE, TOTAL_RATE_MAX / n_nodes);
  draw (settings, seed, SIM_SETTING_IN_FLIGHT, G_MAXDOUBLE);
  draw (settings, seed, SIM_SETTING_SIZE, TOTAL_SIZE_MAX / (n_nodes * MAX (values[SIM_SETTING_IN_FLIGHT], 1)));
  draw (settings, seed, SIM_SETTING_AT_MOST_ONCE, G_MAXDOUBLE);
  draw (settings, seed, SIM_SETTING_HANG_TIMEOUT, G_MAXDOUBLE);
  draw (settings, seed, SIM_SETTING_KILL_INTERVAL, G_MAXDOUBLE);
  draw (settings, seed, SIM_SETTING_GIVE_UP, G_MAXDOUBLE);
}

/* Which faults a run has, by family, and how often each comes. At least one of them comes by itself. */
void
sim_swarm_draw_weights (SimWeights *weights, guint64 seed)
{
  SimWeights mix;
  SimRandom random;
  guint64 share;

  sim_weights_init (&mix);
  sim_random_init (&random, seed, STREAM_FAULTS);
  share = 1 + sim_random_below (&random, SHARE_PARTS - 1);
  *weights = (SimWeights) { 0 };
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    SimRandom of_family;

    sim_random_init (&of_family, seed, STREAM_FAULTS + g_str_hash (sim_fault_get_family ((SimFault) i)));
    if (sim_random_below (&of_family, SHARE_PARTS) < share)
      weights->of[i] = mix.of[i] << sim_random_below (&of_family, WEIGHT_DOUBLINGS);
  }
  if (sim_weights_sum (weights, SIM_FAULT_PLAIN) == 0)
    weights->of[SIM_FAULT_KILL] = mix.of[SIM_FAULT_KILL];
}
