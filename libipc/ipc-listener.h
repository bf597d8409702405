/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-group-dir.h"

typedef struct _IpcListener IpcListener;

/* @fd: (transfer full): a connected, non-blocking socket. The listener must not be freed meanwhile. */
typedef void (*IpcListenerFunc) (int fd, gpointer user_data);

IpcListener *ipc_listener_new (IpcGroupDir *dir, const char *node_id, GError **error);
void ipc_listener_free (IpcListener *self);

gboolean ipc_listener_publish (IpcListener *self, GError **error);
gboolean ipc_listener_is_published (IpcListener *self);
gboolean ipc_listener_start (IpcListener *self, IpcPoller *poller, IpcListenerFunc func, gpointer user_data);
void ipc_listener_set_paused (IpcListener *self, gboolean paused);
