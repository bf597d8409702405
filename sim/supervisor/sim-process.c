/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-process.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-notice.h"

/*
 * One child process: this very program once more, as a node. It is addressed by its pidfd alone, so that nothing else
 * can ever be hit, and has a process group of its own, so that Ctrl-C at the terminal is the supervisor's business.
 */

/* The node's ends, which the supervisor has no use for. */
typedef struct {
  int commands;
  int log;
  int notices; /* (unowned) */
} ChildFds;

static gboolean
set_error (GError **error, int code, const char *what)
{
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (code), "Cannot %s: %s", what, g_strerror (code));
  return FALSE;
}

/* (transfer full) */
char *
sim_process_build_record_path (const char *run_dir, guint32 index)
{
  return g_strdup_printf ("%s/" SIM_PATH_RECORD, run_dir, index);
}

/* Default signal dispositions and an empty mask: the supervisor's own are of no use to a node. */
static void
init_attributes (posix_spawnattr_t *attributes)
{
  sigset_t none, defaults;

  sigemptyset (&none);
  sigemptyset (&defaults);
  sigaddset (&defaults, SIGPIPE);

  posix_spawnattr_init (attributes);
  posix_spawnattr_setflags (attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  posix_spawnattr_setpgroup (attributes, 0);
  posix_spawnattr_setsigmask (attributes, &none);
  posix_spawnattr_setsigdefault (attributes, &defaults);
}

static gboolean
spawn (SimProcess *self, char **argv, char **environment, const ChildFds *fds, GError **error)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  int code;

  init_attributes (&attributes);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, fds->commands, STDIN_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, fds->log, STDOUT_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, fds->log, STDERR_FILENO);
  posix_spawn_file_actions_adddup2 (&actions, fds->notices, SIM_NOTICE_FD);
  code = posix_spawn (&self->pid, "/proc/self/exe", &actions, &attributes, argv, environment);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  if (code != 0)
    return set_error (error, code, "start a node");

  self->pidfd = pidfd_open (self->pid, 0);
  return self->pidfd >= 0 || set_error (error, errno, "open a pidfd");
}

