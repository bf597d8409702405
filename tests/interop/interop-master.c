/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* The library's side of the interop tests: a master whose answers the test chooses by what it sends.
 *
 *   who[...]            "<pid> <epoch> <sequence> <redelivered> <how many this process has handled, with this one>"
 *   fail:<code>:<text>  fails with that G_IO_ERROR
 *   late:<ms>:<rest>    as <rest>, so much later
 *   hold[...]           as who when redelivered; else never, until this process ends
 *   drop                drops the message without an answer
 *   anything else       the same bytes
 *
 * It prints "ready" when it becomes master, closes the node on SIGTERM and exits with 0 when that is done. */

#include <glib-unix.h>
#include <libipc.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define COMMAND_MAX 2000 /* bytes of a message that are looked at */

typedef struct {
  GMainLoop *loop; /* (owned) */
  GPtrArray *held; /* (owned) (element-type IpcMessage) */
  guint n_handled;
  gboolean failed;
} Master;

typedef struct {
  IpcMessage *message; /* (owned) */
  gsize skip;          /* bytes of "late:<ms>:" */
  guint nth;
} Late;

static void
late_free (Late *late)
{
  ipc_message_unref (late->message);
  g_free (late);
}

static void
respond_who (IpcMessage *message, guint nth)
{
  g_autofree char *text =
    g_strdup_printf ("%d %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %u", (int) getpid (),
                     ipc_message_get_epoch (message), ipc_message_get_sequence (message),
                     ipc_message_get_redelivered (message), nth);
  g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

  ipc_message_respond (message, bytes);
}

static void
respond_fail (IpcMessage *message, const char *arguments)
{
  char *text = NULL;
  int code = (int) g_ascii_strtoll (arguments, &text, 10);
  g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, code, *text == ':' ? text + 1 : text);

  ipc_message_fail (message, error);
}

/* Answers a message as its bytes from skip on ask for. */
static void
respond_now (IpcMessage *message, gsize skip, guint nth)
{
  g_autoptr (GBytes) all = ipc_message_dup_bytes (message);
  g_autoptr (GBytes) bytes = g_bytes_new_from_bytes (all, skip, g_bytes_get_size (all) - skip);
  gsize size;
  const char *data = g_bytes_get_data (bytes, &size);
  g_autofree char *command = g_strndup (data ? data : "", MIN (size, COMMAND_MAX));

  if (g_str_has_prefix (command, "who"))
    respond_who (message, nth);
  else if (g_str_has_prefix (command, "fail:"))
    respond_fail (message, command + strlen ("fail:"));
  else
    ipc_message_respond (message, bytes);
}

static gboolean
late_cb (gpointer user_data)
{
  Late *late = user_data;

  respond_now (late->message, late->skip, late->nth);
  return G_SOURCE_REMOVE;
}

static void
respond_later (IpcMessage *message, const char *command, guint nth)
{
  char *end = NULL;
  guint delay_ms = (guint) g_ascii_strtoull (command + strlen ("late:"), &end, 10);
  Late *late = g_new0 (Late, 1);

  late->message = ipc_message_ref (message);
  late->skip = (gsize) (end - command) + (*end == ':');
  late->nth = nth;
  g_timeout_add_full (G_PRIORITY_DEFAULT, delay_ms, late_cb, late, (GDestroyNotify) late_free);
}

static void
on_message (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Master *master = user_data;
  guint nth = ++master->n_handled;
  gsize size;
  const char *data = (const char *) ipc_message_get_data (message, &size);
  g_autofree char *command = g_strndup (data ? data : "", MIN (size, COMMAND_MAX));

  if (g_str_has_prefix (command, "late:"))
    respond_later (message, command, nth);
  else if (g_str_has_prefix (command, "hold") && ipc_message_get_redelivered (message))
    respond_who (message, nth);
  else if (g_str_has_prefix (command, "hold"))
    g_ptr_array_add (master->held, ipc_message_ref (message));
  else if (!g_str_equal (command, "drop"))
    respond_now (message, 0, nth);
}

static void
on_role (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  if (ipc_node_get_role (node) == IPC_ROLE_MASTER) {
    printf ("ready\n");
    fflush (stdout);
  }
}

static void
on_closed (GObject *object, GAsyncResult *result, gpointer user_data)
{
  Master *master = user_data;
  g_autoptr (GError) error = NULL;

  if (!ipc_node_close_finish (IPC_NODE (object), result, &error)) {
    g_printerr ("interop-master: close: %s\n", error->message);
    master->failed = TRUE;
  }
  g_main_loop_quit (master->loop);
}

typedef struct {
  IpcNode *node;
  Master *master;
} Closing;

static gboolean
on_sigterm (gpointer user_data)
{
  Closing *closing = user_data;

  ipc_node_close_async (closing->node, NULL, on_closed, closing->master);
  return G_SOURCE_REMOVE;
}

int
main (int argc, char **argv)
{
  g_autofree char *group = NULL;
  g_autofree char *runtime_dir = NULL;
  int handshake_timeout_ms = 10000;
  int max_message_size = 16 << 20;
  const GOptionEntry entries[] = {
    { "group", 'g', 0, G_OPTION_ARG_STRING, &group, "Name of the group", "NAME" },
    { "runtime-dir", 'd', 0, G_OPTION_ARG_FILENAME, &runtime_dir, "Runtime directory", "DIR" },
    { "handshake-timeout", 't', 0, G_OPTION_ARG_INT, &handshake_timeout_ms, "Handshake timeout", "MS" },
    { "max-message-size", 'm', 0, G_OPTION_ARG_INT, &max_message_size, "Largest message", "BYTES" },
    { NULL },
  };
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (GPtrArray) held = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  g_autoptr (IpcNode) node = NULL;
  g_autoptr (GError) error = NULL;
  Master master = { .loop = loop, .held = held };
  Closing closing = { 0 };

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, &error) || group == NULL || runtime_dir == NULL) {
    g_printerr ("interop-master: %s\n", error ? error->message : "--group and --runtime-dir are needed");
    return EXIT_FAILURE;
  }

  node = ipc_node_new (group, IPC_MODE_MASTER);
  closing = (Closing) { node, &master };
  ipc_node_set_runtime_dir (node, runtime_dir);
  g_object_set (node, "handshake-timeout", (guint) handshake_timeout_ms, NULL);
  g_object_set (node, "max-message-size", (guint) max_message_size, NULL);
  ipc_node_set_handler (node, on_message, &master, NULL);
  g_signal_connect (node, "notify::role", G_CALLBACK (on_role), NULL);
  g_unix_signal_add (SIGTERM, on_sigterm, &closing);
  if (!ipc_node_start (node, &error)) {
    g_printerr ("interop-master: %s\n", error->message);
    return EXIT_FAILURE;
  }
  g_main_loop_run (loop);
  return master.failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
