/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-line.h"

#include <gio/gio.h>
#include <libipc.h>
#include <string.h>

/*
 * What a program that is no node of our own says of itself, one line for each thing that happened: the time, a word,
 * and what belongs to it. docs/simulator.md describes the lines for those who write such programs. Pure.
 */

typedef struct {
  const char *name;   /* as the error calls it */
  const char *wanted; /* what is allowed */
  gboolean (*read) (const char *text, SimEntry *entry);
} Field;

#define FIELDS_MAX 6

/* A word that may come behind the fields, and what it means. */
typedef struct {
  const char *word;
  guint16 flag;
} Mark;

typedef struct {
  const char *word;
  SimEntryKind kind;
  const Mark *marks; /* (nullable) in the order in which they come; one without a word ends them */
  const Field *fields[FIELDS_MAX + 1];
} Kind;

static gboolean
read_uint (const char *text, guint64 minimum, guint64 maximum, guint64 *value)
{
  return g_ascii_string_to_unsigned (text, 10, minimum, maximum, value, NULL);
}

static gboolean
read_number (const char *text, SimEntry *entry)
{
  return read_uint (text, 1, G_MAXUINT64, &entry->number);
}

static gboolean
read_epoch (const char *text, SimEntry *entry)
{
  return read_uint (text, 0, G_MAXUINT64, &entry->epoch);
}

static gboolean
read_sequence (const char *text, SimEntry *entry)
{
  return read_uint (text, 1, G_MAXUINT64, &entry->sequence);
}

static gboolean
read_pid (const char *text, SimEntry *entry)
{
  guint64 value;

  if (!read_uint (text, 1, G_MAXINT32, &value))
    return FALSE;
  entry->pid = (guint32) value;
  return TRUE;
}

static gboolean
read_count (const char *text, SimEntry *entry)
{
  guint64 value;

  if (!read_uint (text, 1, G_MAXINT32, &value))
    return FALSE;
  entry->code = (gint32) value;
  return TRUE;
}

static gboolean
read_message (const char *text, SimEntry *entry)
{
  const char *slash = strchr (text, '/');
  g_autofree char *sender = slash != NULL ? g_strndup (text, (gsize) (slash - text)) : NULL;
  guint64 value;

  if (sender == NULL || !read_uint (sender, 0, G_MAXUINT32 - 1, &value))
    return FALSE;
  entry->peer = (guint32) value;
  return read_number (slash + 1, entry);
}

static gboolean
read_node_id (const char *text, SimEntry *entry)
{
  if (strlen (text) != 2 * SIM_NODE_ID_LEN || strspn (text, "0123456789abcdef") != 2 * SIM_NODE_ID_LEN)
    return FALSE;
  sim_entry_set_node_id (entry, text);
  return TRUE;
}

static gboolean
read_enum (GType type, const char *text, gint32 *code)
{
  g_autoptr (GEnumClass) enumeration = g_type_class_ref (type);
  const GEnumValue *value = g_enum_get_value_by_nick (enumeration, text);

  if (value == NULL)
    return FALSE;
  *code = value->value;
  return TRUE;
}

static gboolean
read_role (const char *text, SimEntry *entry)
{
  return read_enum (IPC_TYPE_ROLE, text, &entry->code);
}

static gboolean
read_error (const char *text, SimEntry *entry)
{
  if (strcmp (text, "other") == 0)
    return entry->code = -1, TRUE;
  return read_enum (IPC_TYPE_ERROR, text, &entry->code);
}

static const Field number = { "NUMBER", "a number from 1", read_number };
static const Field epoch = { "EPOCH", "a number", read_epoch };
static const Field sequence = { "SEQUENCE", "a number from 1", read_sequence };
static const Field pid = { "PID", "a number from 1", read_pid };
static const Field count = { "COUNT", "a number from 1", read_count };
static const Field message = { "SENDER/NUMBER", "two numbers with a slash between them", read_message };
static const Field node_id = { "NODE-ID", "32 digits of 0-9 a-f", read_node_id };
static const Field role = { "ROLE", "idle, searching, client, standby or master", read_role };
static const Field code = { "CODE", "the nick of an IpcError, or other", read_error };

static const Mark sent_marks[] = {
  { "once", SIM_ENTRY_ONCE },
  { "deadline", SIM_ENTRY_DEADLINE },
  { "cancel", SIM_ENTRY_CANCEL },
  { "fail-fast", SIM_ENTRY_FAIL_FAST },
  { "refusable", SIM_ENTRY_REFUSABLE },
  { NULL, 0 },
};
static const Mark handled_marks[] = { { "redelivered", SIM_ENTRY_REDELIVERED }, { NULL, 0 } };
static const Mark cancelled_marks[] = { { "not-sent", SIM_ENTRY_UNSENT }, { NULL, 0 } };

