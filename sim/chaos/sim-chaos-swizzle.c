/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <signal.h>

/*
 * Swizzle-stop: a random part of all nodes is stopped, the master among them or not, and they go on in another order,
 * one after the other. The first one waits for up to two hang timeouts: so the master is deposed meanwhile, or is not,
 * and a standby may be granted the lock in its sleep.
 */

#define SHARE 2           /* one of so many nodes is in it */
#define WAIT_TIMEOUTS 2   /* until the first one goes on, at most */
#define GAPS_TIMEOUTS 2   /* from there until the last one does, at most */
#define GAP_PER_TIMEOUT 4 /* from one to the next at most one of so many parts of the hang timeout */

typedef struct {
  GPtrArray *stopped; /* (owned) of SimProcess, in the order in which they go on, from the end */
  guint gap_ms;
  gboolean master;    /* it is one of them */
} Swizzle;

static void
swizzle_one (SimChaos *self, Swizzle *swizzle, SimProcess *process, SimRandom *random)
{
  gboolean master = process == sim_fleet_get_master (self->fleet);

  sim_chaos_note (self, process->index, SIM_ENTRY_STOPPED, master ? sim_fleet_get_epoch (self->fleet) : 0,
                  SIM_FAULT_SWIZZLE);
  process->stopped = TRUE;
  sim_process_signal (process, SIGSTOP);
  swizzle->master = swizzle->master || master;
  g_ptr_array_insert (swizzle->stopped, (int) sim_random_below (random, swizzle->stopped->len + 1), process);
}

/* The next one goes on. */
static guint
swizzle_advance (SimChaos *self, gpointer data)
{
  Swizzle *swizzle = data;

  sim_chaos_go_on (self, g_ptr_array_remove_index (swizzle->stopped, swizzle->stopped->len - 1), SIM_FAULT_SWIZZLE);
  return swizzle->stopped->len > 0 ? swizzle->gap_ms : 0;
}

static void
swizzle_end (SimChaos *self, gpointer data)
{
  Swizzle *swizzle = data;

  while (swizzle->stopped->len > 0)
    swizzle_advance (self, swizzle);
  self->n_stopped -= swizzle->master ? 1 : 0;
  g_ptr_array_unref (swizzle->stopped);
  g_free (swizzle);
}

void
sim_chaos_do_swizzle (SimChaos *self, const SimStep *step)
{
  static const SimSpellFuncs funcs = { .advance = swizzle_advance, .end = swizzle_end };
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  guint timeout_ms = (guint) self->options->hang_timeout_ms;
  SimRandom random;
  Swizzle *swizzle;

  if (self->n_stopped >= SIM_STOPPED_MAX || self->hiccup_source != 0 || sim_chaos_has_spell (self, SIM_FAULT_SWIZZLE))
    return;
  sim_random_init (&random, step->pick, 0);
  swizzle = g_new0 (Swizzle, 1);
  swizzle->stopped = g_ptr_array_new ();
  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (sim_process_is_running (process) && sim_random_one_in (&random, SHARE))
      swizzle_one (self, swizzle, process, &random);
  }
  if (swizzle->stopped->len == 0) {
    swizzle_end (self, swizzle);
    return;
  }
  self->n_stopped += swizzle->master ? 1 : 0;
  swizzle->gap_ms = 1 + MIN (timeout_ms / GAP_PER_TIMEOUT, GAPS_TIMEOUTS * timeout_ms / swizzle->stopped->len);
  sim_chaos_begin_spell (self, SIM_FAULT_SWIZZLE, 1 + (guint) sim_random_below (&random, WAIT_TIMEOUTS * timeout_ms),
                         &funcs, swizzle);
}
