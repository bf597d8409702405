/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-sender.h"

#include <string.h>

#include "sim-cut.h"
#include "sim-node.h"
#include "sim-payload.h"
#include "sim-random.h"
#include "sim-terms.h"

/*
 * The sending side of a node: numbered messages in bursts, so that several are on their way at a time without loading
 * the machine, and never more than a limit. Most have no deadline: whatever happens to masters, every one of them has
 * to be answered in the end. Some are to be handled at most once: then their outcome may be unknown. Some are given up:
 * after a time, or when there is no master, or no room; so that there is none now and then, the node may not have as
 * much pending as the sender would like, and most wait for room. A cut waits for the next burst, or there might be
 * nothing to lose.
 */

/* Of what a node has in flight, so much has room in it when some are given up. */
#define ROOM_PERCENT 75
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
  guint64 probe;          /* the number of the message that answered is about */
  SimSenderFunc answered; /* (nullable) until it has been answered */
  gpointer answered_data;
  SimSenderFunc drained; /* (nullable) only while draining */
  gpointer drained_data;
};

typedef struct {
  SimSender *sender; /* (unowned) outlives all its sends */
  guint64 number;
  GCancellable *cancellable; /* (owned) (nullable) of one that is to be cancelled */
  guint cancel_source;
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

static void
send_free (Send *self)
{
  g_clear_handle_id (&self->cancel_source, g_source_remove);
  g_clear_object (&self->cancellable);
  g_free (self);
}

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Send, send_free)

/* How much the node may have pending. */
guint
sim_sender_get_room (const SimOptions *options)
{
  guint in_flight = (guint) options->in_flight;

  return options->give_up > 0 ? MAX (in_flight * ROOM_PERCENT / 100, 1) : in_flight;
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
  SimSenderFunc drained = self->drained;

  if (drained == NULL || self->n_in_flight > 0)
    return;
  self->drained = NULL;
  drained (self->drained_data);
}

static void
check_answered (SimSender *self, guint64 number)
{
  SimSenderFunc answered = self->answered;

  if (answered == NULL || number != self->probe)
    return;
  self->answered = NULL;
  answered (self->answered_data);
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

/* The text is all that says whether it was sent. */
static void
note_cancelled (SimSender *self, guint64 number, const GError *error)
{
  gboolean unsent = strstr (error->message, "not sent") != NULL;

  sim_node_note (self->record, (SimEntry) { .kind = SIM_ENTRY_CANCELLED,
                                            .number = number,
                                            .flags = unsent ? SIM_ENTRY_UNSENT : 0 });
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
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_CANCELLED)) {
    note_cancelled (self, number, error);
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
  g_autoptr (Send) send = user_data;
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
  check_answered (self, send->number);
  check_drained (self);
}

static gboolean
cancel_cb (gpointer user_data)
{
  Send *send = user_data;

  send->cancel_source = 0;
  g_cancellable_cancel (send->cancellable);
  return G_SOURCE_REMOVE;
}

/* At once is in the same turn in which it may go out. */
static void
cancel_after (Send *send, int after_ms)
{
  if (after_ms == 0)
    g_cancellable_cancel (send->cancellable);
  else
    send->cancel_source = g_timeout_add ((guint) after_ms, cancel_cb, send);
}

static IpcSendFlags
get_send_flags (guint16 flags)
{
  return (flags & SIM_ENTRY_ONCE ? IPC_SEND_AT_MOST_ONCE : 0) | (flags & SIM_ENTRY_FAIL_FAST ? IPC_SEND_FAIL_FAST : 0)
         | (flags & SIM_ENTRY_REFUSABLE ? 0 : IPC_SEND_WAIT);
}

static gboolean
draw_percent (SimSender *self, guint percent)
{
  return sim_random_below (&self->random, 100) < percent;
}

static void
send_one (SimSender *self, SimDeed deed, SimTerms terms)
{
  SimMessage content = { (guint32) self->options->node, deed, ++self->last_number };
  g_autoptr (GBytes) message = sim_payload_new_message (&content, (gsize) self->options->size_max);
  guint16 flags = terms.flags | (deed == SIM_DEED_ABORT ? SIM_ENTRY_POISON : 0);
  Send *send = g_new (Send, 1);

  *send = (Send) { .sender = self, .number = content.number };
  if (flags & SIM_ENTRY_CANCEL)
    send->cancellable = g_cancellable_new ();
  self->n_in_flight++;
  sim_node_note (
      self->record,
      (SimEntry) { .kind = SIM_ENTRY_SENT, .number = content.number, .flags = flags, .code = terms.after_ms });
  ipc_node_send_full_async (self->node, message, get_send_flags (flags),
                            flags & SIM_ENTRY_DEADLINE ? terms.after_ms : IPC_TIMEOUT_NONE, send->cancellable, send_cb,
                            send);
  if (flags & SIM_ENTRY_CANCEL)
    cancel_after (send, terms.after_ms);
}

/* @give_up: percent of all that are given up */
static SimTerms
draw_terms (SimSender *self, guint give_up)
{
  SimTerms terms = draw_percent (self, give_up) ? sim_terms_draw (&self->random) : (SimTerms) { 0 };

  if (draw_percent (self, self->options->at_most_once))
    terms.flags |= SIM_ENTRY_ONCE;
  return terms;
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
    send_one (self, SIM_DEED_ANSWER, draw_terms (self, self->options->give_up));

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

/* One more, whatever is on its way; none any more once it is to stop. */
void
sim_sender_send (SimSender *self, SimDeed deed)
{
  if (self->burst_source != 0)
    send_one (self, deed, draw_terms (self, 0));
}

/* One more, which is to be answered whatever happens; answered is called when it has been. At once if this node sends
 * nothing at all. */
void
sim_sender_probe (SimSender *self, SimSenderFunc answered, gpointer user_data)
{
  if (self->burst_source == 0) {
    answered (user_data);
    return;
  }
  self->answered = answered;
  self->answered_data = user_data;
  self->probe = self->last_number + 1;
  send_one (self, SIM_DEED_ANSWER, (SimTerms) { 0 });
}

void
sim_sender_send_many (SimSender *self, guint n_messages)
{
  for (guint i = 0; i < n_messages; i++)
    sim_sender_send (self, SIM_DEED_ANSWER);
}

/* Stops sending; drained is called when the last send has ended, which may be at once. */
void
sim_sender_drain (SimSender *self, SimSenderFunc drained, gpointer user_data)
{
  g_clear_handle_id (&self->burst_source, g_source_remove);
  g_clear_handle_id (&self->cut_source, g_source_remove);
  self->drained = drained;
  self->drained_data = user_data;
  check_drained (self);
}
