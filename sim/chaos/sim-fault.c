/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-fault.h"

/*
 * What the faults are called, how often they come, and what there is to know of them: all from the one table in the
 * header. How often a fault comes is a weight: compared with the sum of all, for those that come one at a time.
 */

typedef struct {
  const char *name;
  const char *family;
  guint weight;
  SimFaultTraits traits;
  const char *summary;
} Row;

#define ROW(constant, identifier, name, family, weight, traits, summary)                                               \
  [SIM_FAULT_##constant] = { name, family, weight, (SimFaultTraits) (traits), summary },

static const Row rows[SIM_N_FAULTS] = { SIM_FAULTS (ROW) };

#undef ROW

gboolean
sim_fault_has (SimFault fault, SimFaultTraits trait)
{
  g_assert ((guint) fault < SIM_N_FAULTS);

  return (rows[fault].traits & trait) != 0;
}

/* Also of what is none: the number may come from a file. */
const char *
sim_fault_to_string (SimFault fault)
{
  return (guint) fault < SIM_N_FAULTS ? rows[fault].name : "unknown";
}

/* By what name it can be asked for, besides its own. */
const char *
sim_fault_get_family (SimFault fault)
{
  g_assert ((guint) fault < SIM_N_FAULTS);

  return rows[fault].family;
}

const char *
sim_fault_get_summary (SimFault fault)
{
  g_assert ((guint) fault < SIM_N_FAULTS);

  return rows[fault].summary;
}

/* The mix of all. */
void
sim_weights_init (SimWeights *self)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    self->of[i] = rows[i].weight;
}

gboolean
sim_weights_are_none (const SimWeights *self)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    if (self->of[i] > 0)
      return FALSE;
  }
  return TRUE;
}

/* Of a fault, or of all in a family. FALSE if there is none of this name. */
gboolean
sim_weights_set (SimWeights *self, const char *name, guint weight)
{
  gboolean any = FALSE;

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    if (g_str_equal (name, rows[i].name) || g_str_equal (name, rows[i].family)) {
      self->of[i] = weight;
      any = TRUE;
    }
  }
  return any;
}

/* Of the faults that come one at a time: of those with the trait, or of all for SIM_FAULT_PLAIN. */
guint
sim_weights_sum (const SimWeights *self, SimFaultTraits with)
{
  guint sum = 0;

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    if ((rows[i].traits & SIM_FAULT_BESIDES) == 0 && (rows[i].traits & with) == (guint) with)
      sum += self->of[i];
  }
  return sum;
}
