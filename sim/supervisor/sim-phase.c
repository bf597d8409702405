/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-phase.h"

/*
 * What the phases of a run are called.
 */

const char *
sim_phase_to_string (SimPhase phase)
{
  switch (phase) {
  case SIM_PHASE_START:
    return "start";
  case SIM_PHASE_WARM_UP:
    return "warm-up";
  case SIM_PHASE_CHAOS:
    return "chaos";
  case SIM_PHASE_HEAL:
    return "heal";
  case SIM_PHASE_CONVERGE:
    return "converge";
  case SIM_PHASE_DRAIN:
    return "drain";
  case SIM_PHASE_REST:
    return "rest";
  case SIM_PHASE_CLOSE:
    return "close";
  case SIM_PHASE_END:
    return "end";
  }

  return "unknown";
}
