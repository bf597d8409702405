/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-process.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench-meter.h"

/*
 * Children are this program itself, executed anew, so that none inherits any state. A child reports 64-bit numbers
 * through a pipe (what they mean is between it and the one who reads them), and dies with the parent. The parent
 * never waits without a limit, and an interrupt ends every wait with an error, so that it unwinds and cleans up.
 */

#define REPORT_FD 3

/* Longer than any child needs between two reports, even on a busy machine or under a sanitizer. */
#define STALL_MS 60000

static volatile sig_atomic_t interrupted;

static void
on_interrupt (int number)
{
  interrupted = number;
}

void
bench_interrupt_init (void)
{
  struct sigaction action = { .sa_handler = on_interrupt };

  sigaction (SIGINT, &action, NULL);
  sigaction (SIGTERM, &action, NULL);
  sigaction (SIGHUP, &action, NULL);
}

gboolean
bench_interrupt_check (GError **error)
{
  if (!interrupted)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_CANCELLED, "Interrupted (%s)", strsignal (interrupted));
  return FALSE;
}

/* The processors that a child may use, out of those that we may use. Most interrupts go to the first one. */
static cpu_set_t
choose_cpus (const BenchTask *task)
{
  gboolean first = task->placement == BENCH_APART && g_str_equal (task->side, "server");
  cpu_set_t all, one;
  int n_left;

  CPU_ZERO (&all);
  sched_getaffinity (0, sizeof all, &all);
  if (task->placement == BENCH_FREE)
    return all;

  n_left = first ? 1 : CPU_COUNT (&all);
  CPU_ZERO (&one);
  for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
    if (CPU_ISSET (cpu, &all) && --n_left == 0)
      CPU_SET (cpu, &one);
  return one;
}

/* Runs between fork and exec: system calls only. */
static void G_GNUC_NORETURN
become_child (const char *program, char **argv, int report_fd, const cpu_set_t *cpus, pid_t parent)
{
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    _exit (1);

  if (sched_setaffinity (0, sizeof *cpus, cpus) < 0)
    _exit (126);
  if (report_fd == REPORT_FD)
    fcntl (report_fd, F_SETFD, 0);
  else
    dup2 (report_fd, REPORT_FD);
  execv (program, argv);
  _exit (127);
}

BenchProcess *
bench_process_start (const BenchTask *task, GError **error)
{
  g_autofree char *n_warmup = g_strdup_printf ("%u", task->n_warmup);
  g_autofree char *n_messages = g_strdup_printf ("%u", task->n_messages);
  g_autofree char *n_in_flight = g_strdup_printf ("%u", task->n_in_flight);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", error);
  char *argv[] = { (char *) "ipc-bench", (char *) "--child", (char *) task->case_name, (char *) task->contender,
                   (char *) task->side, (char *) task->dir, n_warmup, n_messages, n_in_flight, NULL };
  BenchProcess *self;
  cpu_set_t cpus = choose_cpus (task);
  pid_t parent = getpid ();
  int fds[2];
  pid_t pid;

  if (program == NULL)
    return NULL;
  if (pipe2 (fds, O_CLOEXEC) < 0 || (pid = fork ()) < 0) {
    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Cannot start a process: %s", g_strerror (errno));
    return NULL;
  }
  if (pid == 0)
    become_child (program, argv, fds[1], &cpus, parent);

  close (fds[1]);
  self = g_new0 (BenchProcess, 1);
  self->pid = pid;
  self->report_fd = fds[0];
  self->name = g_strdup_printf ("%s %s %s", task->case_name, task->contender, task->side);
  return self;
}

static gboolean
wait_readable (BenchProcess *self, gint64 deadline_ns, GError **error)
{
  struct pollfd poll_fd = { .fd = self->report_fd, .events = POLLIN };
  int n_ready;

  do {
    gint64 left_ms = MAX ((deadline_ns - bench_now_ns ()) / 1000000, 0);

    if (!bench_interrupt_check (error))
      return FALSE;
    n_ready = poll (&poll_fd, 1, (int) left_ms);
  } while (n_ready < 0 && errno == EINTR);

  if (n_ready > 0)
    return TRUE;
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_TIMED_OUT, "%s: nothing was heard for %d s", self->name, STALL_MS / 1000);
  return FALSE;
}

gboolean
bench_process_read (BenchProcess *self, gint64 *values, gsize n_values, GError **error)
{
  gint64 deadline_ns = bench_now_ns () + STALL_MS * G_GINT64_CONSTANT (1000000);
  gsize size = n_values * sizeof *values;
  gsize done = 0;

  while (done < size) {
    gssize n_read;

    if (!wait_readable (self, deadline_ns, error))
      return FALSE;
    n_read = read (self->report_fd, (guint8 *) values + done, size - done);
    if (n_read <= 0) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s: ended without a result", self->name);
      return FALSE;
    }
    done += n_read;
  }
  return TRUE;
}

void
bench_process_kill (BenchProcess *self)
{
  if (self->pid == 0)
    return;

  kill (self->pid, SIGKILL);
  while (waitpid (self->pid, NULL, 0) < 0 && errno == EINTR)
    ;
  self->pid = 0;
}

void
bench_process_free (BenchProcess *self)
{
  bench_process_kill (self);
  close (self->report_fd);
  g_free (self->name);
  g_free (self);
}

static gboolean
parse_number (const char *word, guint *number)
{
  guint64 value;

  if (!g_ascii_string_to_unsigned (word, 10, 0, G_MAXUINT, &value, NULL))
    return FALSE;
  *number = (guint) value;
  return TRUE;
}

gboolean
bench_task_parse (BenchTask *task, char **words, int n_words)
{
  if (n_words != BENCH_TASK_N_WORDS)
    return FALSE;

  task->case_name = words[0];
  task->contender = words[1];
  task->side = words[2];
  task->dir = words[3];
  return parse_number (words[4], &task->n_warmup) && parse_number (words[5], &task->n_messages)
         && parse_number (words[6], &task->n_in_flight);
}

/* In a child: tells the parent. A child that was started by hand has nobody to tell. */
void
bench_report (const gint64 *values, gsize n_values)
{
  const guint8 *bytes = (const guint8 *) values;
  gsize size = n_values * sizeof *values;

  while (size > 0) {
    gssize n_written = write (REPORT_FD, bytes, size);

    if (n_written < 0 && errno == EINTR)
      continue;
    if (n_written < 0)
      return;
    bytes += n_written;
    size -= n_written;
  }
}

void
bench_report_ready (void)
{
  gint64 pid = getpid ();

  bench_report (&pid, 1);
}

/* In a child: the only answer to trouble. The parent sees the end of the pipe. */
void
bench_fail (const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list args;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  g_printerr ("ipc-bench: %s\n", text);
  exit (1);
}
