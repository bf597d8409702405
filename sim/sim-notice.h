/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What supervisor and nodes say to each other. Nodes write notices into one pipe that they all share; a notice is
 * smaller than PIPE_BUF, so they do not mix. The supervisor writes commands of one byte into the standard input of a
 * node. */

#define SIM_NOTICE_FD 3

typedef enum {
  SIM_NOTICE_JOINED,       /* it is a member for the first time */
  SIM_NOTICE_ELECTED,      /* it is master of epoch */
  SIM_NOTICE_STEPPED_DOWN, /* it is not master any more; epoch: of which it was */
  SIM_NOTICE_DRAINED,      /* it sends no more, and all that it sent has ended */
} SimNoticeKind;

typedef struct {
  guint32 node;
  guint32 kind; /* SimNoticeKind */
  guint64 epoch;
} SimNotice;

#define SIM_COMMAND_CUT 'c'   /* break the connection to the master, with messages on their way */
#define SIM_COMMAND_DRAIN 'd' /* stop sending, and say when all has ended */
#define SIM_COMMAND_CLOSE 'q' /* close the node and exit */

/* Where things are in the directory of a run. */
#define SIM_GROUP "sim"
#define SIM_PATH_RECORD "record-%u"
#define SIM_PATH_LOG "log-%u"
