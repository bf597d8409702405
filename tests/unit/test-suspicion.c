/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-suspicion.h"

/*
 * Whoever keeps an eye on the master: every pair of stage and event, and what follows for whole courses of events. The
 * table is written by hand as text, one line per stage and one column per event.
 */

/* calm, listening, then the quarters for which a question is unanswered; "." changes nothing. In the order of events. */
static const char *const next_stages[IPC_SUSPICION_N_STAGES] = {
  /* expect alarmed heard done silence vain late */
  "l1.....", /* calm */
  ".1lc0cl", /* listening */
  "..lc110", /* asked */
  "..lc220", /* asked for one quarter */
  "..lc330", /* two */
  "..lc0c0", /* three */
};

static const char stage_letters[] = "cl0123";

static IpcSuspicionActions
expected_actions (IpcSuspicion from, IpcSuspicionEvent event, IpcSuspicion to)
{
  gboolean is_silent = event == IPC_SUSPICION_SILENCE || event == IPC_SUSPICION_VAIN;
  gboolean is_new_question = to == IPC_SUSPICION_ASKED || event == IPC_SUSPICION_ALARMED;
  IpcSuspicionActions actions = 0;

  if (to != IPC_SUSPICION_CALM)
    actions |= IPC_SUSPICION_DO_WATCH;
  if (is_new_question)
    actions |= IPC_SUSPICION_DO_ASK;
  if (is_silent && from == IPC_SUSPICION_ASKED)
    actions |= IPC_SUSPICION_DO_ALARM;
  if (is_silent && from == IPC_SUSPICION_ASKED_1)
    actions |= IPC_SUSPICION_DO_KNOCK;
  if (is_silent && from == IPC_SUSPICION_ASKED_3)
    actions |= IPC_SUSPICION_DO_DEPOSE;

  return actions;
}

static void
test_every_pair (void)
{
  g_test_summary ("Each event in each stage does what the table says, and what does not matter does nothing");

  for (guint from = 0; from < IPC_SUSPICION_N_STAGES; from++) {
    for (guint event = 0; event < IPC_SUSPICION_N_EVENTS; event++) {
      char letter = next_stages[from][event];
      IpcSuspicion stage = from;
      IpcSuspicionActions actions = ipc_suspicion_step (&stage, event);

      g_test_message ("stage %u, event %u", from, event);
      if (letter == '.') {
        g_assert_cmpint (stage, ==, from);
        g_assert_cmpuint (actions, ==, 0);
      } else {
        g_assert_cmpint (stage_letters[stage], ==, letter);
        g_assert_cmpuint (actions, ==, expected_actions (from, event, stage));
      }
    }
  }
}

static void
test_judge (void)
{
  g_test_summary ("What came counts whatever the time; a process that stood still does not call others silent");

  for (guint i = 0; i < 8; i++) {
    gboolean late = i & 1, heard = i >> 1 & 1, expecting = i >> 2;
    IpcSuspicionEvent event = ipc_suspicion_judge (late, heard, expecting);

    if (heard)
      g_assert_cmpint (event, ==, expecting ? IPC_SUSPICION_HEARD : IPC_SUSPICION_DONE);
    else if (late)
      g_assert_cmpint (event, ==, IPC_SUSPICION_LATE);
    else
      g_assert_cmpint (event, ==, expecting ? IPC_SUSPICION_SILENCE : IPC_SUSPICION_VAIN);
  }
}

/* All courses of what quarters can be, this long. */
#define LENGTH 9

static void
test_every_course (void)
{
  static const IpcSuspicionEvent quarters[] = { IPC_SUSPICION_HEARD, IPC_SUSPICION_SILENCE, IPC_SUSPICION_VAIN,
                                                IPC_SUSPICION_LATE };
  guint n_courses = 1 << (2 * LENGTH), n_deposed = 0;

  g_test_summary ("Whatever happened before: nobody is deposed whose question was not unanswered for four quarters, of "
                  "which another may have seen the first; and a vigil that is not calm has a timer");

  for (guint course = 0; course < 2 * n_courses; course++) {
    IpcSuspicion stage = IPC_SUSPICION_CALM;
    gboolean alarmed = course >= n_courses;
    guint n_unanswered = alarmed ? 1 : 0;
    gboolean asked = alarmed;

    ipc_suspicion_step (&stage, alarmed ? IPC_SUSPICION_ALARMED : IPC_SUSPICION_EXPECT);
    for (guint i = 0; i < LENGTH && stage != IPC_SUSPICION_CALM; i++) {
      IpcSuspicionEvent event = quarters[course >> (2 * i) & 3];
      IpcSuspicionActions actions = ipc_suspicion_step (&stage, event);

      n_unanswered = asked && (event == IPC_SUSPICION_SILENCE || event == IPC_SUSPICION_VAIN) ? n_unanswered + 1 : 0;
      if (actions & IPC_SUSPICION_DO_DEPOSE) {
        g_assert_cmpuint (n_unanswered, ==, 4);
        n_deposed++;
      }
      if (actions & IPC_SUSPICION_DO_ASK)
        n_unanswered = 0;
      asked = stage >= IPC_SUSPICION_ASKED;
      g_assert_cmpint ((actions & IPC_SUSPICION_DO_WATCH) != 0, ==, stage != IPC_SUSPICION_CALM);
    }
  }
  g_assert_cmpuint (n_deposed, >, 0);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/suspicion/every-pair", test_every_pair);
  g_test_add_func ("/suspicion/judge", test_judge);
  g_test_add_func ("/suspicion/every-course", test_every_course);

  return g_test_run ();
}
