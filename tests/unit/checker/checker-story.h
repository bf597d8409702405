/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-fault.h"
#include "sim-history.h"

/*
 * A history in which all is well, and the words to tell it differently. A twist takes the good history and changes one
 * thing.
 */

/* The good history, event by event. Node 0 is master of epoch 100 until it is killed with message 2 begun; node 1
 * follows with epoch 101; node 2 sends. */
enum {
  STARTED_0,
  STARTED_1,
  STARTED_2,
  ELECTED_0,
  SENT_1,
  SENT_2,
  SENT_3,
  HANDLED_1,
  RESPONDED_1,
  ANSWERED_1,
  HANDLED_2,
  KILLED_0,
  ELECTED_1,
  HANDLED_2_AGAIN,
  HANDLED_3,
  ANSWERED_3,
  ANSWERED_2,
  N_EVENTS, /* what a twist adds has this index, and those that follow */
};

#define MS G_GINT64_CONSTANT (1000000)

typedef void (*Twist) (SimHistory *history);

SimHistory *make_good_history (void);
SimEntry handled (guint64 number, guint64 epoch, guint16 flags);
SimEntry answered (guint64 number, guint32 handler, guint64 epoch);

SimEvent *event_at (SimHistory *history, guint index);
void forget (SimHistory *history, guint index);
void add_after (SimHistory *history, guint index, guint32 node, SimEntry entry);
void inject (SimHistory *history, guint index, SimFault fault);
void swap_entries (SimHistory *history, guint one, guint other);
void set_fate (SimHistory *history, guint32 node, SimFate fate);
void send_once (SimHistory *history, guint index);

/* Twists that more than one file begins with. */
void nothing (SimHistory *history);
void no_outcome (SimHistory *history);
void no_outcome_of_the_killed (SimHistory *history);
void unknown (SimHistory *history);
void resigned (SimHistory *history);
void resigned_well (SimHistory *history);
void deposed (SimHistory *history);
void leave_process (SimHistory *history);
