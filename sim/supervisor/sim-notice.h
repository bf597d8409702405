/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What supervisor and nodes say to each other. Nodes write notices into one pipe that they all share; a notice is
 * smaller than PIPE_BUF, so they do not mix. The supervisor writes commands into the standard input of a node. */

#define SIM_NOTICE_FD 3

typedef enum {
  SIM_NOTICE_JOINED,       /* it is a member for the first time */
  SIM_NOTICE_ELECTED,      /* it is master of epoch */
  SIM_NOTICE_STEPPED_DOWN, /* it is not master any more; epoch: of which it was */
  SIM_NOTICE_CONVERGED,    /* what it sent when it was told to has been answered, or it sends nothing at all */
  SIM_NOTICE_DRAINED,      /* it sends no more, and all that it sent has ended */
  SIM_NOTICE_STOPPING,     /* it is about to stop itself, in a handler or at a kill point, and has to be continued */
  SIM_NOTICE_ABORTING,     /* it is about to end itself in a handler */
  SIM_NOTICE_BAD_LINE,     /* a program said what the contract does not know; its log says what */
  SIM_NOTICE_FORKED,       /* it has made a child as it was told to; epoch: the child's pid */
} SimNoticeKind;

typedef struct {
  guint32 node;
  guint32 kind; /* SimNoticeKind */
  guint64 epoch;
} SimNotice;

#define SIM_COMMAND_CUT 'c'    /* break the connection to the master, with messages on their way */
#define SIM_COMMAND_SEND 's'   /* send a message at once; argument: its SimDeed */
#define SIM_COMMAND_RESIGN 'r' /* give up being master */
#define SIM_COMMAND_ARM 'a'    /* die at a kill point; argument: which, number: at which pass */
#define SIM_COMMAND_HALT 't'   /* stand still at a kill point, if still master of this epoch; argument: which */
#define SIM_COMMAND_PROBE 'p'  /* send a message at once, and say when it has been answered */
#define SIM_COMMAND_SLOW 'h'   /* answer late; argument: by how many times 10 ms, number: for how many ms */
#define SIM_COMMAND_BLOCK 'b'  /* send a lot, and then hold the main loop up; number: for how many ms */
#define SIM_COMMAND_FORK 'f'   /* make a child; argument: unseen by the library, number: lives for how many ms */
#define SIM_COMMAND_DRAIN 'd'  /* stop sending, and say when all has ended */
#define SIM_COMMAND_CLOSE 'q'  /* close the node and exit */
/* To a program that is no node of our own they are lines: `resign`, `drain` and `close`. */

/* All of one size, so that a pipe never splits one. */
typedef struct {
  char command;
  guint8 argument;
  guint16 number;
} SimCommand;

/* Where things are in the directory of a run. */
#define SIM_GROUP "sim"
#define SIM_PATH_RECORD "record-%u"
#define SIM_PATH_LOG "log-%u"
#define SIM_PATH_FENCE "fence"
#define SIM_PATH_SHIM "shim-%u"
#define SIM_PATH_CLOCK "clock"
