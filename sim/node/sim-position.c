/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-position.h"

/*
 * Role and epoch are told one after the other; only together they say who is master of what. Pure.
 */

SimPositionNews
sim_position_update (SimPosition *self, IpcRole role, guint64 epoch)
{
  gboolean was_master = self->role == IPC_ROLE_MASTER;
  SimPositionNews news = SIM_POSITION_CHANGED;

  if (role == self->role && epoch == self->epoch)
    return 0;
  self->role = role;
  self->epoch = epoch;

  if (role == IPC_ROLE_MASTER && epoch != self->elected_epoch) {
    self->elected_epoch = epoch;
    news |= SIM_POSITION_ELECTED;
  } else if (was_master && role != IPC_ROLE_MASTER) {
    news |= SIM_POSITION_STEPPED_DOWN;
    if (role != IPC_ROLE_IDLE && self->resigning_epoch != self->elected_epoch)
      news |= SIM_POSITION_DEPOSED;
  }
  if (!self->joined && role != IPC_ROLE_SEARCHING && role != IPC_ROLE_IDLE) {
    self->joined = TRUE;
    news |= SIM_POSITION_JOINED;
  }
  return news;
}
