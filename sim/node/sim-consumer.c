/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-consumer.h"

#include <signal.h>
#include <stdlib.h>

#include "sim-fault.h"
#include "sim-fence.h"
#include "sim-hostile-wire.h"
#include "sim-node.h"
#include "sim-notice.h"
#include "sim-payload.h"
#include "sim-random.h"

/*
 * The handling side of a candidate. What it is handed is written down before anything else. Half of the messages are
 * answered at once and half some milliseconds later, so that a kill always finds messages that have been begun; and so
 * that answers leave in another order than messages came. A few get a GError instead of a response. Some handlers write
 * to a resource that refuses older epochs. And there are messages that end the process of their handler, or stop it in
 * the middle: when it goes on, it tries to write and to answer as if nothing had happened, as any program would.
 */

#define DELAY_MAX_MS 5
#define FAILURES 16 /* one of so many messages gets a GError */
#define WRITES 8    /* one of so many writes to the resource */

struct _SimConsumer {
  SimRecord *record; /* (unowned) */
  SimFence *fence;   /* (owned) */
  const SimOptions *options;
  SimRandom random;
  guint late_ms; /* answers come so much later */
  gboolean late_is_news; /* none has yet */
  gint64 late_until_us;
};

/* An answer that waits for its time. */
typedef struct {
  SimConsumer *consumer; /* (unowned) outlives the main loop */
  IpcMessage *message;   /* (owned) */
  SimAnswer answer;
  gboolean late; /* the first one that is slow beyond what is usual */
} Later;

static void
note_about (SimConsumer *self, SimEntryKind kind, const SimAnswer *answer, guint64 value)
{
  sim_node_note (self->record, (SimEntry) { .kind = (guint16) kind,
                                            .peer = answer->sender,
                                            .number = answer->number,
                                            .epoch = answer->epoch,
                                            .sequence = value });
}

/* With the epoch that the library names now. */
static void
write_to_resource (SimConsumer *self, IpcMessage *message, const SimAnswer *answer)
{
  guint64 place, newest;

  switch (sim_fence_write (self->fence, ipc_message_get_epoch (message), &place, &newest)) {
  case SIM_FENCE_TAKEN:
    note_about (self, SIM_ENTRY_WROTE, answer, place);
    break;
  case SIM_FENCE_REFUSED:
    note_about (self, SIM_ENTRY_FENCED, answer, newest);
    break;
  case SIM_FENCE_FULL:
    break;
  }
}

static void
give_answer (SimConsumer *self, IpcMessage *message, const SimAnswer *answer)
{
  if (sim_random_one_in (&self->random, WRITES))
    write_to_resource (self, message, answer);
  if (sim_random_one_in (&self->random, FAILURES)) {
    g_autoptr (GError) error = sim_payload_new_failure (answer);

    ipc_message_fail (message, error);
  } else {
    g_autoptr (GBytes) response = sim_payload_new_response (answer, (gsize) self->options->size_max);

    ipc_message_respond (message, response);
  }
  note_about (self, SIM_ENTRY_RESPONDED, answer, 0);
}

static gboolean
later_cb (gpointer user_data)
{
  Later *later = user_data;

  if (later->late)
    sim_node_note (later->consumer->record,
                   (SimEntry) { .kind = SIM_ENTRY_EFFECTIVE, .code = SIM_FAULT_SLOW_HANDLERS });
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
note_handled (SimConsumer *self, IpcMessage *message, SimAnswer *answer, SimDeed *deed)
{
  IpcPeer *sender = ipc_message_get_sender (message);
  SimEntry entry = { .kind = SIM_ENTRY_HANDLED };
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);
  SimMessage content = { 0 };
  gboolean exact = sim_payload_read_message (data, size, (gsize) self->options->size_max, &content);

  *deed = content.deed;
  answer->sender = content.sender;
  answer->number = content.number;
  answer->handler = (guint32) self->options->node;
  answer->epoch = ipc_message_get_epoch (message);

  entry.flags =
      (guint16) ((ipc_message_get_redelivered (message) ? SIM_ENTRY_REDELIVERED : 0) | (exact ? 0 : SIM_ENTRY_DAMAGED));
  entry.peer = answer->sender;
  entry.number = answer->number;
  entry.epoch = answer->epoch;
  entry.sequence = ipc_message_get_sequence (message);
  entry.code = (gint32) ipc_message_get_delivery_count (message);
  entry.pid = (guint32) ipc_peer_get_pid (sender);
  sim_entry_set_node_id (&entry, ipc_peer_get_id (sender));
  sim_node_note (self->record, entry);
  return exact;
}

