/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-jsonl.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <string.h>
#include <unistd.h>

#include "sim-fields.h"
#include "sim-json-line.h"

/*
 * Reads what sim-jsonl.c writes, or somebody else in its place: keys may come in any order, but each must be there, and
 * none that is not documented. A history that is not whole is an error that names line and column, never a shorter
 * history; the checker may rely on what is checked here: every event is of a node that there is, and time never goes
 * back. Where an event stands in its node's record follows from the order of the lines.
 */

#define BUFFER_SIZE (4 * SIM_JSONL_LINE_MAX)

typedef struct {
  const char *path;
  int fd;
  char *buffer; /* (owned) of BUFFER_SIZE */
  gsize begin;  /* of what is not taken yet */
  gsize end;
  gboolean at_end; /* of the file */
  guint64 line_number;

  SimJsonLine line;
  SimHistory *history;   /* (owned) */
  guint64 n_nodes;     /* as the first line says */
  GArray *positions;   /* (owned) of guint32: how many events of each node's own record there were */
  gboolean ended;      /* the last line was read */
  char reason[256];
} Reader;

static gboolean fail (Reader *self, const char *at, const char *format, ...) G_GNUC_PRINTF (3, 4);

static gboolean
fail (Reader *self, const char *at, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_vsnprintf (self->reason, sizeof self->reason, format, args);
  va_end (args);
  return sim_json_line_fail (&self->line, at, self->reason);
}

/* Lines */

/* FALSE at the end of the file, or when it cannot be read (then errno is not 0). */
static gboolean
fill (Reader *self)
{
  gssize n;

  memmove (self->buffer, self->buffer + self->begin, self->end - self->begin);
  self->end -= self->begin;
  self->begin = 0;

  do
    n = read (self->fd, self->buffer + self->end, BUFFER_SIZE - self->end);
  while (n < 0 && errno == EINTR);
  if (n <= 0) {
    errno = n < 0 ? errno : 0;
    self->at_end = TRUE;
    return FALSE;
  }
  self->end += (gsize) n;
  return TRUE;
}

/* (nullable): the next line, and how long it is without its end. NULL at the end of the file, when it cannot be read, or
 * when the line is too long. */
static const char *
take_line (Reader *self, gsize *len)
{
  const char *line, *newline;

  errno = 0;
  newline = memchr (self->buffer + self->begin, '\n', self->end - self->begin);
  while (newline == NULL && self->end - self->begin <= SIM_JSONL_LINE_MAX && !self->at_end && fill (self))
    newline = memchr (self->buffer + self->begin, '\n', self->end - self->begin);

  line = self->buffer + self->begin;
  *len = newline != NULL ? (gsize) (newline - line) : self->end - self->begin;
  if (*len == 0 && newline == NULL)
    return NULL;
  self->begin += *len + (newline != NULL ? 1 : 0);
  self->line_number++;
  return line;
}

/* What all lines have */

/* (nullable): near: where it is in a line of our own making */
static const SimJsonPair *
need (Reader *self, const char *name, guint near)
{
  const SimJsonPair *pair = sim_json_line_find (&self->line, name, near);

  if (pair == NULL)
    fail (self, self->line.text, "“%s” is missing", name);
  return pair;
}

static gboolean
read_uint (Reader *self, const char *name, guint near, guint64 max, guint64 *value)
{
  const SimJsonPair *pair = need (self, name, near);

  if (pair == NULL)
    return FALSE;
  return sim_json_pair_get_uint (pair, max, value)
         || fail (self, pair->value, "“%s” should be a whole number up to %" G_GUINT64_FORMAT, name, max);
}

/* Sets what it is; n_read counts the keys that were there. */
static gboolean
read_flag (Reader *self, const char *name, guint *n_read, gboolean *set)
{
  const SimJsonPair *pair = sim_json_line_find (&self->line, name, *n_read);

  *set = pair != NULL && pair->type == SIM_JSON_TRUE;
  *n_read += pair != NULL;
  return pair == NULL || pair->type == SIM_JSON_TRUE || pair->type == SIM_JSON_FALSE
         || fail (self, pair->value, "“%s” should be true, or not be there", name);
}

static gboolean
read_text (Reader *self, const char *name, guint *n_read, char **text)
{
  const SimJsonPair *pair = sim_json_line_find (&self->line, name, *n_read);

  if (pair == NULL)
    return TRUE;
  (*n_read)++;
  *text = sim_json_pair_dup_string (pair);
  return *text != NULL || fail (self, pair->value, "“%s” should be a string", name);
}

