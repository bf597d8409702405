/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <signal.h>
#include <stdio.h>

#include "sim-hold.h"
#include "sim-unlock.h"

/*
 * Kills a master and holds its successor in the middle of taking over, so that it wakes up to a group that has moved
 * on. How a process is held is in sim-hold.c.
 */

#define SETTLED_US 600000       /* in which a node notices what happened to the group's files, and comes back */
#define HOLD_TIMEOUT_US 20000  /* in which a standby takes over, call by call */
#define STEP_TIMEOUT_US 60000  /* in which it makes its claim, instruction by instruction; each takes some 20 us */
#define INSTRUCTIONS_MAX 5000  /* far more than there are between two system calls that do little */
#define NEAR_CLAIM_LOG2 8      /* up to so many doublings of 1 instruction before the claim */
#define RELEASE_TIMEOUT_MS 100 /* in which the others elect somebody else */

/* Lets go whom we hold. If it was overtaken by somebody who had the same group file in hand, and so had to fence it off
 * first, that is written down. A node that came when the file was gone had not. */
void
sim_chaos_release (SimChaos *self)
{
  const SimProcess *master = sim_fleet_get_master (self->fleet);
  SimProcess *held = g_steal_pointer (&self->held);

  g_clear_handle_id (&self->release_source, g_source_remove);
  if (master != NULL && master->joined && master->joined_us < self->held_us)
    sim_chaos_note (self, held->index, SIM_ENTRY_OVERTAKEN, sim_fleet_get_epoch (self->fleet), 0);
  sim_hold_end (held->pid);
}

static gboolean
release_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  self->release_source = 0;
  sim_chaos_release (self);
  sim_fleet_reap (self->fleet); /* as below */
  return G_SOURCE_REMOVE;
}

/* After how many system calls a successor is to be held: mostly after the last one before it claims. The first one is
 * only watched, to count them. */
static guint
choose_call (SimChaos *self, guint64 pick)
{
  if (self->claim_calls == 0)
    return G_MAXUINT;
  return pick % 4 > 0 ? self->claim_calls : 1 + (guint) (pick / 4) % self->claim_calls;
}

/* And after how many instructions from there: as likely within the last 2 before the claim as within the last 4, 8 and
 * so on, because what it goes by should not have changed since. The second successor is held right behind its claim, to
 * count them. */
static guint
choose_instruction (SimChaos *self, guint64 pick)
{
  guint64 reach = G_GUINT64_CONSTANT (2) << (pick % NEAR_CLAIM_LOG2);
  guint64 before_claim = (pick >> 32) % MIN (reach, self->claim_instructions + 1);

  return self->claim_instructions > 0 ? self->claim_instructions - (guint) before_claim : INSTRUCTIONS_MAX;
}

/* Has the successor run to where it is to be held. */
static SimHoldResult
run_successor (SimChaos *self, pid_t pid, const SimWord *word, guint64 pick)
{
  gint64 deadline_us = g_get_monotonic_time () + HOLD_TIMEOUT_US;
  guint n_calls = choose_call (self, pick);
  gboolean at_last_call = n_calls == self->claim_calls;
  SimHoldResult result;

  if (!sim_hold_stop (pid, deadline_us))
    return SIM_HOLD_MISSED;
  result = sim_hold_run_to_call (pid, word, &n_calls, deadline_us);
  if (result == SIM_HOLD_PUBLISHED)
    self->claim_calls = n_calls;
  if (result == SIM_HOLD_HELD && at_last_call) {
    guint n_instructions = choose_instruction (self, sim_random_mix (pick));

    result = sim_hold_run_to_claim (pid, word, &n_instructions, g_get_monotonic_time () + STEP_TIMEOUT_US);
    if (result == SIM_HOLD_HELD)
      self->claim_instructions = MAX (self->claim_instructions, n_instructions);
  }
  return result;
}

/* The successor stands still: the group file goes, or the lock on it, and the others are to elect somebody else. */
static void
move_on_without (SimChaos *self, SimProcess *successor, SimFault fault)
{
  self->held = successor;
  self->held_us = g_get_monotonic_time ();
  self->release_source = g_timeout_add (RELEASE_TIMEOUT_MS, release_cb, self);
  sim_chaos_note (self, successor->index, SIM_ENTRY_INJECTED, 0, fault);
  if (fault == SIM_FAULT_HOLD_DELETE)
    sim_chaos_delete (self, "group");
  else
    sim_unlock_all (successor->pid, successor->pidfd);
}

/* Whether all standbys have had the time to be standbys by the present group file. */
static gboolean
is_settled (SimChaos *self, GPtrArray *standbys)
{
  return g_get_monotonic_time () - self->deleted_us > SETTLED_US && standbys->len > 1;
}

/* Kills the master, with one standby free to succeed it, who is stopped before it puts its socket in place. */
static void
hold (SimChaos *self, const SimStep *step, GPtrArray *standbys)
{
  SimProcess *successor = g_ptr_array_index (standbys, step->pick % standbys->len);
  SimProcess *master = sim_fleet_get_master (self->fleet);
  g_autofree char *path = g_build_filename (self->options->runtime_dir, SIM_GROUP, "group", NULL);
  SimHoldResult result;
  SimWord word;

  if (!sim_word_open (&word, path) || !sim_hold_begin (successor->pid)) {
    sim_word_close (&word);
    sim_chaos_kill (self, master, step->fault);
    return;
  }

  sim_chaos_signal_others (standbys, successor, SIGSTOP);
  sim_chaos_kill (self, master, step->fault);
  sim_chaos_note (self, successor->index, SIM_ENTRY_DISTURBED, 0, step->fault);
  result = run_successor (self, successor->pid, &word, step->pick / standbys->len);
  if (result == SIM_HOLD_HELD)
    move_on_without (self, successor, step->fault);
  else
    sim_hold_end (successor->pid);
  sim_chaos_signal_others (standbys, successor, SIGCONT);
  sim_word_close (&word);
  sim_fleet_reap (self->fleet); /* its signal may have been taken by the wait for stops */
}

/* Where there is nobody to be held it is a plain kill. */
static void
hold_or_kill (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) standbys = sim_chaos_find_standbys (self);

  if (is_settled (self, standbys) && self->hiccup_source == 0)
    hold (self, step, standbys);
  else
    sim_chaos_kill (self, sim_fleet_get_master (self->fleet), SIM_FAULT_KILL);
}

void
sim_chaos_do_hold_delete (SimChaos *self, const SimStep *step)
{
  hold_or_kill (self, step);
}

void
sim_chaos_do_hold_unlock (SimChaos *self, const SimStep *step)
{
  hold_or_kill (self, step);
}
