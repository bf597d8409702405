/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/*
 * Defects on purpose, by name, to see whether the chaos simulator finds them: who checks the checker.
 *
 * The library proper has none of it: IPC_SABOTAGE() is FALSE there, which the compiler takes away with all that depends
 * on it, and this header declares nothing. One more static library is built from the same sources with IPC_SABOTAGES
 * defined (libipc_sabotaged_dep); a program that is linked with it is sound until it chooses.
 *
 * Where a second line of defence hides a defect, both are chosen at once: `connection-survives,ledger-blind`.
 *
 * To add one: a value here, its name in ipc-sabotage.c, IPC_SABOTAGE() where the code is to go wrong, and a row in
 * tests/sabotage/check, which says in what run it must be noticed, and by which invariant.
 */

#ifdef IPC_SABOTAGES

typedef enum {
  /* the sending side */
  IPC_SABOTAGE_FORGET_UNANSWERED, /* what was on its way when a connection ended is not sent again */
  IPC_SABOTAGE_NEWEST_FIRST,      /* it is sent again in the reverse order */
  IPC_SABOTAGE_LOSE_ONE,          /* one message in 100,000 is not sent */
  IPC_SABOTAGE_FATE_DENIED,       /* what was sent and is given up counts as never sent */
  IPC_SABOTAGE_ANSWER_MISNAMED,   /* an answer counts as of the epoch that it came in */
  IPC_SABOTAGE_IGNORE_EPOCHS,     /* a master of an older epoch than was seen before is as good as any */
  IPC_SABOTAGE_DEAF_VIGIL,        /* a sign of life of the master goes unnoticed */
  IPC_SABOTAGE_LEAK_DESCRIPTOR,   /* one for each connection that is made */
  IPC_SABOTAGE_RESTLESS,          /* the vigil is kept when nothing is expected */
  /* the master's side */
  IPC_SABOTAGE_ANSWER_EARLY,         /* an answer is sent before the handler is called */
  IPC_SABOTAGE_NO_REPEAT_DETECTION,  /* what comes again in the same epoch is handled again */
  IPC_SABOTAGE_MARK_NEVER_SET,       /* what may have been begun looks new */
  IPC_SABOTAGE_DELIVERIES_UNCOUNTED, /* the delivery count is always 1 */
  IPC_SABOTAGE_ONCE_REPEATED,        /* at most once is taken for at least once */
  IPC_SABOTAGE_POISON_UNBOUNDED,     /* nobody counts the masters that a message has killed */
  IPC_SABOTAGE_HANDOVER_DROPS_QUEUE, /* a master that hands over does not wait for its handlers */
  IPC_SABOTAGE_CONNECTION_SURVIVES,  /* the unread input of an epoch that is over is handled in its name */
  IPC_SABOTAGE_NO_HANDSHAKE_DEADLINE, /* who says nothing may stay */
  IPC_SABOTAGE_SPIN_ON_EMFILE,       /* a connection that cannot be accepted is left in the queue */
  IPC_SABOTAGE_KEEP_ANSWERS,         /* the memory of acknowledged answers is not given back */
  /* the ledger */
  IPC_SABOTAGE_PASSED_OVER_HELD, /* a number that is passed over holds the answer that had its place before */
  IPC_SABOTAGE_LEDGER_LATE,     /* an answer is recorded when the next one has been sent */
  IPC_SABOTAGE_LEDGER_BLIND,    /* records are changed whatever they were, seals ignored */
  IPC_SABOTAGE_LEDGER_LOST,     /* a new master does not read its predecessor's */
  IPC_SABOTAGE_IDENTITY_SHARED, /* a record is looked up without regard to its sender */
  /* the election */
  IPC_SABOTAGE_CLAIM_BLIND,       /* the word is changed whatever it was */
  IPC_SABOTAGE_EPOCH_REUSED,      /* a master takes its predecessor's epoch */
  IPC_SABOTAGE_NO_SELF_CHECK,     /* a master believes that it is master for ever */
  IPC_SABOTAGE_NOT_REPUBLISHED,   /* a master whose socket has gone leaves it at that */
  IPC_SABOTAGE_QUEUE_STAYS,       /* a standby queues on its slot though the group has moved to another */

  IPC_SABOTAGE_N_DEFECTS,
} IpcSabotage;

gboolean ipc_sabotage_choose (const char *list);
char *ipc_sabotage_list (void);
gboolean ipc_sabotage_is_chosen (IpcSabotage defect);

#define IPC_SABOTAGE(defect) ipc_sabotage_is_chosen (IPC_SABOTAGE_##defect)

#else

#define IPC_SABOTAGE(defect) FALSE

#endif