/* All keys have been read if there are no more of them. */
static gboolean
check_no_more (Reader *self, guint n_read)
{
  return self->line.n_pairs == n_read
         || fail (self, self->line.text, "a key that this event does not have (docs/history.md lists them)");
}

/* The run and its nodes */

static gboolean
read_run (Reader *self)
{
  SimHistory *history = self->history;
  guint64 format, hang_timeout_ms, max_deliveries;
  guint n_read = 6;

  if (!read_uint (self, "format", 1, G_MAXUINT32, &format))
    return FALSE;
  if (format != SIM_JSONL_FORMAT)
    return fail (self, need (self, "format", 1)->value, "this is format %" G_GUINT64_FORMAT ", and only %d is known",
                 format, SIM_JSONL_FORMAT);
  if (!read_uint (self, "seed", 2, G_MAXUINT64, &history->seed)
      || !read_uint (self, "hang_timeout_ms", 3, G_MAXUINT32, &hang_timeout_ms)
      || !read_uint (self, "max_deliveries", 4, G_MAXUINT32, &max_deliveries)
      || !read_uint (self, "nodes", 5, G_MAXUINT32 - 1, &self->n_nodes)
      || !read_flag (self, "foreign", &n_read, &history->foreign)
      || !read_text (self, "command", &n_read, &history->command))
    return FALSE;

  history->hang_timeout_ms = (guint) hang_timeout_ms;
  history->max_deliveries = (guint) max_deliveries;
  return check_no_more (self, n_read);
}

static gboolean
read_fate (Reader *self, SimFate *fate)
{
  const SimJsonPair *pair = need (self, "fate", 3);

  if (pair == NULL)
    return FALSE;
  for (*fate = SIM_FATE_CLOSED; *fate <= SIM_FATE_HUNG; ++*fate) {
    if (sim_json_pair_is (pair, sim_fate_to_string (*fate)))
      return TRUE;
  }
  return fail (self, pair->value, "“fate” should be “closed”, “killed”, “crashed” or “hung”");
}

static gboolean
read_node (Reader *self)
{
  SimNodeInfo info = { 0 };
  guint64 index, pid;
  guint n_read = 4;
  gboolean good;

  if (self->history->nodes->len == self->n_nodes)
    return fail (self, self->line.text, "more nodes than the first line says");
  if (!read_uint (self, "node", 1, G_MAXUINT32, &index) || !read_uint (self, "pid", 2, G_MAXUINT32, &pid)
      || !read_fate (self, &info.fate))
    return FALSE;
  if (index != self->history->nodes->len)
    return fail (self, need (self, "node", 1)->value, "node %u should be next", self->history->nodes->len);

  info.pid = (guint32) pid;
  good = read_flag (self, "candidate", &n_read, &info.candidate) && read_flag (self, "joined", &n_read, &info.joined)
         && read_text (self, "end", &n_read, &info.end) && check_no_more (self, n_read);
  sim_history_add_node (self->history, &info);
  g_array_set_size (self->positions, self->history->nodes->len);
  return good;
}

/* Events */

static gboolean
read_id (Reader *self, const SimField *field, guint near, SimEntry *entry)
{
  const SimJsonPair *pair = need (self, field->name, near);

  if (pair == NULL)
    return FALSE;
  if (pair->type != SIM_JSON_STRING || pair->value_len != 2 * SIM_NODE_ID_LEN)
    return fail (self, pair->value, "“%s” should be a string of %d hexadecimal digits", field->name,
                 2 * SIM_NODE_ID_LEN);
  for (guint i = 0; i < pair->value_len; i++) {
    if (!g_ascii_isxdigit (pair->value[i]))
      return fail (self, pair->value + i, "this is no hexadecimal digit");
  }
  sim_entry_set_node_id (entry, pair->value);
  return TRUE;
}

static gboolean
read_code (Reader *self, const SimField *field, const SimJsonPair *pair, gint32 *code)
{
  g_autofree char *name = sim_json_pair_dup_string (pair);

  if (name == NULL)
    return fail (self, pair->value, "“%s” should be a string", field->name);
  return sim_field_code_from_string (field->type, name, code)
         || fail (self, pair->value, "“%s”: there is no “%s”", field->name, name);
}

