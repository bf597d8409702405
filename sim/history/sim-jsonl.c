/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-jsonl.h"

#include <errno.h>
#include <gio/gio.h>
#include <stdio.h>

#include "sim-fields.h"

/*
 * Writes a history as one JSON object a line: first the run, then its nodes, then what happened in the order of time, and
 * at last how many events there were, so that a file that was cut off is no history. docs/history.md is its
 * documentation, sim-fields.c the table of what each kind of event has. Times are counted from the start of the run, so
 * that two histories can be compared. See sim-jsonl-read.c for the way back.
 */

#define CHUNK_SIZE (64 * 1024) /* bytes that are handed to stdio at once */

static const char hex_digits[] = "0123456789abcdef";

/* Plain: no locale, no format string. Most of a history is numbers. */
static void
append_uint (GString *text, guint64 value)
{
  char digits[20];
  gsize at = sizeof digits;

  do {
    digits[--at] = (char) ('0' + value % 10);
    value /= 10;
  } while (value > 0);
  g_string_append_len (text, digits + at, (gssize) (sizeof digits - at));
}

static void
append_key (GString *text, const char *name)
{
  g_string_append (text, ",\"");
  g_string_append (text, name);
  g_string_append (text, "\":");
}

static void
append_number (GString *text, const char *name, guint64 value)
{
  append_key (text, name);
  append_uint (text, value);
}

/* A name of ours, which needs no escapes. */
static void
append_name (GString *text, const char *name, const char *value)
{
  append_key (text, name);
  g_string_append_c (text, '"');
  g_string_append (text, value);
  g_string_append_c (text, '"');
}

static void
append_text (GString *text, const char *name, const char *value)
{
  g_autofree char *valid = g_utf8_make_valid (value, -1);

  append_key (text, name);
  g_string_append_c (text, '"');
  for (const char *p = valid; *p != '\0'; p++) {
    if (*p == '"' || *p == '\\')
      g_string_append_c (text, '\\');
    if ((guchar) *p < 0x20)
      g_string_append_printf (text, "\\u%04x", (guint) (guchar) *p);
    else
      g_string_append_c (text, *p);
  }
  g_string_append_c (text, '"');
}

static void
append_flag (GString *text, const char *name, gboolean set)
{
  if (!set)
    return;
  append_key (text, name);
  g_string_append (text, "true");
}

static void
append_id (GString *text, const char *name, const guint8 *id)
{
  char digits[2 * SIM_NODE_ID_LEN];

  for (guint i = 0; i < SIM_NODE_ID_LEN; i++) {
    digits[2 * i] = hex_digits[id[i] >> 4];
    digits[2 * i + 1] = hex_digits[id[i] & 0xf];
  }
  append_key (text, name);
  g_string_append_c (text, '"');
  g_string_append_len (text, digits, sizeof digits);
  g_string_append_c (text, '"');
}

static void
append_field (GString *text, const SimField *field, const SimEntry *entry)
{
  switch (field->type) {
  case SIM_FIELD_NUMBER:
    append_number (text, field->name, entry->number);
    break;
  case SIM_FIELD_EPOCH:
    append_number (text, field->name, entry->epoch);
    break;
  case SIM_FIELD_SEQUENCE:
    append_number (text, field->name, entry->sequence);
    break;
  case SIM_FIELD_PEER:
    append_number (text, field->name, entry->peer);
    break;
  case SIM_FIELD_COUNT:
    append_number (text, field->name, (guint32) entry->code);
    break;
  case SIM_FIELD_PID:
    append_number (text, field->name, entry->pid);
    break;
  case SIM_FIELD_ID:
    append_id (text, field->name, entry->node_id);
    break;
  case SIM_FIELD_FLAG:
    append_flag (text, field->name, entry->flags & field->flag);
    break;
  case SIM_FIELD_FAULT:
  case SIM_FIELD_ROLE:
  case SIM_FIELD_ERROR:
  case SIM_FIELD_PHASE:
  case SIM_FIELD_MOMENT:
    append_name (text, field->name, sim_field_code_to_string (field->type, entry->code));
    break;
  case SIM_FIELD_POINT:
    if (entry->number != 0)
      append_name (text, field->name, sim_field_code_to_string (field->type, (gint32) entry->number - 1));
    break;
  case SIM_FIELD_RULE:
    if (entry->sequence != 0)
      append_number (text, field->name, entry->sequence);
    break;
  case SIM_FIELD_MS:
    if (entry->code != 0)
      append_number (text, field->name, (guint32) entry->code);
    break;
  case SIM_FIELD_END:
    break;
  }
}

