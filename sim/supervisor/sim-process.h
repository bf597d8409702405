/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "sim-history.h"
#include "sim-options.h"
#include "sim-record.h"
#include "sim-shim-page.h"

/* A process that the supervisor started, from its first moment to after its end. */
typedef struct {
  guint32 index;
  gboolean candidate;
  gboolean foreign; /* a program that is told things in lines */
  pid_t pid;
  int pidfd;         /* (owned) -1 when it has ended */
  int command_fd;    /* (owned) -1 when it has ended */
  SimRecord *record; /* (owned) the supervisor only looks at its counts */
  char *log_path;    /* (owned) */
  SimShimPage *shim; /* (owned) (nullable) if system calls are to fail in this run */

  gboolean joined;
  gint64 joined_us;
  gboolean converged;
  gboolean drained;
  gboolean leaving; /* told to drain, and to close when it has */
  gboolean replaced;
  gboolean told_to_close;
  char told; /* the last command that was for all, or 0: it came later */
  gboolean killed;       /* by the schedule */
  gboolean hung;         /* killed because it did not close */
  gboolean aborting;     /* its handler ends it, as it should */
  gboolean truncated;    /* it may have mapped a group file that was cut off, and die of SIGBUS */
  int armed;             /* the IpcKillPoint at which it may die, or -1 */
  gboolean stopped;      /* by the schedule, and not continued yet */
  guint continue_source; /* then */
  guint rule_source;     /* while a rule of the shim is armed */
  SimFault rule_fault;   /* then */

  /* When it has ended. */
  SimFate fate;
  int exit_status;    /* or -1 when a signal ended it */
  gboolean bus_error;
  gboolean by_itself; /* at a kill point, or in a handler that was to end it */
  char *end;          /* (owned) (nullable) how it crashed */
} SimProcess;

SimProcess *sim_process_start (const SimOptions *options, const char *run_dir, guint32 index, gboolean candidate,
                               int notice_fd, GError **error);
void sim_process_free (SimProcess *self);

gboolean sim_process_is_alive (const SimProcess *self);
gboolean sim_process_is_running (const SimProcess *self);
void sim_process_signal (SimProcess *self, int signal_number);
void sim_process_command (SimProcess *self, char command, guint8 argument, guint16 number);
void sim_process_ended (SimProcess *self, int code, int status);

char *sim_process_read_last_line (const SimProcess *self);
char *sim_process_build_record_path (const char *run_dir, guint32 index);
