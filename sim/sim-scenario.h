/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-setting.h"

#define SIM_SCENARIO_FAULTS_MAX 8

/* A run that answers one question. */
typedef struct {
  const char *name;
  const char *question;
  const char *faults[SIM_SCENARIO_FAULTS_MAX]; /* as --fault takes them, then NULL; the first has to have an effect */
  double values[SIM_N_SETTINGS];               /* 0: as always */
} SimScenario;

const SimScenario *sim_scenario_find (const char *name);
const SimScenario *sim_scenario_get (guint index);

void sim_scenario_apply (const SimScenario *self, SimSettings *settings);
