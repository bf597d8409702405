/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-node.h"

#include <errno.h>
#include <glib-unix.h>
#include <ipc-kill-point.h>
#include <libipc.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

#include "sim-clock.h"
#include "sim-consumer.h"
#include "sim-cut.h"
#include "sim-fork.h"
#include "sim-notice.h"
#include "sim-sender.h"

/*
 * One node in a process of its own, using the library as any application does. It sends, handles while it is master,
 * writes down what happens, tells the supervisor of elections, and obeys it. It does not outlive its supervisor.
 */

#define BLOCK_MESSAGES 300 /* their answers fill a socket's buffer where they are of a few hundred bytes */
#define BLOCK_DELAY_MS 2
#define START_TRIES 100
#define START_INTERVAL_MS 20

typedef struct {
  const SimOptions *options;
  GMainLoop *loop;       /* (owned) */
  SimRecord *record;     /* (owned) */
  IpcNode *node;         /* (owned) */
  SimSender *sender;     /* (owned) */
  SimConsumer *consumer; /* (owned) (nullable) of a candidate */
  SimPosition position;
  guint64 resigning_epoch; /* or 0 */
  guint64 halting_epoch;   /* in which it is to stand still at a kill point: */
  IpcKillPoint halting_at;
  guint block_ms; /* the main loop is going to be held up for so long, or 0 */
  SimClock *clock; /* (owned) */
  int status;
} SimNode;

/* A node that cannot write must not act either. */
void
sim_node_append (SimRecord *record, SimEntry entry)
{
  if (sim_record_append (record, &entry))
    return;

  g_printerr ("No room to write down what happens\n");
  _exit (SIM_EXIT_CANNOT_RUN);
}

/* With the present time. */
void
sim_node_note (SimRecord *record, SimEntry entry)
{
  entry.time_ns = sim_entry_now_ns ();
  sim_node_append (record, entry);
}

void
sim_node_notify (const SimOptions *options, SimNoticeKind kind, guint64 epoch)
{
  SimNotice notice = { .node = (guint32) options->node, .kind = kind, .epoch = epoch };
  gssize n_written;

  do
    n_written = write (SIM_NOTICE_FD, &notice, sizeof notice);
  while (n_written < 0 && errno == EINTR);
}

/* @entry: what is written down of it. The process stands still until the supervisor, who is told of it, lets it go on. */
void
sim_node_stop (SimRecord *record, const SimOptions *options, SimEntry entry)
{
  entry.kind = SIM_ENTRY_STOPPED;
  sim_node_notify (options, SIM_NOTICE_STOPPING, entry.epoch);
  sim_node_note (record, entry);
  raise (SIGSTOP);
}

/* @entry: its role. Writes down and says what is new of it. */
void
sim_node_tell_position (SimRecord *record, const SimOptions *options, SimPosition *position, SimEntry entry)
{
  SimPositionNews news = sim_position_update (position, (IpcRole) entry.code, entry.epoch);

  if (news != 0)
    sim_node_append (record, entry);
  if (news & SIM_POSITION_ELECTED) {
    entry.kind = SIM_ENTRY_ELECTED;
    sim_node_append (record, entry);
    sim_node_notify (options, SIM_NOTICE_ELECTED, entry.epoch);
  }
  if (news & SIM_POSITION_DEPOSED)
    sim_node_append (record, (SimEntry) { .time_ns = entry.time_ns,
                                          .kind = SIM_ENTRY_DEPOSED,
                                          .epoch = position->elected_epoch });
  if (news & SIM_POSITION_STEPPED_DOWN)
    sim_node_notify (options, SIM_NOTICE_STEPPED_DOWN, position->elected_epoch);
  if (news & SIM_POSITION_JOINED)
    sim_node_notify (options, SIM_NOTICE_JOINED, entry.epoch);
}

static void
position_changed_cb (SimNode *self)
{
  sim_node_tell_position (self->record, self->options, &self->position,
                          (SimEntry) { .time_ns = sim_entry_now_ns (),
                                       .kind = SIM_ENTRY_ROLE,
                                       .code = (gint32) ipc_node_get_role (self->node),
                                       .epoch = ipc_node_get_epoch (self->node) });
}

static void
error_cb (SimNode *self, const GError *error)
{
  g_printerr ("error: %s %d: %s\n", g_quark_to_string (error->domain), error->code, error->message);
  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = error->domain == IPC_ERROR ? error->code : -1 });
}

static void
answered_cb (gpointer user_data)
{
  SimNode *self = user_data;

  sim_node_notify (self->options, SIM_NOTICE_CONVERGED, 0);
}

