/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <ipc-kill-point.h>
#include <libipc.h>
#include <string.h>
#include <unistd.h>

#include "sim-fault.h"
#include "sim-fields.h"
#include "sim-jsonl.h"

/*
 * The history file: what is written is what is read again, of every kind of event; other people's way to write JSON is
 * read, too; and what is no whole history is refused with the place and the reason.
 */

#define RUN "{\"event\":\"run\",\"format\":1,\"seed\":7,\"hang_timeout_ms\":300,\"max_deliveries\":3,\"nodes\":1}\n"
#define NODE "{\"event\":\"node\",\"node\":0,\"pid\":5,\"fate\":\"closed\"}\n"
#define SENT "{\"event\":\"sent\",\"time_ns\":10,\"node\":0,\"number\":1}\n"
#define END(n) "{\"event\":\"end\",\"events\":" #n "}\n"

static char *
make_path (void)
{
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "test-sim-jsonl-XXXXXX", NULL);
  int fd = g_mkstemp (path);

  g_assert_cmpint (fd, >=, 0);
  close (fd);
  return g_steal_pointer (&path);
}

static SimHistory *
read_text (const char *text, GError **error)
{
  g_autofree char *path = make_path ();
  SimHistory *history;

  g_assert_true (g_file_set_contents (path, text, -1, NULL));
  history = sim_jsonl_read (path, error);
  g_unlink (path);
  return history;
}

/* A value in every place that a kind of event has. */
static SimEntry
make_entry (SimEntryKind kind)
{
  SimEntry entry = { .time_ns = 1000 + kind, .kind = (guint16) kind };

  for (const SimField *field = sim_fields_of (kind); field->type != SIM_FIELD_END; field++) {
    if (field->type == SIM_FIELD_NUMBER)
      entry.number = G_MAXUINT64;
    else if (field->type == SIM_FIELD_EPOCH)
      entry.epoch = 112238913434709;
    else if (field->type == SIM_FIELD_SEQUENCE || field->type == SIM_FIELD_RULE)
      entry.sequence = 3;
    else if (field->type == SIM_FIELD_PEER)
      entry.peer = 1;
    else if (field->type == SIM_FIELD_PID)
      entry.pid = 4711;
    else if (field->type == SIM_FIELD_ID)
      memset (entry.node_id, 0xa5, sizeof entry.node_id);
    else if (field->type == SIM_FIELD_FLAG)
      entry.flags |= field->flag;
    else if (field->type == SIM_FIELD_POINT)
      entry.number = 1 + IPC_KILL_POINT_ACCEPTED;
    else
      entry.code = 2;
  }
  return entry;
}

static void
test_round_trip (void)
{
  g_autofree char *path = make_path ();
  g_autoptr (SimHistory) history = sim_history_new (1000);
  g_autoptr (SimHistory) again = NULL;
  g_autoptr (GError) error = NULL;
  SimNodeInfo nodes[] = {
    { .pid = 10, .fate = SIM_FATE_CLOSED, .candidate = TRUE, .joined = TRUE },
    { .pid = 11, .fate = SIM_FATE_CRASHED, .end = g_strdup ("signal 11 \"é\"\n\\") },
  };

  g_test_summary ("What is written is read again, with every field of every kind of event");

  history->seed = G_MAXUINT64;
  history->hang_timeout_ms = 300;
  history->command = g_strdup ("ipc-sim --dir \"a b\"");
  for (guint i = 0; i < G_N_ELEMENTS (nodes); i++)
    sim_history_add_node (history, &nodes[i]);
  for (guint kind = 1; kind <= SIM_ENTRY_KIND_LAST; kind++) {
    SimEntry entry = make_entry ((SimEntryKind) kind);

    if (kind >= SIM_ENTRY_KILLED)
      sim_history_add_supervisor_event (history, 1, &entry);
    else
      sim_history_add_events (history, 1, &entry, 1);
  }
  for (guint i = 0, position = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);

    event->position = event->position == G_MAXUINT32 ? G_MAXUINT32 : position++;
  }

  g_assert_true (sim_jsonl_write (history, path, &error));
  again = sim_jsonl_read (path, &error);
  g_assert_no_error (error);
  g_unlink (path);

  g_assert_cmpuint (again->seed, ==, history->seed);
  g_assert_cmpuint (again->hang_timeout_ms, ==, 300);
  g_assert_cmpuint (again->max_deliveries, ==, 3);
  g_assert_cmpstr (again->command, ==, history->command);
  g_assert_cmpuint (again->nodes->len, ==, 2);
  g_assert_true (sim_history_get_node (again, 0)->candidate);
  g_assert_cmpstr (sim_history_get_node (again, 1)->end, ==, "signal 11 \"é\"\n\\");
  g_assert_cmpuint (again->events->len, ==, history->events->len);
  for (guint i = 0; i < history->events->len; i++) {
    SimEvent event = g_array_index (history->events, SimEvent, i);

    event.entry.time_ns -= 1000;
    g_assert_cmpmem (&event, sizeof event, &g_array_index (again->events, SimEvent, i), sizeof event);
  }
}

