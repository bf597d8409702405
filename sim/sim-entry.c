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
  case SIM_ENTRY_SENT:
    return "sent";
  case SIM_ENTRY_HANDLED:
    return "handled";
  case SIM_ENTRY_ANSWERED:
    return "answered";
  case SIM_ENTRY_FAILED:
    return "failed";
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
  }

  return "unknown";
}
