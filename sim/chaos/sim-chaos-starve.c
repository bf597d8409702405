/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/*
 * Starved processors: busy processes compete with the nodes, of which some or all run only when nobody else wants to
 * (SCHED_IDLE). A master that is starved for longer than the hang timeout may be replaced, as any that does not answer.
 *
 * Who may not raise a priority again must not lower it either: without the right to do so there are only the busy
 * processes.
 */

#define HOGS_PER_CORE 1
#define HOGS_MAX 4
#define LONGEST_TIMEOUTS 1      /* it lasts for at most so many hang timeouts and a half */
#define WAITED_MIN_NS 20000000u /* who had to wait for a processor for so long has felt it */
#define NICE_RANGE 20           /* RLIMIT_NICE for a nice value of 0 */

typedef struct {
  SimProcess *process; /* (unowned) */
  guint64 waited_ns;   /* when it began */
} Starved;

typedef struct {
  GArray *starved; /* (owned) of Starved */
  int hogs[HOGS_MAX]; /* (owned) pidfds */
  guint n_hogs;
} Starvation;

/* How long it had to wait for a processor in all its life; 0 if the kernel does not say. */
static guint64
read_waited_ns (const SimProcess *process)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/schedstat", (int) process->pid);
  g_autofree char *text = NULL;
  guint64 waited_ns = 0;

  if (!g_file_get_contents (path, &text, NULL, NULL) || sscanf (text, "%*u %" G_GUINT64_FORMAT, &waited_ns) != 1)
    return 0;
  return waited_ns;
}

/* For all threads that it has now. */
static void
set_policy (const SimProcess *process, int policy)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int) process->pid);
  g_autoptr (GDir) dir = sim_process_is_alive (process) ? g_dir_open (path, 0, NULL) : NULL;
  const struct sched_param param = { 0 };
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL)
    sched_setscheduler (atoi (name), policy, &param);
}

static gboolean
may_undo (void)
{
  struct rlimit limit;

  return geteuid () == 0 || (getrlimit (RLIMIT_NICE, &limit) == 0 && limit.rlim_cur >= NICE_RANGE);
}

/* Ends with its parent, and by itself when it has used up twice the time that it is to live. Returns a pidfd, or -1. */
static int
start_hog (guint life_ms)
{
  const struct rlimit limit = { 2 * (life_ms / 1000 + 1), 2 * (life_ms / 1000 + 1) };
  pid_t parent = getpid ();
  pid_t pid = fork ();

  if (pid != 0)
    return pid > 0 ? pidfd_open (pid, 0) : -1;
  close_range (0, ~0u, 0); /* locks and pipes among them */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  setrlimit (RLIMIT_CPU, &limit);
  while (getppid () == parent)
    for (volatile guint i = 0; i < 1000000; i++)
      ;
  _exit (0);
}

static void
starve (SimChaos *self, Starvation *starvation, SimProcess *process, gboolean idle)
{
  Starved starved = { process, read_waited_ns (process) };

  sim_chaos_note (self, process->index, SIM_ENTRY_INJECTED, 0, SIM_FAULT_STARVE);
  if (idle)
    set_policy (process, SCHED_IDLE);
  g_array_append_val (starvation->starved, starved);
}

static void
starvation_end (SimChaos *self, gpointer data)
{
  Starvation *starvation = data;

  for (guint i = 0; i < starvation->n_hogs; i++) {
    pidfd_send_signal (starvation->hogs[i], SIGKILL, NULL, 0);
    close (starvation->hogs[i]);
  }
  for (guint i = 0; i < starvation->starved->len; i++) {
    const Starved *starved = &g_array_index (starvation->starved, Starved, i);

    set_policy (starved->process, SCHED_OTHER);
    sim_chaos_note (self, starved->process->index, SIM_ENTRY_CONTINUED, 0, SIM_FAULT_STARVE);
    if (read_waited_ns (starved->process) > starved->waited_ns + WAITED_MIN_NS)
      sim_chaos_note (self, starved->process->index, SIM_ENTRY_EFFECTIVE, 0, SIM_FAULT_STARVE);
  }
  g_array_unref (starvation->starved);
  g_free (starvation);
}

/* Half of the times all nodes, otherwise half of them. */
void
sim_chaos_do_starve (SimChaos *self, const SimStep *step)
{
  static const SimSpellFuncs funcs = { .end = starvation_end };
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  guint timeout_ms = (guint) self->options->hang_timeout_ms;
  guint life_ms = timeout_ms / 4 + (guint) (step->pick >> 16) % (LONGEST_TIMEOUTS * timeout_ms + timeout_ms / 4);
  Starvation *starvation;

  if (sim_chaos_has_spell (self, step->fault))
    return;
  starvation = g_new0 (Starvation, 1);
  starvation->starved = g_array_new (FALSE, FALSE, sizeof (Starved));
  for (guint i = 0; i < MIN (g_get_num_processors () * HOGS_PER_CORE, HOGS_MAX); i++) {
    int hog = start_hog (life_ms);

    if (hog >= 0)
      starvation->hogs[starvation->n_hogs++] = hog;
  }
  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (sim_process_is_running (process) && (step->pick % 2 == 0 || sim_random_mix (step->pick ^ i) % 2 == 0))
      starve (self, starvation, process, may_undo ());
  }
  sim_chaos_begin_spell (self, step->fault, life_ms, &funcs, starvation);
}
