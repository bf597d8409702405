/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef void (*IpcFunc) (gpointer user_data);

/* A moment at which something is to be done. Embedded in its owner. */
typedef struct {
  GList link;
  gint64 deadline_us; /* on the monotonic clock */
  gboolean running;
  IpcFunc func;
  gpointer user_data;
} IpcTimer;

/* Something to be done at the end of the present turn, or of one that is started for it. Embedded in its owner. */
typedef struct {
  GList link;
  gboolean queued;
  IpcFunc func;
  gpointer user_data;
} IpcDefer;

/* What is to be done besides what descriptors ask for. All zero when there is nothing. */
typedef struct {
  GQueue timers;   /* of IpcTimer, earliest first */
  GQueue deferred; /* of IpcDefer, in order */
} IpcAgenda;

void ipc_agenda_clear (IpcAgenda *self);

void ipc_agenda_start_timer (IpcAgenda *self, IpcTimer *timer, gint64 deadline_us, IpcFunc func, gpointer user_data);
void ipc_agenda_stop_timer (IpcAgenda *self, IpcTimer *timer);
void ipc_agenda_defer (IpcAgenda *self, IpcDefer *defer, IpcFunc func, gpointer user_data);
void ipc_agenda_cancel_defer (IpcAgenda *self, IpcDefer *defer);

gboolean ipc_agenda_has_deferred (const IpcAgenda *self);
gboolean ipc_agenda_get_deadline (const IpcAgenda *self, gint64 *deadline_us);
void ipc_agenda_run_timers (IpcAgenda *self, gint64 now_us);
void ipc_agenda_run_deferred (IpcAgenda *self);