static gboolean
open_fds (SimProcess *self, ChildFds *fds, GError **error)
{
  int commands[2];

  fds->log = open (self->log_path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  if (fds->log < 0)
    return set_error (error, errno, "make a log file");
  if (pipe2 (commands, O_CLOEXEC) < 0)
    return set_error (error, errno, "make a pipe");

  fds->commands = commands[0];
  self->command_fd = commands[1];
  return TRUE;
}

/* Whether calls of this process are to fail: then with a page for the rules. */
static gboolean
make_shim (SimProcess *self, const SimOptions *options, const char *run_dir, char ***environment, GError **error)
{
  g_autofree char *path = g_strdup_printf ("%s/" SIM_PATH_SHIM, run_dir, self->index);

  if (options->weights.of[SIM_FAULT_SYSCALL_ERRORS] + options->weights.of[SIM_FAULT_SHORT_IO] == 0) {
    *environment = g_get_environ ();
    return TRUE;
  }
  self->shim = sim_shim_page_create (path, error);
  if (self->shim != NULL)
    *environment = sim_shim_build_environment (path, error);
  return *environment != NULL;
}

/* (transfer full) (nullable) */
SimProcess *
sim_process_start (const SimOptions *options, const char *run_dir, guint32 index, gboolean candidate, int notice_fd,
                   GError **error)
{
  g_autofree char *record_path = sim_process_build_record_path (run_dir, index);
  g_auto (GStrv) argv = sim_options_to_node_argv (options, index, candidate, run_dir);
  SimProcess *self = g_new0 (SimProcess, 1);
  g_auto (GStrv) environment = NULL;
  ChildFds fds = { -1, -1, notice_fd };
  gboolean started;

  *self = (SimProcess) { .index = index, .candidate = candidate, .pidfd = -1, .command_fd = -1, .armed = -1 };
  self->foreign = options->program != NULL;
  self->log_path = g_strdup_printf ("%s/" SIM_PATH_LOG, run_dir, index);
  self->record = sim_record_create (record_path, index, error);

  started = self->record != NULL && make_shim (self, options, run_dir, &environment, error)
            && open_fds (self, &fds, error) && spawn (self, argv, environment, &fds, error);
  if (fds.commands >= 0)
    close (fds.commands);
  if (fds.log >= 0)
    close (fds.log);
  if (!started)
    g_clear_pointer (&self, sim_process_free);
  return self;
}

static void
close_fds (SimProcess *self)
{
  if (self->pidfd >= 0)
    close (self->pidfd);
  if (self->command_fd >= 0)
    close (self->command_fd);
  self->pidfd = -1;
  self->command_fd = -1;
}

void
sim_process_free (SimProcess *self)
{
  g_clear_handle_id (&self->continue_source, g_source_remove);
  g_clear_handle_id (&self->rule_source, g_source_remove);
  g_clear_pointer (&self->shim, sim_shim_page_free);
  close_fds (self);
  g_clear_pointer (&self->record, sim_record_free);
  g_free (self->log_path);
  g_free (self->end);
  g_free (self);
}

gboolean
sim_process_is_alive (const SimProcess *self)
{
  return self->pidfd >= 0;
}

/* A member, at work. */
gboolean
sim_process_is_running (const SimProcess *self)
{
  return self->joined && !self->killed && !self->stopped && sim_process_is_alive (self);
}

/* One that has just ended is no error: its end is about to be noticed. */
void
sim_process_signal (SimProcess *self, int signal_number)
{
  if (self->pidfd >= 0)
    pidfd_send_signal (self->pidfd, signal_number, NULL, 0);
}

/* (nullable): what a program is told; all that it has to know. */
static const char *
command_to_line (char command)
{
  return command == SIM_COMMAND_DRAIN    ? "drain\n"
         : command == SIM_COMMAND_CLOSE  ? "close\n"
         : command == SIM_COMMAND_RESIGN ? "resign\n"
                                         : NULL;
}

void
sim_process_command (SimProcess *self, char command, guint8 argument, guint16 number)
{
  SimCommand whole = { command, argument, number };
  const char *line = self->foreign ? command_to_line (command) : NULL;
  gconstpointer bytes = line != NULL ? (gconstpointer) line : &whole;
  gsize size = line != NULL ? strlen (line) : sizeof whole;
  gssize n_written;

  if (self->command_fd < 0 || (self->foreign && line == NULL))
    return;
  do
    n_written = write (self->command_fd, bytes, size);
  while (n_written < 0 && errno == EINTR);
}

/* (transfer full) (nullable): what it said last, if it said anything. */
char *
sim_process_read_last_line (const SimProcess *self)
{
  g_autofree char *text = NULL;
  char *line;

  if (!g_file_get_contents (self->log_path, &text, NULL, NULL))
    return NULL;
  g_strchomp (text);
  line = strrchr (text, '\n');
  line = line != NULL ? line + 1 : text;
  return *line != '\0' ? g_strdup (line) : NULL;
}

static char *
describe_end (SimProcess *self, int code, int status)
{
  g_autofree char *said = sim_process_read_last_line (self);
  g_autofree char *how = code == CLD_EXITED ? g_strdup_printf ("exited with %d", status)
                                            : g_strdup_printf ("ended by signal %d (%s)", status, strsignal (status));

  return g_strdup_printf ("%s%s%s", how, said != NULL ? ", said last: " : "", said != NULL ? said : "");
}

/* code and status as waitid() gives them. */
void
sim_process_ended (SimProcess *self, int code, int status)
{
  gboolean sigkill = code != CLD_EXITED && status == SIGKILL;
  gboolean sigbus = code != CLD_EXITED && status == SIGBUS;
  gboolean sigabrt = code != CLD_EXITED && status == SIGABRT;

  close_fds (self);
  self->exit_status = code == CLD_EXITED ? status : -1;

  if (sigkill && self->killed)
    self->fate = SIM_FATE_KILLED;
  else if (sigkill && self->hung)
    self->fate = SIM_FATE_HUNG;
  else if ((sigkill && self->armed >= 0) || (sigabrt && self->aborting) || (sigbus && self->truncated))
    self->fate = SIM_FATE_KILLED;
  else if (self->exit_status == 0 && self->told_to_close)
    self->fate = SIM_FATE_CLOSED;
  else
    self->fate = SIM_FATE_CRASHED;

  self->bus_error = sigbus;
  self->by_itself = self->fate == SIM_FATE_KILLED && !self->killed;
  g_clear_handle_id (&self->continue_source, g_source_remove);
  if (self->fate == SIM_FATE_CRASHED)
    self->end = describe_end (self, code, status);
}
