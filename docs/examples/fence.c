/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <glib-unix.h>
#include <libipc.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

/*
 * How an application fences a file with the epoch. `fence FILE` is a member of the group `fence`; each asks the master
 * twice a second to count, and the master keeps the count in FILE.
 *
 * A master can be stopped at any instruction, also here in its handler, between deciding to write and writing. Another
 * is elected meanwhile; and when the first one is continued, it finishes what it was about to do. The library cannot
 * prevent that, but the file can: it remembers the highest epoch that has written, and whoever comes with a lower one
 * is turned away. Looking and writing must be one step for all who write: here a lock on the file itself, in a database
 * a transaction.
 *
 * Try it: start three, stop the master with SIGSTOP, wait for another one, and continue it.
 */

#define HANG_TIMEOUT_MS 500
#define ASK_INTERVAL_MS 500
#define WORK_US 100000 /* what a handler takes, so that a stop often hits it */

typedef struct {
  GMainLoop *loop;
  IpcNode *node;
} Member;

/* Adds one to the count in the file, unless a newer epoch has been there. */
static gboolean
count_in_file (int fd, guint64 epoch, guint64 *count, GError **error)
{
  unsigned long long last_epoch = 0, last_count = 0;
  char text[64] = "";
  int len;

  if (pread (fd, text, sizeof text - 1, 0) > 0)
    sscanf (text, "epoch %llu count %llu", &last_epoch, &last_count);
  if (epoch < last_epoch) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "fenced off: epoch %llu has written, ours is %" G_GUINT64_FORMAT,
                 last_epoch, epoch);
    return FALSE;
  }

  *count = last_count + 1;
  len = snprintf (text, sizeof text, "epoch %" G_GUINT64_FORMAT " count %" G_GUINT64_FORMAT "\n", epoch, *count);
  return pwrite (fd, text, len, 0) == len;
}

static gboolean
write_fenced (const char *path, guint64 epoch, guint64 *count, GError **error)
{
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  gboolean written;

  if (fd == -1) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "%s cannot be opened", path);
    return FALSE;
  }

  flock (fd, LOCK_EX); /* look and write in one step */
  written = count_in_file (fd, epoch, count, error);
  close (fd);

  return written;
}

static void
on_message (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  guint64 count = 0;

  g_print ("works in epoch %" G_GUINT64_FORMAT "\n", ipc_message_get_epoch (message));
  g_usleep (WORK_US);
  if (write_fenced (user_data, ipc_message_get_epoch (message), &count, &error)) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, count);
    g_autoptr (GBytes) response = g_bytes_new (text, strlen (text));

    ipc_message_respond (message, response);
  } else {
    g_print ("%s\n", error != NULL ? error->message : "cannot write");
    g_clear_error (&error);
    error = g_error_new (G_IO_ERROR, G_IO_ERROR_FAILED, "not counted");
    ipc_message_fail (message, error); /* goes nowhere if we are no longer master; the next one is asked */
  }
}

static void
on_response (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) response = ipc_node_send_finish (IPC_NODE (source), result, &error);

  if (response != NULL)
    g_print ("counted %.*s in epoch %" G_GUINT64_FORMAT "\n", (int) g_bytes_get_size (response),
             (const char *) g_bytes_get_data (response, NULL),
             ipc_node_get_result_epoch (IPC_NODE (source), result));
  else
    g_print ("%s\n", error->message);
}

static gboolean
ask_cb (gpointer user_data)
{
  g_autoptr (GBytes) message = g_bytes_new_static ("count", 5);

  ipc_node_send_async (user_data, message, NULL, on_response, NULL);

  return G_SOURCE_CONTINUE;
}

static void
on_closed (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Member *self = user_data;

  g_main_loop_quit (self->loop);
}

/* SIGTERM: leave in good order, so that nothing is counted twice. */
static gboolean
on_sigterm (gpointer user_data)
{
  Member *self = user_data;

  ipc_node_close_async (self->node, NULL, on_closed, self);

  return G_SOURCE_REMOVE; /* a second one ends the program at once */
}

int
main (int argc, char **argv)
{
  g_autoptr (GMainLoop) loop = g_main_loop_new (NULL, FALSE);
  g_autoptr (IpcNode) node = ipc_node_new ("fence", IPC_MODE_DUAL);
  g_autoptr (GError) error = NULL;
  Member self = { loop, node };

  if (argc != 2) {
    g_printerr ("Usage: fence FILE\n");
    return 2;
  }

  setvbuf (stdout, NULL, _IOLBF, 0);
  g_object_set (node, "hang-timeout", HANG_TIMEOUT_MS, NULL);
  ipc_node_set_handler (node, on_message, argv[1], NULL);
  if (!ipc_node_start (node, &error)) {
    g_printerr ("fence: %s\n", error->message);
    return 1;
  }

  g_timeout_add (ASK_INTERVAL_MS, ask_cb, node);
  g_unix_signal_add (SIGTERM, on_sigterm, &self);
  g_main_loop_run (loop);

  return 0;
}