static const Kind kinds[] = {
  { "started", SIM_ENTRY_STARTED, NULL, { &node_id, &pid } },
  { "role", SIM_ENTRY_ROLE, NULL, { &role, &epoch } },
  { "sent", SIM_ENTRY_SENT, sent_marks, { &number } },
  { "handled", SIM_ENTRY_HANDLED, handled_marks,
    { &message, &epoch, &count, &sequence, &node_id, &pid } },
  { "responded", SIM_ENTRY_RESPONDED, NULL, { &message, &epoch } },
  { "answered", SIM_ENTRY_ANSWERED, NULL, { &number, &epoch } },
  { "failed", SIM_ENTRY_FAILED, NULL, { &number, &code } },
  { "cancelled", SIM_ENTRY_CANCELLED, cancelled_marks, { &number } },
  { "error", SIM_ENTRY_ERROR, NULL, { &code } },
  { "resigning", SIM_ENTRY_RESIGNING, NULL, { &epoch } },
  { "resigned", SIM_ENTRY_RESIGNED, NULL, { &epoch } },
  { "drained", SIM_ENTRY_DRAINED, NULL, { NULL } },
  { "closed", SIM_ENTRY_CLOSED, NULL, { NULL } },
};

static const Kind *
find_kind (const char *word)
{
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (strcmp (kinds[i].word, word) == 0)
      return &kinds[i];
  }
  return NULL;
}

/* What the line as a whole must look like. */
static char *
describe (const Kind *kind)
{
  GString *text = g_string_new ("TIME ");

  g_string_append (text, kind->word);
  for (guint i = 0; kind->fields[i] != NULL; i++)
    g_string_append_printf (text, " %s", kind->fields[i]->name);
  for (const Mark *mark = kind->marks; mark != NULL && mark->word != NULL; mark++)
    g_string_append_printf (text, " [%s]", mark->word);
  return g_string_free (text, FALSE);
}

static gboolean
set_shape_error (const Kind *kind, GError **error)
{
  g_autofree char *shape = describe (kind);

  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "it must be: %s", shape);
  return FALSE;
}

/* The words behind the one that says what it is. */
static gboolean
read_fields (const Kind *kind, char **words, SimEntry *entry, GError **error)
{
  guint n = 0;

  for (; kind->fields[n] != NULL; n++) {
    const Field *field = kind->fields[n];

    if (words[n] == NULL)
      return set_shape_error (kind, error);
    if (!field->read (words[n], entry)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s must be %s, not “%s”", field->name, field->wanted,
                   words[n]);
      return FALSE;
    }
  }
  for (const Mark *mark = kind->marks; words[n] != NULL && mark != NULL && mark->word != NULL; mark++) {
    if (strcmp (words[n], mark->word) != 0)
      continue;
    entry->flags |= mark->flag;
    n++;
  }
  return words[n] == NULL || set_shape_error (kind, error);
}

/* @line is without its end. */
SimLineResult
sim_line_parse (const char *line, SimEntry *entry, GError **error)
{
  g_auto (GStrv) words = NULL;
  const Kind *kind;
  guint64 time_ns;

  if (!g_ascii_isdigit (line[0]))
    return SIM_LINE_OTHER;

  words = g_strsplit (line, " ", -1);
  kind = words[1] != NULL ? find_kind (words[1]) : NULL;
  *entry = (SimEntry) { 0 };
  if (!read_uint (words[0], 1, G_MAXINT64, &time_ns) || kind == NULL) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA,
                 "a line that begins with a number must be a time in nanoseconds, a space, and one of the words of the "
                 "contract");
    return SIM_LINE_BAD;
  }
  entry->time_ns = (gint64) time_ns;
  entry->kind = (guint16) kind->kind;
  if (!read_fields (kind, words + 2, entry, error))
    return SIM_LINE_BAD;

  if (entry->kind == SIM_ENTRY_ANSWERED) {
    entry->peer = SIM_LINE_NOBODY;
    entry->result_epoch = entry->epoch;
  }
  return SIM_LINE_EVENT;
}

/* Whoever was elected in the epoch of an answer is its handler. An answer of an epoch in which nobody was elected keeps
 * having none, and the checker says so. */
void
sim_line_name_handlers (SimHistory *history)
{
  g_autoptr (GHashTable) masters = g_hash_table_new (g_int64_hash, g_int64_equal);

  for (guint i = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_ELECTED)
      g_hash_table_insert (masters, &event->entry.epoch, GUINT_TO_POINTER (event->node));
  }
  for (guint i = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);
    gpointer node;

    if (event->entry.kind == SIM_ENTRY_ANSWERED && event->entry.peer == SIM_LINE_NOBODY
        && g_hash_table_lookup_extended (masters, &event->entry.epoch, NULL, &node))
      event->entry.peer = GPOINTER_TO_UINT (node);
  }
}