/* Codes have names, and none that is not theirs. */
static void
test_names (void)
{
  gint32 code;

  for (gint32 i = 0; i < SIM_N_FAULTS; i++) {
    g_assert_true (sim_field_code_from_string (SIM_FIELD_FAULT, sim_field_code_to_string (SIM_FIELD_FAULT, i), &code));
    g_assert_cmpint (code, ==, i);
  }
  g_assert_false (sim_field_code_from_string (SIM_FIELD_FAULT, "unknown", &code));
  g_assert_cmpstr (sim_field_code_to_string (SIM_FIELD_ERROR, IPC_ERROR_OUTCOME_UNKNOWN), ==, "outcome-unknown");
  g_assert_cmpstr (sim_field_code_to_string (SIM_FIELD_ERROR, -1), ==, "other");
  g_assert_true (sim_field_code_from_string (SIM_FIELD_ERROR, "other", &code));
  g_assert_cmpint (code, ==, -1);
}

/* Any order of keys, and space between the parts, as a program writes it that has never seen ours. */
static void
test_foreign (void)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SimHistory) history =
      read_text (RUN NODE "{ \"number\": 1, \"at_most_once\": false,\t\"node\": 0, \"event\": \"sent\", "
                          "\"poison\": true, \"time_ns\": 10 }\r\n" END (1),
                 &error);
  const SimEvent *event;

  g_assert_no_error (error);
  event = &g_array_index (history->events, SimEvent, 0);
  g_assert_cmpint (event->entry.kind, ==, SIM_ENTRY_SENT);
  g_assert_cmpint (event->entry.flags, ==, SIM_ENTRY_POISON);
  g_assert_cmpuint (event->entry.number, ==, 1);
}

