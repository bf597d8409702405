/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"

/* The handler of an answer that a line told of: it does not know, and neither does anybody until all lines are there. */
#define SIM_LINE_NOBODY G_MAXUINT32

typedef enum {
  SIM_LINE_EVENT, /* @entry says what happened */
  SIM_LINE_OTHER, /* not for us: it begins with no number */
  SIM_LINE_BAD,   /* @error says why */
} SimLineResult;

SimLineResult sim_line_parse (const char *line, SimEntry *entry, GError **error);
void sim_line_name_handlers (SimHistory *history);
