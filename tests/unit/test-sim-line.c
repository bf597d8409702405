/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "sim-line.h"

/*
 * What other people's programs say to the simulator: every kind of line, every way to get one wrong, and what follows
 * from a node's role and epoch.
 */

#define ID "00112233445566778899aabbccddeeff"

typedef struct {
  const char *line;
  SimEntry entry;
} Good;

static const Good good[] = {
  { "5 started " ID " 77", { .kind = SIM_ENTRY_STARTED, .pid = 77, .node_id = { 0, 0x11, 0x22 } } },
  { "5 role master 9", { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_MASTER, .epoch = 9 } },
  { "5 role searching 0", { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_SEARCHING } },
  { "5 sent 3", { .kind = SIM_ENTRY_SENT, .number = 3 } },
  { "5 sent 3 once", { .kind = SIM_ENTRY_SENT, .number = 3, .flags = SIM_ENTRY_ONCE } },
  { "5 sent 3 once deadline cancel fail-fast refusable",
    { .kind = SIM_ENTRY_SENT, .number = 3, .flags = SIM_ENTRY_ONCE | SIM_ENTRY_GIVES_UP } },
  { "5 sent 3 fail-fast", { .kind = SIM_ENTRY_SENT, .number = 3, .flags = SIM_ENTRY_FAIL_FAST } },
  { "5 handled 0/3 9 1 30 " ID " 77",
    { .kind = SIM_ENTRY_HANDLED, .peer = 0, .number = 3, .epoch = 9, .code = 1, .sequence = 30, .pid = 77 } },
  { "5 handled 12/3 9 2 30 " ID " 77 redelivered",
    { .kind = SIM_ENTRY_HANDLED,
      .flags = SIM_ENTRY_REDELIVERED,
      .peer = 12,
      .number = 3,
      .epoch = 9,
      .code = 2,
      .sequence = 30,
      .pid = 77 } },
  { "5 responded 12/3 9", { .kind = SIM_ENTRY_RESPONDED, .peer = 12, .number = 3, .epoch = 9 } },
  { "5 answered 3 9",
    { .kind = SIM_ENTRY_ANSWERED, .peer = SIM_LINE_NOBODY, .number = 3, .epoch = 9, .result_epoch = 9 } },
  { "5 failed 3 timed-out", { .kind = SIM_ENTRY_FAILED, .number = 3, .code = IPC_ERROR_TIMED_OUT } },
  { "5 failed 3 other", { .kind = SIM_ENTRY_FAILED, .number = 3, .code = -1 } },
  { "5 cancelled 3", { .kind = SIM_ENTRY_CANCELLED, .number = 3 } },
  { "5 cancelled 3 not-sent", { .kind = SIM_ENTRY_CANCELLED, .number = 3, .flags = SIM_ENTRY_UNSENT } },
  { "5 error protocol", { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_PROTOCOL } },
  { "5 resigning 9", { .kind = SIM_ENTRY_RESIGNING, .epoch = 9 } },
  { "5 resigned 9", { .kind = SIM_ENTRY_RESIGNED, .epoch = 9 } },
  { "5 drained", { .kind = SIM_ENTRY_DRAINED } },
  { "5 closed", { .kind = SIM_ENTRY_CLOSED } },
};

static void
test_good (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (good); i++) {
    const SimEntry *wanted = &good[i].entry;
    g_autoptr (GError) error = NULL;
    SimEntry entry;

    g_test_message ("%s", good[i].line);
    g_assert_cmpint (sim_line_parse (good[i].line, &entry, &error), ==, SIM_LINE_EVENT);
    g_assert_no_error (error);
    g_assert_cmpint (entry.time_ns, ==, 5);
    g_assert_cmpint (entry.kind, ==, wanted->kind);
    g_assert_cmpint (entry.flags, ==, wanted->flags);
    g_assert_cmpuint (entry.peer, ==, wanted->peer);
    g_assert_cmpuint (entry.number, ==, wanted->number);
    g_assert_cmpuint (entry.epoch, ==, wanted->epoch);
    g_assert_cmpuint (entry.sequence, ==, wanted->sequence);
    g_assert_cmpuint (entry.pid, ==, wanted->pid);
    g_assert_cmpint (entry.code, ==, wanted->code);
    if (wanted->kind == SIM_ENTRY_STARTED)
      g_assert_cmpmem (entry.node_id, 3, wanted->node_id, 3);
  }
}

typedef struct {
  const char *line;
  const char *error; /* a part of what it must say */
} Bad;

