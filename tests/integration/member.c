/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include <glib-unix.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc-kill-point.h"

/*
 * A process that is a member of a group, for tests. It does what its options say and what it is told on its standard
 * input, and reports on its standard output, one line with one write() each, so that a kill loses nothing:
 *
 *   role ROLE EPOCH                                its role has changed
 *   handled SENDER SEQUENCE EPOCH REPEATED COUNT   its handler was given a message, for the COUNTth time
 *   answered NUMBER EPOCH                          its own message has a response
 *   failed NUMBER CODE TEXT                        its own message has failed
 *   error TEXT                                     an error signal
 *   child PID                                      it has forked
 *   resigned                                       it was told to resign, and has
 *
 * Told: `start`, `send COUNT`, `flood COUNT` (connections that stay silent), `fork`, `resign`, `close`, `stop` (SIGSTOP),
 * `release` (what it holds). It ends with its parent, at the end of its input, or on SIGTERM in good order.
 *
 * Its handler echoes, but for messages that say something else: `later` is held, `size N` gets N bytes, and `abort`,
 * `segv`, `kill` and `loop` are the end of it, unless it is --immune.
 *
 * member-points is the same with kill points (ipc-kill-point.h), and has --kill-at.
 */

static char *dir;
static char *mode = NULL;
static int hold_after = -1;
static int hang_timeout_ms = -1;
static int block_ms = 0;
static int priority = 0;
static int max_deliveries = -1;
static gboolean immune;
static gboolean wait_start;
#ifdef IPC_KILL_POINTS
static char *kill_at;
#endif

static const GOptionEntry entries[] = {
  { "dir", 0, 0, G_OPTION_ARG_STRING, &dir, "runtime directory", "DIR" },
  { "mode", 0, 0, G_OPTION_ARG_STRING, &mode, "dual, client or master", "MODE" },
  { "hold-after", 0, 0, G_OPTION_ARG_INT, &hold_after, "answer N messages and keep the others", "N" },
  { "hang-timeout", 0, 0, G_OPTION_ARG_INT, &hang_timeout_ms, "as the property", "MS" },
  { "block", 0, 0, G_OPTION_ARG_INT, &block_ms, "the handler blocks for so long", "MS" },
  { "priority", 0, 0, G_OPTION_ARG_INT, &priority, "as the property", "N" },
  { "max-deliveries", 0, 0, G_OPTION_ARG_INT, &max_deliveries, "as the property", "N" },
  { "immune", 0, 0, G_OPTION_ARG_NONE, &immune, "messages cannot kill it", NULL },
#ifdef IPC_KILL_POINTS
  { "kill-at", 0, 0, G_OPTION_ARG_STRING, &kill_at, "die at the N-th pass of a point", "POINT[:N]" },
#endif
  { "wait", 0, 0, G_OPTION_ARG_NONE, &wait_start, "start when told", NULL },
  { NULL },
};

static GMainLoop *loop;
static GQueue held; /* of IpcMessage */
static guint n_sent;

G_GNUC_PRINTF (1, 2)
static void
report (const char *format, ...)
{
  va_list args;
  g_autofree char *text = NULL;
  g_autofree char *line = NULL;

  va_start (args, format);
  text = g_strdup_vprintf (format, args);
  va_end (args);
  line = g_strconcat (text, "\n", NULL);
  if (write (STDOUT_FILENO, line, strlen (line)) == -1)
    _exit (3);
}

/* What a message can tell its handler to do to the process. */
static void
die (const char *how)
{
  if (immune)
    return;

  if (strcmp (how, "abort") == 0)
    abort ();
  else if (strcmp (how, "segv") == 0)
    raise (SIGSEGV);
  else if (strcmp (how, "kill") == 0)
    raise (SIGKILL);

  while (strcmp (how, "loop") == 0)
    pause (); /* never returns to the main loop, and leaves the processor to others */
}

static GBytes *
new_bytes (guint size)
{
  guint8 *data = g_malloc (size);

  for (guint i = 0; i < size; i++)
    data[i] = (guint8) (i * 7 + size);

  return g_bytes_new_take (data, size);
}

static void
answer (IpcMessage *message, const char *text)
{
  g_autoptr (GBytes) bytes = NULL;
  guint size;

  if (sscanf (text, "size %u", &size) == 1)
    bytes = new_bytes (size);
  else
    bytes = ipc_message_dup_bytes (message);
  ipc_message_respond (message, bytes);
}

static void
release (void)
{
  IpcMessage *message;

  while ((message = g_queue_pop_head (&held)) != NULL) {
    answer (message, "");
    ipc_message_unref (message);
  }
}

static void
handle (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  g_autofree char *text = g_strndup ((const char *) data, size);

  report ("handled %s %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT " %d %u",
          ipc_peer_get_id (ipc_message_get_sender (message)), ipc_message_get_sequence (message),
          ipc_message_get_epoch (message), ipc_message_get_redelivered (message),
          ipc_message_get_delivery_count (message));
  g_usleep (block_ms * 1000);
  die (text);
  if (hold_after == 0 || strcmp (text, "later") == 0) {
    g_queue_push_tail (&held, ipc_message_ref (message));
    return;
  }
  if (hold_after > 0)
    hold_after--;

  answer (message, text);
}

static void
answered_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (bytes != NULL)
    report ("answered %u %" G_GUINT64_FORMAT, GPOINTER_TO_UINT (user_data),
            ipc_node_get_result_epoch (IPC_NODE (source), result));
  else
    report ("failed %u %d %s", GPOINTER_TO_UINT (user_data), error->code, error->message);
}