static gboolean
read_number_field (Reader *self, const SimField *field, guint near, SimEntry *entry)
{
  gboolean small = field->type == SIM_FIELD_PEER || field->type == SIM_FIELD_PID;
  gboolean code = field->type == SIM_FIELD_COUNT || field->type == SIM_FIELD_MS;
  guint64 max = small ? G_MAXUINT32 : code ? G_MAXINT32 : G_MAXUINT64, value = 0;

  if (!read_uint (self, field->name, near, max, &value))
    return FALSE;
  if (field->type == SIM_FIELD_NUMBER)
    entry->number = value;
  else if (field->type == SIM_FIELD_EPOCH)
    entry->epoch = value;
  else if (field->type == SIM_FIELD_SEQUENCE)
    entry->sequence = value;
  else if (field->type == SIM_FIELD_PEER)
    entry->peer = (guint32) value;
  else if (field->type == SIM_FIELD_PID)
    entry->pid = (guint32) value;
  else
    entry->code = (gint32) value;
  return TRUE;
}

static gboolean
read_name_field (Reader *self, const SimField *field, guint near, SimEntry *entry)
{
  const SimJsonPair *pair = need (self, field->name, near);

  return pair != NULL && read_code (self, field, pair, &entry->code);
}

static gboolean
read_point (Reader *self, const SimField *field, guint *n_read, SimEntry *entry)
{
  const SimJsonPair *pair = sim_json_line_find (&self->line, field->name, *n_read);
  gint32 point;

  if (pair == NULL)
    return TRUE;
  (*n_read)++;
  if (!read_code (self, field, pair, &point))
    return FALSE;
  entry->number = (guint64) point + 1;
  return TRUE;
}

static gboolean
read_field (Reader *self, const SimField *field, guint *n_read, SimEntry *entry)
{
  gboolean set;

  switch (field->type) {
  case SIM_FIELD_FLAG:
    if (!read_flag (self, field->name, n_read, &set))
      return FALSE;
    entry->flags = (guint16) (entry->flags | (set ? field->flag : 0));
    return TRUE;
  case SIM_FIELD_RULE:
    return sim_json_line_find (&self->line, field->name, *n_read) == NULL
           || read_uint (self, field->name, (*n_read)++, G_MAXUINT64, &entry->sequence);
  case SIM_FIELD_MS:
    return sim_json_line_find (&self->line, field->name, *n_read) == NULL
           || read_number_field (self, field, (*n_read)++, entry);
  case SIM_FIELD_POINT:
    return read_point (self, field, n_read, entry);
  case SIM_FIELD_ID:
    return read_id (self, field, (*n_read)++, entry);
  case SIM_FIELD_FAULT:
  case SIM_FIELD_ROLE:
  case SIM_FIELD_ERROR:
  case SIM_FIELD_PHASE:
  case SIM_FIELD_MOMENT:
    return read_name_field (self, field, (*n_read)++, entry);
  case SIM_FIELD_NUMBER:
  case SIM_FIELD_EPOCH:
  case SIM_FIELD_SEQUENCE:
  case SIM_FIELD_PEER:
  case SIM_FIELD_COUNT:
  case SIM_FIELD_PID:
    return read_number_field (self, field, (*n_read)++, entry);
  case SIM_FIELD_END:
    break;
  }
  return TRUE;
}

static gboolean
read_kind (Reader *self, const SimJsonPair *pair, guint16 *kind)
{
  for (*kind = 1; *kind <= SIM_ENTRY_KIND_LAST; ++*kind) {
    if (sim_json_pair_is (pair, sim_entry_kind_to_string ((SimEntryKind) *kind)))
      return TRUE;
  }
  return fail (self, pair->value, "there is no event “%.*s”", (int) MIN (pair->value_len, 64), pair->value);
}

/* Whose it is: the node's, or the supervisor's about the node. */
static gboolean
read_owner (Reader *self, guint *n_read, SimEvent *event)
{
  const SimJsonPair *by = sim_json_line_find (&self->line, "by", *n_read);
  guint64 node;

  if (!read_uint (self, "node", 2, G_MAXUINT32, &node))
    return FALSE;
  if (node >= self->n_nodes)
    return fail (self, need (self, "node", 2)->value, "there is no node %" G_GUINT64_FORMAT, node);
  event->node = (guint32) node;

  if (by == NULL) {
    event->position = g_array_index (self->positions, guint32, node)++;
    return TRUE;
  }
  (*n_read)++;
  event->position = G_MAXUINT32;
  return sim_json_pair_is (by, "supervisor") || fail (self, by->value, "“by” should be “supervisor”, or not be there");
}

