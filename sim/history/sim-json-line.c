/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-json-line.h"

#include <string.h>

/*
 * Reads one flat JSON object, as histories have on each line: names, and values that are strings, whole numbers, true
 * or false. Anything else is an error that says where. It copies nothing and allocates nothing: a history of ten million
 * events is read at the speed of the memory it lies in. A general parser (json-glib) builds a tree of objects for
 * each line, for which a minute is not enough; and this much JSON is a page.
 */

typedef struct {
  const char *at;
  const char *end;
} Cursor;

/* Returns FALSE, for callers to return. */
gboolean
sim_json_line_fail (SimJsonLine *self, const char *at, const char *reason)
{
  self->at = at;
  self->reason = reason;
  return FALSE;
}

static void
skip_space (Cursor *cursor)
{
  while (cursor->at < cursor->end && (*cursor->at == ' ' || *cursor->at == '\t' || *cursor->at == '\r'))
    cursor->at++;
}

static gboolean
take (Cursor *cursor, char wanted)
{
  skip_space (cursor);
  if (cursor->at == cursor->end || *cursor->at != wanted)
    return FALSE;
  cursor->at++;
  return TRUE;
}

static gboolean
take_word (Cursor *cursor, const char *word)
{
  gsize len = strlen (word);

  if ((gsize) (cursor->end - cursor->at) < len || memcmp (cursor->at, word, len) != 0)
    return FALSE;
  cursor->at += len;
  return TRUE;
}

/* Up to the closing quote; the opening one has been taken. */
static gboolean
take_string (SimJsonLine *self, Cursor *cursor, const char **value, guint *len)
{
  const char *begin = cursor->at;

  while (cursor->at < cursor->end && *cursor->at != '"') {
    if ((guchar) *cursor->at < 0x20)
      return sim_json_line_fail (self, cursor->at, "a control character in a string");
    cursor->at += *cursor->at == '\\' && cursor->at + 1 < cursor->end ? 2 : 1;
  }
  if (cursor->at >= cursor->end)
    return sim_json_line_fail (self, begin, "a string without an end");

  *value = begin;
  *len = (guint) (cursor->at++ - begin);
  return TRUE;
}

static gboolean
take_integer (SimJsonLine *self, Cursor *cursor, SimJsonPair *pair)
{
  pair->value = cursor->at;
  while (cursor->at < cursor->end && g_ascii_isdigit (*cursor->at))
    cursor->at++;

  pair->value_len = (guint) (cursor->at - pair->value);
  pair->type = SIM_JSON_INTEGER;
  if (pair->value_len == 0)
    return sim_json_line_fail (self, cursor->at, "a string, a whole number, true or false should be here");
  if (*pair->value == '0' && pair->value_len > 1)
    return sim_json_line_fail (self, pair->value, "a number with a leading zero");
  return TRUE;
}

static gboolean
take_value (SimJsonLine *self, Cursor *cursor, SimJsonPair *pair)
{
  skip_space (cursor);
  pair->value = cursor->at;
  pair->type = SIM_JSON_STRING;
  if (take (cursor, '"'))
    return take_string (self, cursor, &pair->value, &pair->value_len);

  pair->value_len = 0;
  pair->type = SIM_JSON_TRUE;
  if (take_word (cursor, "true"))
    return TRUE;
  pair->type = SIM_JSON_FALSE;
  return take_word (cursor, "false") || take_integer (self, cursor, pair);
}

static gboolean
is_known (const SimJsonLine *self, const SimJsonPair *pair)
{
  for (guint i = 0; i < self->n_pairs; i++) {
    if (self->pairs[i].name_len == pair->name_len && memcmp (self->pairs[i].name, pair->name, pair->name_len) == 0)
      return TRUE;
  }
  return FALSE;
}

static gboolean
take_pair (SimJsonLine *self, Cursor *cursor)
{
  SimJsonPair *pair = &self->pairs[self->n_pairs];

  if (self->n_pairs == SIM_JSON_LINE_PAIRS_MAX)
    return sim_json_line_fail (self, cursor->at, "more keys than any event has");
  if (!take (cursor, '"'))
    return sim_json_line_fail (self, cursor->at, "a key in quotes should be here");
  if (!take_string (self, cursor, &pair->name, &pair->name_len))
    return FALSE;
  if (is_known (self, pair))
    return sim_json_line_fail (self, pair->name, "a key for the second time");
  if (!take (cursor, ':'))
    return sim_json_line_fail (self, cursor->at, "a colon should be here");
  if (!take_value (self, cursor, pair))
    return FALSE;
  self->n_pairs++;
  return TRUE;
}

