/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-scenario.h"

/*
 * Named runs, for the questions that people have about a group. Each is but a set of options: any of them can be given
 * besides, and then goes before what the scenario says.
 */

static const SimScenario scenarios[] = {
  {
      .name = "killing-spree",
      .question = "Is anything lost, or done twice, when one master after the other is killed?",
      .faults = { "kill=6", "kill-at=4", "cascade=1", "kill-standby=1", "kill-client=1" },
      .values = { [SIM_SETTING_CANDIDATES] = 8, [SIM_SETTING_KILL_INTERVAL] = 100 },
  },
  {
      .name = "zombie",
      .question = "Can a master do harm that was stopped, replaced, and comes back?",
      .faults = { "stop=3", "hiccup=1" },
      .values = { [SIM_SETTING_NODES] = 12, [SIM_SETTING_KILL_INTERVAL] = 400 },
  },
  {
      .name = "rolling-restart",
      .question = "Does anybody notice when all are told to go, one after the other, and others come?",
      .faults = { "restart=3", "resign=1" },
      .values = { [SIM_SETTING_KILL_INTERVAL] = 150 },
  },
  {
      .name = "stampede",
      .question = "Does the group come back when all its candidates die, and all come back, at once?",
      .faults = { "kill-all" },
      .values = { [SIM_SETTING_NODES] = 40, [SIM_SETTING_CANDIDATES] = 12, [SIM_SETTING_KILL_INTERVAL] = 1000 },
  },
  {
      .name = "hostile",
      .question = "Do strangers that flood the group and break its protocol harm anybody but themselves?",
      .faults = { "hostile=3", "silent=1", "versions=2", "flood=1", "full-buffers=1", "kill=1" },
      .values = { [SIM_SETTING_NODES] = 12, [SIM_SETTING_KILL_INTERVAL] = 250 },
  },
};

/* (nullable) */
const SimScenario *
sim_scenario_find (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (scenarios); i++) {
    if (g_str_equal (scenarios[i].name, name))
      return &scenarios[i];
  }
  return NULL;
}

/* (nullable): NULL behind the last. */
const SimScenario *
sim_scenario_get (guint index)
{
  return index < G_N_ELEMENTS (scenarios) ? &scenarios[index] : NULL;
}

void
sim_scenario_apply (const SimScenario *self, SimSettings *settings)
{
  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    if (self->values[i] != 0)
      sim_settings_set (settings, (SimSetting) i, self->values[i], SIM_SOURCE_SCENARIO);
  }
}
