/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * What the library calls of the system, and what stands there in the world instead. Included before the first line of
 * each of the library's sources, so these are the sources that everybody uses.
 */

#include <errno.h>
#include <glib.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "ipc-kill-point.h"

int world_socket (int domain, int type, int protocol);
int world_connect (int fd, const struct sockaddr *address, socklen_t len);
int world_getsockopt (int fd, int level, int name, void *value, socklen_t *len);
gssize world_sendmsg (int fd, const struct msghdr *message, int flags);
gssize world_recv (int fd, void *buffer, gsize size, int flags);
int world_poll (struct pollfd *fds, nfds_t n_fds, int timeout_ms);
int world_close (int fd);
int world_clock_gettime (clockid_t clock, struct timespec *now);
gint64 world_get_monotonic_time (void);
int world_random_range (int begin, int end);
int world_process_kill (pid_t pid, int signal);
void world_pass (IpcKillPoint point);

#define socket world_socket
#define connect world_connect
#define getsockopt world_getsockopt
#define sendmsg world_sendmsg
#define recv world_recv
#define poll world_poll
#define close world_close
#define clock_gettime world_clock_gettime
#define g_get_monotonic_time world_get_monotonic_time
#define g_random_int_range world_random_range
#define kill world_process_kill
#define ipc_kill_point_pass world_pass