static void
drained_cb (gpointer user_data)
{
  SimNode *self = user_data;

  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_DRAINED });
  sim_node_notify (self->options, SIM_NOTICE_DRAINED, 0);
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
resigned_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  SimNode *self = user_data;
  guint64 epoch = self->resigning_epoch;
  g_autoptr (GError) error = NULL;

  self->resigning_epoch = 0;
  if (self->record != NULL && ipc_node_resign_finish (self->node, result, &error))
    sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = epoch });
}

static void
resign (SimNode *self)
{
  if (self->position.role != IPC_ROLE_MASTER || self->resigning_epoch != 0)
    return;
  self->resigning_epoch = self->position.epoch;
  self->position.resigning_epoch = self->resigning_epoch;
  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = self->resigning_epoch });
  ipc_node_resign_async (self->node, NULL, resigned_cb, self);
}

static void
fork_child (SimNode *self, gboolean unseen, guint life_ms)
{
  pid_t pid = self->position.role == IPC_ROLE_MASTER ? sim_fork_child (self->options->parent, life_ms, unseen) : -1;

  if (pid > 0)
    sim_node_notify (self->options, SIM_NOTICE_FORKED, (guint64) pid);
}

/* Blocks where no program should, in a callback. */
static gboolean
block_cb (gpointer user_data)
{
  SimNode *self = user_data;

  g_usleep (self->block_ms * 1000);
  if (sim_cut_count_unread () > 0)
    sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_EFFECTIVE, .code = SIM_FAULT_SLOW_READERS });
  self->block_ms = 0;
  return G_SOURCE_REMOVE;
}

/* First the messages whose answers it is not going to read have to be on their way. */
static void
block (SimNode *self, guint for_ms)
{
  if (self->block_ms != 0)
    return;
  self->block_ms = for_ms;
  sim_sender_send_many (self->sender, BLOCK_MESSAGES);
  g_timeout_add (BLOCK_DELAY_MS, block_cb, self);
}

/* Not in a later epoch, in which nobody expects it. */
static void
halt_cb (gpointer user_data)
{
  SimNode *self = user_data;

  if (self->position.role == IPC_ROLE_MASTER && self->position.epoch == self->halting_epoch)
    sim_node_stop (self->record, self->options,
                   (SimEntry) { .epoch = self->halting_epoch,
                                .number = 1 + (guint64) self->halting_at,
                                .code = SIM_FAULT_HALT });
}

static void
halt (SimNode *self, IpcKillPoint point)
{
  self->halting_epoch = self->position.epoch;
  self->halting_at = point;
  ipc_kill_point_arm_func (point, 1, halt_cb, self);
}

static void
obey (SimNode *self, const SimCommand *command)
{
  if (command->command == SIM_COMMAND_CUT)
    sim_sender_cut (self->sender);
  else if (command->command == SIM_COMMAND_SEND)
    sim_sender_send (self->sender, (SimDeed) command->argument);
  else if (command->command == SIM_COMMAND_RESIGN)
    resign (self);
  else if (command->command == SIM_COMMAND_ARM)
    ipc_kill_point_arm ((IpcKillPoint) command->argument, command->number);
  else if (command->command == SIM_COMMAND_HALT)
    halt (self, (IpcKillPoint) command->argument);
  else if (command->command == SIM_COMMAND_PROBE)
    sim_sender_probe (self->sender, answered_cb, self);
  else if (command->command == SIM_COMMAND_SLOW && self->consumer != NULL)
    sim_consumer_slow_down (self->consumer, command->argument * 10u, command->number);
  else if (command->command == SIM_COMMAND_BLOCK)
    block (self, command->number);
  else if (command->command == SIM_COMMAND_FORK)
    fork_child (self, command->argument != 0, command->number);
  else if (command->command == SIM_COMMAND_DRAIN)
    sim_sender_drain (self->sender, drained_cb, self);
  else if (command->command == SIM_COMMAND_CLOSE)
    ipc_node_close_async (self->node, NULL, closed_cb, self);
}

static gboolean
command_cb (int fd, GIOCondition condition, gpointer user_data)
{
  SimNode *self = user_data;
  SimCommand commands[16];
  gssize n_read = read (fd, commands, sizeof commands);

  if (n_read == 0) {
    g_main_loop_quit (self->loop); /* the supervisor is gone */
    return G_SOURCE_REMOVE;
  }
  for (gssize i = 0; i < n_read / (gssize) sizeof (SimCommand); i++)
    obey (self, &commands[i]);
  return G_SOURCE_CONTINUE;
}

/* A node dies with its supervisor, also when that died before the node could ask for it; is as well equipped for many
 * connections as the system allows; and takes a complaint of the library about its caller or itself for a crash. */
