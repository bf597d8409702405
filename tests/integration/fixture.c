/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"

#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "process.h"

/*
 * What the integration tests share. Each test has its own directory and its own main context, so tests neither meet
 * each other nor leave anything behind. The end of a test is part of it: every node is finalized, descriptors and
 * threads are those from before, and no error signal came that the test did not ask for.
 *
 * Nobody sleeps. A test waits for a condition by running its main context; a tick makes it look again when what it
 * waits for happens outside of the process.
 */

#define TICK_MS 5
#define GROUP "test"

static guint64 n_outcomes;

static int
remove_entry (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove (path);
}

static GHashTable *
list_fds (void)
{
  GHashTable *fds = g_hash_table_new (NULL, NULL);
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;

  while ((name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename ("/proc/self/fd", name, NULL);
    g_autofree char *target = g_file_read_link (path, NULL);

    if (target != NULL && !g_str_has_prefix (target, "/proc/")) /* the listing itself */
      g_hash_table_add (fds, GINT_TO_POINTER (atoi (name)));
  }

  return fds;
}

/* @names: (nullable): gets their names */
static guint
count_threads (GString *names)
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/task", 0, NULL);
  const char *task;
  guint n = 0;

  while ((task = g_dir_read_name (dir)) != NULL) {
    g_autofree char *path = g_build_filename ("/proc/self/task", task, "comm", NULL);
    g_autofree char *name = NULL;

    n++;
    if (names != NULL && g_file_get_contents (path, &name, NULL, NULL))
      g_string_append_printf (names, " %s", g_strchomp (name));
  }

  return n;
}

void
fixture_set_up (Fixture *self, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  /* What GLib makes for itself, and keeps. */
  g_type_ensure (G_TYPE_TASK);
  g_main_context_default ();
  self->dir = g_dir_make_tmp ("libipc test-XXXXXX", &error);
  g_assert_no_error (error);
  self->nodes = g_ptr_array_new ();
  self->errors = g_ptr_array_new_with_free_func ((GDestroyNotify) g_error_free);
  self->members = g_ptr_array_new_with_free_func ((GDestroyNotify) member_free);
  self->fds = list_fds ();
  self->n_threads = count_threads (NULL);
  self->context = g_main_context_new ();
  g_main_context_push_thread_default (self->context);
}

static gboolean
tick_cb (gpointer user_data)
{
  return G_SOURCE_CONTINUE;
}

/* One turn of the main context, which ends with the next tick at the latest. */
void
fixture_iterate (Fixture *self)
{
  GSource *tick = g_timeout_source_new (TICK_MS);

  g_source_set_callback (tick, tick_cb, NULL, NULL);
  g_source_attach (tick, self->context);
  g_main_context_iteration (self->context, TRUE);
  g_source_destroy (tick);
  g_source_unref (tick);
}

/* For what must *not* happen. */
void
fixture_iterate_for (Fixture *self, gint64 time_us)
{
  gint64 until_us = g_get_monotonic_time () + time_us;

  while (g_get_monotonic_time () < until_us)
    fixture_iterate (self);
}

static gboolean
fds_are_as_before (Fixture *self, gboolean complain)
{
  g_autoptr (GHashTable) now = list_fds ();
  GHashTableIter iter;
  gpointer fd;
  gboolean same = TRUE;

  g_hash_table_iter_init (&iter, now);
  while (g_hash_table_iter_next (&iter, &fd, NULL)) {
    if (g_hash_table_contains (self->fds, fd))
      continue;
    same = FALSE;
    if (complain) {
      g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", GPOINTER_TO_INT (fd));
      g_autofree char *target = g_file_read_link (path, NULL);

      g_test_message ("descriptor %d is still open: %s", GPOINTER_TO_INT (fd), target);
    }
  }

  return same && g_hash_table_size (now) == g_hash_table_size (self->fds);
}

/* Without nodes, everything that they had is given back. A thread that was joined may be seen for a moment longer. */
void
fixture_check_resources (Fixture *self)
{
  gint64 until_us = g_get_monotonic_time () + WAIT_US;
  g_autoptr (GString) names = g_string_new (NULL);

  while (count_threads (NULL) != self->n_threads && g_get_monotonic_time () < until_us)
    g_thread_yield ();
  if (count_threads (names) != self->n_threads)
    g_error ("%u threads before, and now:%s", self->n_threads, names->str);
  g_assert_true (fds_are_as_before (self, TRUE));
}

static void
report_errors (Fixture *self)
{
  for (guint i = 0; i < self->errors->len; i++)
    g_test_message ("unexpected error signal: %s", ((GError *) self->errors->pdata[i])->message);
  g_assert_cmpuint (self->errors->len, ==, 0);
}

