/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "sim-word.h"

typedef enum {
  SIM_HOLD_HELD,      /* it stands where it was wanted */
  SIM_HOLD_PUBLISHED, /* it got to putting its socket in place before, and may be elected */
  SIM_HOLD_MISSED,    /* it did not get there in time, or has ended */
} SimHoldResult;

gboolean sim_hold_begin (pid_t pid);
gboolean sim_hold_stop (pid_t pid, gint64 deadline_us);
SimHoldResult sim_hold_run_to_call (pid_t pid, const SimWord *word, guint *n_calls, gint64 deadline_us);
SimHoldResult sim_hold_run_to_claim (pid_t pid, const SimWord *word, guint *n_instructions, gint64 deadline_us);
void sim_hold_end (pid_t pid);
