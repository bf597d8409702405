/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-stranger.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib-unix.h>
#include <signal.h>
#include <spawn.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

/*
 * A process that the supervisor starts and that is no node (sim-hostile.c says what it does). It has no record: what
 * it reports comes through a pipe, line by line, and its end is the end of the pipe. It is buried with the nodes.
 */

struct _SimStranger {
  SimFault fault;
  pid_t pid;
  int pidfd;     /* (owned) */
  int report_fd; /* (owned) */
  guint source;
  GString *line; /* (owned) what has come of the present one */
  gboolean effective;
  SimStrangerFunc func;
  gpointer user_data;
};

/* The first character of a line is the sign, the text begins at the third. */
static void
tell_lines (SimStranger *self)
{
  char *end;

  while ((end = strchr (self->line->str, '\n')) != NULL) {
    gsize len = (gsize) (end - self->line->str);
    g_autofree char *line = g_strndup (self->line->str, len);

    g_string_erase (self->line, 0, (gssize) len + 1);
    if (len > 2)
      self->func (self, line[0], line + 2, self->user_data);
  }
}

static gboolean
report_cb (int fd, GIOCondition condition, gpointer user_data)
{
  SimStranger *self = user_data;
  char text[1024];
  gssize n_read = read (fd, text, sizeof text);

  if (n_read > 0) {
    g_string_append_len (self->line, text, n_read);
    tell_lines (self);
    return G_SOURCE_CONTINUE;
  }
  self->source = 0;
  self->func (self, 0, NULL, self->user_data); /* may free it */
  return G_SOURCE_REMOVE;
}

static gboolean
spawn (SimStranger *self, char **argv, int report_fd)
{
  posix_spawn_file_actions_t actions;
  posix_spawnattr_t attributes;
  sigset_t none;
  int code;

  sigemptyset (&none);
  posix_spawnattr_init (&attributes);
  posix_spawnattr_setflags (&attributes, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK);
  posix_spawnattr_setsigmask (&attributes, &none);
  posix_spawn_file_actions_init (&actions);
  posix_spawn_file_actions_adddup2 (&actions, report_fd, STDOUT_FILENO);
  code = posix_spawn (&self->pid, "/proc/self/exe", &actions, &attributes, argv, environ);
  posix_spawn_file_actions_destroy (&actions);
  posix_spawnattr_destroy (&attributes);
  if (code == 0)
    self->pidfd = pidfd_open (self->pid, 0);
  return self->pidfd >= 0;
}

/* (transfer full) (nullable): when there is no room for it. */
SimStranger *
sim_stranger_start (const SimOptions *options, const char *kind, SimFault fault, SimStrangerFunc func,
                    gpointer user_data)
{
  g_auto (GStrv) argv = sim_options_to_stranger_argv (options, kind);
  SimStranger *self;
  int fds[2];
  gboolean started;

  if (pipe2 (fds, O_CLOEXEC) < 0)
    return NULL;
  self = g_new0 (SimStranger, 1);
  *self = (SimStranger) { .fault = fault, .pidfd = -1, .report_fd = fds[0], .func = func, .user_data = user_data };
  self->line = g_string_new (NULL);
  started = spawn (self, argv, fds[1]);
  close (fds[1]);
  if (started)
    self->source = g_unix_fd_add (self->report_fd, G_IO_IN | G_IO_HUP, report_cb, self);
  else
    g_clear_pointer (&self, sim_stranger_free);
  return self;
}

/* Ends it, if it has not ended. */
void
sim_stranger_free (SimStranger *self)
{
  g_clear_handle_id (&self->source, g_source_remove);
  if (self->pidfd >= 0) {
    pidfd_send_signal (self->pidfd, SIGKILL, NULL, 0);
    close (self->pidfd);
  }
  close (self->report_fd);
  g_string_free (self->line, TRUE);
  g_free (self);
}

SimFault
sim_stranger_get_fault (SimStranger *self)
{
  return self->fault;
}

/* Whether this is the first time that it has had an effect. */
gboolean
sim_stranger_count_effect (SimStranger *self)
{
  gboolean first = !self->effective;

  self->effective = TRUE;
  return first;
}
