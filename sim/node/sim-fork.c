/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-fork.h"

#include <time.h>
#include <unistd.h>

/*
 * A child that keeps all that its parent had open, does nothing, and lives on when the parent is killed: as a program's
 * helper does that is forked and never executes another program.
 */

#define LOOK_INTERVAL_MS 10 /* at whether the run is over */

/* Only what may be done between fork() and exec(): another thread of the parent may have held any lock. */
static void
live (pid_t parent, pid_t supervisor, guint life_ms)
{
  const struct timespec interval = { .tv_nsec = LOOK_INTERVAL_MS * 1000000 };

  for (guint ms = 0; ms < life_ms; ms += LOOK_INTERVAL_MS) {
    pid_t now = getppid ();

    if (now != parent && now != supervisor)
      break;
    nanosleep (&interval, NULL);
  }
  _exit (0);
}

/* Unseen by handlers of pthread_atfork(), and so by the library. Orphans are the supervisor's. Returns -1 if it could
 * not be made. */
pid_t
sim_fork_child (pid_t supervisor, guint life_ms, gboolean unseen)
{
  pid_t parent = getpid ();
  pid_t pid = unseen ? _Fork () : fork ();

  if (pid == 0)
    live (parent, supervisor, life_ms);
  return pid;
}
