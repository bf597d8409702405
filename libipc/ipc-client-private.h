/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-client.h"
#include "ipc-gate.h"
#include "ipc-outbox.h"

struct _IpcClient {
  IpcPoller *poller; /* (unowned) */
  IpcClientConfig config;
  const IpcClientEvents *events;
  gpointer user_data;

  IpcLink *link; /* (owned) */
  IpcGate gate;  /* its queue is of IpcSend */
  IpcOutbox outbox;
  IpcDefer pump;
  gboolean running;

  /* Of the present connection. */
  IpcWelcome welcome;
  guint64 epoch;
  guint64 acknowledged; /* what the master has been told */
  guint n_answers;      /* since it was told */
  gsize answer_bytes;
};

/* ipc-client.c */
void ipc_client_pump_later (IpcClient *self);

/* ipc-client-calls.c */
void ipc_client_complete (IpcClient *self, IpcSend *send);
void ipc_client_complete_with_error (IpcClient *self, IpcSend *send, GError *error);
void ipc_client_admit_waiting (IpcClient *self);
void ipc_client_fail_fast (IpcClient *self);
void ipc_client_fail_all (IpcClient *self);
