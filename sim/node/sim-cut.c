/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-cut.h"

#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

/*
 * Breaks the connection of this process to its master, from behind the library's back: nothing in the library's API
 * does that, and nothing short of it makes a client send again to a master that lives and remembers. A stream socket
 * whose peer has a name is one that we connected; those that we accepted have nameless peers.
 */

static gboolean
is_link (int fd)
{
  struct sockaddr_un peer = { 0 };
  socklen_t peer_len = sizeof peer;
  int type = 0;
  socklen_t type_len = sizeof type;

  return getsockopt (fd, SOL_SOCKET, SO_TYPE, &type, &type_len) == 0 && type == SOCK_STREAM
         && getpeername (fd, (struct sockaddr *) &peer, &peer_len) == 0 && peer.sun_family == AF_UNIX
         && peer_len > offsetof (struct sockaddr_un, sun_path);
}

/* Calls func for each, and returns the sum of what that returned. */
static gsize
for_each_link (gsize (*func) (int fd))
{
  g_autoptr (GDir) dir = g_dir_open ("/proc/self/fd", 0, NULL);
  const char *name;
  gsize sum = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    int fd = atoi (name);

    if (is_link (fd))
      sum += func (fd);
  }
  return sum;
}

static gsize
cut (int fd)
{
  return shutdown (fd, SHUT_RDWR) == 0;
}

/* How many were cut. */
guint
sim_cut_links (void)
{
  return (guint) for_each_link (cut);
}

static gsize
get_unread (int fd)
{
  int n_bytes = 0;

  return ioctl (fd, FIONREAD, &n_bytes) == 0 ? (gsize) n_bytes : 0;
}

/* Bytes that have come on these connections and were not read yet. */
gsize
sim_cut_count_unread (void)
{
  return for_each_link (get_unread);
}
