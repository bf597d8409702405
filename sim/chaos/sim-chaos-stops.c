/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <signal.h>
#include <sys/wait.h>

#include "sim-payload.h"

/*
 * Processes that stand still for a while, by SIGSTOP and SIGCONT.
 *
 * At most two masters are stopped for long at a time: with three, the library has no book left to write in, and then it
 * keeps its record in memory only, which is another promise.
 */

#define HICCUP_PER_TIMEOUT 5 /* a short stop takes at most one of so many parts of the hang timeout */
#define HICCUP_SHARE 4       /* one of so many nodes is in it */
#define LATE_STOP_MS 50      /* of one that had been ordered before the group was healed */

void
sim_chaos_go_on (SimChaos *self, SimProcess *process, SimFault fault)
{
  if (!process->stopped)
    return;
  sim_chaos_note (self, process->index, SIM_ENTRY_CONTINUED, 0, fault);
  process->stopped = FALSE;
  sim_process_signal (process, SIGCONT);
}

typedef struct {
  SimChaos *chaos;
  SimProcess *process;
} Pause;

/* Who has said that it is about to stop itself may be slow to do so: to go on too early is to stop for ever. */
static gboolean
stands_still (const SimProcess *process)
{
  siginfo_t info = { 0 };

  return waitid (P_PID, (id_t) process->pid, &info, WSTOPPED | WNOHANG | WNOWAIT) != 0 || info.si_pid != 0;
}

static gboolean
pause_over_cb (gpointer user_data)
{
  Pause *pause = user_data;

  if (!stands_still (pause->process))
    return G_SOURCE_CONTINUE;
  pause->process->continue_source = 0;
  sim_chaos_go_on (pause->chaos, pause->process, SIM_FAULT_STOP);
  sim_chaos_update (pause->chaos);
  return G_SOURCE_REMOVE;
}

/* Also when the process has ended instead. */
static void
pause_free (gpointer user_data)
{
  Pause *pause = user_data;

  pause->chaos->n_stopped--;
  g_free (pause);
}

/* It stands still, or is about to, and goes on when somebody else has been master for a while. */
static void
begin_pause (SimChaos *self, SimProcess *process, guint duration_ms)
{
  Pause *pause = g_new (Pause, 1);

  *pause = (Pause) { self, process };
  process->stopped = TRUE;
  self->n_stopped++;
  process->continue_source = g_timeout_add_full (G_PRIORITY_DEFAULT, duration_ms, pause_over_cb, pause, pause_free);
}

/* Two to three and a half hang timeouts. */
guint
sim_chaos_choose_pause_ms (SimChaos *self)
{
  guint timeout_ms = (guint) self->options->hang_timeout_ms;
  const SimProcess *master = sim_fleet_get_master (self->fleet);

  return 2 * timeout_ms + (master != NULL ? master->index % 4 * timeout_ms / 2 : 0);
}

/* A master stops itself, within a handler or at a kill point. What tells it to may have been on its way for long: until
 * after the group was healed, when nobody stands still for long any more. */
void
sim_chaos_stopping (SimChaos *self, SimProcess *process)
{
  if (sim_process_is_alive (process) && !process->stopped)
    begin_pause (self, process, self->running ? sim_chaos_choose_pause_ms (self) : LATE_STOP_MS);
}

/* From this instant on. */
void
sim_chaos_stop_master (SimChaos *self, guint duration_ms)
{
  SimProcess *master = sim_fleet_get_master (self->fleet);

  sim_chaos_note (self, master->index, SIM_ENTRY_STOPPED, sim_fleet_get_epoch (self->fleet), SIM_FAULT_STOP);
  sim_process_signal (master, SIGSTOP);
  begin_pause (self, master, duration_ms);
}

/* From outside, at any instant; or within a handler. */
void
sim_chaos_do_stop (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  SimProcess *sender = sim_chaos_pick_one (members, step->pick / 2);

  if (self->n_stopped >= SIM_STOPPED_MAX || self->hiccup_source != 0)
    return;
  if (step->pick % 2 > 0 && sender != NULL && !sender->foreign) {
    sim_process_command (sender, SIM_COMMAND_SEND, SIM_DEED_STOP, 0);
    return;
  }
  sim_chaos_stop_master (self, sim_chaos_choose_pause_ms (self));
}

/* Between its look at the word and what it writes into the ledger: when it goes on, it acts on what is not true any more.
 */
void
sim_chaos_do_halt (SimChaos *self, const SimStep *step)
{
  SimProcess *master = sim_fleet_get_master (self->fleet);

  if (self->n_stopped < SIM_STOPPED_MAX && self->hiccup_source == 0 && !self->any_armed)
    sim_process_command (master, SIM_COMMAND_HALT, IPC_KILL_POINT_SELF_CHECKED, 0);
}

/* Short stops */

static gboolean
hiccup_over_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  self->hiccup_source = 0;
  for (guint i = 0; i < self->hiccuping->len; i++)
    sim_chaos_go_on (self, g_ptr_array_index (self->hiccuping, i), SIM_FAULT_HICCUP);
  g_ptr_array_set_size (self->hiccuping, 0);
  sim_chaos_update (self);
  return G_SOURCE_REMOVE;
}

static void
stop_shortly (SimChaos *self, SimProcess *process)
{
  gboolean master = process == sim_fleet_get_master (self->fleet);

  sim_chaos_note (self, process->index, SIM_ENTRY_STOPPED, master ? sim_fleet_get_epoch (self->fleet) : 0,
                  SIM_FAULT_HICCUP);
  process->stopped = TRUE;
  sim_process_signal (process, SIGSTOP);
  g_ptr_array_add (self->hiccuping, process);
}

/* The master alone, or with others, or others alone. */
void
sim_chaos_do_hiccup (SimChaos *self, const SimStep *step)
{
  g_autoptr (GPtrArray) members = sim_chaos_find_members (self, TRUE);
  guint duration_ms =
      1 + (guint) (step->pick >> 8) % MAX ((guint) self->options->hang_timeout_ms / HICCUP_PER_TIMEOUT, 1);

  if (self->hiccup_source != 0 || self->n_stopped > 0)
    return;
  if (step->pick % 3 < 2)
    stop_shortly (self, sim_fleet_get_master (self->fleet));
  for (guint i = 0; step->pick % 3 > 0 && i < members->len; i++) {
    if (sim_random_mix (step->pick ^ i) % HICCUP_SHARE == 0)
      stop_shortly (self, g_ptr_array_index (members, i));
  }
  self->hiccup_source = g_timeout_add (duration_ms, hiccup_over_cb, self);
}

/* Nobody stands still any more. */
void
sim_chaos_continue_all (SimChaos *self)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  if (self->hiccup_source != 0) {
    g_clear_handle_id (&self->hiccup_source, g_source_remove);
    hiccup_over_cb (self);
  }
  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->continue_source != 0) {
      sim_chaos_go_on (self, process, SIM_FAULT_STOP);
      g_clear_handle_id (&process->continue_source, g_source_remove);
    }
  }
}
