/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-poller.h"

typedef struct _IpcVigil IpcVigil;

typedef struct {
  gboolean (*take_heard) (gpointer user_data);   /* whether anything came from a master since this was last called */
  gboolean (*is_expecting) (gpointer user_data); /* whether the master has something to answer, or is searched for */
  void (*look) (gpointer user_data);             /* before each judgement: somebody else may have solved it */
  void (*depose) (gpointer user_data);
  void (*ask) (gpointer user_data);
  void (*knock) (gpointer user_data);
  void (*alarm) (gpointer user_data);
} IpcVigilEvents;

IpcVigil *ipc_vigil_new (IpcPoller *poller, guint hang_timeout_ms, const IpcVigilEvents *events, gpointer user_data);
void ipc_vigil_free (IpcVigil *self);

void ipc_vigil_expect (IpcVigil *self);
void ipc_vigil_alarmed (IpcVigil *self);
