/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <ipc-kill-point.h>
#include <sys/resource.h>

#include "sim-chaos.h"
#include "sim-clock.h"
#include "sim-schedule.h"

/* What the parts of the chaos share: sim-chaos.c says when and whom, the others what, a file for each kind of fault. */

#define SIM_STOPPED_MAX 2 /* masters that stand still for long at a time; see sim-chaos-stops.c */

/* What a fault that lasts for a while has to say about it; see sim-chaos-spells.c. */
typedef struct {
  guint (*advance) (SimChaos *self, gpointer data); /* (nullable) its time is up; returns for how many ms more, or 0 */
  void (*elected) (SimChaos *self, gpointer data);  /* (nullable) somebody is master of a newer epoch */
  void (*end) (SimChaos *self, gpointer data);      /* undoes all, and frees the data */
} SimSpellFuncs;

typedef struct {
  SimChaos *chaos;
  SimFault fault;
  const SimSpellFuncs *funcs; /* NULL while there is none */
  gpointer data;
  guint64 epoch; /* the newest that it knows of */
  guint source;
} SimSpell;

struct _SimChaos {
  const SimOptions *options;
  SimFleet *fleet;     /* (unowned) */
  SimHistory *history; /* (unowned) */
  gboolean running;
  gint64 began_us;
  double elapsed_s; /* when it does not run any more */

  SimSchedule steps;
  SimStep step; /* the next one */
  gint64 last_step_us;
  int timer_fd; /* (owned) */
  guint timer_source;

  SimSchedule cuts;
  SimStep cut; /* the next one */
  guint cut_source;

  guint claim_calls;        /* system calls that a successor makes before it claims, or 0 while that is unknown */
  guint claim_instructions; /* from the last of these to the claim, or 0 while that is unknown */
  SimProcess *held;         /* (unowned) (nullable) a candidate that is stopped in the middle of its claim */
  gint64 held_us;
  guint release_source;
  gint64 deleted_us; /* when the group file went last, or 0 */

  guint n_wanted[2]; /* clients and candidates that wait for their time to replace others */
  guint replacement_source;

  guint n_stopped;      /* for long */
  guint hiccup_source;  /* while a short stop lasts */
  GPtrArray *hiccuping; /* (owned) of SimProcess: whom it stops */
  IpcKillPoint armed;   /* while there are processes to die at a point */
  gboolean any_armed;
  guint64 armed_epoch; /* the master's when they were armed */
  guint armed_source;  /* until they have heard of it */
  gboolean any_leaving; /* there may be processes that are to close when nothing of theirs is on its way */
  guint n_kills;

  GPtrArray *strangers;       /* (owned) of SimStranger, that have not ended */
  SimProcess *limited;        /* (unowned) (nullable) whose descriptors are few */
  struct rlimit limit_before; /* then: its own */
  guint limited_source;       /* then */
  gboolean buffers_are_small;
  SimSpell spells[SIM_N_FAULTS];
  SimClock *clock; /* (owned) that of all nodes */
  guint64 copied_epoch; /* of which there is a copy of the group file, or 0 */
};

void sim_chaos_note (SimChaos *self, guint32 node, SimEntryKind kind, guint64 epoch, SimFault fault);
void sim_chaos_kill (SimChaos *self, SimProcess *process, SimFault fault);
GPtrArray *sim_chaos_find_members (SimChaos *self, gboolean candidates);
GPtrArray *sim_chaos_find_standbys (SimChaos *self);
SimProcess *sim_chaos_pick_one (GPtrArray *processes, guint64 pick);

void sim_chaos_replace (SimChaos *self, SimProcess *process);
void sim_chaos_let_leave (SimChaos *self);
void sim_chaos_delete (SimChaos *self, const char *name);
void sim_chaos_signal_others (GPtrArray *processes, const SimProcess *except, int signal_number);

void sim_chaos_begin_spell (SimChaos *self, SimFault fault, guint duration_ms, const SimSpellFuncs *funcs,
                            gpointer data);
gboolean sim_chaos_has_spell (SimChaos *self, SimFault fault);
void sim_chaos_end_spell (SimChaos *self, SimFault fault);
void sim_chaos_end_spells (SimChaos *self);
void sim_chaos_tell_spells (SimChaos *self);

void sim_chaos_release (SimChaos *self);
void sim_chaos_disarm (SimChaos *self);
void sim_chaos_go_on (SimChaos *self, SimProcess *process, SimFault fault);
void sim_chaos_stop_master (SimChaos *self, guint duration_ms);
guint sim_chaos_choose_pause_ms (SimChaos *self);
void sim_chaos_continue_all (SimChaos *self);
void sim_chaos_end_rules (SimChaos *self);
void sim_chaos_end_strangers (SimChaos *self);

#define SIM_CHAOS_DECLARE(constant, identifier, ...)                                                                   \
  void sim_chaos_do_##identifier (SimChaos *self, const SimStep *step);

SIM_FAULTS (SIM_CHAOS_DECLARE)

#undef SIM_CHAOS_DECLARE
