/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib-unix.h>
#include <libipc.h>
#include <string.h>
#include <unistd.h>

/*
 * Start this in several terminals, then kill any of them, again and again: the others go on. Each member says something
 * every second; whoever is master echoes it. With --idle a member says nothing and only waits to be master.
 */

typedef struct {
  GMainLoop *loop;
  IpcNode *node;
  guint count;
} Member;

static void
on_message (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  g_autofree char *text = g_strdup_printf ("echo from %d: %.*s", (int) getpid (), (int) size, (const char *) data);
  g_autoptr (GBytes) response = g_bytes_new (text, strlen (text));

  g_print ("<- %.*s (from process %d%s)\n", (int) size, (const char *) data,
           (int) ipc_peer_get_pid (ipc_message_get_sender (message)),
           ipc_message_get_redelivered (message) ? ", redelivered" : "");
  ipc_message_respond (message, response);
}

static void
on_response (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (response != NULL)
    g_print ("-> %.*s\n", (int) g_bytes_get_size (response), (const char *) g_bytes_get_data (response, NULL));
  else
    g_print ("-> %s\n", error->message);
}

static gboolean
say_something (gpointer user_data)
{
  Member *self = user_data;
  g_autofree char *text = g_strdup_printf ("%d says %u", (int) getpid (), ++self->count);
  g_autoptr (GBytes) message = g_bytes_new (text, strlen (text));

  ipc_node_send_async (self->node, message, NULL, on_response, self);

  return G_SOURCE_CONTINUE;
}

static void
on_role (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  static const char *const names[] = { "idle", "searching for the master", "client", "standby", "master" };

  g_print ("** %d is %s, epoch %" G_GUINT64_FORMAT "\n", (int) getpid (), names[ipc_node_get_role (node)],
           ipc_node_get_epoch (node));
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Member *self = user_data;

  if (ipc_node_close_finish (self->node, result, NULL)) /* otherwise an earlier close is still at work */
    g_main_loop_quit (self->loop);
}

/* SIGINT and SIGTERM: leave in good order, so that nothing is handled twice. */
static gboolean
on_signal (gpointer user_data)
{
  Member *self = user_data;

  ipc_node_close_async (self->node, NULL, on_closed, self);

  return G_SOURCE_CONTINUE;
}

int
main (int argc, char **argv)
{
  g_autofree char *group = g_strdup ("groupecho");
  g_autofree char *runtime_dir = NULL;
  gboolean idle = FALSE;
  const GOptionEntry entries[] = {
    { "group", 'g', 0, G_OPTION_ARG_STRING, &group, "Name of the group (default: groupecho)", "NAME" },
    { "runtime-dir", 'd', 0, G_OPTION_ARG_FILENAME, &runtime_dir, "Where the group's directory is", "DIR" },
    { "idle", 'i', 0, G_OPTION_ARG_NONE, &idle, "Say nothing, only wait to be master", NULL },
    G_OPTION_ENTRY_NULL,
  };
  g_autoptr (GOptionContext) options = g_option_context_new ("- a member of an echo group");
  g_autoptr (GError) error = NULL;
  Member self = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error)) {
    g_printerr ("groupecho: %s\n", error->message);
    return 2;
  }

  self.loop = g_main_loop_new (NULL, FALSE);
  self.node = ipc_node_new (group, IPC_MODE_DUAL);
  ipc_node_set_runtime_dir (self.node, runtime_dir);
  ipc_node_set_handler (self.node, on_message, &self, NULL);
  g_signal_connect (self.node, "notify::role", G_CALLBACK (on_role), &self);
  if (!ipc_node_start (self.node, &error)) {
    g_printerr ("groupecho: %s\n", error->message);
    return 1;
  }

  if (!idle)
    g_timeout_add_seconds (1, say_something, &self);
  g_unix_signal_add (SIGINT, on_signal, &self);
  g_unix_signal_add (SIGTERM, on_signal, &self);
  g_main_loop_run (self.loop);

  g_object_unref (self.node);
  g_main_loop_unref (self.loop);

  return 0;
}
