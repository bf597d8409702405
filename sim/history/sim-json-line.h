/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_JSON_LINE_PAIRS_MAX 16 /* no event has more keys; more are an error, not left out */

typedef enum {
  SIM_JSON_INTEGER,
  SIM_JSON_STRING,
  SIM_JSON_TRUE,
  SIM_JSON_FALSE,
} SimJsonType;

/* Parts of the line, not terminated; strings are without their quotes and with their escapes. */
typedef struct {
  const char *name;
  const char *value;
  guint name_len;
  guint value_len;
  SimJsonType type;
} SimJsonPair;

/* The line's objects: it must outlive this. */
typedef struct {
  const char *text;
  guint n_pairs;
  SimJsonPair pairs[SIM_JSON_LINE_PAIRS_MAX];
  const char *at;     /* where it is wrong */
  const char *reason; /* (nullable) why */
} SimJsonLine;

gboolean sim_json_line_parse (SimJsonLine *self, const char *text, gsize len);
gboolean sim_json_line_fail (SimJsonLine *self, const char *at, const char *reason);

const SimJsonPair *sim_json_line_find (const SimJsonLine *self, const char *name, guint near);

gboolean sim_json_pair_is (const SimJsonPair *self, const char *value);
gboolean sim_json_pair_get_uint (const SimJsonPair *self, guint64 max, guint64 *value);
char *sim_json_pair_dup_string (const SimJsonPair *self);
