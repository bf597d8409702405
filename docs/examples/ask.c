/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>
#include <string.h>

/*
 * `ask GROUP TEXT` asks the master of a group once. A node that has just been started knows no master yet: it waits for
 * one first, so that the short deadline of the message is there for the answer alone.
 */

#define MASTER_TIMEOUT_MS 5000
#define ANSWER_TIMEOUT_MS 500

typedef struct {
  GMainLoop *loop;
  GBytes *message;
  guint timeout_id; /* 0 once there was a master */
  int exit_code;
} Question;

static void
on_response (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Question *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (response != NULL)
    g_print ("%.*s\n", (int) g_bytes_get_size (response), (const char *) g_bytes_get_data (response, NULL));
  else
    g_printerr ("ask: %s\n", error->message);
  self->exit_code = response != NULL ? 0 : 1;
  g_main_loop_quit (self->loop);
}

/* Masters come and go: only the first one is waited for. */
static void
on_master (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  Question *self = user_data;

  if (ipc_node_get_master (node) == NULL || self->timeout_id == 0)
    return;

  g_clear_handle_id (&self->timeout_id, g_source_remove);
  ipc_node_send_full_async (node, self->message, IPC_SEND_DEFAULT, ANSWER_TIMEOUT_MS, NULL, on_response, self);
}

static gboolean
on_no_master (gpointer user_data)
{
  Question *self = user_data;

  g_printerr ("ask: nobody is master of this group\n");
  self->timeout_id = 0;
  g_main_loop_quit (self->loop);

  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  g_autoptr (IpcNode) node = NULL;
  g_autoptr (GError) error = NULL;
  Question self = { .exit_code = 1 };

  if (argc != 3) {
    g_printerr ("usage: ask GROUP TEXT\n");
    return 2;
  }

  node = ipc_node_new (argv[1], IPC_MODE_CLIENT);
  g_signal_connect (node, "notify::master", G_CALLBACK (on_master), &self);
  if (!ipc_node_start (node, &error)) {
    g_printerr ("ask: %s\n", error->message);
    return 2;
  }

  self.loop = g_main_loop_new (NULL, FALSE);
  self.message = g_bytes_new (argv[2], strlen (argv[2]));
  self.timeout_id = g_timeout_add (MASTER_TIMEOUT_MS, on_no_master, &self);
  g_main_loop_run (self.loop);

  g_bytes_unref (self.message);
  g_main_loop_unref (self.loop);

  return self.exit_code;
}