gboolean
sim_node_prepare_process (const SimOptions *options)
{
  const struct rlimit no_core = { 0, 0 };
  struct rlimit limit;

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != options->parent)
    return FALSE;

  if (getrlimit (RLIMIT_NOFILE, &limit) == 0) {
    limit.rlim_cur = limit.rlim_max;
    setrlimit (RLIMIT_NOFILE, &limit);
  }
  g_type_ensure (G_TYPE_TASK); /* now there is a descriptor for GLib's worker, without which it would end the process */
  setrlimit (RLIMIT_CORE, &no_core); /* handlers that abort do so on purpose; and a dump would keep the lock for long */
  g_log_set_always_fatal (G_LOG_FATAL_MASK | G_LOG_LEVEL_CRITICAL);
  return TRUE;
}

static IpcMode
get_mode (const SimOptions *options)
{
  if (!options->candidate)
    return IPC_MODE_CLIENT;
  return options->master_only ? IPC_MODE_MASTER : IPC_MODE_DUAL;
}

static gboolean
make_node (SimNode *self, GError **error)
{
  const SimOptions *options = self->options;
  SimEntry started = { .kind = SIM_ENTRY_STARTED, .pid = (guint32) getpid () };

  self->node = ipc_node_new (SIM_GROUP, get_mode (options));
  ipc_node_set_runtime_dir (self->node, options->runtime_dir);
  g_object_set (self->node, "hang-timeout", (guint) options->hang_timeout_ms, "max-deliveries", SIM_MAX_DELIVERIES,
                "priority", options->priority, "max-pending", sim_sender_get_room (options), "handshake-timeout",
                sim_options_get_handshake_timeout_ms (options), NULL);
  g_signal_connect_swapped (self->node, "notify::role", G_CALLBACK (position_changed_cb), self);
  g_signal_connect_swapped (self->node, "notify::epoch", G_CALLBACK (position_changed_cb), self);
  g_signal_connect_swapped (self->node, "error", G_CALLBACK (error_cb), self);

  self->sender = sim_sender_new (self->node, self->record, options);
  if (options->candidate)
    self->consumer = sim_consumer_new (self->node, self->record, options, error);

  sim_entry_set_node_id (&started, ipc_node_get_id (self->node));
  sim_node_note (self->record, started);
  return !options->candidate || self->consumer != NULL;
}

static void
sim_node_clear (SimNode *self)
{
  g_clear_pointer (&self->sender, sim_sender_free);
  g_clear_object (&self->node);
  g_clear_pointer (&self->consumer, sim_consumer_free);
  g_clear_pointer (&self->record, sim_record_free);
  g_clear_pointer (&self->loop, g_main_loop_unref);
  g_clear_pointer (&self->clock, sim_clock_free);
}

SimRecord *
sim_node_open_record (const SimOptions *options, GError **error)
{
  g_autofree char *name = g_strdup_printf (SIM_PATH_RECORD, (guint) options->node);
  g_autofree char *path = g_build_filename (options->dir, name, NULL);

  return sim_record_open (path, error);
}

static gboolean
follow_clock (SimNode *self, GError **error)
{
  g_autofree char *path = g_build_filename (self->options->dir, SIM_PATH_CLOCK, NULL);

  self->clock = sim_clock_open (path, error);
  if (self->clock != NULL)
    sim_clock_follow (self->clock);
  return self->clock != NULL;
}

/* As an application does that finds something in the group's place which is none, and may be mended. */
static gboolean
start (SimNode *self, GError **error)
{
  for (guint i = 1;; i++) {
    g_autoptr (GError) reason = NULL;

    if (ipc_node_start (self->node, &reason))
      return TRUE;
    if (i == START_TRIES || !g_error_matches (reason, IPC_ERROR, IPC_ERROR_RUNTIME_DIR)) {
      g_propagate_error (error, g_steal_pointer (&reason));
      return FALSE;
    }
    g_usleep (START_INTERVAL_MS * 1000);
  }
}

/* Runs until the supervisor says otherwise. Returns the exit status. */
int
sim_node_run (const SimOptions *options)
{
  SimNode self = { .options = options, .status = EXIT_SUCCESS };
  g_autoptr (GError) error = NULL;

  if (!sim_node_prepare_process (options))
    return EXIT_FAILURE;
  if (options->kill_at != NULL && !ipc_kill_point_arm_by_name (options->kill_at)) {
    g_printerr ("--kill-at: there is no point “%s”\n", options->kill_at);
    return SIM_EXIT_CANNOT_RUN;
  }

  self.record = sim_node_open_record (options, &error);
  if (self.record == NULL || !follow_clock (&self, &error)) {
    g_printerr ("%s\n", error->message);
    return SIM_EXIT_CANNOT_RUN;
  }

  self.loop = g_main_loop_new (NULL, FALSE);
  if (make_node (&self, &error) && start (&self, &error)) {
    g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, command_cb, &self);
    if (!options->master_only)
      sim_sender_start (self.sender);
    g_main_loop_run (self.loop);
  } else {
    g_printerr ("start: %s\n", error->message);
    self.status = EXIT_FAILURE;
  }
  sim_node_clear (&self);
  return self.status;
}
