/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-random.h"

/*
 * Numbers that depend on the seed alone, for ever: SplitMix64, with streams that do not disturb each other, so that
 * drawing one more number for one purpose leaves all other draws of a seed as they were.
 */

#define GOLDEN_GAMMA G_GUINT64_CONSTANT (0x9e3779b97f4a7c15)

/* The finalizer of SplitMix64: a bijection in which every bit of the input touches every bit of the output. */
guint64
sim_random_mix (guint64 value)
{
  value = (value ^ (value >> 30)) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  value = (value ^ (value >> 27)) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return value ^ (value >> 31);
}

void
sim_random_init (SimRandom *self, guint64 seed, guint64 stream)
{
  self->state = sim_random_mix (seed + GOLDEN_GAMMA) ^ sim_random_mix (~stream);
}

guint64
sim_random_next (SimRandom *self)
{
  self->state += GOLDEN_GAMMA;
  return sim_random_mix (self->state);
}

/* From 0 to limit - 1. The bias of the remainder is below 2^-32 for every limit used here. */
guint64
sim_random_below (SimRandom *self, guint64 limit)
{
  g_assert (limit > 0);

  return sim_random_next (self) % limit;
}

gboolean
sim_random_one_in (SimRandom *self, guint64 n)
{
  return sim_random_below (self, n) == 0;
}
