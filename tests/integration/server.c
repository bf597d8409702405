/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "server.h"

/*
 * A master in another thread of the test, for tests whose own thread does not turn its main context. It ends without
 * being closed, like a process that dies.
 */

struct _Server {
  Fixture *fixture; /* (unowned) */
  IpcHandler handler;
  gpointer user_data;
  GMainContext *context; /* (owned) */
  GThread *thread;       /* (owned) */
  gint serving;          /* atomic */
  gint quit;             /* atomic */
};

static void
role_cb (IpcNode *node, GParamSpec *pspec, gpointer user_data)
{
  Server *self = user_data;

  if (ipc_node_get_role (node) == IPC_ROLE_MASTER)
    g_atomic_int_set (&self->serving, TRUE);
}

static gpointer
serve (gpointer user_data)
{
  Server *self = user_data;
  g_autoptr (IpcNode) node = NULL;

  g_main_context_push_thread_default (self->context);
  node = ipc_node_new ("test", IPC_MODE_MASTER);
  ipc_node_set_runtime_dir (node, self->fixture->dir);
  ipc_node_set_handler (node, self->handler, self->user_data, NULL);
  g_signal_connect (node, "notify::role", G_CALLBACK (role_cb), self);
  g_assert_true (ipc_node_start (node, NULL));
  while (!g_atomic_int_get (&self->quit))
    g_main_context_iteration (self->context, TRUE);
  g_clear_object (&node);
  g_main_context_pop_thread_default (self->context);

  return NULL;
}

/* Returns when it is master. */
Server *
server_start (Fixture *fixture, IpcHandler handler, gpointer user_data)
{
  Server *self = g_new0 (Server, 1);

  self->fixture = fixture;
  self->handler = handler;
  self->user_data = user_data;
  self->context = g_main_context_new ();
  self->thread = g_thread_new ("server", serve, self);
  fixture_wait (fixture, g_atomic_int_get (&self->serving));

  return self;
}

void
server_stop (Server *self)
{
  g_atomic_int_set (&self->quit, TRUE);
  g_main_context_wakeup (self->context);
  g_thread_join (self->thread);
  g_main_context_unref (self->context);
  g_free (self);
}