static void
count_closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  guint *n = user_data;

  ipc_node_close_finish (IPC_NODE (source), result, NULL); /* whether the test has closed it already or not */
  (*n)++;
}

void
fixture_tear_down (Fixture *self, gconstpointer data)
{
  guint n_nodes = self->nodes->len, n_closed = 0;

  report_errors (self);
  for (guint i = 0; i < n_nodes; i++)
    ipc_node_close_async (self->nodes->pdata[i], NULL, count_closed_cb, &n_closed);
  fixture_wait (self, n_closed == n_nodes);
  g_ptr_array_set_free_func (self->nodes, g_object_unref);
  g_ptr_array_unref (self->nodes);
  fixture_wait (self, self->n_alive == 0);
  g_ptr_array_unref (self->members);
  while (g_main_context_iteration (self->context, FALSE))
    continue;
  report_errors (self);
  g_ptr_array_unref (self->errors);

  g_main_context_pop_thread_default (self->context);
  g_main_context_unref (self->context);
  fixture_check_resources (self);
  g_hash_table_unref (self->fds);

  g_assert_cmpint (nftw (self->dir, remove_entry, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
  g_free (self->dir);
}

void
fixture_add_data (const char *path, const char *summary, gconstpointer data,
                  void (*func) (Fixture *fixture, gconstpointer data))
{
  /* Glib has no summary for tests with a fixture outside of the test itself; it is for the reader here. */
  g_test_add (path, Fixture, data, fixture_set_up, func, fixture_tear_down);
}

static void
error_cb (IpcNode *node, const GError *error, gpointer user_data)
{
  Fixture *self = user_data;

  g_test_message ("error signal: %s", error->message);
  g_ptr_array_add (self->errors, g_error_copy (error));
}

static void
node_gone_cb (gpointer user_data)
{
  Fixture *self = user_data;

  self->n_alive--;
}

/* Counts the node until it is finalized, and keeps its error signals. */
void
fixture_watch (Fixture *self, IpcNode *node)
{
  self->n_alive++;
  g_object_set_data_full (G_OBJECT (node), "fixture", self, node_gone_cb); /* weak references go at dispose already */
  g_signal_connect (node, "error", G_CALLBACK (error_cb), self);
}

/* Not started; owned by the fixture. */
IpcNode *
fixture_new_node (Fixture *self, IpcMode mode, IpcHandler handler, gpointer user_data)
{
  IpcNode *node = ipc_node_new (GROUP, mode);

  ipc_node_set_runtime_dir (node, self->dir);
  if (handler != NULL)
    ipc_node_set_handler (node, handler, user_data, NULL);
  fixture_watch (self, node);
  g_ptr_array_add (self->nodes, node);

  return node;
}

/* Started; owned by the fixture. */
IpcNode *
fixture_node (Fixture *self, IpcMode mode, IpcHandler handler, gpointer user_data)
{
  IpcNode *node = fixture_new_node (self, mode, handler, user_data);
  g_autoptr (GError) error = NULL;

  ipc_node_start (node, &error);
  g_assert_no_error (error);

  return node;
}

IpcNode *
fixture_master (Fixture *self, IpcHandler handler, gpointer user_data)
{
  IpcNode *node = fixture_node (self, IPC_MODE_MASTER, handler, user_data);

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_MASTER);

  return node;
}

IpcNode *
fixture_client (Fixture *self)
{
  IpcNode *node = fixture_node (self, IPC_MODE_CLIENT, NULL, NULL);

  fixture_wait (self, ipc_node_get_role (node) == IPC_ROLE_CLIENT);

  return node;
}

/* Drops the last reference, without closing, and sees that it was the last. */
void
fixture_drop (Fixture *self, IpcNode *node)
{
  guint n_alive = self->n_alive;

  g_assert_true (g_ptr_array_remove (self->nodes, node));
  g_object_unref (node);
  g_assert_cmpuint (self->n_alive, ==, n_alive - 1);
}

static void
closed_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  gboolean *closed = user_data;
  g_autoptr (GError) error = NULL;

  g_assert_true (ipc_node_close_finish (IPC_NODE (source), result, &error));
  g_assert_no_error (error);
  *closed = TRUE;
}

/* Closes in good order and waits for it. */
void
fixture_close (Fixture *self, IpcNode *node)
{
  gboolean closed = FALSE;

  ipc_node_close_async (node, NULL, closed_cb, &closed);
  fixture_wait (self, closed);
  g_assert_cmpint (ipc_node_get_role (node), ==, IPC_ROLE_IDLE);
}

static GError *
find_error (Fixture *self, GQuark domain, int code)
{
  for (guint i = 0; i < self->errors->len; i++) {
    if (g_error_matches (self->errors->pdata[i], domain, code))
      return self->errors->pdata[i];
  }

  return NULL;
}

