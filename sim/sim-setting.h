/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What makes one run differ from another, besides its seed. Each can be given as an option, and all that are not can be
 * drawn from the seed. */
typedef enum {
  SIM_SETTING_NODES,
  SIM_SETTING_CANDIDATES,
  SIM_SETTING_MASTERS_ONLY,
  SIM_SETTING_PRIORITIES,
  SIM_SETTING_RATE,
  SIM_SETTING_IN_FLIGHT,
  SIM_SETTING_SIZE,
  SIM_SETTING_AT_MOST_ONCE,
  SIM_SETTING_HANG_TIMEOUT,
  SIM_SETTING_KILL_INTERVAL,
  SIM_SETTING_GIVE_UP,
} SimSetting;

#define SIM_N_SETTINGS (SIM_SETTING_GIVE_UP + 1)

/* Where a value comes from; a later one goes before an earlier one. */
typedef enum {
  SIM_SOURCE_DEFAULT,
  SIM_SOURCE_DRAWN,
  SIM_SOURCE_SCENARIO,
  SIM_SOURCE_GIVEN,
} SimSource;

typedef struct {
  double values[SIM_N_SETTINGS];
  SimSource sources[SIM_N_SETTINGS];
} SimSettings;

const char *sim_setting_to_string (SimSetting setting);
const char *sim_setting_get_unit (SimSetting setting);
double sim_setting_get_min (SimSetting setting);
double sim_setting_get_max (SimSetting setting);
const char *sim_source_to_string (SimSource source);

void sim_settings_set (SimSettings *self, SimSetting setting, double value, SimSource source);
void sim_settings_fill_in (SimSettings *self);
gboolean sim_settings_check (const SimSettings *self, GError **error);