static void
test_refused (void)
{
  static const struct {
    const char *text;
    const char *message; /* from the number of the line on */
  } cases[] = {
    { "", ":0: the history has no end" },
    { "hello\n", ":1:1: an object should begin here" },
    { NODE, ":1:11: “run” should be first" },
    { "{\"event\":\"run\",\"format\":2}\n", ":1:25: this is format 2, and only 1 is known" },
    { "{\"event\":\"run\",\"format\":1}\n", ":1:1: “seed” is missing" },
    { RUN SENT, ":2:1: there should be 1 nodes before the first event" },
    { RUN NODE NODE, ":3:1: more nodes than the first line says" },
    { RUN "{\"event\":\"node\",\"node\":1,\"pid\":5,\"fate\":\"closed\"}\n", ":2:24: node 0 should be next" },
    { RUN "{\"event\":\"node\",\"node\":0,\"pid\":5,\"fate\":\"lost\"}\n",
      ":2:42: “fate” should be “closed”, “killed”, “crashed” or “hung”" },
    { RUN NODE SENT, ":3: the history has no end" },
    { RUN NODE SENT END (2), ":4:25: there were 1 events" },
    { RUN NODE SENT END (1) SENT, ":5:1: there is more after the end" },
    { RUN NODE SENT "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":2}\n",
      ":4:27: this is earlier than the event before" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":1,\"number\":2}\n", ":3:36: there is no node 1" },
    { RUN NODE "{\"event\":\"send\",\"time_ns\":9,\"node\":0,\"number\":2}\n", ":3:11: there is no event “send”" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0}\n", ":3:1: “number” is missing" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":1,\"epoch\":1}\n",
      ":3:1: a key that this event does not have (docs/history.md lists them)" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":1,\"number\":1}\n", ":3:50: a key for the second time" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":-1}\n",
      ":3:47: a string, a whole number, true or false should be here" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":1.5}\n",
      ":3:48: a comma or the end of the object should be here" },
    { RUN NODE "{\"event\":\"sent\",\"time_ns\":9,\"node\":0,\"number\":18446744073709551616}\n",
      ":3:47: “number” should be a whole number up to 18446744073709551615" },
    { RUN NODE "{\"event\":\"planned\",\"time_ns\":9,\"node\":0,\"by\":\"me\",\"fault\":\"kill\"}\n",
      ":3:47: “by” should be “supervisor”, or not be there" },
    { RUN NODE "{\"event\":\"planned\",\"time_ns\":9,\"node\":0,\"fault\":\"murder\"}\n", ":3:50: “fault”: there is no “murder”" },
    { RUN NODE "{\"event\":\"started\",\"time_ns\":9,\"node\":0,\"pid\":1,\"node_id\":\"ab\"}\n",
      ":3:60: “node_id” should be a string of 32 hexadecimal digits" },
    { RUN NODE "{\"event\":\"sent\n", ":3:11: a string without an end" },
    { RUN NODE "{\"event\":\"sent\\", ":3:11: a string without an end" },
    { RUN NODE "{} {}\n", ":3:2: a key in quotes should be here" },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_autoptr (GError) error = NULL;
    g_autoptr (SimHistory) history = read_text (cases[i].text, &error);

    g_assert_null (history);
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_assert_cmpstr (strchr (error->message, ':'), ==, cases[i].message);
  }
}

static void
test_cut_off (void)
{
  static const char whole[] = RUN NODE SENT END (1);

  g_test_summary ("No beginning of a history is a history");

  for (gsize len = 0; len < strlen (whole) - 2; len++) {
    g_autofree char *part = g_strndup (whole, len);
    g_autoptr (GError) error = NULL;

    g_assert_null (read_text (part, &error));
    g_assert_nonnull (error);
  }
}

/* Longer than any buffer, with and without an end. */
static void
test_long_line (void)
{
  g_autofree char *filler = g_strnfill (5 * SIM_JSONL_LINE_MAX, ' ');
  g_autofree char *text = g_strconcat (RUN, filler, "\n", NULL);
  g_autofree char *open_text = g_strconcat (RUN, filler, NULL);
  const char *const texts[] = { text, open_text };

  for (guint i = 0; i < G_N_ELEMENTS (texts); i++) {
    g_autoptr (GError) error = NULL;

    g_assert_null (read_text (texts[i], &error));
    g_assert_cmpstr (strchr (error->message, ':'), ==, ":2:1: the line is longer than 65536 bytes");
  }
}

static void
test_no_file (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (sim_jsonl_read ("/nonexistent/history.jsonl", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-jsonl/round-trip", test_round_trip);
  g_test_add_func ("/sim-jsonl/names", test_names);
  g_test_add_func ("/sim-jsonl/foreign", test_foreign);
  g_test_add_func ("/sim-jsonl/refused", test_refused);
  g_test_add_func ("/sim-jsonl/cut-off", test_cut_off);
  g_test_add_func ("/sim-jsonl/long-line", test_long_line);
  g_test_add_func ("/sim-jsonl/no-file", test_no_file);
  return g_test_run ();
}
