/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-socket.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "bench-process.h"

/* Blocking AF_UNIX sockets for the raw contender: nothing between it and the kernel. */

static struct sockaddr_un
make_address (const char *dir, const char *name)
{
  struct sockaddr_un address = { .sun_family = AF_UNIX };

  if (g_snprintf (address.sun_path, sizeof address.sun_path, "%s/%s", dir, name) >= (int) sizeof address.sun_path)
    bench_fail ("The path %s is too long for a socket; set XDG_RUNTIME_DIR to a shorter one", dir);
  return address;
}

int
bench_socket_listen (const char *dir, const char *name)
{
  struct sockaddr_un address = make_address (dir, name);
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0 || bind (fd, (struct sockaddr *) &address, sizeof address) < 0 || listen (fd, 128) < 0)
    bench_fail ("Cannot listen at %s: %s", address.sun_path, g_strerror (errno));
  return fd;
}

/* Returns -1 when nobody listens there. */
int
bench_socket_connect (const char *dir)
{
  struct sockaddr_un address = make_address (dir, "socket");
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

  if (fd < 0)
    bench_fail ("Cannot make a socket: %s", g_strerror (errno));
  if (connect (fd, (struct sockaddr *) &address, sizeof address) == 0)
    return fd;
  close (fd);
  return -1;
}

int
bench_socket_accept (int listener)
{
  int fd = accept4 (listener, NULL, NULL, SOCK_CLOEXEC);

  if (fd < 0)
    bench_fail ("Cannot accept: %s", g_strerror (errno));
  return fd;
}

/* FALSE: the connection has ended. */
gboolean
bench_socket_read (int fd, void *buffer, gsize size)
{
  for (gsize done = 0; done < size;) {
    gssize n_read = read (fd, (guint8 *) buffer + done, size - done);

    if (n_read <= 0)
      return FALSE;
    done += n_read;
  }
  return TRUE;
}

gboolean
bench_socket_write (int fd, const void *buffer, gsize size)
{
  for (gsize done = 0; done < size;) {
    gssize n_sent = send (fd, (const guint8 *) buffer + done, size - done, MSG_NOSIGNAL);

    if (n_sent < 0)
      return FALSE;
    done += n_sent;
  }
  return TRUE;
}
