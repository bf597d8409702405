/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* A JSON text in the making. Names are NULL for the members of an array. */
typedef struct {
  GString *text; /* (owned) */
  guint depth;
  gboolean first; /* the next value is the first one of its object or array */
} SimJson;

void sim_json_init (SimJson *self);
char *sim_json_finish (SimJson *self);

void sim_json_begin (SimJson *self, const char *name, char bracket);
void sim_json_end (SimJson *self, char bracket);

void sim_json_uint (SimJson *self, const char *name, guint64 value);
void sim_json_double (SimJson *self, const char *name, double value);
void sim_json_boolean (SimJson *self, const char *name, gboolean value);
void sim_json_string (SimJson *self, const char *name, const char *value);
void sim_json_raw (SimJson *self, const char *name, const char *json);
