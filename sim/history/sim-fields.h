/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-entry.h"

/* How a field of an entry is written in a history file. */
typedef enum {
  SIM_FIELD_END, /* after the last */
  SIM_FIELD_NUMBER,
  SIM_FIELD_EPOCH,
  SIM_FIELD_SEQUENCE, /* or what else a kind has in its place */
  SIM_FIELD_PEER,
  SIM_FIELD_COUNT, /* the code, as a number that is not negative */
  SIM_FIELD_PID,
  SIM_FIELD_ID,    /* the node id, as 32 hexadecimal digits */
  SIM_FIELD_FLAG,  /* true, or left out */
  SIM_FIELD_FAULT, /* the code, by name */
  SIM_FIELD_ROLE,  /* likewise */
  SIM_FIELD_ERROR, /* likewise; “other” for what is not the library's */
  SIM_FIELD_PHASE, /* likewise */
  SIM_FIELD_MOMENT, /* likewise */
  SIM_FIELD_POINT, /* the number less 1, by name; or left out */
  SIM_FIELD_RULE,  /* the sequence; or left out */
  SIM_FIELD_MS,    /* the code, as a number; or left out */
} SimFieldType;

typedef struct {
  const char *name;
  SimFieldType type;
  guint16 flag;
} SimField;

const SimField *sim_fields_of (SimEntryKind kind);

const char *sim_field_code_to_string (SimFieldType type, gint32 code);
gboolean sim_field_code_from_string (SimFieldType type, const char *name, gint32 *code);
