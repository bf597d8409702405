/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Places at which a test kills the process, by name: a kill from outside hits an instant, this one hits a step.
 *
 * The library proper has none of it: IPC_KILL_POINT() is nothing there, and this header declares nothing. A second
 * static library is built from the same sources with IPC_KILL_POINTS defined (libipc_points_dep), for programs that
 * tests and the simulator kill. Such a program arms one point at a time; the n-th pass of it from then on is the
 * process's last. It can ask for something else to be done there instead, such as to stand still for a while.
 *
 * To add one: a value here, its name in ipc-kill-point.c, IPC_KILL_POINT() after the step that it is named for, and a
 * row in tests/integration/test-kill-points.c, which says what the next master must make of it (the test fails for a
 * point without a row).
 */

#ifdef IPC_KILL_POINTS

typedef enum {
  /* a candidate on its way to be master */
  IPC_KILL_POINT_LOCK_TAKEN,
  IPC_KILL_POINT_SLOT_TAKEN, /* by who deposes: the lock of the next slot, instead of the one before */
  IPC_KILL_POINT_BOUND, /* to a temporary name, and not listening */
  IPC_KILL_POINT_LISTENING,
  IPC_KILL_POINT_CLAIMED, /* the word is changed */
  IPC_KILL_POINT_RENAMED, /* clients find the socket, and are not accepted yet */
  IPC_KILL_POINT_LEDGER_TAKEN,  /* it has a book, and nothing in it */
  IPC_KILL_POINT_LEDGER_COPIED, /* all of the predecessor's is in it, and it is not complete */
  IPC_KILL_POINT_SERVING,
  /* a master with a message */
  IPC_KILL_POINT_MESSAGE_READ,
  IPC_KILL_POINT_SELF_CHECKED, /* it was master when it looked, and has written nothing down */
  IPC_KILL_POINT_ACCEPTED,
  IPC_KILL_POINT_HANDLER_BEGUN,    /* all but the first instruction of it */
  IPC_KILL_POINT_HANDLER_RETURNED, /* and this is written down */
  IPC_KILL_POINT_ANSWERED,         /* in the ledger, and nothing of the answer is sent */
  IPC_KILL_POINT_HALF_WRITTEN,     /* what was queued before, and half of the answer */
  IPC_KILL_POINT_WRITTEN,          /* all of it */
  /* a master that hands over */
  IPC_KILL_POINT_RESIGN_BEGUN,
  IPC_KILL_POINT_GOODBYE_SAID,
  IPC_KILL_POINT_RESIGNED, /* and the lock is still held */

  IPC_KILL_POINT_N_POINTS,
} IpcKillPoint;

const char *ipc_kill_point_to_string (IpcKillPoint point);
gboolean ipc_kill_point_from_string (const char *name, IpcKillPoint *point);

typedef void (*IpcKillPointFunc) (gpointer user_data);

void ipc_kill_point_arm (IpcKillPoint point, guint n);
void ipc_kill_point_arm_func (IpcKillPoint point, guint n, IpcKillPointFunc func, gpointer user_data);
gboolean ipc_kill_point_arm_by_name (const char *name_and_n);

gboolean ipc_kill_point_is_due (IpcKillPoint point);
G_NORETURN void ipc_kill_point_die (void);
void ipc_kill_point_pass (IpcKillPoint point);

#define IPC_KILL_POINT(name) ipc_kill_point_pass (IPC_KILL_POINT_##name)

/* Does something more before it dies: a call that makes the step visible, or stops in the middle of it. */
#define IPC_KILL_POINT_AFTER(name, call)                                                                               \
  G_STMT_START {                                                                                                       \
    if (ipc_kill_point_is_due (IPC_KILL_POINT_##name)) {                                                               \
      call;                                                                                                            \
      ipc_kill_point_die ();                                                                                           \
    }                                                                                                                  \
  }                                                                                                                    \
  G_STMT_END

#else

#define IPC_KILL_POINT(name)                                                                                           \
  G_STMT_START {                                                                                                       \
  }                                                                                                                    \
  G_STMT_END
#define IPC_KILL_POINT_AFTER(name, call) IPC_KILL_POINT (name)

#endif
