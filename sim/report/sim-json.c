/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-json.h"

/*
 * Just enough to write JSON: commas, indentation and escapes. The caller keeps brackets in balance.
 */

static void
append_escaped (GString *text, const char *value)
{
  g_string_append_c (text, '"');
  for (const char *p = value; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_printf (text, "\\%c", *p);
    else if ((guchar) *p < 0x20)
      g_string_append_printf (text, "\\u%04x", (guint) (guchar) *p);
    else
      g_string_append_c (text, *p);
  }
  g_string_append_c (text, '"');
}

static void
new_line (SimJson *self)
{
  g_string_append_c (self->text, '\n');
  for (guint i = 0; i < self->depth; i++)
    g_string_append (self->text, "  ");
}

static void
begin_value (SimJson *self, const char *name)
{
  if (self->depth > 0) {
    if (!self->first)
      g_string_append_c (self->text, ',');
    new_line (self);
  }
  self->first = FALSE;

  if (name != NULL) {
    append_escaped (self->text, name);
    g_string_append (self->text, ": ");
  }
}

void
sim_json_init (SimJson *self)
{
  *self = (SimJson) { .text = g_string_new (NULL), .first = TRUE };
}

char *
sim_json_finish (SimJson *self)
{
  g_assert (self->depth == 0);

  g_string_append_c (self->text, '\n');
  return g_string_free (g_steal_pointer (&self->text), FALSE);
}

void
sim_json_begin (SimJson *self, const char *name, char bracket)
{
  begin_value (self, name);
  g_string_append_c (self->text, bracket);
  self->depth++;
  self->first = TRUE;
}

void
sim_json_end (SimJson *self, char bracket)
{
  g_assert (self->depth > 0);

  self->depth--;
  if (!self->first)
    new_line (self);
  self->first = FALSE;
  g_string_append_c (self->text, bracket);
}

void
sim_json_uint (SimJson *self, const char *name, guint64 value)
{
  begin_value (self, name);
  g_string_append_printf (self->text, "%" G_GUINT64_FORMAT, value);
}

void
sim_json_double (SimJson *self, const char *name, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  begin_value (self, name);
  g_string_append (self->text, g_ascii_formatd (buffer, sizeof buffer, "%g", value));
}

void
sim_json_boolean (SimJson *self, const char *name, gboolean value)
{
  begin_value (self, name);
  g_string_append (self->text, value ? "true" : "false");
}

/* NULL is written as null. Anything that is not UTF-8 is replaced first, so that the text always parses. */
void
sim_json_string (SimJson *self, const char *name, const char *value)
{
  begin_value (self, name);
  if (value == NULL) {
    g_string_append (self->text, "null");
  } else {
    g_autofree char *valid = g_utf8_make_valid (value, -1);

    append_escaped (self->text, valid);
  }
}

/* A value that is JSON already. */
void
sim_json_raw (SimJson *self, const char *name, const char *json)
{
  begin_value (self, name);
  g_string_append (self->text, json);
}
