/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include <glib-unix.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/*
 * A member of a group that carries much, for tests of backpressure. It reports little, so that what it needs is what
 * the library needs: `role ROLE EPOCH` when its role changes, and when asked with `count`
 *
 *   count HANDLED ANSWERED      messages that its handler was given; its own that have a response
 *
 * As master it answers with --answer-size bytes: at once, --delay milliseconds later, or not at all (--hold) until it is
 * told to `release`; what comes after that it answers later. As client it is told to `stream COUNT DEPTH SIZE`: there are
 * always DEPTH calls under way with fresh messages, each of which waits for room. `stop` stops it (SIGSTOP). It ends with
 * its parent or at the end of its input.
 */

static char *dir;
static char *mode;
static int max_pending = 4096;
static int answer_size;
static int delay_ms;
static gboolean holding;

static const GOptionEntry entries[] = {
  { "dir", 0, 0, G_OPTION_ARG_STRING, &dir, "runtime directory", "DIR" },
  { "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "client or master", "MODE" },
  { "max-pending", 0, 0, G_OPTION_ARG_INT, &max_pending, "of the node", "N" },
  { "answer-size", 0, 0, G_OPTION_ARG_INT, &answer_size, "of each response", "BYTES" },
  { "delay", 0, 0, G_OPTION_ARG_INT, &delay_ms, "answer later", "MS" },
  { "hold", 0, 0, G_OPTION_ARG_NONE, &holding, "answer when told", NULL },
  { NULL },
};

static GMainLoop *loop;
static IpcNode *node;
static GQueue held; /* of IpcMessage */
static guint64 n_handled, n_answered;
static guint n_to_send, message_size;

G_GNUC_PRINTF (1, 2)
static void
report (const char *format, ...)
{
  char line[128];
  va_list args;

  va_start (args, format);
  g_vsnprintf (line, sizeof line, format, args);
  va_end (args);
  if (write (STDOUT_FILENO, line, strlen (line)) == -1)
    _exit (3);
}

/* Pages that are really written to. */
static GBytes *
new_bytes (gsize size)
{
  guint8 *data = g_malloc (size);

  memset (data, 1, size);
  return g_bytes_new_take (data, size);
}

static gboolean
answer_cb (gpointer user_data)
{
  IpcMessage *message = user_data;
  g_autoptr (GBytes) bytes = new_bytes (answer_size);

  ipc_message_respond (message, bytes);
  ipc_message_unref (message);

  return G_SOURCE_REMOVE;
}

static void
handle (IpcNode *self, IpcMessage *message, gpointer user_data)
{
  n_handled++;
  ipc_message_ref (message);
  if (holding)
    g_queue_push_tail (&held, message);
  else if (delay_ms > 0)
    g_timeout_add (delay_ms, answer_cb, message);
  else
    answer_cb (message);
}

static void
release (void)
{
  IpcMessage *message;

  holding = FALSE;
  while ((message = g_queue_pop_head (&held)) != NULL)
    answer_cb (message);
}

static void answered_cb (GObject *source, GAsyncResult *result, gpointer user_data);

static void
send_next (void)
{
  g_autoptr (GBytes) bytes = NULL;

  if (n_to_send == 0)
    return;

  n_to_send--;
  bytes = new_bytes (message_size);
  ipc_node_send_full_async (node, bytes, IPC_SEND_WAIT, IPC_TIMEOUT_NONE, NULL, answered_cb, NULL);
}

static void
answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (node, result, &error);

  if (bytes == NULL)
    report ("error %s\n", error->message);
  n_answered++;
  send_next ();
}

static void
obey (const char *command)
{
  guint depth;

  if (sscanf (command, "stream %u %u %u", &n_to_send, &depth, &message_size) == 3) {
    for (guint i = 0; i < depth; i++)
      send_next ();
  } else if (strcmp (command, "count") == 0) {
    report ("count %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT "\n", n_handled, n_answered);
  } else if (strcmp (command, "release") == 0) {
    release ();
  } else if (strcmp (command, "stop") == 0) {
    raise (SIGSTOP);
  }
}

static gboolean
input_cb (int fd, GIOCondition condition, gpointer user_data)
{
  static char input[256];
  static gsize len;
  gssize n = read (fd, input + len, sizeof input - 1 - len);
  char *end;

  if (n <= 0) {
    g_main_loop_quit (loop);
    return G_SOURCE_REMOVE;
  }

  len += n;
  input[len] = '\0';
  while ((end = strchr (input, '\n')) != NULL) {
    *end = '\0';
    obey (input);
    len -= end + 1 - input;
    memmove (input, end + 1, len + 1);
  }

  return G_SOURCE_CONTINUE;
}

static void
role_cb (void)
{
  report ("role %d %" G_GUINT64_FORMAT "\n", ipc_node_get_role (node), ipc_node_get_epoch (node));
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (GError) error = NULL;
  pid_t parent = getppid ();

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    return 3;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, NULL))
    return 2;

  loop = g_main_loop_new (NULL, FALSE);
  node = ipc_node_new ("test", strcmp (mode, "master") == 0 ? IPC_MODE_MASTER : IPC_MODE_CLIENT);
  g_object_set (node, "runtime-dir", dir, "max-pending", max_pending, NULL);
  ipc_node_set_handler (node, handle, NULL, NULL);
  g_signal_connect (node, "notify::role", G_CALLBACK (role_cb), NULL);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, input_cb, NULL);
  if (!ipc_node_start (node, &error))
    report ("error %s\n", error->message);
  g_main_loop_run (loop);

  g_object_run_dispose (G_OBJECT (node));
  while (g_main_context_iteration (NULL, FALSE))
    continue; /* messages that are pending hold the node until they have been told */
  g_clear_object (&node);
  g_main_loop_unref (loop);
  g_free (dir);
  g_free (mode);

  return 0;
}
