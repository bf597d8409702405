/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-node.h"

#include <errno.h>
#include <glib-unix.h>
#include <libipc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sim-consumer.h"
#include "sim-notice.h"
#include "sim-sender.h"

/*
 * One node in a process of its own, using the library as any application does. It sends, handles while it is master,
 * writes down what happens, tells the supervisor of elections, and obeys it. It does not outlive its supervisor.
 */

typedef struct {
  const SimOptions *options;
  GMainLoop *loop;       /* (owned) */
  SimRecord *record;     /* (owned) */
  IpcNode *node;         /* (owned) */
  SimSender *sender;     /* (owned) */
  SimConsumer *consumer; /* (owned) (nullable) of a candidate */
  IpcRole role;
  guint64 epoch;
  guint64 elected_epoch; /* of which it was master last */
  gboolean joined;
  int status;
} SimNode;

/* Writes an entry with the present time. A node that cannot write must not act either. */
void
sim_node_note (SimRecord *record, SimEntry entry)
{
  entry.time_ns = sim_entry_now_ns ();
  if (sim_record_append (record, &entry))
    return;

  g_printerr ("No room to write down what happens\n");
  _exit (SIM_EXIT_CANNOT_RUN);
}

static void
notify_supervisor (SimNode *self, SimNoticeKind kind, guint64 epoch)
{
  SimNotice notice = { .node = (guint32) self->options->node, .kind = kind, .epoch = epoch };
  gssize n_written;

  do
    n_written = write (SIM_NOTICE_FD, &notice, sizeof notice);
  while (n_written < 0 && errno == EINTR);
}

static void
note_role (SimNode *self, SimEntryKind kind)
{
  sim_node_note (self->record,
                 (SimEntry) { .kind = (guint16) kind, .epoch = self->epoch, .code = (gint32) self->role });
}

/* Role and epoch are told apart; together they say who is master of what. */
static void
position_changed_cb (SimNode *self)
{
  IpcRole role = ipc_node_get_role (self->node);
  guint64 epoch = ipc_node_get_epoch (self->node);
  gboolean was_master = self->role == IPC_ROLE_MASTER;

  if (role == self->role && epoch == self->epoch)
    return;
  self->role = role;
  self->epoch = epoch;
  note_role (self, SIM_ENTRY_ROLE);

  if (role == IPC_ROLE_MASTER && epoch != self->elected_epoch) {
    self->elected_epoch = epoch;
    note_role (self, SIM_ENTRY_ELECTED);
    notify_supervisor (self, SIM_NOTICE_ELECTED, epoch);
  } else if (was_master && role != IPC_ROLE_MASTER) {
    notify_supervisor (self, SIM_NOTICE_STEPPED_DOWN, self->elected_epoch);
  }

  if (!self->joined && role != IPC_ROLE_SEARCHING && role != IPC_ROLE_IDLE) {
    self->joined = TRUE;
    notify_supervisor (self, SIM_NOTICE_JOINED, epoch);
  }
}

static void
error_cb (SimNode *self, const GError *error)
{
  g_printerr ("error: %s %d: %s\n", g_quark_to_string (error->domain), error->code, error->message);
  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = error->code });
}

static void
drained_cb (gpointer user_data)
{
  SimNode *self = user_data;

  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_DRAINED });
  notify_supervisor (self, SIM_NOTICE_DRAINED, 0);
}

static void
closed_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  SimNode *self = user_data;
  g_autoptr (GError) error = NULL;

  if (ipc_node_close_finish (self->node, result, &error)) {
    sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_CLOSED });
  } else {
    g_printerr ("close: %s\n", error->message);
    self->status = EXIT_FAILURE;
  }
  g_main_loop_quit (self->loop);
}

static void
obey (SimNode *self, char command)
{
  if (command == SIM_COMMAND_CUT)
    sim_sender_cut (self->sender);
  else if (command == SIM_COMMAND_DRAIN)
    sim_sender_drain (self->sender, drained_cb, self);
  else if (command == SIM_COMMAND_CLOSE)
    ipc_node_close_async (self->node, NULL, closed_cb, self);
}

static gboolean
command_cb (int fd, GIOCondition condition, gpointer user_data)
{
  SimNode *self = user_data;
  char commands[64];
  gssize n_read = read (fd, commands, sizeof commands);

  if (n_read == 0) {
    g_main_loop_quit (self->loop); /* the supervisor is gone */
    return G_SOURCE_REMOVE;
  }
  for (gssize i = 0; i < n_read; i++)
    obey (self, commands[i]);
  return G_SOURCE_CONTINUE;
}

/* A node dies with its supervisor, also when that died before the node could ask for it; is as well equipped for many
 * connections as the system allows; and takes a complaint of the library about its caller or itself for a crash. */
static gboolean
prepare_process (const SimOptions *options)
{
  struct rlimit limit;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != options->parent)
    return FALSE;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
  }
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  return TRUE;
}

static void
make_node (SimNode *self)
{
  const SimOptions *options = self->options;
  SimEntry started = { .kind = SIM_ENTRY_STARTED, .pid = (guint32) getpid () };

  self->node = ipc_node_new (SIM_GROUP, options->candidate ? IPC_MODE_DUAL : IPC_MODE_CLIENT);
  ipc_node_set_runtime_dir (self->node, options->dir);
  ipc_node_set_max_pending (self->node, MAX (ipc_node_get_max_pending (self->node), (guint) options->in_flight));
  g_signal_connect_swapped (self->node, "notify::role", G_CALLBACK (position_changed_cb), self);
  g_signal_connect_swapped (self->node, "notify::epoch", G_CALLBACK (position_changed_cb), self);
  g_signal_connect_swapped (self->node, "error", G_CALLBACK (error_cb), self);

  self->sender = sim_sender_new (self->node, self->record, options);
  if (options->candidate)
    self->consumer = sim_consumer_new (self->node, self->record, options);

  sim_entry_set_node_id (&started, ipc_node_get_id (self->node));
  sim_node_note (self->record, started);
}

static void
sim_node_clear (SimNode *self)
{
  g_clear_pointer (&self->sender, sim_sender_free);
  g_clear_object (&self->node);
  g_clear_pointer (&self->consumer, sim_consumer_free);
  g_clear_pointer (&self->record, sim_record_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
}

static SimRecord *
open_record (const SimOptions *options, GError **error)
{
  g_autofree char *name = g_strdup_printf (SIM_PATH_RECORD, (guint) options->node);
  g_autofree char *path = g_build_filename (options->dir, name, NULL);

  return sim_record_open (path, error);
}

/* Runs until the supervisor says otherwise. Returns the exit status. */
int
sim_node_run (const SimOptions *options)
{
  SimNode self = { .options = options, .role = IPC_ROLE_IDLE, .status = EXIT_SUCCESS };
  g_autoptr (GError) error = NULL;

  if (!prepare_process (options))
    return EXIT_FAILURE;

  self.record = open_record (options, &error);
  if (self.record == NULL) {
    g_printerr ("%s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }

  self.loop = g_main_loop_new (NULL, FALSE);
  make_node (&self);
  if (ipc_node_start (self.node, &error)) {
    g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, command_cb, &self);
    sim_sender_start (self.sender);
    g_main_loop_run (self.loop);
  } else {
    g_printerr ("start: %s\n", error->message);
    self.status = EXIT_FAILURE;
  }
  sim_node_clear (&self);
  return self.status;
}