static gboolean
read_time (Reader *self, SimEntry *entry)
{
  GArray *events = self->history->events;
  guint64 time_ns;

  if (!read_uint (self, "time_ns", 1, G_MAXINT64 / 2, &time_ns))
    return FALSE;
  entry->time_ns = (gint64) time_ns;
  if (events->len == 0 || g_array_index (events, SimEvent, events->len - 1).entry.time_ns <= entry->time_ns)
    return TRUE;
  return fail (self, need (self, "time_ns", 1)->value, "this is earlier than the event before");
}

static gboolean
read_event (Reader *self, const SimJsonPair *kind)
{
  SimEvent event = { 0 };
  guint n_read = 3;

  if (self->history->nodes->len < self->n_nodes)
    return fail (self, self->line.text, "there should be %" G_GUINT64_FORMAT " nodes before the first event",
                 self->n_nodes);
  if (self->history->events->len == G_MAXUINT32 - 1)
    return fail (self, self->line.text, "more events than can be counted");
  if (!read_kind (self, kind, &event.entry.kind) || !read_time (self, &event.entry)
      || !read_owner (self, &n_read, &event))
    return FALSE;

  for (const SimField *field = sim_fields_of ((SimEntryKind) event.entry.kind); field->type != SIM_FIELD_END; field++) {
    if (!read_field (self, field, &n_read, &event.entry))
      return FALSE;
  }
  g_array_append_val (self->history->events, event);
  return check_no_more (self, n_read);
}

static gboolean
read_end (Reader *self)
{
  guint64 n_events;

  if (!read_uint (self, "events", 1, G_MAXUINT64, &n_events) || !check_no_more (self, 2))
    return FALSE;
  self->ended = TRUE;
  return n_events == self->history->events->len
         || fail (self, need (self, "events", 1)->value, "there were %u events", self->history->events->len);
}

/* The whole */

static gboolean
read_line (Reader *self, const char *text, gsize len)
{
  const SimJsonPair *kind;

  if (len > SIM_JSONL_LINE_MAX)
    return fail (self, text, "the line is longer than %d bytes", SIM_JSONL_LINE_MAX);
  if (!sim_json_line_parse (&self->line, text, len))
    return FALSE;
  kind = need (self, "event", 0);
  if (kind == NULL)
    return FALSE;

  if (self->ended)
    return fail (self, text, "there is more after the end");
  if (self->line_number == 1)
    return sim_json_pair_is (kind, "run") ? read_run (self) : fail (self, kind->value, "“run” should be first");
  if (sim_json_pair_is (kind, "node"))
    return read_node (self);
  return sim_json_pair_is (kind, "end") ? read_end (self) : read_event (self, kind);
}

static gboolean
read_all (Reader *self, GError **error)
{
  const char *text;
  gsize len;

  while ((text = take_line (self, &len)) != NULL) {
    if (!read_line (self, text, len)) {
      g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%" G_GUINT64_FORMAT ":%ld: %s", self->path,
                   self->line_number, (long) (self->line.at - text) + 1, self->line.reason);
      return FALSE;
    }
  }
  if (errno != 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot read %s: %s", self->path,
                 g_strerror (errno));
    return FALSE;
  }
  if (!self->ended)
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "%s:%" G_GUINT64_FORMAT ": the history has no end",
                 self->path, self->line_number);
  return self->ended;
}

/* (transfer full) (nullable): what is in the file, or in the standard input for “-”. */
SimHistory *
sim_jsonl_read (const char *path, GError **error)
{
  g_autoptr (SimHistory) history = sim_history_new (0);
  g_autoptr (GArray) positions = g_array_new (FALSE, TRUE, sizeof (guint32));
  g_autofree char *buffer = g_malloc (BUFFER_SIZE);
  gboolean standard_input = g_str_equal (path, "-");
  Reader self = { .path = path, .buffer = buffer, .history = history, .positions = positions };
  gboolean good;

  self.fd = standard_input ? STDIN_FILENO : open (path, O_RDONLY | O_CLOEXEC);
  if (self.fd < 0) {
    g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot open %s: %s", path,
                 g_strerror (errno));
    return NULL;
  }
  good = read_all (&self, error);
  if (!standard_input)
    close (self.fd);
  return good ? g_steal_pointer (&history) : NULL;
}
