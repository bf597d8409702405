/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

int bench_socket_listen (const char *dir, const char *name);
int bench_socket_connect (const char *dir);
int bench_socket_accept (int listener);
gboolean bench_socket_read (int fd, void *buffer, gsize size);
gboolean bench_socket_write (int fd, const void *buffer, gsize size);