void
sim_jsonl_append_event (GString *text, const SimHistory *history, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;

  g_string_append (text, "{\"event\":\"");
  g_string_append (text, sim_entry_kind_to_string ((SimEntryKind) entry->kind));
  g_string_append_c (text, '"');
  append_number (text, "time_ns", (guint64) MAX (entry->time_ns - history->start_ns, 0));
  append_number (text, "node", event->node);
  if (event->position == G_MAXUINT32)
    append_name (text, "by", "supervisor");
  for (const SimField *field = sim_fields_of ((SimEntryKind) entry->kind); field->type != SIM_FIELD_END; field++)
    append_field (text, field, entry);
  g_string_append (text, "}\n");
}

static void
append_node (GString *text, guint32 index, const SimNodeInfo *node)
{
  g_string_append (text, "{\"event\":\"node\"");
  append_number (text, "node", index);
  append_number (text, "pid", node->pid);
  append_name (text, "fate", sim_fate_to_string (node->fate));
  append_flag (text, "candidate", node->candidate);
  append_flag (text, "joined", node->joined);
  if (node->end != NULL)
    append_text (text, "end", node->end);
  g_string_append (text, "}\n");
}

/* The run and its nodes. */
void
sim_jsonl_append_head (GString *text, const SimHistory *history)
{
  g_string_append (text, "{\"event\":\"run\"");
  append_number (text, "format", SIM_JSONL_FORMAT);
  append_number (text, "seed", history->seed);
  append_number (text, "hang_timeout_ms", history->hang_timeout_ms);
  append_number (text, "max_deliveries", history->max_deliveries);
  append_number (text, "nodes", history->nodes->len);
  append_flag (text, "foreign", history->foreign);
  if (history->command != NULL)
    append_text (text, "command", history->command);
  g_string_append (text, "}\n");

  for (guint32 i = 0; i < history->nodes->len; i++)
    append_node (text, i, sim_history_get_node (history, i));
}

void
sim_jsonl_append_end (GString *text, const SimHistory *history)
{
  g_string_append (text, "{\"event\":\"end\"");
  append_number (text, "events", history->events->len);
  g_string_append (text, "}\n");
}

static void
flush_over (GString *text, gsize size, FILE *file)
{
  if (text->len < size)
    return;
  fwrite (text->str, 1, text->len, file); /* ferror() remembers */
  g_string_truncate (text, 0);
}

static gboolean
set_error (GError **error, const char *path)
{
  int code = errno;

  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (code), "Cannot write %s: %s", path, g_strerror (code));
  return FALSE;
}

/* The history must be sorted by time. */
gboolean
sim_jsonl_write (const SimHistory *history, const char *path, GError **error)
{
  g_autoptr (GString) text = g_string_sized_new (2 * CHUNK_SIZE);
  FILE *file = fopen (path, "we");
  gboolean failed;

  if (file == NULL)
    return set_error (error, path);

  sim_jsonl_append_head (text, history);
  for (guint i = 0; i < history->events->len; i++) {
    sim_jsonl_append_event (text, history, &g_array_index (history->events, SimEvent, i));
    flush_over (text, CHUNK_SIZE, file);
  }
  sim_jsonl_append_end (text, history);
  flush_over (text, 0, file);

  failed = ferror (file) != 0;
  if (fclose (file) != 0 || failed)
    return set_error (error, path);
  return TRUE;
}
