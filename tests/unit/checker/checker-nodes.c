/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>

#include "checker-cases.h"
#include "sim-fault.h"

/*
 * The nodes themselves, whatever their messages: they join, and end as they should; keep strangers out; and at rest
 * hold and use no more than when they had joined.
 */

static void
never_joined (SimHistory *history)
{
  g_array_index (history->nodes, SimNodeInfo, 1).joined = FALSE;
}

static void
crashed (SimHistory *history)
{
  set_fate (history, 1, SIM_FATE_CRASHED);
}

static void
hung (SimHistory *history)
{
  set_fate (history, 2, SIM_FATE_HUNG);
}

static void
protocol_error (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_PROTOCOL });
}

static void
file_error (SimHistory *history)
{
  add_after (history, ANSWERED_1, 2, (SimEntry) { .kind = SIM_ENTRY_ERROR, .code = IPC_ERROR_RUNTIME_DIR });
}

static void
stranger_served (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0,
             (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_HOSTILE, .flags = SIM_ENTRY_FAILURE });
}

static void
stranger_stays (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0,
             (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_SILENT, .flags = SIM_ENTRY_FAILURE });
}

static void
stranger_refused (SimHistory *history)
{
  add_after (history, ANSWERED_1, 0, (SimEntry) { .kind = SIM_ENTRY_STRANGER, .code = SIM_FAULT_HOSTILE });
}

/* What is held and used, at the three moments: by the new master, a candidate; and by a client. */
enum {
  JOINED_1 = N_EVENTS,
  JOINED_2,
  RESTING_1,
  RESTED_1,
  RESTING_2,
  RESTED_2,
};

static void
add_sample (SimHistory *history, guint index, guint32 node, SimMoment moment, guint32 n_descriptors)
{
  SimEntry entry = {
    .kind = SIM_ENTRY_SAMPLED,
    .code = (gint32) moment,
    .n_descriptors = n_descriptors,
    .n_threads = 2,
    .memory_kib = 500,
    .cpu_ms = moment == SIM_MOMENT_JOINED ? 0 : 20,
    .n_switches = moment == SIM_MOMENT_JOINED ? 1 : 100,
  };

  add_after (history, index, node, entry);
  g_array_index (history->events, SimEvent, history->events->len - 1).position = G_MAXUINT32;
}

static void
sample (SimHistory *history)
{
  add_sample (history, STARTED_1, 1, SIM_MOMENT_JOINED, 15);
  add_sample (history, STARTED_2, 2, SIM_MOMENT_JOINED, 13);
  add_sample (history, ANSWERED_2, 1, SIM_MOMENT_RESTING, 15);
  add_sample (history, ANSWERED_2, 1, SIM_MOMENT_RESTED, 15);
  add_sample (history, ANSWERED_2, 2, SIM_MOMENT_RESTING, 13);
  add_sample (history, ANSWERED_2, 2, SIM_MOMENT_RESTED, 13);
  for (guint i = RESTING_1; i <= RESTED_2; i++)
    event_at (history, i)->entry.time_ns += i;
}

/* Two members are connected; it listens, and keeps one in reserve. */
static void
sample_master (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.n_descriptors = 15 + 2 + 2;
  add_after (history, ELECTED_1, 1, (SimEntry) { .kind = SIM_ENTRY_ROLE, .epoch = 101, .code = IPC_ROLE_MASTER });
}

/* Node 2 is a candidate, and joined as it let others go first: without the group file, and without the thread that
 * waits for its lock. */
static void
sample_unqueued (SimHistory *history)
{
  sample (history);
  g_array_index (history->nodes, SimNodeInfo, 2).candidate = TRUE;
  event_at (history, JOINED_2)->entry.n_threads--;
  event_at (history, RESTED_2)->entry.n_descriptors = 15;
}

/* Who was queued at the start is not there any more. */
static void
sample_unqueued_alone (SimHistory *history)
{
  sample_unqueued (history);
  forget (history, RESTING_1);
  forget (history, RESTED_1);
}

static void
leak_unqueued (SimHistory *history)
{
  sample_unqueued (history);
  event_at (history, RESTED_2)->entry.n_descriptors++;
}

static void
leak_descriptor (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.n_descriptors++;
}

static void
leak_connection (SimHistory *history)
{
  sample_master (history);
  event_at (history, RESTED_1)->entry.n_descriptors++;
}

static void
leak_thread (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.n_threads++;
}

static void
leak_memory (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_1)->entry.memory_kib += 20 * 1024;
}

static void
wake_up (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.n_switches++;
}

/* Never interrupted, but all the time at work. */
static void
run_on (SimHistory *history)
{
  sample (history);
  event_at (history, RESTED_2)->entry.cpu_ms += 10;
}

static void
spin (SimHistory *history)
{
  sample (history);
  event_at (history, RESTING_2)->entry.cpu_ms = event_at (history, RESTED_2)->entry.cpu_ms = 1000;
}

static const Case cases[] = {
  { "/every-node-joined", never_joined, BIT (SIM_INVARIANT_ALL_JOINED) },
  { "/no-node-crashed", crashed, BIT (SIM_INVARIANT_NONE_CRASHED) },
  { "/every-node-closed", hung, BIT (SIM_INVARIANT_ALL_CLOSED) },
  { "/no-protocol-error", protocol_error, BIT (SIM_INVARIANT_NO_VIOLATION) },
  { "/good/file-error", file_error, 0 },
  { "/strangers-are-judged", stranger_served, BIT (SIM_INVARIANT_STRANGERS) },
  { "/strangers-are-judged/silent", stranger_stays, BIT (SIM_INVARIANT_STRANGERS) },
  { "/good/stranger-refused", stranger_refused, 0 },
  { "/no-process-left", leave_process, BIT (SIM_INVARIANT_NO_PROCESS_LEFT) },
  { "/resources/good", sample, 0 },
  { "/resources/good/master", sample_master, 0 },
  { "/resources/good/unqueued", sample_unqueued, 0 },
  { "/resources/good/unqueued-alone", sample_unqueued_alone, 0 },
  { "/descriptors-return/unqueued", leak_unqueued, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/descriptors-return/client", leak_descriptor, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/descriptors-return/master", leak_connection, BIT (SIM_INVARIANT_DESCRIPTORS_RETURN) },
  { "/threads-return", leak_thread, BIT (SIM_INVARIANT_THREADS_RETURN) },
  { "/memory-returns", leak_memory, BIT (SIM_INVARIANT_MEMORY_RETURNS) },
  { "/rest-is-rest/woke-up", wake_up, BIT (SIM_INVARIANT_REST_IS_REST) },
  { "/rest-is-rest/ran", run_on, BIT (SIM_INVARIANT_REST_IS_REST) },
  { "/no-busy-loop", spin, BIT (SIM_INVARIANT_NO_BUSY_LOOP) },
};

const CaseTable nodes_cases = { cases, G_N_ELEMENTS (cases) };
