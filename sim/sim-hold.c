/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hold.h"

#include <errno.h>
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>

/*
 * Holds a candidate in the middle of becoming master. Between making its socket (bind) and putting it in place
 * (rename) a candidate checks the group file and claims the epoch; all of that takes some ten microseconds, which no
 * random signal ever hits. So the candidate's main thread is traced, and stopped after so many system calls: those
 * are the points where what others do can matter. The protocol names the two calls (docs/protocol.md, section 7);
 * nothing else about the library is known here.
 *
 * Only the supervisor's main thread may call this: it is the tracer. Should it die, the kernel kills whom it holds.
 */

#define SYSCALL_STOP (SIGTRAP | 0x80)
#define STOP_TIMEOUT_US 100000 /* a process that is asked to stop does so at once, unless the disk holds it */

/* Waits until the process stops, and returns why; 0 when it does not in time, or has ended. Its end is left for the one
 * who buries. */
static int
wait_for_stop (pid_t pid, gint64 deadline_us)
{
  sigset_t child;

  sigemptyset (&child);
  sigaddset (&child, SIGCHLD);
  for (;;) {
    gint64 left_us = deadline_us - g_get_monotonic_time ();
    struct timespec left = { .tv_sec = MAX (left_us, 0) / G_USEC_PER_SEC,
                             .tv_nsec = MAX (left_us, 0) % G_USEC_PER_SEC * 1000 };
    siginfo_t info = { 0 };

    if (waitid (P_PID, (id_t) pid, &info, WSTOPPED | WNOHANG | __WALL) < 0)
      return 0;
    if (info.si_pid == pid)
      return info.si_status;
    if (left_us <= 0 || (sigtimedwait (&child, NULL, &left) < 0 && errno == EAGAIN))
      return 0;
  }
}

/* FALSE when the system does not allow it, or the process has just ended. The process runs on. */
gboolean
sim_hold_begin (pid_t pid)
{
  return ptrace (PTRACE_SEIZE, pid, NULL, PTRACE_O_TRACESYSGOOD | PTRACE_O_EXITKILL) == 0;
}

static gboolean
interrupt (pid_t pid)
{
  return ptrace (PTRACE_INTERRUPT, pid, NULL, NULL) == 0
         && wait_for_stop (pid, g_get_monotonic_time () + STOP_TIMEOUT_US) != 0;
}

static gboolean
is_rename (guint64 number)
{
#ifdef SYS_rename
  if (number == SYS_rename)
    return TRUE;
#endif
#ifdef SYS_renameat
  if (number == SYS_renameat)
    return TRUE;
#endif
  return number == SYS_renameat2;
}

/* Has the process run from stop to stop until n_calls system calls have returned since it began to make a socket, and
 * leaves it stopped there. Afterwards n_calls is how many have returned. */
SimHoldResult
sim_hold_run_to_claim (pid_t pid, guint *n_calls, gint64 timeout_us)
{
  gint64 deadline_us = g_get_monotonic_time () + timeout_us;
  guint n_wanted = *n_calls;
  gboolean bound = FALSE;
  int signal_number = 0;

  *n_calls = 0;
  if (!interrupt (pid))
    return SIM_HOLD_MISSED;

  while (ptrace (PTRACE_SYSCALL, pid, NULL, signal_number) == 0) {
    struct __ptrace_syscall_info info = { 0 };
    int status = wait_for_stop (pid, deadline_us);

    if (status == 0)
      return SIM_HOLD_MISSED;
    signal_number = status != SYSCALL_STOP && status >> 8 == 0 ? status : 0;
    if (status != SYSCALL_STOP || ptrace (PTRACE_GET_SYSCALL_INFO, pid, sizeof info, &info) <= 0)
      continue;

    if (info.op == PTRACE_SYSCALL_INFO_ENTRY) {
      if (is_rename (info.entry.nr))
        return SIM_HOLD_PUBLISHED;
      bound = bound || info.entry.nr == SYS_bind;
    } else if (bound && ++*n_calls == n_wanted) {
      return SIM_HOLD_HELD;
    }
  }
  return SIM_HOLD_MISSED;
}

/* The process runs on by itself. */
void
sim_hold_end (pid_t pid)
{
  if (ptrace (PTRACE_DETACH, pid, NULL, NULL) != 0 && interrupt (pid))
    ptrace (PTRACE_DETACH, pid, NULL, NULL);
}
