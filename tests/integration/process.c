/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

/*
 * Processes of a group, seen from the test: what they report on their standard output, line by line, is read in the
 * test's main context. What a process has written before it was killed is read too, so nothing that its handler was
 * given is missed.
 */

static void
take_line (Member *self, char *line)
{
  g_autoptr (GString) escaped = NULL;
  guint64 number;
  int value;

  if (g_getenv ("TEST_TRACE") != NULL)
    g_test_message ("%s: %s", self->name, line);

  if (sscanf (line, "role %d %" G_GUINT64_FORMAT, &value, &number) == 2) {
    self->role = value;
    if (value == IPC_ROLE_MASTER)
      self->epoch = number;
  } else if (g_str_has_prefix (line, "handled ")) {
    self->handled++;
  } else if (g_str_has_prefix (line, "answered ") || g_str_has_prefix (line, "failed ")) {
    self->answered++;
  } else if (sscanf (line, "child %d", &value) == 1) {
    self->child = value;
  } else if (g_str_has_prefix (line, "error ")) {
    g_ptr_array_add (self->fixture->errors, g_error_new (IPC_ERROR, IPC_ERROR_FAILED, "%s: %s", self->name, line));
  }
  g_ptr_array_add (self->lines, line);
}

static void
take_lines (Member *self)
{
  char *end;

  while ((end = memchr (self->buffer->str, '\n', self->buffer->len)) != NULL) {
    take_line (self, g_strndup (self->buffer->str, end - self->buffer->str));
    g_string_erase (self->buffer, 0, end - self->buffer->str + 1);
  }
}

static gboolean
output_cb (int fd, GIOCondition condition, gpointer user_data)
{
  Member *self = user_data;
  char data[4096];
  gssize n = read (fd, data, sizeof data);

  if (n > 0) {
    g_string_append_len (self->buffer, data, n);
    take_lines (self);
    return G_SOURCE_CONTINUE;
  }
  if (n == -1 && (errno == EAGAIN || errno == EINTR))
    return G_SOURCE_CONTINUE;

  close (self->out_fd);
  self->out_fd = -1;
  return G_SOURCE_REMOVE;
}

/* Options have no spaces in them, but paths may have. */
static GStrv
make_argv (const char *program, const char *dir, const char *options)
{
  g_auto (GStrv) words = g_strsplit (options, " ", -1);
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();

  g_strv_builder_add_many (builder, program, "--dir", dir, NULL);
  g_strv_builder_addv (builder, (const char **) words);
  return g_strv_builder_end (builder);
}

/**
 * member_spawn_program:
 * @program: member, member-points or streamer
 * @name: for messages
 * @options: for it, separated by spaces
 */
Member *
member_spawn_program (Fixture *fixture, const char *program, const char *name, const char *options)
{
  Member *self = g_new0 (Member, 1);
  g_autofree char *path = g_test_build_filename (G_TEST_BUILT, "integration", program, NULL);
  g_auto (GStrv) argv = make_argv (path, fixture->dir, options);
  g_autoptr (GError) error = NULL;

  self->fixture = fixture;
  self->name = g_strdup (name);
  self->buffer = g_string_new (NULL);
  self->lines = g_ptr_array_new_with_free_func (g_free);
  g_spawn_async_with_pipes (NULL, argv, NULL, G_SPAWN_DO_NOT_REAP_CHILD, NULL, NULL, &self->pid, &self->in_fd,
                            &self->out_fd, NULL, &error);
  g_assert_no_error (error);
  fcntl (self->in_fd, F_SETFD, FD_CLOEXEC); /* or the next process would hold the pipes of this one */
  fcntl (self->out_fd, F_SETFD, FD_CLOEXEC);
  g_unix_set_fd_nonblocking (self->out_fd, TRUE, NULL);
  self->source = g_unix_fd_source_new (self->out_fd, G_IO_IN | G_IO_HUP);
  g_source_set_callback (self->source, G_SOURCE_FUNC (output_cb), self, NULL);
  g_source_attach (self->source, fixture->context);
  g_ptr_array_add (fixture->members, self);

  return self;
}

