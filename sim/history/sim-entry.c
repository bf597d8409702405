/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-entry.h"

#include <time.h>

/*
 * What can be written down about a run. See sim-record.c for how it survives.
 */

gint64
sim_entry_now_ns (void)
{
  struct timespec now;

  clock_gettime (CLOCK_MONOTONIC, &now);
  return (gint64) now.tv_sec * G_GINT64_CONSTANT (1000000000) + now.tv_nsec;
}

/* From 32 hexadecimal digits; anything else leaves an id that is nobody's. */
void
sim_entry_set_node_id (SimEntry *self, const char *text)
{
  for (guint i = 0; i < SIM_NODE_ID_LEN; i++)
    self->node_id[i] = 0;

  for (guint i = 0; i < 2 * SIM_NODE_ID_LEN && g_ascii_isxdigit (text[i]); i++)
    self->node_id[i / 2] = (guint8) (self->node_id[i / 2] << 4 | g_ascii_xdigit_value (text[i]));
}

/* Whether a send ends with it. */
gboolean
sim_entry_is_outcome (const SimEntry *self)
{
  return self->kind == SIM_ENTRY_ANSWERED || self->kind == SIM_ENTRY_FAILED || self->kind == SIM_ENTRY_CANCELLED;
}

const char *
sim_entry_kind_to_string (SimEntryKind kind)
{
  switch (kind) {
  case SIM_ENTRY_STARTED:
    return "started";
  case SIM_ENTRY_ROLE:
    return "role";
  case SIM_ENTRY_ELECTED:
    return "elected";
  case SIM_ENTRY_DEPOSED:
    return "deposed";
  case SIM_ENTRY_SENT:
    return "sent";
  case SIM_ENTRY_HANDLED:
    return "handled";
  case SIM_ENTRY_RESPONDED:
    return "responded";
  case SIM_ENTRY_WROTE:
    return "wrote";
  case SIM_ENTRY_FENCED:
    return "fenced";
  case SIM_ENTRY_ABORTING:
    return "aborting";
  case SIM_ENTRY_RESIGNING:
    return "resigning";
  case SIM_ENTRY_RESIGNED:
    return "resigned";
  case SIM_ENTRY_STOPPED:
    return "stopped";
  case SIM_ENTRY_CONTINUED:
    return "continued";
  case SIM_ENTRY_PLANNED:
    return "planned";
  case SIM_ENTRY_INJECTED:
    return "injected";
  case SIM_ENTRY_ANSWERED:
    return "answered";
  case SIM_ENTRY_FAILED:
    return "failed";
  case SIM_ENTRY_CANCELLED:
    return "cancelled";
  case SIM_ENTRY_CUT:
    return "cut";
  case SIM_ENTRY_ERROR:
    return "error";
  case SIM_ENTRY_DRAINED:
    return "drained";
  case SIM_ENTRY_CLOSED:
    return "closed";
  case SIM_ENTRY_KILLED:
    return "killed";
  case SIM_ENTRY_DISTURBED:
    return "disturbed";
  case SIM_ENTRY_OVERTAKEN:
    return "overtaken";
  case SIM_ENTRY_STRANGER:
    return "stranger";
  case SIM_ENTRY_EFFECTIVE:
    return "effective";
  case SIM_ENTRY_PHASE:
    return "phase";
  case SIM_ENTRY_SAMPLED:
    return "sampled";
  case SIM_ENTRY_LEFT:
    return "left";
  }

  return "unknown";
}

/* Also of what is none: the number may come from a file. */
const char *
sim_moment_to_string (SimMoment moment)
{
  switch (moment) {
  case SIM_MOMENT_JOINED:
    return "joined";
  case SIM_MOMENT_RESTING:
    return "resting";
  case SIM_MOMENT_RESTED:
    return "rested";
  }

  return "unknown";
}