static void
do_deed (SimConsumer *self, IpcMessage *message, const SimAnswer *answer, SimDeed deed)
{
  if (deed == SIM_DEED_ABORT) {
    sim_node_notify (self->options, SIM_NOTICE_ABORTING, answer->epoch);
    sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_ABORTING, .epoch = answer->epoch });
    abort ();
  }
  if (deed == SIM_DEED_STOP && !ipc_message_get_redelivered (message)) {
    write_to_resource (self, message, answer);
    sim_node_stop (self->record, self->options, (SimEntry) { .epoch = answer->epoch, .code = SIM_FAULT_STOP });
    write_to_resource (self, message, answer);
  }
}

/* A stranger's message is nobody's: it is given back, and nothing is written down. */
static gboolean
answer_stranger (IpcMessage *message)
{
  g_autoptr (GBytes) bytes = NULL;
  gsize size;
  const guint8 *data = ipc_message_get_data (message, &size);

  if (size < sizeof SIM_STRANGER_MAGIC - 1 || memcmp (data, SIM_STRANGER_MAGIC, sizeof SIM_STRANGER_MAGIC - 1) != 0)
    return FALSE;
  bytes = ipc_message_dup_bytes (message);
  ipc_message_respond (message, bytes);
  return TRUE;
}

static void
answer_later (SimConsumer *self, IpcMessage *message, const SimAnswer *answer, guint delay_ms)
{
  Later *later = g_new (Later, 1);

  *later = (Later) { .consumer = self, .message = ipc_message_ref (message), .answer = *answer };
  if (self->late_ms > 0 && g_get_monotonic_time () < self->late_until_us) {
    later->late = self->late_is_news;
    self->late_is_news = FALSE;
    delay_ms += self->late_ms;
  }
  g_timeout_add_full (G_PRIORITY_DEFAULT, delay_ms, later_cb, later, later_free);
}

static void
handle_cb (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  SimConsumer *self = user_data;
  SimAnswer answer = { 0 };
  SimDeed deed;
  guint delay_ms;

  if (answer_stranger (message))
    return;
  if (!note_handled (self, message, &answer, &deed)) {
    g_autoptr (GError) error = g_error_new (SIM_ERROR, 0, "damaged");

    ipc_message_fail (message, error);
    return;
  }

  do_deed (self, message, &answer, deed);
  delay_ms = (guint) sim_random_below (&self->random, 2 * DELAY_MAX_MS);
  if (delay_ms < DELAY_MAX_MS)
    give_answer (self, message, &answer);
  else
    answer_later (self, message, &answer, delay_ms - DELAY_MAX_MS + 1);
}

/* (nullable): from now on the node may be elected. */
SimConsumer *
sim_consumer_new (IpcNode *node, SimRecord *record, const SimOptions *options, GError **error)
{
  g_autofree char *path = g_build_filename (options->dir, SIM_PATH_FENCE, NULL);
  SimFence *fence = sim_fence_open (path, error);
  SimConsumer *self;

  if (fence == NULL)
    return NULL;

  self = g_new0 (SimConsumer, 1);
  self->fence = fence;
  self->record = record;
  self->options = options;
  sim_random_init (&self->random, (guint64) options->seed, ~(guint64) options->node);
  ipc_node_set_handler (node, handle_cb, self, NULL);
  return self;
}

/* For a while those answers that are not given at once come later than usual. */
void
sim_consumer_slow_down (SimConsumer *self, guint late_ms, guint for_ms)
{
  self->late_ms = late_ms;
  self->late_is_news = TRUE;
  self->late_until_us = g_get_monotonic_time () + for_ms * G_GINT64_CONSTANT (1000);
}

/* The main loop must not run any more. */
void
sim_consumer_free (SimConsumer *self)
{
  sim_fence_free (self->fence);
  g_free (self);
}
