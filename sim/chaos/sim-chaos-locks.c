/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include "sim-word.h"

/*
 * Locks in foreign hands: the supervisor, which is no node, takes a byte of the group file that candidates queue on.
 * Who holds the slot's lock and serves nobody is to be deposed; and a deposer that finds the next slot's lock taken is
 * to go one further when he comes again.
 *
 * Where the bytes are is known from docs/protocol.md, section 7.
 */

#define SLOT_BYTE_BASE (G_GINT64_CONSTANT (1) << 32)
#define SLOT_MASK 0xffff
#define TAKE_TIMEOUT_US 20000 /* in which a killed process gives its lock up */
#define HOLD_TIMEOUTS 4       /* for so many hang timeouts at most */
#define PAUSE_TIMEOUTS 4      /* two depositions fit in it, of which the first is in vain */

typedef struct {
  int fd; /* (owned) with the lock */
  SimFault fault;
  gboolean in_place_of_master; /* a book of the ledger counts as in use for as long as it is held */
} Hold;

static Hold *
hold_new (SimChaos *self, SimFault fault)
{
  g_autofree char *path = g_build_filename (self->options->runtime_dir, SIM_GROUP, "group", NULL);
  int fd = open (path, O_RDWR | O_CLOEXEC);
  Hold *hold;

  if (fd < 0)
    return NULL;
  hold = g_new0 (Hold, 1);
  *hold = (Hold) { .fd = fd, .fault = fault };
  return hold;
}

static void
hold_free (Hold *hold)
{
  close (hold->fd);
  g_free (hold);
}

static gboolean
take_slot (Hold *hold, guint64 slot)
{
  struct flock lock = {
    .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = SLOT_BYTE_BASE + (gint64) slot, .l_len = 1
  };

  return fcntl (hold->fd, F_OFD_SETLK, &lock) == 0;
}

/* Somebody serves although we have the lock. */
static void
held_elected (SimChaos *self, gpointer data)
{
  Hold *hold = data;

  sim_chaos_note (self, 0, SIM_ENTRY_EFFECTIVE, sim_fleet_get_epoch (self->fleet), hold->fault);
  sim_chaos_end_spell (self, hold->fault);
}

static void
held_end (SimChaos *self, gpointer data)
{
  Hold *hold = data;

  self->n_stopped -= hold->in_place_of_master ? 1 : 0;
  hold_free (hold);
}

static void
begin_hold (SimChaos *self, Hold *hold)
{
  static const SimSpellFuncs funcs = { .elected = held_elected, .end = held_end };

  sim_chaos_begin_spell (self, hold->fault, (guint) self->options->hang_timeout_ms * HOLD_TIMEOUTS, &funcs, hold);
}

/* (transfer full) (nullable): the group file, if a lock in it may be taken, and its word. */
static Hold *
prepare (SimChaos *self, SimFault fault, SimWord *word)
{
  g_autofree char *path = g_build_filename (self->options->runtime_dir, SIM_GROUP, "group", NULL);
  gboolean allowed = self->n_stopped < SIM_STOPPED_MAX && self->hiccup_source == 0
                     && !sim_chaos_has_spell (self, fault);

  return allowed && sim_word_open (word, path) ? hold_new (self, fault) : NULL;
}

/* The master is killed, and its lock taken before any standby can take it. */
void
sim_chaos_do_foreign_slot (SimChaos *self, const SimStep *step)
{
  SimWord word = { 0 };
  Hold *hold = prepare (self, step->fault, &word);
  g_autoptr (GPtrArray) standbys = sim_chaos_find_standbys (self);
  gint64 end_us = g_get_monotonic_time () + TAKE_TIMEOUT_US;
  gboolean taken = FALSE;

  if (hold != NULL) {
    sim_chaos_signal_others (standbys, NULL, SIGSTOP);
    sim_chaos_kill (self, sim_fleet_get_master (self->fleet), step->fault);
    while (!taken && g_get_monotonic_time () < end_us)
      taken = take_slot (hold, sim_word_read (&word) & SLOT_MASK);
    sim_chaos_signal_others (standbys, NULL, SIGCONT);
  }
  sim_word_close (&word);
  if (taken) {
    hold->in_place_of_master = TRUE;
    self->n_stopped++;
    begin_hold (self, hold);
  } else if (hold != NULL) {
    hold_free (hold);
  }
}

/* The lock that a deposer needs is taken, and then the master stands still. */
void
sim_chaos_do_foreign_next (SimChaos *self, const SimStep *step)
{
  SimWord word = { 0 };
  Hold *hold = prepare (self, step->fault, &word);

  if (hold != NULL && take_slot (hold, (sim_word_read (&word) & SLOT_MASK) + 1)) {
    sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, step->fault);
    sim_chaos_stop_master (self, PAUSE_TIMEOUTS * (guint) self->options->hang_timeout_ms);
    begin_hold (self, hold);
  } else if (hold != NULL) {
    hold_free (hold);
  }
  sim_word_close (&word);
}
