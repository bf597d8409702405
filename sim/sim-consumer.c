/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-consumer.h"

#include "sim-node.h"
#include "sim-payload.h"
#include "sim-random.h"

/*
 * The handling side of a candidate. What it is handed is written down before anything else. Half of the messages are
 * answered at once and half some milliseconds later, so that a kill always finds messages that have been begun; and so
 * that answers leave in another order than messages came. A few get a GError instead of a response.
 */

#define DELAY_MAX_MS 5
#define FAILURES 16 /* one of so many messages gets a GError */

struct _SimConsumer {
  SimRecord *record; /* (unowned) */
  const SimOptions *options;
  SimRandom random;
};

/* An answer that waits for its time. */
typedef struct {
  SimConsumer *consumer; /* (unowned) outlives the main loop */
  IpcMessage *message;   /* (owned) */
  SimAnswer answer;
} Later;

static void
give_answer (SimConsumer *self, IpcMessage *message, const SimAnswer *answer)
{
  if (sim_random_one_in (&self->random, FAILURES)) {
    g_autoptr (GError) error = sim_payload_new_failure (answer);

    ipc_message_fail (message, error);
  } else {
    g_autoptr (GBytes) response = sim_payload_new_response (answer, (gsize) self->options->size_max);

    ipc_message_respond (message, response);
  }
}

static gboolean
later_cb (gpointer user_data)
{
  Later *later = user_data;

  give_answer (later->consumer, later->message, &later->answer);
  return G_SOURCE_REMOVE;
}

static void
later_free (gpointer user_data)
{
  Later *later = user_data;

  ipc_message_unref (later->message);
  g_free (later);
}

/* Writes down what was handed over, and reads whom it is from. FALSE when its bytes are not what anybody sent. */
static gboolean
note_handled (SimConsumer *self, IpcMessage *message, SimAnswer *answer)
{
  IpcPeer *sender = ipc_message_get_sender (message);
  SimEntry entry = { .kind = SIM_ENTRY_HANDLED };
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  gboolean exact;

  exact = sim_payload_read_message (data, size, (gsize) self->options->size_max, &answer->sender, &answer->number);
  answer->handler = (guint32) self->options->node;
  answer->epoch = ipc_message_get_epoch (message);

  entry.flags =
      (guint16) ((ipc_message_get_redelivered (message) ? SIM_ENTRY_REDELIVERED : 0) | (exact ? 0 : SIM_ENTRY_DAMAGED));
  entry.peer = answer->sender;
  entry.number = answer->number;
  entry.epoch = answer->epoch;
  entry.sequence = ipc_message_get_sequence (message);
  entry.pid = (guint32) ipc_peer_get_pid (sender);
  sim_entry_set_node_id (&entry, ipc_peer_get_id (sender));
  sim_node_note (self->record, entry);
  return exact;
}

static void
handle_cb (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  SimConsumer *self = user_data;
  SimAnswer answer = { 0 };
  guint delay_ms;

  if (!note_handled (self, message, &answer)) {
    g_autoptr (GError) error = g_error_new (SIM_ERROR, 0, "damaged");

    ipc_message_fail (message, error);
    return;
  }

  delay_ms = (guint) sim_random_below (&self->random, 2 * DELAY_MAX_MS);
  if (delay_ms < DELAY_MAX_MS) {
    give_answer (self, message, &answer);
  } else {
    Later *later = g_new (Later, 1);

    *later = (Later) { .consumer = self, .message = ipc_message_ref (message), .answer = answer };
    g_timeout_add_full (G_PRIORITY_DEFAULT, delay_ms - DELAY_MAX_MS + 1, later_cb, later, later_free);
  }
}

/* From now on the node may be elected. */
SimConsumer *
sim_consumer_new (IpcNode *node, SimRecord *record, const SimOptions *options)
{
  SimConsumer *self = g_new0 (SimConsumer, 1);

  self->record = record;
  self->options = options;
  sim_random_init (&self->random, (guint64) options->seed, ~(guint64) options->node);
  ipc_node_set_handler (node, handle_cb, self, NULL);
  return self;
}

/* The main loop must not run any more. */
void
sim_consumer_free (SimConsumer *self)
{
  g_free (self);
}
