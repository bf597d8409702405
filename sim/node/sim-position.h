/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>

/* Who a node is, as it says itself; and what there is to tell of it, once each. Begins as { 0 }. */
typedef struct {
  IpcRole role;
  guint64 epoch;
  guint64 elected_epoch; /* of which it was master last */
  guint64 resigning_epoch; /* of which it was master when it began to resign; whoever writes that down sets it */
  gboolean joined;
} SimPosition;

typedef enum {
  SIM_POSITION_CHANGED = 1 << 0,
  SIM_POSITION_ELECTED = 1 << 1,      /* it is master of an epoch of which it was not */
  SIM_POSITION_STEPPED_DOWN = 1 << 2, /* it is not master any more */
  SIM_POSITION_DEPOSED = 1 << 3,      /* though it neither resigned nor closed */
  SIM_POSITION_JOINED = 1 << 4,       /* it has found the group for the first time */
} SimPositionNews;

SimPositionNews sim_position_update (SimPosition *self, IpcRole role, guint64 epoch);
