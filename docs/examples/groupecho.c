/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib-unix.h>
#include <libipc.h>
#include <locale.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "simulated.h"

/*
 * Start this in several terminals, then kill any of them, again and again: the others go on. Each member says something
 * every second; whoever is master echoes it. With --idle a member says nothing and only waits to be master.
 *
 * `**` is what a member becomes, `<-` what it was sent as master, `->` the answer to what it said,
 * `!!` what went wrong.
 *
 * It can also be run by the chaos simulator, in many processes that are killed at random: that is what the calls of
 * simulated.h are for. See docs/programs.md.
 */

typedef struct {
  GMainLoop *loop;
  IpcNode *node;
  guint speaker; /* who this is, in what it says */
  guint count;
  guint say_source;
} Member;

static void
on_message (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  g_autofree char *text = g_strdup_printf ("echo from %d: %.*s", (int) getpid (), (int) size, (const char *) data);
  g_autoptr (GBytes) response = g_bytes_new (text, strlen (text));
  g_autofree char *said = g_strndup ((const char *) data, size);
  guint speaker = 0, number = 0;

  sscanf (said, "%u says %u", &speaker, &number);
  simulated_handled (message, speaker, number);
  g_print ("<- %.*s (from process %d%s)\n", (int) size, (const char *) data,
           (int) ipc_peer_get_pid (ipc_message_get_sender (message)),
           ipc_message_get_redelivered (message) ? ", redelivered" : "");
  ipc_message_respond (message, response);
  simulated_responded (message, speaker, number);
}

static void
on_response (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, &error);

  simulated_ended (IPC_NODE (source), result, GPOINTER_TO_UINT (user_data), error);
  if (response != NULL)
    g_print ("-> %.*s\n", (int) g_bytes_get_size (response), (const char *) g_bytes_get_data (response, NULL));
  else
    g_print ("-> %s\n", error->message);
}

static gboolean
say_something (gpointer user_data)
{
  Member *self = user_data;
  g_autofree char *text = g_strdup_printf ("%u says %u", self->speaker, ++self->count);
  g_autoptr (GBytes) message = g_bytes_new (text, strlen (text));

  simulated_sent (self->count, IPC_SEND_DEFAULT);
  ipc_node_send_async (self->node, message, NULL, on_response, GUINT_TO_POINTER (self->count));

  return G_SOURCE_CONTINUE;
}

static void
on_role (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  static const char *const names[] = { "idle", "searching for the master", "client", "standby", "master" };
  guint64 epoch = ipc_node_get_epoch (node);
  g_autofree char *in_epoch = epoch != 0 ? g_strdup_printf (", epoch %" G_GUINT64_FORMAT, epoch) : g_strdup ("");

  g_print ("** %d is %s%s\n", (int) getpid (), names[ipc_node_get_role (node)], in_epoch);
}

/* What no call returns. The node goes on by itself. */
static void
on_error (IpcNode *node, const GError *error, gpointer user_data)
{
  g_print ("!! %s\n", error->message);
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Member *self = user_data;

  if (!ipc_node_close_finish (self->node, result, NULL))
    return; /* an earlier close is still at work */
  simulated_closed ();
  g_main_loop_quit (self->loop);
}

/* In good order, so that nothing is handled twice. */
static void
leave (gpointer user_data)
{
  Member *self = user_data;

  ipc_node_close_async (self->node, NULL, on_closed, self);
}

/* SIGINT and SIGTERM. */
static gboolean
on_signal (gpointer user_data)
{
  leave (user_data);

  return G_SOURCE_CONTINUE;
}

static void
be_silent (gpointer user_data)
{
  Member *self = user_data;

  g_clear_handle_id (&self->say_source, g_source_remove);
}

int
main (int argc, char **argv)
{
  g_autofree char *group = NULL;
  g_autofree char *runtime_dir = NULL;
  gboolean idle = FALSE;
  int every_ms = 1000;
  const GOptionEntry entries[] = {
    { "group", 'g', 0, G_OPTION_ARG_STRING, &group, "Name of the group (default: groupecho)", "NAME" },
    { "runtime-dir", 'd', 0, G_OPTION_ARG_FILENAME, &runtime_dir, "Where the group's directory is", "DIR" },
    { "idle", 'i', 0, G_OPTION_ARG_NONE, &idle, "Say nothing, only wait to be master", NULL },
    { "every", 'e', 0, G_OPTION_ARG_INT, &every_ms, "Say something so often (default: 1000)", "MS" },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) options = g_option_context_new ("- a member of an echo group");
  g_autoptr (GError) error = NULL;
  Member self = { .speaker = simulated_is_on () ? simulated_get_node () : (guint) getpid () };
  const SimulatedOrders orders = { be_silent, leave, &self };

  setlocale (LC_ALL, "");
  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error)) {
    g_printerr ("groupecho: %s\n", error->message);
    return 2;
  }
  if (argc > 1) {
    g_printerr ("groupecho: what is “%s”? See --help.\n", argv[1]);
    return 2;
  }

  self.loop = g_main_loop_new (NULL, FALSE);
  self.node = ipc_node_new (group != NULL ? group : "groupecho",
                            simulated_may_be_master () ? IPC_MODE_DUAL : IPC_MODE_CLIENT);
  ipc_node_set_runtime_dir (self.node, runtime_dir);
  if (simulated_may_be_master ())
    ipc_node_set_handler (self.node, on_message, &self, NULL);
  g_signal_connect (self.node, "notify::role", G_CALLBACK (on_role), &self);
  g_signal_connect (self.node, "error", G_CALLBACK (on_error), &self);
  simulated_watch (self.node, &orders);
  if (!ipc_node_start (self.node, &error)) {
    g_printerr ("groupecho: %s\n", error->message);
    return 1;
  }

  if (!idle)
    self.say_source = g_timeout_add ((guint) MAX (every_ms, 1), say_something, &self);
  g_unix_signal_add (SIGINT, on_signal, &self);
  g_unix_signal_add (SIGTERM, on_signal, &self);
  g_main_loop_run (self.loop);

  g_object_unref (self.node);
  g_main_loop_unref (self.loop);

  return 0;
}
