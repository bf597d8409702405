/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "sim-history.h"
#include "sim-options.h"
#include "sim-record.h"

/* A process that the supervisor started, from its first moment to after its end. */
typedef struct {
  guint32 index;
  gboolean candidate;
  pid_t pid;
  int pidfd;         /* (owned) -1 when it has ended */
  int command_fd;    /* (owned) -1 when it has ended */
  SimRecord *record; /* (owned) the supervisor only looks at its counts */
  char *log_path;    /* (owned) */

  gboolean joined;
  gint64 joined_us;
  gboolean drained;
  gboolean told_to_close;
  gboolean killed; /* by the schedule */
  gboolean hung;   /* killed because it did not close */

  /* When it has ended. */
  SimFate fate;
  int exit_status; /* or -1 when a signal ended it */
  char *end;       /* (owned) (nullable) how it crashed */
} SimProcess;

SimProcess *sim_process_start (const SimOptions *options, const char *run_dir, guint32 index, gboolean candidate,
                               int notice_fd, GError **error);
void sim_process_free (SimProcess *self);

gboolean sim_process_is_alive (const SimProcess *self);
void sim_process_signal (SimProcess *self, int signal_number);
void sim_process_command (SimProcess *self, char command);
void sim_process_ended (SimProcess *self, int code, int status);

char *sim_process_build_record_path (const char *run_dir, guint32 index);
