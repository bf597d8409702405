/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* What a run goes through, one way only. */
typedef enum {
  SIM_PHASE_START,    /* all nodes are started, a few at a time */
  SIM_PHASE_WARM_UP,  /* they send; nothing is done to them yet */
  SIM_PHASE_CHAOS,    /* the schedule is carried out */
  SIM_PHASE_HEAL,     /* nothing more is done to the group, and what was done is undone */
  SIM_PHASE_CONVERGE, /* every node sends one message more, and is to be answered soon */
  SIM_PHASE_DRAIN,    /* no node sends any more */
  SIM_PHASE_REST,     /* nothing happens, and nobody is to run */
  SIM_PHASE_CLOSE,    /* nodes close, the master last of all */
  SIM_PHASE_END,
} SimPhase;

const char *sim_phase_to_string (SimPhase phase);
