/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/epoll.h>

#include "ipc-agenda.h"
#include "ipc-mailbox.h"

typedef struct _IpcPoller IpcPoller;

typedef void (*IpcWatchFunc) (guint32 events, gpointer user_data);

/* A descriptor in the poller's set. Embedded in its owner; all zero (and fd -1) when not in use. */
typedef struct {
  int fd;
  guint32 events;
  IpcWatchFunc func;
  gpointer user_data;
} IpcWatch;

IpcPoller *ipc_poller_new (GMainContext *context, const char *name, GError **error);
void ipc_poller_free (IpcPoller *self);

gboolean ipc_poller_watch (IpcPoller *self, IpcWatch *watch, int fd, guint32 events, IpcWatchFunc func,
                           gpointer user_data);
void ipc_poller_change (IpcPoller *self, IpcWatch *watch, guint32 events);
void ipc_poller_unwatch (IpcPoller *self, IpcWatch *watch);

void ipc_poller_start_timer (IpcPoller *self, IpcTimer *timer, gint64 delay_us, IpcFunc func, gpointer user_data);
void ipc_poller_stop_timer (IpcPoller *self, IpcTimer *timer);

void ipc_poller_defer (IpcPoller *self, IpcDefer *defer, IpcFunc func, gpointer user_data);
void ipc_poller_cancel_defer (IpcPoller *self, IpcDefer *defer);

void ipc_poller_set_epilogue (IpcPoller *self, IpcFunc func, gpointer user_data);
void ipc_poller_want_turn (IpcPoller *self);
IpcMailbox *ipc_poller_get_mailbox (IpcPoller *self);
void ipc_poller_turn_blocking (IpcPoller *self);