/* FALSE if this is no such object; then at and reason are set. */
gboolean
sim_json_line_parse (SimJsonLine *self, const char *text, gsize len)
{
  Cursor cursor = { text, text + len };

  self->text = text;
  self->n_pairs = 0;
  self->at = text;
  self->reason = NULL;

  if (!take (&cursor, '{'))
    return sim_json_line_fail (self, cursor.at, "an object should begin here");
  do {
    if (!take_pair (self, &cursor))
      return FALSE;
  } while (take (&cursor, ','));
  if (!take (&cursor, '}'))
    return sim_json_line_fail (self, cursor.at, "a comma or the end of the object should be here");

  skip_space (&cursor);
  return cursor.at == cursor.end || sim_json_line_fail (self, cursor.at, "there is more after the object");
}

static gboolean
has_name (const SimJsonPair *pair, const char *name)
{
  return strncmp (pair->name, name, pair->name_len) == 0 && name[pair->name_len] == '\0';
}

/* (nullable): it is looked for at this place first, where it is if the line is of our own making. */
const SimJsonPair *
sim_json_line_find (const SimJsonLine *self, const char *name, guint near)
{
  if (near < self->n_pairs && has_name (&self->pairs[near], name))
    return &self->pairs[near];

  for (guint i = 0; i < self->n_pairs; i++) {
    if (has_name (&self->pairs[i], name))
      return &self->pairs[i];
  }
  return NULL;
}

/* Whether it is the string with this value. */
gboolean
sim_json_pair_is (const SimJsonPair *self, const char *value)
{
  return self->type == SIM_JSON_STRING && strncmp (self->value, value, self->value_len) == 0
         && value[self->value_len] == '\0';
}

/* FALSE if it is no number, or a larger one. */
gboolean
sim_json_pair_get_uint (const SimJsonPair *self, guint64 max, guint64 *value)
{
  guint64 sum = 0;

  if (self->type != SIM_JSON_INTEGER)
    return FALSE;
  for (guint i = 0; i < self->value_len; i++) {
    guint64 digit = (guint64) (self->value[i] - '0');

    if (sum > (G_MAXUINT64 - digit) / 10)
      return FALSE;
    sum = sum * 10 + digit;
  }
  *value = sum;
  return sum <= max;
}

/* Appends the character of four hexadecimal digits. FALSE if they are none, or half of one beyond the first 65536, which
 * no one needs here. */
static gboolean
append_code_point (GString *text, const char *digits)
{
  gunichar c = 0;

  for (guint i = 0; i < 4; i++) {
    if (!g_ascii_isxdigit (digits[i]))
      return FALSE;
    c = c << 4 | (gunichar) g_ascii_xdigit_value (digits[i]);
  }
  if (c == 0 || !g_unichar_validate (c))
    return FALSE;
  g_string_append_unichar (text, c);
  return TRUE;
}

/* (transfer full) (nullable): without escapes; NULL if it is no string, or has an escape that is none. */
char *
sim_json_pair_dup_string (const SimJsonPair *self)
{
  static const char escapes[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
  g_autoptr (GString) text = g_string_new (NULL);

  if (self->type != SIM_JSON_STRING || !g_utf8_validate (self->value, self->value_len, NULL))
    return NULL;

  for (guint i = 0; i < self->value_len; i++) {
    const char *escape;

    if (self->value[i] != '\\') {
      g_string_append_c (text, self->value[i]);
      continue;
    }
    i++; /* a string never ends with an open escape */
    escape = strchr (escapes, self->value[i]);
    if (escape != NULL && *escape != '\0') {
      g_string_append_c (text, meanings[escape - escapes]);
    } else if (self->value[i] == 'u' && self->value_len - i > 4 && append_code_point (text, self->value + i + 1)) {
      i += 4;
    } else {
      return NULL;
    }
  }
  return g_string_free (g_steal_pointer (&text), FALSE);
}
