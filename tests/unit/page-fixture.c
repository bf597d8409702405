/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "page-fixture.h"

#define PERIOD_NS G_GINT64_CONSTANT (100000000)
#define START_NS G_GINT64_CONSTANT (5000000000)
#define EPOCH G_GUINT64_CONSTANT (112210290731629)
#define SENDER 0 /* and the masters come after it */

static void
add (PageFixture *self, gint64 time_ns, guint32 node, SimEntry entry)
{
  entry.time_ns = START_NS + time_ns;
  sim_history_add_supervisor_event (self->history, node, &entry);
}

static void
add_message (PageFixture *self, gint64 sent_ns, gint64 took_ns, guint64 number, guint32 master, guint64 epoch)
{
  add (self, sent_ns, SENDER, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = number });
  add (self, sent_ns + took_ns - 40000, master,
       (SimEntry) { .kind = SIM_ENTRY_HANDLED, .peer = SENDER, .number = number, .epoch = epoch });
  add (self, sent_ns + took_ns - 39000, master,
       (SimEntry) { .kind = SIM_ENTRY_RESPONDED, .peer = SENDER, .number = number, .epoch = epoch });
  add (self, sent_ns + took_ns, SENDER,
       (SimEntry) { .kind = SIM_ENTRY_ANSWERED, .peer = master, .number = number, .epoch = epoch });
}

/* The time of one master, from the death of the one before to its own. */
static void
add_mastership (PageFixture *self, guint i, guint n_messages, gboolean last)
{
  gint64 from_ns = i * PERIOD_NS;
  gint64 until_answered_ns = (last ? 2 : 1) * PAGE_FIXTURE_FAILOVER_NS;
  guint32 master = 1 + i;
  guint64 number = (guint64) i * n_messages + 1;

  add (self, from_ns + 400000, master, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = EPOCH + i });
  add_message (self, from_ns - 100000, 100000 + until_answered_ns, number, master, EPOCH + i);
  for (guint n = 1; n < n_messages; n++)
    add_message (self, from_ns + 2000000 + n * (PERIOD_NS - 4000000) / n_messages, 90000 + n % 7919 * 20, number + n, master,
                 EPOCH + i);
  add (self, from_ns + PERIOD_NS, master, (SimEntry) { .kind = SIM_ENTRY_PLANNED, .code = SIM_FAULT_KILL });
  add (self, from_ns + PERIOD_NS, master,
       (SimEntry) { .kind = SIM_ENTRY_KILLED, .code = SIM_FAULT_KILL, .epoch = EPOCH + i });
}

/* One more master than there are fail-overs. */
void
page_fixture_init (PageFixture *self, guint n_failovers, guint n_messages_each)
{
  *self = (PageFixture) {
    .options = { .n_nodes = 20, .n_candidates = 5, .duration_s = n_failovers / 10.0, .seed = 42 },
    .history = sim_history_new (START_NS),
    .verdict = sim_verdict_new (),
  };
  sim_settings_fill_in (&self->options.settings);
  for (guint i = 0; i <= n_failovers + 1; i++) {
    SimNodeInfo info = { .joined = TRUE };

    sim_history_add_node (self->history, &info);
  }
  for (guint i = 0; i <= n_failovers; i++)
    add_mastership (self, i, n_messages_each, i == n_failovers);
  sim_history_sort (self->history);
  sim_measure_run (self->history, &self->measure);
  sim_verdict_check (self->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, TRUE);
  self->report = (SimReport) { &self->options, self->options.duration_s, &self->measure, self->verdict, 0.05 };
}

/* With a text that would be markup, if it were taken for that. */
void
page_fixture_break (PageFixture *self)
{
  sim_verdict_check (self->verdict, SIM_INVARIANT_ONCE_PER_EPOCH, FALSE);
  sim_verdict_explain (self->verdict, SIM_INVARIANT_ONCE_PER_EPOCH,
                       "node 1 at +0.150000 s handled </script><b id='no'>0/7</b> & \"more\"");
}

void
page_fixture_clear (PageFixture *self)
{
  sim_history_free (self->history);
  sim_verdict_free (self->verdict);
}
