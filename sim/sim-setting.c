/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-setting.h"

#include "sim-payload.h"

/*
 * The settings of a run: what they are called (as options are), what they may be, and what they are when nobody says:
 * always the same, so that a plain run is what it was yesterday. Pure.
 */

#define NODES_MAX 10000
#define PRIORITIES_MAX 100 /* the library has more, but nobody can tell them apart */
#define IN_FLIGHT_MAX 1000 /* below the window of the protocol and the default of max-pending */
#define SIZE_MAX_MAX (1024 * 1024)

#define CANDIDATES_DEFAULT 5
#define TOTAL_RATE 6000.0       /* messages per second of all nodes: two cores do more, but then they do nothing else */
#define RATE_MAX_DEFAULT 1000.0 /* so that also a kill in a group of two finds something on its way */
/* A master of hundreds that share two cores answers late though it runs: they all come back to it at once. */
#define HANG_TIMEOUT_PER_NODE_MS 10
#define HANG_TIMEOUT_MIN_MS 300
#define HANG_TIMEOUT_MAX_MS 10000

static const struct {
  const char *name;
  const char *unit;
  double min, max;
  double otherwise; /* the default, where it does not depend on others */
} rows[SIM_N_SETTINGS] = {
  [SIM_SETTING_NODES] = { "nodes", "", 1, NODES_MAX, 20 },
  [SIM_SETTING_CANDIDATES] = { "candidates", "", 1, NODES_MAX, 0 },
  [SIM_SETTING_MASTERS_ONLY] = { "masters-only", "", 0, NODES_MAX, 0 },
  [SIM_SETTING_PRIORITIES] = { "priorities", "", 1, PRIORITIES_MAX, 1 },
  [SIM_SETTING_RATE] = { "rate", "a second and node", 0.1, 1e5, 0 },
  [SIM_SETTING_IN_FLIGHT] = { "in-flight", "for each node", 1, IN_FLIGHT_MAX, 8 },
  [SIM_SETTING_SIZE] = { "size", "bytes at most", SIM_PAYLOAD_SIZE_MIN, SIZE_MAX_MAX, 256 },
  [SIM_SETTING_AT_MOST_ONCE] = { "at-most-once", "% of all messages", 0, 100, 33 },
  [SIM_SETTING_HANG_TIMEOUT] = { "hang-timeout", "ms", 50, 60000, 0 },
  [SIM_SETTING_KILL_INTERVAL] = { "kill-interval", "ms between two faults", 1, 1e6, 200 },
  [SIM_SETTING_GIVE_UP] = { "give-up", "% of all messages", 0, 100, 5 },
};

const char *
sim_setting_to_string (SimSetting setting)
{
  return rows[setting].name;
}

const char *
sim_setting_get_unit (SimSetting setting)
{
  return rows[setting].unit;
}

double
sim_setting_get_min (SimSetting setting)
{
  return rows[setting].min;
}

double
sim_setting_get_max (SimSetting setting)
{
  return rows[setting].max;
}

const char *
sim_source_to_string (SimSource source)
{
  switch (source) {
  case SIM_SOURCE_DEFAULT:
    return "default";
  case SIM_SOURCE_DRAWN:
    return "drawn";
  case SIM_SOURCE_SCENARIO:
    return "scenario";
  case SIM_SOURCE_GIVEN:
    return "given";
  }

  return "unknown";
}

/* Unless a better source has spoken. */
void
sim_settings_set (SimSettings *self, SimSetting setting, double value, SimSource source)
{
  if (self->sources[setting] > source)
    return;
  self->values[setting] = value;
  self->sources[setting] = source;
}

/* Gives everything that nobody has set its default. */
void
sim_settings_fill_in (SimSettings *self)
{
  double n_nodes;

  for (guint i = 0; i < SIM_N_SETTINGS; i++)
    sim_settings_set (self, (SimSetting) i, rows[i].otherwise, SIM_SOURCE_DEFAULT);

  n_nodes = MAX (self->values[SIM_SETTING_NODES], 1);
  sim_settings_set (self, SIM_SETTING_CANDIDATES, MIN (n_nodes, CANDIDATES_DEFAULT), SIM_SOURCE_DEFAULT);
  sim_settings_set (self, SIM_SETTING_RATE, CLAMP (TOTAL_RATE / n_nodes, 1, RATE_MAX_DEFAULT), SIM_SOURCE_DEFAULT);
  sim_settings_set (self, SIM_SETTING_HANG_TIMEOUT,
                    CLAMP (n_nodes * HANG_TIMEOUT_PER_NODE_MS, HANG_TIMEOUT_MIN_MS, HANG_TIMEOUT_MAX_MS),
                    SIM_SOURCE_DEFAULT);
}

static gboolean
check_range (SimSetting setting, double value, double min, double max, GError **error)
{
  if (value >= min && value <= max)
    return TRUE;

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s must be from %g to %g, not %g",
               rows[setting].name, min, max, value);
  return FALSE;
}

gboolean
sim_settings_check (const SimSettings *self, GError **error)
{
  const double *values = self->values;

  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    double max = rows[i].max;

    if (i == SIM_SETTING_CANDIDATES)
      max = values[SIM_SETTING_NODES];
    else if (i == SIM_SETTING_MASTERS_ONLY) /* somebody has to send */
      max = MIN (values[SIM_SETTING_CANDIDATES], values[SIM_SETTING_NODES] - 1);
    if (!check_range ((SimSetting) i, values[i], rows[i].min, max, error))
      return FALSE;
  }
  return TRUE;
}
