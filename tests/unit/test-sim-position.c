/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-position.h"

/*
 * What there is to tell when role and epoch of a node change: each thing once, and a deposition only if it is one.
 */

/* Each step of a node's life, and what there is to tell of it. */
static void
test_steps (void)
{
  static const struct {
    IpcRole role;
    guint64 epoch;
    guint news;
  } steps[] = {
    { IPC_ROLE_IDLE, 0, 0 },
    { IPC_ROLE_SEARCHING, 0, SIM_POSITION_CHANGED },
    { IPC_ROLE_STANDBY, 0, SIM_POSITION_CHANGED | SIM_POSITION_JOINED },
    { IPC_ROLE_STANDBY, 100, SIM_POSITION_CHANGED },
    { IPC_ROLE_STANDBY, 100, 0 },
    { IPC_ROLE_MASTER, 101, SIM_POSITION_CHANGED | SIM_POSITION_ELECTED },
    { IPC_ROLE_MASTER, 102, SIM_POSITION_CHANGED | SIM_POSITION_ELECTED },
    { IPC_ROLE_SEARCHING, 102, SIM_POSITION_CHANGED | SIM_POSITION_STEPPED_DOWN | SIM_POSITION_DEPOSED },
    { IPC_ROLE_MASTER, 103, SIM_POSITION_CHANGED | SIM_POSITION_ELECTED },
    { IPC_ROLE_IDLE, 103, SIM_POSITION_CHANGED | SIM_POSITION_STEPPED_DOWN },
  };
  SimPosition position = { 0 };

  for (guint i = 0; i < G_N_ELEMENTS (steps); i++)
    g_assert_cmphex (sim_position_update (&position, steps[i].role, steps[i].epoch), ==, steps[i].news);
}

static void
test_end (void)
{
  static const struct {
    IpcRole role;
    guint64 resigning_epoch;
    gboolean deposed;
  } cases[] = {
    { IPC_ROLE_STANDBY, 0, TRUE },
    { IPC_ROLE_SEARCHING, 5, TRUE }, /* it resigned, but from an older one */
    { IPC_ROLE_STANDBY, 6, FALSE },
    { IPC_ROLE_IDLE, 0, FALSE },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    SimPosition self = {
      .role = IPC_ROLE_MASTER,
      .epoch = 6,
      .elected_epoch = 6,
      .resigning_epoch = cases[i].resigning_epoch,
      .joined = TRUE,
    };

    g_assert_cmpint (sim_position_update (&self, cases[i].role, 6), ==,
                     SIM_POSITION_CHANGED | SIM_POSITION_STEPPED_DOWN | (cases[i].deposed ? SIM_POSITION_DEPOSED : 0));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-position/steps", test_steps);
  g_test_add_func ("/sim-position/end", test_end);
  return g_test_run ();
}
