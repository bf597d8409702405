/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "shim/sim-shim.h"

/* When such a call is made. */
typedef enum {
  SIM_OCCASION_SERVING,       /* all the time, by a master */
  SIM_OCCASION_CROWD,         /* by a master, when somebody comes */
  SIM_OCCASION_CUT,           /* by a node that has lost its connection */
  SIM_OCCASION_RESIGNATION,   /* by a master that queues again */
  SIM_OCCASION_SUCCESSION,    /* by a standby that becomes master */
  SIM_OCCASION_NEW_FILE,      /* by candidates, when the group file is gone */
  SIM_OCCASION_NEW_DIRECTORY, /* by all, when the directory is gone */
} SimOccasion;


/* A way in which a call may fail. */
typedef struct {
  SimCall call;
  int code;        /* an errno */
  guint count_max; /* so often in a row at most; 0: for good as well */
  SimOccasion occasion;
} SimFailure;

const SimFailure *sim_syscalls_get_failures (guint *n_failures);
SimRule sim_syscalls_draw_failure (guint64 pick, SimOccasion *occasion);
SimRule sim_syscalls_draw_short (guint64 pick);
const char *sim_call_to_string (SimCall call);
char *sim_rule_describe (const SimRule *rule);
