/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-sender.h"

#include "sim-cut.h"
#include "sim-node.h"
#include "sim-payload.h"
#include "sim-random.h"

/*
 * The sending side of a node: numbered messages in bursts, so that several are on their way at a time without loading
 * the machine, never more than a limit, and each with no deadline of its own: whatever happens to masters, every one
 * of them has to be answered in the end. A cut waits for the next burst, or there might be nothing to lose.
 */

#define CUT_DELAY_MAX_MS 4 /* about as long as a slow handler takes: some of the burst is answered, some is not */

struct _SimSender {
  IpcNode *node;     /* (unowned) */
  SimRecord *record; /* (unowned) */
  const SimOptions *options;
  SimRandom random;
  guint64 last_number;
  int n_in_flight;
  gboolean cut_wanted;
  guint burst_source;
  guint cut_source;
  SimDrainedFunc drained; /* (nullable) only while draining */
  gpointer drained_data;
};

typedef struct {
  SimSender *sender; /* (unowned) outlives all its sends */
  guint64 number;
} Send;

SimSender *
sim_sender_new (IpcNode *node, SimRecord *record, const SimOptions *options)
{
  SimSender *self = g_new0 (SimSender, 1);

  self->node = node;
  self->record = record;
  self->options = options;
  sim_random_init (&self->random, (guint64) options->seed, (guint64) options->node);
  return self;
}

/* The node must be closed: then every send has ended. */
void
sim_sender_free (SimSender *self)
{
  g_clear_handle_id (&self->burst_source, g_source_remove);
  g_clear_handle_id (&self->cut_source, g_source_remove);
  g_free (self);
}

static void
check_drained (SimSender *self)
{
  SimDrainedFunc drained = self->drained;

  if (drained == NULL || self->n_in_flight > 0)
    return;
  self->drained = NULL;
  drained (self->drained_data);
}

/* What came back must be exactly what a handler made for this very message; only then are its fields believed. */
static void
note_answer (SimSender *self, guint64 number, gboolean exact, const SimAnswer *answer, guint16 flags, guint64 epoch)
{
  SimEntry entry = { .kind = SIM_ENTRY_ANSWERED, .flags = flags, .number = number, .result_epoch = epoch };

  if (exact && answer->sender == (guint32) self->options->node && answer->number == number) {
    entry.peer = answer->handler;
    entry.epoch = answer->epoch;
  } else {
    entry.flags |= SIM_ENTRY_DAMAGED;
  }
  sim_node_note (self->record, entry);
}

static void
note_error (SimSender *self, guint64 number, const GError *error, guint64 epoch)
{
  SimAnswer answer;
  gboolean ours = error->domain == IPC_ERROR;

  if (error->domain == SIM_ERROR) {
    note_answer (self, number, sim_payload_read_failure (error, &answer), &answer, SIM_ENTRY_FAILURE, epoch);
    return;
  }

  g_printerr ("%d/%" G_GUINT64_FORMAT " failed: %s %d: %s\n", self->options->node, number,
              g_quark_to_string (error->domain), error->code, error->message);
  sim_node_note (self->record,
                 (SimEntry) { .kind = SIM_ENTRY_FAILED, .number = number, .code = ours ? error->code : -1 });
}

static void
send_cb (GObject *object, GAsyncResult *result, gpointer user_data)
{
  g_autofree Send *send = user_data;
  SimSender *self = send->sender;
  g_autoptr (GError) error = NULL;
  guint64 epoch = ipc_node_get_result_epoch (self->node, result);
  g_autoptr (GBytes) response = ipc_node_send_finish (self->node, result, &error);

  if (response != NULL) {
    SimAnswer answer;
    gboolean exact = sim_payload_read_response (response, (gsize) self->options->size_max, &answer);

    note_answer (self, send->number, exact, &answer, 0, epoch);
  } else {
    note_error (self, send->number, error, epoch);
  }

  self->n_in_flight--;
  check_drained (self);
}

static void
send_one (SimSender *self)
{
  guint64 number = ++self->last_number;
  guint32 index = (guint32) self->options->node;
  g_autoptr (GBytes) message = sim_payload_new_message (index, number, (gsize) self->options->size_max);
  Send *send = g_new (Send, 1);

  *send = (Send) { .sender = self, .number = number };
  self->n_in_flight++;
  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_SENT, .number = number });
  ipc_node_send_full_async (self->node, message, IPC_SEND_DEFAULT, IPC_TIMEOUT_NONE, NULL, send_cb, send);
}

static gboolean
cut_cb (gpointer user_data)
{
  SimSender *self = user_data;
  guint n_cut = self->n_in_flight > 0 ? sim_cut_links () : 0;

  self->cut_source = 0;
  self->cut_wanted = n_cut == 0; /* a master has no connection to itself; the next burst may find one */
  if (n_cut > 0)
    sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_CUT, .number = n_cut });
  return G_SOURCE_REMOVE;
}

static void schedule_burst (SimSender *self, guint after_messages);

static gboolean
burst_cb (gpointer user_data)
{
  SimSender *self = user_data;
  int n_wanted = 1 + (int) sim_random_below (&self->random, (guint64) self->options->in_flight);
  int n_messages = MIN (n_wanted, self->options->in_flight - self->n_in_flight);

  for (int i = 0; i < n_messages; i++)
    send_one (self);

  if (self->cut_wanted && self->cut_source == 0)
    self->cut_source = g_timeout_add ((guint) sim_random_below (&self->random, CUT_DELAY_MAX_MS), cut_cb, self);
  schedule_burst (self, (guint) n_wanted);
  return G_SOURCE_REMOVE;
}

/* Half to one and a half of the time that so many messages take at the wanted rate. */
static void
schedule_burst (SimSender *self, guint after_messages)
{
  guint mean_ms = (guint) (after_messages * 1000 / self->options->rate);

  self->burst_source =
      g_timeout_add (mean_ms / 2 + (guint) sim_random_below (&self->random, mean_ms + 1), burst_cb, self);
}

void
sim_sender_start (SimSender *self)
{
  schedule_burst (self, 1);
}

/* Breaks the connection soon after the next burst. */
void
sim_sender_cut (SimSender *self)
{
  self->cut_wanted = TRUE;
}

/* Stops sending; drained is called when the last send has ended, which may be at once. */
void
sim_sender_drain (SimSender *self, SimDrainedFunc drained, gpointer user_data)
{
  g_clear_handle_id (&self->burst_source, g_source_remove);
  g_clear_handle_id (&self->cut_source, g_source_remove);
  self->drained = drained;
  self->drained_data = user_data;
  check_drained (self);
}