static const Bad bad[] = {
  { "5", "one of the words" },
  { "5 danced 3", "one of the words" },
  { "0 drained", "a time in nanoseconds" },
  { "5x drained", "a time in nanoseconds" },
  { "99999999999999999999 drained", "a time in nanoseconds" },
  { "5 drained 3", "it must be: TIME drained" },
  { "5  drained", "one of the words" },
  { "5 sent", "it must be: TIME sent NUMBER [once] [deadline] [cancel] [fail-fast] [refusable]" },
  { "5 sent 0", "NUMBER must be a number from 1, not “0”" },
  { "5 sent -1", "NUMBER must be" },
  { "5 sent 3 twice", "it must be: TIME sent NUMBER [once] [deadline] [cancel] [fail-fast] [refusable]" },
  { "5 sent 3 deadline once", "it must be: TIME sent NUMBER [once] [deadline] [cancel] [fail-fast] [refusable]" },
  { "5 sent 3 deadline deadline", "it must be: TIME sent NUMBER [once] [deadline] [cancel] [fail-fast] [refusable]" },
  { "5 sent 3 once more", "it must be: TIME sent NUMBER [once] [deadline] [cancel] [fail-fast] [refusable]" },
  { "5 role king 9", "ROLE must be idle, searching, client, standby or master, not “king”" },
  { "5 role master", "it must be: TIME role ROLE EPOCH" },
  { "5 role master soon", "EPOCH must be" },
  { "5 started " ID "0 77", "NODE-ID must be 32 digits" },
  { "5 started 00112233445566778899AABBCCDDEEFF 77", "NODE-ID must be 32 digits" },
  { "5 started " ID " 0", "PID must be" },
  { "5 handled 3 9 1 30 " ID " 77", "SENDER/NUMBER must be" },
  { "5 handled 1/0 9 1 30 " ID " 77", "SENDER/NUMBER must be" },
  { "5 handled /3 9 1 30 " ID " 77", "SENDER/NUMBER must be" },
  { "5 handled 1/3 9 0 30 " ID " 77", "COUNT must be" },
  { "5 handled 1/3 9 1 0 " ID " 77", "SEQUENCE must be" },
  { "5 handled 4294967295/3 9 1 30 " ID " 77", "SENDER/NUMBER must be" },
  { "5 failed 3 terribly", "CODE must be the nick of an IpcError, or other, not “terribly”" },
};

static void
test_bad (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (bad); i++) {
    g_autoptr (GError) error = NULL;
    SimEntry entry;

    g_test_message ("%s", bad[i].line);
    g_assert_cmpint (sim_line_parse (bad[i].line, &entry, &error), ==, SIM_LINE_BAD);
    g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
    g_assert_nonnull (strstr (error->message, bad[i].error));
  }
}

/* A program may say what it likes besides. */
static void
test_other (void)
{
  static const char *const lines[] = { "", "** 77 is master", " 5 drained", "sent 3", "-5 drained" };

  for (guint i = 0; i < G_N_ELEMENTS (lines); i++) {
    SimEntry entry;

    g_assert_cmpint (sim_line_parse (lines[i], &entry, NULL), ==, SIM_LINE_OTHER);
  }
}

static void
test_handlers (void)
{
  const SimEntry entries[] = {
    { .time_ns = 1, .kind = SIM_ENTRY_ELECTED, .epoch = 100 },
    { .time_ns = 2, .kind = SIM_ENTRY_ANSWERED, .peer = SIM_LINE_NOBODY, .epoch = 100 },
    { .time_ns = 3, .kind = SIM_ENTRY_ANSWERED, .peer = SIM_LINE_NOBODY, .epoch = 101 },
    { .time_ns = 4, .kind = SIM_ENTRY_ANSWERED, .peer = 7, .epoch = 100 },
  };
  g_autoptr (SimHistory) history = sim_history_new (1);

  sim_history_add_events (history, 3, entries, G_N_ELEMENTS (entries));
  sim_line_name_handlers (history);
  g_assert_cmpuint (g_array_index (history->events, SimEvent, 1).entry.peer, ==, 3);
  g_assert_cmpuint (g_array_index (history->events, SimEvent, 2).entry.peer, ==, SIM_LINE_NOBODY);
  g_assert_cmpuint (g_array_index (history->events, SimEvent, 3).entry.peer, ==, 7);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-line/good", test_good);
  g_test_add_func ("/sim-line/bad", test_bad);
  g_test_add_func ("/sim-line/other", test_other);
  g_test_add_func ("/sim-line/handlers", test_handlers);

  return g_test_run ();
}
