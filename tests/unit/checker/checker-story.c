/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-story.h"

/*
 * The good history has its events at fixed places and a microsecond apart, so that a twist finds the one that it
 * changes, and leaves out what most checks do not ask about. It is made anew for each case.
 */

SimEntry
handled (guint64 number, guint64 epoch, guint16 flags)
{
  return (SimEntry) {
    .code = flags & SIM_ENTRY_REDELIVERED ? 2 : 1,
    .kind = SIM_ENTRY_HANDLED,
    .flags = flags,
    .peer = 2,
    .number = number,
    .epoch = epoch,
    .sequence = number + 10,
    .node_id = { 2 },
    .pid = 1002,
  };
}

SimEntry
answered (guint64 number, guint32 handler, guint64 epoch)
{
  return (SimEntry) {
    .kind = SIM_ENTRY_ANSWERED,
    .peer = handler,
    .number = number,
    .epoch = epoch,
    .result_epoch = epoch,
  };
}

static void
add_nodes (SimHistory *history)
{
  for (guint32 i = 0; i < 3; i++) {
    SimNodeInfo info = {
      .pid = 1000 + i,
      .fate = i == 0 ? SIM_FATE_KILLED : SIM_FATE_CLOSED,
      .candidate = i < 2,
      .joined = TRUE,
    };

    sim_history_add_node (history, &info);
  }
}

SimHistory *
make_good_history (void)
{
  const struct {
    guint32 node;
    SimEntry entry;
  } events[N_EVENTS] = {
    [STARTED_0] = { 0, { .kind = SIM_ENTRY_STARTED, .node_id = { 100 }, .pid = 1000 } },
    [STARTED_1] = { 1, { .kind = SIM_ENTRY_STARTED, .node_id = { 1 }, .pid = 1001 } },
    [STARTED_2] = { 2, { .kind = SIM_ENTRY_STARTED, .node_id = { 2 }, .pid = 1002 } },
    [ELECTED_0] = { 0, { .kind = SIM_ENTRY_ELECTED, .epoch = 100 } },
    [SENT_1] = { 2, { .kind = SIM_ENTRY_SENT, .number = 1 } },
    [SENT_2] = { 2, { .kind = SIM_ENTRY_SENT, .number = 2 } },
    [SENT_3] = { 2, { .kind = SIM_ENTRY_SENT, .number = 3 } },
    [HANDLED_1] = { 0, handled (1, 100, 0) },
    [RESPONDED_1] = { 0, { .kind = SIM_ENTRY_RESPONDED, .peer = 2, .number = 1, .epoch = 100 } },
    [ANSWERED_1] = { 2, answered (1, 0, 100) },
    [HANDLED_2] = { 0, handled (2, 100, 0) },
    [KILLED_0] = { 0, { .kind = SIM_ENTRY_KILLED, .epoch = 100 } },
    [ELECTED_1] = { 1, { .kind = SIM_ENTRY_ELECTED, .epoch = 101 } },
    [HANDLED_2_AGAIN] = { 1, handled (2, 101, SIM_ENTRY_REDELIVERED) },
    [HANDLED_3] = { 1, handled (3, 101, 0) },
    [ANSWERED_3] = { 2, answered (3, 1, 101) },
    [ANSWERED_2] = { 2, answered (2, 1, 101) },
  };
  SimHistory *history = sim_history_new (1000);

  add_nodes (history);
  for (guint32 i = 0; i < N_EVENTS; i++) {
    SimEvent event = { .entry = events[i].entry, .node = events[i].node, .position = 10 * i };

    event.entry.time_ns = 1000 + 1000 * (gint64) (i + 1);
    g_array_append_val (history->events, event);
  }
  return history;
}

SimEvent *
event_at (SimHistory *history, guint index)
{
  return &g_array_index (history->events, SimEvent, index);
}

/* Only what the checker never asks about is left of the event. */
void
forget (SimHistory *history, guint index)
{
  event_at (history, index)->entry.kind = SIM_ENTRY_DRAINED;
}

/* One more event, right after the one with this index. */
void
add_after (SimHistory *history, guint index, guint32 node, SimEntry entry)
{
  SimEvent event = { .entry = entry, .node = node, .position = 10 * index + 1 };

  event.entry.time_ns = event_at (history, index)->entry.time_ns + 1;
  g_array_append_val (history->events, event);
}

void
inject (SimHistory *history, guint index, SimFault fault)
{
  add_after (history, index, 0, (SimEntry) { .kind = SIM_ENTRY_INJECTED, .code = (gint32) fault });
}

void
swap_entries (SimHistory *history, guint one, guint other)
{
  SimEvent *a = event_at (history, one);
  SimEvent *b = event_at (history, other);
  SimEntry entry = a->entry;
  gint64 a_ns = a->entry.time_ns, b_ns = b->entry.time_ns;

  a->entry = b->entry;
  b->entry = entry;
  a->entry.time_ns = a_ns;
  b->entry.time_ns = b_ns;
}

void
set_fate (SimHistory *history, guint32 node, SimFate fate)
{
  g_array_index (history->nodes, SimNodeInfo, node).fate = fate;
}

void
send_once (SimHistory *history, guint index)
{
  event_at (history, index)->entry.flags |= SIM_ENTRY_ONCE;
}

void
nothing (SimHistory *history)
{
}

void
no_outcome (SimHistory *history)
{
  forget (history, ANSWERED_2);
}

void
no_outcome_of_the_killed (SimHistory *history)
{
  add_after (history, SENT_3, 0, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = 1 });
}

/* Its master was killed with it. */
void
unknown (SimHistory *history)
{
  send_once (history, SENT_2);
  forget (history, HANDLED_2_AGAIN);
  event_at (history, ANSWERED_2)->entry =
      (SimEntry) { .time_ns = 999999, .kind = SIM_ENTRY_FAILED, .number = 2, .code = IPC_ERROR_OUTCOME_UNKNOWN };
}

/* Node 0 resigns instead of being killed; what it had begun it was to finish. */
void
resigned (SimHistory *history)
{
  event_at (history, KILLED_0)->entry =
      (SimEntry) { .time_ns = event_at (history, KILLED_0)->entry.time_ns, .kind = SIM_ENTRY_RESIGNING, .epoch = 100 };
  add_after (history, KILLED_0, 0, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = 100 });
  set_fate (history, 0, SIM_FATE_CLOSED);
}

void
resigned_well (SimHistory *history)
{
  resigned (history);
  event_at (history, HANDLED_2_AGAIN)->entry.kind = SIM_ENTRY_CUT;
  event_at (history, ANSWERED_2)->entry = answered (2, 0, 100);
  event_at (history, ANSWERED_2)->entry.time_ns = event_at (history, HANDLED_2)->entry.time_ns + 1;
}

/* Node 0 is stopped instead of being killed, and goes on when node 1 is master. */
void
deposed (SimHistory *history)
{
  event_at (history, KILLED_0)->entry = (SimEntry) { .time_ns = event_at (history, KILLED_0)->entry.time_ns,
                                                     .kind = SIM_ENTRY_STOPPED,
                                                     .epoch = 100,
                                                     .code = SIM_FAULT_STOP };
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_CONTINUED, .code = SIM_FAULT_STOP });
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 101, .code = IPC_ROLE_STANDBY });
  event_at (history, history->events->len - 1)->entry.time_ns += 10;
  set_fate (history, 0, SIM_FATE_CLOSED);
}

void
leave_process (SimHistory *history)
{
  add_after (history, ANSWERED_2, 0, (SimEntry) { .kind = SIM_ENTRY_LEFT, .pid = 4711 });
}