/* Waits for an error signal that contains @text; it is no longer unexpected then. */
void
fixture_expect_error (Fixture *self, GQuark domain, int code, const char *text)
{
  GError *error;

  fixture_wait (self, (error = find_error (self, domain, code)) != NULL);
  g_assert_nonnull (strstr (error->message, text));
  g_ptr_array_remove (self->errors, error);
}

/* For errors that are signalled again and again. */
guint
fixture_forget_errors (Fixture *self, GQuark domain, int code)
{
  GError *error;
  guint n = 0;

  for (; (error = find_error (self, domain, code)) != NULL; n++)
    g_ptr_array_remove (self->errors, error);

  return n;
}

/* A file of the group. */
char *
fixture_path (Fixture *self, const char *name)
{
  return g_build_filename (self->dir, GROUP, name, NULL);
}

void
fixture_echo (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  g_autoptr (GBytes) bytes = ipc_message_dup_bytes (message);

  ipc_message_respond (message, bytes);
}

Reply *
reply_new (void)
{
  return g_new0 (Reply, 1);
}

void
reply_free (Reply *self)
{
  g_assert_true (self->done);

  g_free (self->text);
  g_clear_error (&self->error);
  g_free (self);
}

void
reply_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Reply *self = user_data;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, &self->error);

  g_assert_false (self->done);
  g_assert_true ((bytes != NULL) != (self->error != NULL));
  if (bytes != NULL) {
    self->size = g_bytes_get_size (bytes);
    self->text = g_malloc0 (self->size + 1);
    if (self->size > 0)
      memcpy (self->text, g_bytes_get_data (bytes, NULL), self->size);
  }
  self->epoch = ipc_node_get_result_epoch (IPC_NODE (source), result);
  self->position = n_outcomes++;
  self->done = TRUE;
}

Reply *
fixture_send_full (Fixture *self, IpcNode *node, const char *text, IpcSendFlags flags, int timeout_ms,
                   GCancellable *cancellable)
{
  Reply *reply = reply_new ();
  g_autoptr (GBytes) bytes = text_bytes (text);

  ipc_node_send_full_async (node, bytes, flags, timeout_ms, cancellable, reply_cb, reply);
  g_assert_false (reply->done);

  return reply;
}

Reply *
fixture_send (Fixture *self, IpcNode *node, const char *text)
{
  return fixture_send_full (self, node, text, IPC_SEND_DEFAULT, IPC_TIMEOUT_DEFAULT, NULL);
}

void
fixture_expect_text (Fixture *self, Reply *reply, const char *text)
{
  fixture_wait (self, reply->done);
  g_assert_no_error (reply->error);
  g_assert_cmpstr (reply->text, ==, text);
  g_assert_cmpuint (reply->epoch, >, 0);
}

/* @part: (nullable): what the text must contain. */
void
fixture_expect_failure (Fixture *self, Reply *reply, GQuark domain, int code, const char *part)
{
  fixture_wait (self, reply->done);
  g_assert_error (reply->error, domain, code);
  if (part != NULL && strstr (reply->error->message, part) == NULL)
    g_error ("“%s” is not in “%s”", part, reply->error->message);
}

/* Where a few things are not what they are elsewhere, and everything takes long. */
gboolean
under_valgrind (void)
{
  return g_getenv ("IPC_TEST_VALGRIND") != NULL;
}

/* Lets the process have n more descriptors, and returns the limit that was. It is to be set again before the process
 * ends: sanitizers open files then. */
struct rlimit
leave_descriptors (int n)
{
  int lowest_free = dup (STDIN_FILENO);
  struct rlimit before, limit;

  close (lowest_free);
  getrlimit (RLIMIT_NOFILE, &before);
  limit = (struct rlimit) { .rlim_cur = lowest_free + n, .rlim_max = before.rlim_max };
  setrlimit (RLIMIT_NOFILE, &limit);

  return before;
}

GBytes *
text_bytes (const char *text)
{
  return g_bytes_new (text, strlen (text));
}

/* Bytes in which a shift or a swap is seen. */
GBytes *
pattern_bytes (gsize size)
{
  guint8 *data = g_malloc (size);

  for (gsize i = 0; i < size; i++)
    data[i] = (i * 2654435761u) >> 13;

  return g_bytes_new_take (data, size);
}

char *
message_text (IpcMessage *message)
{
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);

  return g_strndup ((const char *) data, size);
}

void
message_respond_text (IpcMessage *message, const char *text)
{
  g_autoptr (GBytes) bytes = text_bytes (text);

  ipc_message_respond (message, bytes);
}