Member *
member_spawn (Fixture *fixture, const char *name, const char *options)
{
  return member_spawn_program (fixture, "member", name, options);
}

void
member_kill (Member *self)
{
  g_assert_cmpint (self->pid, >, 0);
  g_assert_cmpint (kill (self->pid, SIGKILL), ==, 0);
  member_wait_end (self);
}

/* When this returns, no thread of the process runs any more. */
void
member_stop (Member *self)
{
  int status;

  g_assert_cmpint (self->pid, >, 0);
  g_assert_cmpint (kill (self->pid, SIGSTOP), ==, 0);
  g_assert_cmpint (waitpid (self->pid, &status, WUNTRACED), ==, self->pid);
  g_assert_true (WIFSTOPPED (status));
}

void
member_continue (Member *self)
{
  g_assert_cmpint (kill (self->pid, SIGCONT), ==, 0);
}

/* Waits for the process and returns its exit code, or minus the number of the signal that has ended it. */
int
member_wait_end (Member *self)
{
  int status;

  fixture_wait (self->fixture, waitpid (self->pid, &status, WNOHANG) != 0);
  self->pid = 0;
  self->role = IPC_ROLE_IDLE;

  return WIFEXITED (status) ? WEXITSTATUS (status) : -WTERMSIG (status);
}

/* What a dead process has still written. */
void
member_read_to_end (Member *self)
{
  fixture_wait (self->fixture, self->out_fd == -1);
}

void
member_free (Member *self)
{
  int status;

  if (self->child > 0)
    kill (self->child, SIGKILL);
  if (self->pid > 0) {
    kill (self->pid, SIGKILL);
    waitpid (self->pid, &status, 0);
  }
  g_source_destroy (self->source);
  g_source_unref (self->source);
  if (self->out_fd != -1)
    close (self->out_fd);
  close (self->in_fd);
  g_string_free (self->buffer, TRUE);
  g_ptr_array_unref (self->lines);
  g_free (self->name);
  g_free (self);
}

void
member_tell (Member *self, const char *command)
{
  g_autofree char *line = g_strconcat (command, "\n", NULL);

  g_assert_cmpint (write (self->in_fd, line, strlen (line)), ==, strlen (line));
}

gboolean
member_has (Member *self, const char *line)
{
  for (guint i = 0; i < self->lines->len; i++) {
    if (strcmp (self->lines->pdata[i], line) == 0)
      return TRUE;
  }

  return FALSE;
}

guint
members_count_role (Fixture *fixture, IpcRole role)
{
  guint n = 0;

  for (guint i = 0; i < fixture->members->len; i++) {
    Member *member = fixture->members->pdata[i];

    n += member->pid != 0 && member->role == (int) role;
  }

  return n;
}

/* The one that says it is master, or NULL while none does. */
Member *
members_find_master (Fixture *fixture)
{
  for (guint i = 0; i < fixture->members->len; i++) {
    Member *member = fixture->members->pdata[i];

    if (member->pid != 0 && member->role == IPC_ROLE_MASTER)
      return member;
  }

  return NULL;
}

static gint
compare_epochs (gconstpointer a, gconstpointer b)
{
  guint64 first = ((const Handled *) a)->epoch, second = ((const Handled *) b)->epoch;

  return first < second ? -1 : first > second;
}

/* Everything that handlers of all members were given, in the order of epochs and then of time. */
GArray *
members_handled (Fixture *fixture)
{
  GArray *all = g_array_new (FALSE, FALSE, sizeof (Handled));

  for (guint i = 0; i < fixture->members->len; i++) {
    Member *member = fixture->members->pdata[i];

    for (guint j = 0; j < member->lines->len; j++) {
      const char *line = member->lines->pdata[j];
      Handled handled;

      if (sscanf (line, "handled %32s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %u", handled.sender,
                  &handled.sequence, &handled.epoch, &handled.redelivered, &handled.count)
          == 5)
        g_array_append_val (all, handled);
    }
  }
  g_array_sort (all, compare_epochs); /* stable: GLib sorts by merging */

  return all;
}
