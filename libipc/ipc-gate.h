/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-outbox.h"

/* Calls that wait for room: a program that starts more without looking at their outcome would go on for ever. */
#define IPC_GATE_WAITING_MAX (64 * 1024)

/* Who may enter the outbox, and who waits. */
typedef struct {
  guint messages_max;
  guint64 bytes_max;
  GQueue waiting;  /* of what the owner likes, in order; it adds and removes links itself */
  gboolean open;   /* see the top of ipc-gate.c */
  gsize wanted;    /* bytes for which there was no room; 0 while open */
  guint n_changes; /* of @open */
} IpcGate;

void ipc_gate_init (IpcGate *self, guint messages_max, guint64 bytes_max);
gboolean ipc_gate_has_room (const IpcGate *self, const IpcOutbox *outbox, gsize size);
gboolean ipc_gate_admits (const IpcGate *self, const IpcOutbox *outbox, gsize size);
gboolean ipc_gate_refused (IpcGate *self, gsize size);
gboolean ipc_gate_entered (IpcGate *self, const IpcOutbox *outbox);
gboolean ipc_gate_left (IpcGate *self, const IpcOutbox *outbox);
