/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <libipc.h>
#include <stdio.h>
#include <stdlib.h>

#include "sim-jsonl.h"
#include "sim-phase.h"

/*
 * Writes the history of a run that never was: make-history N has about N events, of a group in which all is well. Two
 * candidates take turns as masters, and the other nodes send. For measuring the checker: nothing is kept, so that the
 * history may be larger than the memory.
 */

#define N_NODES 20
#define N_CANDIDATES 2
#define N_SENDERS (N_NODES - N_CANDIDATES)
#define EVENTS_PER_MESSAGE 4
#define ROUNDS_PER_EPOCH 1000
#define FIRST_EPOCH G_GUINT64_CONSTANT (112238912737235) /* as long as a real one */
#define STEP_NS 10000
#define CHUNK_SIZE (64 * 1024)

typedef struct {
  SimHistory *history; /* (owned) without events */
  GString *text;       /* (owned) */
  gint64 now_ns;
  guint64 n_events;
  guint64 epoch;
  guint32 master;
  guint64 number; /* of the messages of this round */
} Maker;

static void
flush (Maker *self)
{
  fwrite (self->text->str, 1, self->text->len, stdout);
  g_string_truncate (self->text, 0);
}

static void
emit (Maker *self, guint32 node, guint32 position, SimEntry entry)
{
  SimEvent event = { .entry = entry, .node = node, .position = position };

  self->now_ns += STEP_NS;
  event.entry.time_ns = self->now_ns;
  sim_jsonl_append_event (self->text, self->history, &event);
  self->n_events++;
  if (self->text->len > CHUNK_SIZE)
    flush (self);
}

static void
emit_own (Maker *self, guint32 node, SimEntry entry)
{
  emit (self, node, 0, entry);
}

static void
enter_phase (Maker *self, SimPhase phase)
{
  emit (self, 0, G_MAXUINT32, (SimEntry) { .kind = SIM_ENTRY_PHASE, .code = (gint32) phase });
}

static void
elect (Maker *self, guint32 node)
{
  self->master = node;
  self->epoch++;
  emit_own (self, node, (SimEntry) { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_MASTER, .epoch = self->epoch });
  emit_own (self, node, (SimEntry) { .kind = SIM_ENTRY_ELECTED, .epoch = self->epoch });
}

static void
hand_over (Maker *self)
{
  guint32 old = self->master;

  emit_own (self, old, (SimEntry) { .kind = SIM_ENTRY_RESIGNING, .epoch = self->epoch });
  emit_own (self, old, (SimEntry) { .kind = SIM_ENTRY_RESIGNED, .epoch = self->epoch });
  emit_own (self, old, (SimEntry) { .kind = SIM_ENTRY_ROLE, .code = IPC_ROLE_STANDBY, .epoch = self->epoch });
  elect (self, (old + 1) % N_CANDIDATES);
}

static SimEntry
make_handled (Maker *self, guint32 sender)
{
  return (SimEntry) {
    .kind = SIM_ENTRY_HANDLED,
    .peer = sender,
    .number = self->number,
    .epoch = self->epoch,
    .sequence = self->number,
    .code = 1,
    .pid = 1000 + sender,
    .node_id = { (guint8) sender },
  };
}

static void
exchange (Maker *self, guint32 sender)
{
  emit_own (self, self->master, make_handled (self, sender));
  emit_own (self, self->master,
            (SimEntry) { .kind = SIM_ENTRY_RESPONDED, .peer = sender, .number = self->number, .epoch = self->epoch });
  emit_own (self, sender,
            (SimEntry) { .kind = SIM_ENTRY_ANSWERED,
                         .peer = self->master,
                         .number = self->number,
                         .epoch = self->epoch,
                         .result_epoch = self->epoch });
}

/* Every sender has one message on its way, and then all are answered. */
static void
go_round (Maker *self)
{
  self->number++;
  for (guint32 i = N_CANDIDATES; i < N_NODES; i++)
    emit_own (self, i, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = self->number });
  for (guint32 i = N_CANDIDATES; i < N_NODES; i++)
    exchange (self, i);
}

static void
begin (Maker *self)
{
  for (guint32 i = 0; i < N_NODES; i++) {
    SimNodeInfo info = { .pid = 1000 + i, .fate = SIM_FATE_CLOSED, .candidate = i < N_CANDIDATES, .joined = TRUE };

    sim_history_add_node (self->history, &info);
  }
  sim_jsonl_append_head (self->text, self->history);
  enter_phase (self, SIM_PHASE_START);
  for (guint32 i = 0; i < N_NODES; i++)
    emit_own (self, i, (SimEntry) { .kind = SIM_ENTRY_STARTED, .pid = 1000 + i, .node_id = { (guint8) i } });
  elect (self, 0);
  enter_phase (self, SIM_PHASE_WARM_UP);
  enter_phase (self, SIM_PHASE_CHAOS);
}

static void
end (Maker *self)
{
  enter_phase (self, SIM_PHASE_HEAL);
  enter_phase (self, SIM_PHASE_CONVERGE);
  go_round (self);
  enter_phase (self, SIM_PHASE_DRAIN);
  for (guint32 i = 0; i < N_NODES; i++)
    emit_own (self, i, (SimEntry) { .kind = SIM_ENTRY_DRAINED });
  enter_phase (self, SIM_PHASE_CLOSE);
  for (guint32 i = 0; i < N_NODES; i++)
    emit_own (self, i, (SimEntry) { .kind = SIM_ENTRY_CLOSED });
  enter_phase (self, SIM_PHASE_END);
  g_string_append_printf (self->text, "{\"event\":\"end\",\"events\":%" G_GUINT64_FORMAT "}\n", self->n_events);
  flush (self);
}

int
main (int argc, char **argv)
{
  Maker self = { .history = sim_history_new (0), .text = g_string_new (NULL), .epoch = FIRST_EPOCH };
  guint64 n_rounds = (argc > 1 ? g_ascii_strtoull (argv[1], NULL, 10) : 1000) / (N_SENDERS * EVENTS_PER_MESSAGE);

  self.history->hang_timeout_ms = 300;
  begin (&self);
  for (guint64 i = 1; i <= n_rounds; i++) {
    go_round (&self);
    if (i % ROUNDS_PER_EPOCH == 0)
      hand_over (&self);
  }
  end (&self);
  sim_history_free (self.history);
  g_string_free (self.text, TRUE);
  return ferror (stdout) ? EXIT_FAILURE : EXIT_SUCCESS;
}
