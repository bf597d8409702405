/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef enum {
  IPC_SUSPICION_CALM,      /* nothing is expected of the master; no timer runs */
  IPC_SUSPICION_LISTENING, /* something is expected, and anything that comes will do */
  IPC_SUSPICION_ASKED,     /* nothing came; asked for a sign of life */
  IPC_SUSPICION_ASKED_1,   /* unanswered for one quarter of the timeout */
  IPC_SUSPICION_ASKED_2,
  IPC_SUSPICION_ASKED_3,
} IpcSuspicion;

#define IPC_SUSPICION_N_STAGES (IPC_SUSPICION_ASKED_3 + 1)

typedef enum {
  IPC_SUSPICION_EXPECT,  /* the master has something to answer, or a master is searched for */
  IPC_SUSPICION_ALARMED, /* somebody else has asked for a quarter of the timeout, in vain */
  IPC_SUSPICION_HEARD,   /* a quarter has passed, and something came */
  IPC_SUSPICION_DONE,    /* the same, and nothing more is expected */
  IPC_SUSPICION_SILENCE, /* a quarter has passed, and nothing came */
  IPC_SUSPICION_VAIN,    /* the same, but nothing is expected any more */
  IPC_SUSPICION_LATE,    /* more than a quarter has passed: it was this process that stood still */
} IpcSuspicionEvent;

#define IPC_SUSPICION_N_EVENTS (IPC_SUSPICION_LATE + 1)

/* Done in this order. */
typedef enum {
  IPC_SUSPICION_DO_DEPOSE = 1 << 0, /* the whole timeout has passed: replace the master, if we are a candidate */
  IPC_SUSPICION_DO_ASK = 1 << 1,    /* for a sign of life */
  IPC_SUSPICION_DO_KNOCK = 1 << 2,  /* and on another connection, too */
  IPC_SUSPICION_DO_ALARM = 1 << 3,  /* tell the standbys */
  IPC_SUSPICION_DO_WATCH = 1 << 4,  /* wait for a quarter of the timeout */
} IpcSuspicionActions;

IpcSuspicionActions ipc_suspicion_step (IpcSuspicion *self, IpcSuspicionEvent event);
IpcSuspicionEvent ipc_suspicion_judge (gboolean late, gboolean heard, gboolean expecting);
