/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-listener.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "ipc-fork-guard.h"
#include "ipc-kill-point.h"
#include "ipc-sabotage.h"

/*
 * The master's listening socket. It is bound to a temporary name and listens before it is renamed to `socket`, so
 * whoever finds that name can connect. The name is compared by inode: somebody stale may rename his socket over ours.
 *
 * When the process has no descriptor left, accept() fails though the connection stays in the queue, and level-triggered
 * polling would report it for ever. A descriptor kept in reserve takes those who wait out of it and drops them; each
 * sees the end and tries again later. Nobody is left in the queue: a candidate that waited there would take this master
 * for one that hangs, and depose it, though all who are connected are served.
 */

/* A whole group may reconnect in the same moment; the kernel cuts this to net.core.somaxconn (4096). */
#define BACKLOG 4096
/* Accepted in one go; the rest in the next turn, so that a flood does not starve those who are already in. */
#define ACCEPTS_PER_TURN 64
/* Dropped in one go: the backlog of a group of hundreds. */
#define DROPS_PER_BACK_OFF 512
/* Without a descriptor, or without memory, wait this long before the next try. */
#define BACK_OFF_US (100 * G_TIME_SPAN_MILLISECOND)

struct _IpcListener {
  IpcGroupDir *dir; /* (unowned) */
  char *temp_name;  /* (owned) */
  int fd;           /* (owned) */
  gboolean renamed;
  IpcFileId id; /* of the name in the file system */

  IpcPoller *poller; /* (unowned) (nullable) */
  IpcWatch watch;
  IpcTimer back_off;
  gboolean paused;
  int reserve_fd; /* (owned) -1 if there is none */
  IpcListenerFunc func;
  gpointer user_data;
};

static int
open_reserve (void)
{
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);

  if (fd != -1)
    ipc_fork_guard_add (fd);

  return fd;
}

/* Returns FALSE with errno set. */
static gboolean
bind_socket (IpcListener *self)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  g_autofree char *path = ipc_group_dir_reach (self->dir, self->temp_name);

  g_assert (strlen (path) < sizeof address.sun_path);
  strcpy (address.sun_path, path);

  unlinkat (ipc_group_dir_get_fd (self->dir), self->temp_name, 0);
  self->fd = socket (AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (self->fd != -1)
    ipc_fork_guard_add (self->fd);

  /* The mode of the descriptor becomes the mode of the name; the directory is 0700 besides. */
  if (self->fd == -1 || fchmod (self->fd, 0600) == -1
      || bind (self->fd, (struct sockaddr *) &address, sizeof address) == -1)
    return FALSE;

  IPC_KILL_POINT (BOUND);
  return TRUE;
}

static gboolean
bind_and_listen (IpcListener *self, GError **error)
{
  if (!bind_socket (self) || listen (self->fd, BACKLOG) == -1
      || !ipc_group_dir_share (self->dir, self->temp_name)
      || !ipc_group_dir_identify (self->dir, self->temp_name, &self->id)) {
    ipc_group_dir_set_error (self->dir, self->temp_name, "cannot listen", errno, error);
    return FALSE;
  }

  return TRUE;
}

/**
 * ipc_listener_new:
 * @node_id: makes the temporary name unique
 *
 * Returns: (transfer full) (nullable): a socket that listens and that nobody can find yet, or %NULL with @error set
 */
IpcListener *
ipc_listener_new (IpcGroupDir *dir, const char *node_id, GError **error)
{
  IpcListener *self = g_new0 (IpcListener, 1);

  self->dir = dir;
  self->temp_name = g_strdup_printf (".socket-%s", node_id);
  self->watch.fd = -1;
  self->fd = -1;
  self->reserve_fd = -1;

  if (!bind_and_listen (self, error))
    g_clear_pointer (&self, ipc_listener_free);

  return self;
}

