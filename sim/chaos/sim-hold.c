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
 * random signal ever hits. So the candidate's main thread is traced, and stopped after so many system calls, or, in
 * the last stretch before the claim, after so many instructions: a process can be stopped between any two. The
 * protocol names the two calls, and the word that the claim changes (docs/protocol.md, section 7); nothing else about
 * the library is known here.
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

/* Stops it wherever it is; only then can it be run from stop to stop. */
gboolean
sim_hold_stop (pid_t pid, gint64 deadline_us)
{
  return ptrace (PTRACE_INTERRUPT, pid, NULL, NULL) == 0 && wait_for_stop (pid, deadline_us) != 0;
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

/* Has the process, which is stopped, run from stop to stop until n_calls system calls have returned since it began to make
 * a socket, and leaves it stopped there. If it publishes before, n_calls is afterwards how many returned before the
 * claim. */
SimHoldResult
sim_hold_run_to_call (pid_t pid, const SimWord *word, guint *n_calls, gint64 deadline_us)
{
  guint64 word_before = sim_word_read (word);
  guint n_wanted = *n_calls, n_returned = 0;
  gboolean bound = FALSE;
  int signal_number = 0;

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
    } else if (bound && ++n_returned == n_wanted) {
      return SIM_HOLD_HELD;
    } else if (bound && sim_word_read (word) == word_before) {
      *n_calls = n_returned;
    }
  }
  return SIM_HOLD_MISSED;
}

/* Has a process that is held go on for n_instructions, or until it has claimed an epoch. Afterwards n_instructions is
 * how many there were. */
SimHoldResult
sim_hold_run_to_claim (pid_t pid, const SimWord *word, guint *n_instructions, gint64 deadline_us)
{
  guint64 word_before = sim_word_read (word);
  guint n_wanted = *n_instructions;
  int signal_number = 0;

  for (*n_instructions = 0; *n_instructions < n_wanted && sim_word_read (word) == word_before; ++*n_instructions) {
    int status;

    if (ptrace (PTRACE_SINGLESTEP, pid, NULL, signal_number) != 0)
      return SIM_HOLD_MISSED;
    status = wait_for_stop (pid, deadline_us);
    if (status == 0)
      return SIM_HOLD_MISSED;
    signal_number = status != SIGTRAP && status >> 8 == 0 ? status : 0;
  }
  return SIM_HOLD_HELD;
}

/* The process runs on by itself. */
void
sim_hold_end (pid_t pid)
{
  if (ptrace (PTRACE_DETACH, pid, NULL, NULL) != 0 && sim_hold_stop (pid, g_get_monotonic_time () + STOP_TIMEOUT_US))
    ptrace (PTRACE_DETACH, pid, NULL, NULL);
}
