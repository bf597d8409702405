/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-program.h"

#include <errno.h>
#include <fcntl.h>
#include <libipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-line.h"
#include "sim-node.h"

/*
 * Somebody else's program in the place of a node. The process that the supervisor knows becomes that program, so that
 * what is done to it hits the program itself. Beside it a scribe lives on, a child of nobody: it reads what the program
 * says, to the last line before a kill, because what is in a pipe outlives who wrote it; writes that down as a node
 * does; and ends when nobody has the other end any more.
 */

#define LINE_SIZE_MAX 4096 /* PIPE_BUF: what is longer may be split by a kill, and no line of the contract comes near */

typedef struct {
  const SimOptions *options;
  SimRecord *record; /* (owned) */
  SimPosition position;
  gint64 newest_ns;   /* of the lines so far */
  gboolean in_middle; /* of a line that is longer than the limit */
} Scribe;

static void
take_event (Scribe *self, SimEntry entry)
{
  self->newest_ns = entry.time_ns;
  if (entry.kind == SIM_ENTRY_ROLE)
    sim_node_tell_position (self->record, self->options, &self->position, entry);
  else
    sim_node_append (self->record, entry);
  if (entry.kind == SIM_ENTRY_RESIGNING)
    self->position.resigning_epoch = entry.epoch;
  if (entry.kind == SIM_ENTRY_DRAINED)
    sim_node_notify (self->options, SIM_NOTICE_DRAINED, 0);
}

/* A record with gaps would prove nothing, so that is the end of the run. The last line of the log says why. */
static void
refuse (Scribe *self, const char *line, const char *why)
{
  g_printerr ("“%s”: %s\n", line, why);
  sim_node_notify (self->options, SIM_NOTICE_BAD_LINE, 0);
}

/* Returns FALSE if it breaks the contract. */
static gboolean
take_line (Scribe *self, const char *line)
{
  g_autoptr (GError) error = NULL;
  SimEntry entry;

  switch (sim_line_parse (line, &entry, &error)) {
  case SIM_LINE_EVENT:
    if (entry.time_ns < self->newest_ns)
      return refuse (self, line, "its time is before that of the line before"), FALSE;
    take_event (self, entry);
    break;
  case SIM_LINE_OTHER:
    g_printerr ("%s\n", line);
    break;
  case SIM_LINE_BAD:
    return refuse (self, line, error->message), FALSE;
  }
  return TRUE;
}

/* Returns FALSE if it breaks the contract. */
static gboolean
take_chunk (Scribe *self, char *chunk)
{
  gsize len = strlen (chunk);
  gboolean whole = len > 0 && chunk[len - 1] == '\n';
  gboolean first = !self->in_middle;

  self->in_middle = !whole;
  if (!whole || !first)
    return g_printerr ("%s", chunk), TRUE;
  chunk[len - 1] = '\0';
  return take_line (self, chunk);
}

static void
scribe_run (const SimOptions *options, int fd)
{
  g_autoptr (GError) error = NULL;
  Scribe self = { .options = options, .record = sim_node_open_record (options, &error) };
  char chunk[LINE_SIZE_MAX];
  FILE *said = fdopen (fd, "r");

  if (self.record == NULL || said == NULL) {
    refuse (&self, "", error != NULL ? error->message : g_strerror (errno));
    return;
  }
  while (fgets (chunk, sizeof chunk, said) != NULL && take_chunk (&self, chunk))
    ;
  fclose (said);
  sim_record_free (self.record);
}

/* It is nobody's child: a program that waits for its children must not wait for the scribe. */
static gboolean
start_scribe (const SimOptions *options, const int fds[2])
{
  pid_t pid = fork ();

  if (pid == 0) {
    if (fork () == 0) {
      close (STDIN_FILENO); /* the program's */
      close (fds[1]);
      scribe_run (options, fds[0]);
    }
    _exit (0);
  }
  return pid > 0 && waitpid (pid, NULL, 0) == pid;
}

static void
set_number (const char *name, gint64 value)
{
  g_autofree char *text = g_strdup_printf ("%" G_GINT64_FORMAT, value);

  g_setenv (name, text, TRUE);
}

static void
set_environment (const SimOptions *options)
{
  g_setenv ("IPC_RUNTIME_DIR", options->runtime_dir, TRUE);
  g_setenv ("IPC_SIM_GROUP", SIM_GROUP, TRUE);
  set_number ("IPC_SIM_NODE", options->node);
  set_number ("IPC_SIM_CANDIDATE", options->candidate);
  set_number ("IPC_SIM_SEED", options->seed);
  set_number ("IPC_SIM_HANG_TIMEOUT_MS", options->hang_timeout_ms);
}

/* Returns only if the program cannot be run: then the exit status. */
int
sim_program_run (const SimOptions *options)
{
  g_auto (GStrv) argv = NULL;
  g_autoptr (GError) error = NULL;
  int fds[2];

  if (!sim_node_prepare_process (options))
    return 1;
  if (!g_shell_parse_argv (options->program, NULL, &argv, &error)) {
    g_printerr ("--program: %s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }
  if (pipe2 (fds, O_CLOEXEC) < 0 || !start_scribe (options, fds) || dup2 (fds[1], STDOUT_FILENO) < 0) {
    g_printerr ("Cannot start a scribe: %s\n", g_strerror (errno));
    return SIM_EXIT_CANNOT_RUN;
  }
  close (SIM_NOTICE_FD); /* the scribe's */
  set_environment (options);
  execvp (argv[0], argv);
  g_printerr ("Cannot run %s: %s\n", argv[0], g_strerror (errno));
  return SIM_EXIT_CANNOT_RUN;
}