/* The published name stays: removing it could hit a successor's. */
void
ipc_listener_free (IpcListener *self)
{
  if (self->poller != NULL) {
    ipc_poller_unwatch (self->poller, &self->watch);
    ipc_poller_stop_timer (self->poller, &self->back_off);
  }
  if (self->fd != -1) {
    if (!self->renamed)
      unlinkat (ipc_group_dir_get_fd (self->dir), self->temp_name, 0);
    ipc_fork_guard_close (self->fd);
  }
  if (self->reserve_fd != -1)
    ipc_fork_guard_close (self->reserve_fd);
  g_free (self->temp_name);
  g_free (self);
}

/* Puts the socket where clients look for it. */
gboolean
ipc_listener_publish (IpcListener *self, GError **error)
{
  int dir_fd = ipc_group_dir_get_fd (self->dir);

  if (renameat (dir_fd, self->temp_name, dir_fd, "socket") == -1) {
    ipc_group_dir_set_error (self->dir, "socket", "cannot be put in place", errno, error);
    return FALSE;
  }

  self->renamed = TRUE;
  return TRUE;
}

/* Whether clients still find this socket. */
gboolean
ipc_listener_is_published (IpcListener *self)
{
  IpcFileId now;

  return ipc_group_dir_identify (self->dir, "socket", &now) && ipc_file_id_equal (&now, &self->id);
}

static void
update_watch (IpcListener *self)
{
  ipc_poller_change (self->poller, &self->watch, self->paused || self->back_off.running ? 0 : EPOLLIN);
}

static void
back_off_cb (gpointer user_data)
{
  IpcListener *self = user_data;

  if (self->reserve_fd == -1)
    self->reserve_fd = open_reserve (); /* another thread had been faster */
  update_watch (self);
}

/* Takes a connection out of the queue by the descriptor in reserve, and drops it. Returns whether there was one, and
 * may be another. */
static gboolean
drop_one (IpcListener *self)
{
  int fd;

  ipc_fork_guard_close (self->reserve_fd);
  fd = accept4 (self->fd, NULL, NULL, SOCK_CLOEXEC);
  if (fd != -1)
    close (fd);
  self->reserve_fd = open_reserve ();

  return fd != -1;
}

/* accept() found no descriptor. */
static void
shed (IpcListener *self)
{
  for (int i = 0; i < DROPS_PER_BACK_OFF && self->reserve_fd != -1 && drop_one (self); i++)
    continue;

  g_debug ("listener: no descriptor left; accepting again in %d ms", (int) (BACK_OFF_US / 1000));
  ipc_poller_start_timer (self->poller, &self->back_off, BACK_OFF_US, back_off_cb, self);
  update_watch (self);
}

static void
listener_cb (guint32 events, gpointer user_data)
{
  IpcListener *self = user_data;

  for (int i = 0; i < ACCEPTS_PER_TURN && !self->paused; i++) {
    int fd = accept4 (self->fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);

    if (fd != -1) {
      self->func (fd, self->user_data);
    } else if ((errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
               && !IPC_SABOTAGE (SPIN_ON_EMFILE)) {
      shed (self);
      return;
    } else if (errno != EINTR && errno != ECONNABORTED) {
      return;
    }
  }
}

/**
 * ipc_listener_start:
 * @func: called in the poller's turns with each connection
 *
 * Returns: %FALSE with errno set if the kernel has no room for the watch
 */
gboolean
ipc_listener_start (IpcListener *self, IpcPoller *poller, IpcListenerFunc func, gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  self->reserve_fd = open_reserve ();
  if (!ipc_poller_watch (poller, &self->watch, self->fd, EPOLLIN, listener_cb, self))
    return FALSE;

  self->poller = poller;
  return TRUE;
}

/* A paused listener lets connections wait in the kernel's queue. */
void
ipc_listener_set_paused (IpcListener *self, gboolean paused)
{
  self->paused = paused;
  update_watch (self);
}
