/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-kill-point.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * Compiled only with IPC_KILL_POINTS. What is armed belongs to the process, and any of its threads may pass.
 */

static gint armed = -1; /* IpcKillPoint */
static gint n_left;     /* passes, the last one included */

/* (nullable): instead of dying. Set and called by one thread, the one that the master runs in. */
static IpcKillPointFunc instead;
static gpointer instead_data;

static const char *const names[] = {
  "lock-taken", "slot-taken", "bound", "listening", "claimed", "renamed", "ledger-taken", "ledger-copied", "serving",
  "message-read", "self-checked", "accepted", "handler-begun", "handler-returned", "answered", "half-written",
  "written",
  "resign-begun", "goodbye-said", "resigned",
};

G_STATIC_ASSERT (G_N_ELEMENTS (names) == IPC_KILL_POINT_N_POINTS);

const char *
ipc_kill_point_to_string (IpcKillPoint point)
{
  g_assert (point < IPC_KILL_POINT_N_POINTS);

  return names[point];
}

/* Returns FALSE if there is no such point. */
gboolean
ipc_kill_point_from_string (const char *name, IpcKillPoint *point)
{
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++) {
    if (strcmp (names[i], name) == 0) {
      *point = i;
      return TRUE;
    }
  }

  return FALSE;
}

/**
 * ipc_kill_point_arm:
 * @n: which pass from now on, counted from 1
 *
 * The process will die there by SIGKILL, without a word to anybody. Only one point is armed at a time.
 */
void
ipc_kill_point_arm (IpcKillPoint point, guint n)
{
  ipc_kill_point_arm_func (point, n, NULL, NULL);
}

/**
 * ipc_kill_point_arm_func:
 * @point: no IPC_KILL_POINT_AFTER()
 * @n: which pass from now on, counted from 1
 * @func: (nullable): what is done there instead of dying
 */
void
ipc_kill_point_arm_func (IpcKillPoint point, guint n, IpcKillPointFunc func, gpointer user_data)
{
  g_assert (n > 0);

  g_atomic_int_set (&armed, -1);
  instead = func;
  instead_data = user_data;
  g_atomic_int_set (&n_left, (gint) n);
  g_atomic_int_set (&armed, (gint) point);
}

/* @name_and_n: NAME or NAME:N, as it is given on command lines. Returns FALSE if it makes no sense. */
gboolean
ipc_kill_point_arm_by_name (const char *name_and_n)
{
  g_auto (GStrv) parts = g_strsplit (name_and_n, ":", 2);
  guint64 n = 1;
  IpcKillPoint point;

  if (parts[0] == NULL || !ipc_kill_point_from_string (parts[0], &point))
    return FALSE;
  if (parts[1] != NULL && !g_ascii_string_to_unsigned (parts[1], 10, 1, G_MAXINT, &n, NULL))
    return FALSE;

  ipc_kill_point_arm (point, (guint) n);
  return TRUE;
}

/* Counts a pass. Returns whether it is the one to die at. */
gboolean
ipc_kill_point_is_due (IpcKillPoint point)
{
  return g_atomic_int_get (&armed) == (gint) point && g_atomic_int_dec_and_test (&n_left);
}

void
ipc_kill_point_die (void)
{
  kill (getpid (), SIGKILL);
  abort (); /* never: the signal is delivered before kill() returns */
}

void
ipc_kill_point_pass (IpcKillPoint point)
{
  if (!ipc_kill_point_is_due (point))
    return;
  if (instead == NULL)
    ipc_kill_point_die ();
  instead (instead_data);
}
