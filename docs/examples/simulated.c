/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "simulated.h"

#include <errno.h>
#include <glib-unix.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/*
 * Each thing that happens is one line on standard output, written at once, so that a kill loses nothing of it: the time
 * in nanoseconds of the monotonic clock, a word, and what belongs to it. `sent` is written before the library is called,
 * and `handled` before the handler does anything else.
 */

#define U64 G_GUINT64_FORMAT
#define ORDERS_SIZE 256 /* of what can be read at once; an order has at most seven characters */

static struct {
  IpcNode *node;
  SimulatedOrders orders;
  GString *read; /* a part of an order */
  guint n_pending;
  gboolean draining;
} simulated;

static GMutex lock; /* lines are in the order of their times, whichever threads write them */

gboolean
simulated_is_on (void)
{
  return g_getenv ("IPC_SIM_NODE") != NULL;
}

static gint64
get_number (const char *name)
{
  const char *text = g_getenv (name);

  return text != NULL ? g_ascii_strtoll (text, NULL, 10) : 0;
}

/* Who this is in the simulation. */
guint
simulated_get_node (void)
{
  return (guint) get_number ("IPC_SIM_NODE");
}

gboolean
simulated_may_be_master (void)
{
  return !simulated_is_on () || get_number ("IPC_SIM_CANDIDATE") != 0;
}

static void say (const char *format, ...) G_GNUC_PRINTF (1, 2);

static void
say (const char *format, ...)
{
  g_autofree char *what = NULL;
  g_autofree char *line = NULL;
  struct timespec now;
  gssize n_written;
  va_list args;

  if (!simulated_is_on ())
    return;

  va_start (args, format);
  what = g_strdup_vprintf (format, args);
  va_end (args);
  g_mutex_lock (&lock);
  clock_gettime (CLOCK_MONOTONIC, &now);
  line = g_strdup_printf ("%" G_GINT64_FORMAT " %s\n", now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec, what);
  do
    n_written = write (STDOUT_FILENO, line, strlen (line));
  while (n_written < 0 && errno == EINTR);
  g_mutex_unlock (&lock);
}

static const char *
get_nick (GType type, int value)
{
  g_autoptr (GEnumClass) enumeration = g_type_class_ref (type);
  const GEnumValue *entry = g_enum_get_value (enumeration, value);

  return entry != NULL ? entry->value_nick : "other";
}

static void
on_position (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  say ("role %s %" U64, get_nick (IPC_TYPE_ROLE, (int) ipc_node_get_role (node)), ipc_node_get_epoch (node));
}

static void
on_error (IpcNode *node, const GError *error, gpointer user_data)
{
  say ("error %s", error->domain == IPC_ERROR ? get_nick (IPC_TYPE_ERROR, error->code) : "other");
}

static void
check_drained (void)
{
  if (!simulated.draining || simulated.n_pending > 0)
    return;
  simulated.draining = FALSE;
  say ("drained");
}

static void
on_resigned (GObject *source, GAsyncResult *result, gpointer user_data)
{
  g_autofree guint64 *epoch = user_data;

  if (ipc_node_resign_finish (IPC_NODE (source), result, NULL))
    say ("resigned %" U64, *epoch);
}

static void
resign (void)
{
  guint64 epoch = ipc_node_get_epoch (simulated.node);

  if (ipc_node_get_role (simulated.node) != IPC_ROLE_MASTER)
    return;
  say ("resigning %" U64, epoch);
  ipc_node_resign_async (simulated.node, NULL, on_resigned, g_memdup2 (&epoch, sizeof epoch));
}

static void
obey (const char *order)
{
  if (strcmp (order, "drain") == 0) {
    simulated.draining = TRUE;
    simulated.orders.drain (simulated.orders.user_data);
    check_drained ();
  } else if (strcmp (order, "close") == 0) {
    simulated.orders.close (simulated.orders.user_data);
  } else if (strcmp (order, "resign") == 0) {
    resign ();
  }
}

/* At the end of the orders the simulator is gone. */
static gboolean
on_orders (int fd, GIOCondition condition, gpointer user_data)
{
  char buffer[ORDERS_SIZE];
  gssize n_read = read (fd, buffer, sizeof buffer);
  const char *end;

  if (n_read <= 0) {
    obey ("close");
    return G_SOURCE_REMOVE;
  }
  g_string_append_len (simulated.read, buffer, n_read);
  while ((end = strchr (simulated.read->str, '\n')) != NULL) {
    g_autofree char *order = g_strndup (simulated.read->str, (gsize) (end - simulated.read->str));

    g_string_erase (simulated.read, 0, (gssize) strlen (order) + 1);
    obey (order);
  }
  return G_SOURCE_CONTINUE;
}

/* To be called before the node is started. It has to live until the main loop ends. */
void
simulated_watch (IpcNode *node, const SimulatedOrders *orders)
{
  if (!simulated_is_on ())
    return;
  simulated.node = node;
  simulated.orders = *orders;
  simulated.read = g_string_new (NULL);
  g_object_set (node, "hang-timeout", (guint) get_number ("IPC_SIM_HANG_TIMEOUT_MS"), NULL);
  g_signal_connect (node, "notify::role", G_CALLBACK (on_position), NULL);
  g_signal_connect (node, "notify::epoch", G_CALLBACK (on_position), NULL);
  g_signal_connect (node, "error", G_CALLBACK (on_error), NULL);
  say ("started %s %d", ipc_node_get_id (node), (int) getpid ());
  g_unix_fd_add (STDIN_FILENO, G_IO_IN | G_IO_HUP, on_orders, NULL);
}

/* To be called before the message is sent. */
void
simulated_sent (guint64 number, IpcSendFlags flags)
{
  simulated.n_pending++;
  say ("sent %" U64 "%s", number, flags & IPC_SEND_AT_MOST_ONCE ? " once" : "");
}

/* What became of it; @error is NULL for a response. An error of the handler's own domain is an answer, too. */
void
simulated_ended (IpcNode *node, GAsyncResult *result, guint64 number, const GError *error)
{
  simulated.n_pending--;
  if (error == NULL || error->domain != IPC_ERROR)
    say ("answered %" U64 " %" U64, number, ipc_node_get_result_epoch (node, result));
  else
    say ("failed %" U64 " %s", number, get_nick (IPC_TYPE_ERROR, error->code));
  check_drained ();
}

/* First thing in the handler. @number is 0 for what none of us has sent: among the faults are strangers. */
void
simulated_handled (IpcMessage *message, guint sender, guint64 number)
{
  IpcPeer *peer = ipc_message_get_sender (message);

  if (number == 0)
    return;
  say ("handled %u/%" U64 " %" U64 " %u %" U64 " %s %d%s", sender, number, ipc_message_get_epoch (message),
       ipc_message_get_delivery_count (message), ipc_message_get_sequence (message), ipc_peer_get_id (peer),
       (int) ipc_peer_get_pid (peer), ipc_message_get_redelivered (message) ? " redelivered" : "");
}

/* Last thing, when the library has been told the answer. */
void
simulated_responded (IpcMessage *message, guint sender, guint64 number)
{
  if (number == 0)
    return;
  say ("responded %u/%" U64 " %" U64, sender, number, ipc_message_get_epoch (message));
}

/* When the node is closed; then the program may end. */
void
simulated_closed (void)
{
  say ("closed");
}