static void
send_messages (IpcNode *node, int count)
{
  for (int i = 0; i < count; i++) {
    g_autofree char *text = g_strdup_printf ("%u", ++n_sent);
    g_autoptr (GBytes) bytes = g_bytes_new (text, strlen (text));

    ipc_node_send_async (node, bytes, NULL, answered_cb, GUINT_TO_POINTER (n_sent));
  }
}

static void
closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_main_loop_quit (loop);
}

static void
resigned_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  if (ipc_node_resign_finish (IPC_NODE (source), result, NULL))
    report ("resigned");
}

static gboolean
terminate_cb (gpointer user_data)
{
  ipc_node_close_async (user_data, NULL, closed_cb, NULL);
  return G_SOURCE_REMOVE;
}

static void
start (IpcNode *node)
{
  g_autoptr (GError) error = NULL;

  if (!ipc_node_start (node, &error))
    report ("error %s", error->message);
}

/* A child that lives on with everything that fork() has given it, until the test is over. */
static void
fork_child (void)
{
  pid_t pid = fork ();

  if (pid == 0) {
    struct pollfd input = { .fd = STDIN_FILENO };

    close (STDOUT_FILENO);
    while (poll (&input, 1, -1) == -1)
      continue; /* interrupted */
    _exit (0);
  }
  report ("child %d", (int) pid);
}

/* Connections that say nothing, and are kept. */
static void
flood (int count)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  g_snprintf (address.sun_path, sizeof address.sun_path, "%s/test/socket", dir);
  for (int i = 0; i < count; i++) {
    int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (connect (fd, (struct sockaddr *) &address, sizeof address) == -1)
      report ("error cannot connect");
  }
  report ("flooded");
}

static gboolean
input_cb (int fd, GIOCondition condition, gpointer user_data)
{
  static GString *input;
  char data[256];
  gssize n = read (fd, data, sizeof data);
  char *end;

  if (n <= 0) {
    g_main_loop_quit (loop);
    return G_SOURCE_REMOVE;
  }

  if (input == NULL)
    input = g_string_new (NULL);
  g_string_append_len (input, data, n);
  while ((end = strchr (input->str, '\n')) != NULL) {
    *end = '\0';
    if (g_str_has_prefix (input->str, "send "))
      send_messages (user_data, atoi (input->str + 5));
    else if (g_str_has_prefix (input->str, "flood "))
      flood (atoi (input->str + 6));
    else if (strcmp (input->str, "start") == 0)
      start (user_data);
    else if (strcmp (input->str, "fork") == 0)
      fork_child ();
    else if (strcmp (input->str, "resign") == 0)
      ipc_node_resign_async (user_data, NULL, resigned_cb, NULL);
    else if (strcmp (input->str, "close") == 0)
      terminate_cb (user_data);
    else if (strcmp (input->str, "release") == 0)
      release ();
    else if (strcmp (input->str, "stop") == 0)
      raise (SIGSTOP);
    g_string_erase (input, 0, end - input->str + 1);
  }

  return G_SOURCE_CONTINUE;
}

static void
role_cb (IpcNode *node)
{
  report ("role %d %" G_GUINT64_FORMAT, ipc_node_get_role (node), ipc_node_get_epoch (node));
}

static void
error_cb (IpcNode *node, const GError *error)
{
  report ("error %s", error->message);
}

static IpcMode
get_mode (void)
{
  if (g_strcmp0 (mode, "client") == 0)
    return IPC_MODE_CLIENT;
  if (g_strcmp0 (mode, "master") == 0)
    return IPC_MODE_MASTER;

  return IPC_MODE_DUAL;
}

/* Before the node starts. Returns FALSE if the options make no sense. */
static gboolean
prepare (IpcNode *node)
{
  const struct rlimit no_core = { 0, 0 };

  setrlimit (RLIMIT_CORE, &no_core);
  ipc_node_set_runtime_dir (node, dir);
  g_object_set (node, "priority", priority, NULL);
  if (hang_timeout_ms != -1)
    g_object_set (node, "hang-timeout", hang_timeout_ms, NULL);
  if (max_deliveries != -1)
    g_object_set (node, "max-deliveries", max_deliveries, NULL);
#ifdef IPC_KILL_POINTS
  if (kill_at != NULL && !ipc_kill_point_arm_by_name (kill_at))
    return FALSE;
#endif

  return TRUE;
}

int
main (int argc, char **argv)
{
  g_autoptr (GOptionContext) options = g_option_context_new (NULL);
  g_autoptr (IpcNode) node = NULL;
  pid_t parent = getppid ();

  prctl (PR_SET_PDEATHSIG, SIGKILL);
  if (getppid () != parent)
    return 3;

  g_option_context_add_main_entries (options, entries, NULL);
  if (!g_option_context_parse (options, &argc, &argv, NULL))
    return 2;

  loop = g_main_loop_new (NULL, FALSE);
  node = ipc_node_new ("test", get_mode ());
  if (!prepare (node))
    return 2;
  ipc_node_set_handler (node, handle, NULL, NULL);
  g_signal_connect (node, "notify::role", G_CALLBACK (role_cb), NULL);
  g_signal_connect (node, "error", G_CALLBACK (error_cb), NULL);
  g_unix_signal_add (SIGTERM, terminate_cb, node);
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, input_cb, node);
  if (!wait_start)
    start (node);
  g_main_loop_run (loop);
  g_main_loop_unref (loop);
  g_free (dir);
  g_free (mode);

  return 0;
}
