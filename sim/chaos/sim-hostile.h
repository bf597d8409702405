/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-hostile-wire.h"
#include "sim-options.h"

/* What a stranger sees of how it is treated. */
typedef enum {
  SIM_TREATED_RIGHT,
  SIM_TREATED_WRONG,
  SIM_TREATED_NOT, /* the master was gone, busy or stopped: says nothing */
} SimTreatment;

/* It reports on its standard output, one line each: one of these, a space, and what it did. */
#define SIM_STRANGER_RIGHT '+'
#define SIM_STRANGER_WRONG '-'
#define SIM_STRANGER_NOT '~'

/* A conversation that breaks the protocol, or keeps to it, and what has to come of it. */
typedef struct {
  const char *name;
  gboolean after_welcome;          /* a proper HELLO comes first */
  gboolean (*say) (SimWire *wire); /* FALSE when the other side has closed */
  SimRefusalCode code;             /* with which it is to be refused; NONE: it is to be served */
} SimAct;

const SimAct *sim_hostile_get_acts (gboolean versions, guint *n_acts);
SimTreatment sim_act_judge (const SimAct *act, SimFrameType type, guint64 number);

/* A connection on which next to nothing was said, and what has become of it. */
typedef struct {
  SimFrameType type; /* what came: NONE when it is still open */
  guint64 number;    /* of the frame */
  gint64 after_us;   /* since it was made */
  guint n_pongs;     /* its master was seen to run so many times since it had to be at an end */
} SimSilence;

SimTreatment sim_silence_judge (const SimSilence *silence, guint timeout_ms);

/* What takes more than one conversation. */
void sim_hostile_be_silent (const char *path, guint timeout_ms);
void sim_hostile_be_slow (const char *path);
void sim_hostile_be_somebody_else (const char *path);
void sim_hostile_be_master (const char *path);
void sim_hostile_flood (const char *path);
void sim_hostile_be_deaf (const char *path);

void sim_hostile_tell (SimTreatment treatment, const char *name, const char *detail);
int sim_hostile_run (const SimOptions *options);
