/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

/* The program of the README. Start it twice, then kill the first one. */

static void
on_message (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GBytes) bytes = ipc_message_dup_bytes (message);

  ipc_message_respond (message, bytes);
}

static void
on_response (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, &error);

  g_print ("%s\n", response ? "answered" : error->message);
}

static gboolean
say_hello (gpointer node)
{
  g_autoptr (GBytes) hello = g_bytes_new_static ("hello", 5);

  ipc_node_send_async (node, hello, NULL, on_response, NULL);
  return G_SOURCE_CONTINUE;
}

int
main (void)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (IpcNode) node = ipc_node_new ("hello", IPC_MODE_DUAL);
  g_autoptr (GError) error = NULL;

  ipc_node_set_handler (node, on_message, NULL, NULL);
  if (!ipc_node_start (node, &error)) {
    g_printerr ("%s\n", error->message);
    return 1;
  }

  g_timeout_add (500, say_hello, node);
  g_main_loop_run (loop);
  return 0;
}
