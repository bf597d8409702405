/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <string.h>

#include "ipc-error.h"
#include "ipc-member.h"
#include "ipc-message-private.h"
#include "world-check.h"
#include "world-system.h"

/*
 * The application of each process: an IpcMember, which is all of a node but its GObject. It sends numbered messages,
 * and its handler answers them at once, or later, or with an error, or not at all. What it does it tells the checker.
 */

#define HANG_TIMEOUT_MS 200
#define HANDSHAKE_TIMEOUT_MS 1000
#define LATER_US 5000
#define DEADLINE_US (100 * 1000)
#define SIZE_MAX_EXTRA 1500 /* so large that some frames do not fit a socket */

/* A message, and an answer. The rest of each is filling. */
typedef struct {
  guint64 number;
  guint64 epoch;
} Content;

typedef struct {
  Host *host;
  IpcMember *member;   /* (owned) (nullable) */
  GPtrArray *messages; /* (owned) of IpcMessage: to be answered later */
  GQueue ended;        /* (owned) of IpcSend */
  guint64 epoch;       /* in which it is master, as was last seen */
  gboolean is_leaving;
} Node;

static IpcSendPool pool;
static GObject *source; /* what calls belong to */

static guint
number_of (IpcMessage *message)
{
  gsize size;
  Content content;

  memcpy (&content, ipc_message_get_data (message, &size), sizeof content);
  return content.number;
}

static GBytes *
make_payload (guint64 number, guint64 epoch)
{
  gsize size = sizeof (Content) + (world_one_in (16) ? world_chance (SIZE_MAX_EXTRA) : world_chance (64));
  Content *content = g_malloc0 (size);

  *content = (Content) { number, epoch };
  return g_bytes_new_take (content, size);
}

static void
give (IpcMessage *message, AnswerKind kind)
{
  if (kind == ANSWER_RESPONSE) {
    g_autoptr (GBytes) payload = make_payload (number_of (message), ipc_message_get_epoch (message));

    ipc_message_respond (message, payload);
  } else if (kind == ANSWER_FAILURE) {
    g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED, "no");

    ipc_message_fail (message, error);
  }
}

/* @message: (transfer full) */
static void
answer (IpcMessage *message, AnswerKind kind)
{
  guint number = number_of (message);
  guint64 epoch = ipc_message_get_epoch (message);

  WORLD_TRACE ("%s message %u in epoch +%" G_GUINT64_FORMAT,
               kind == ANSWER_DROPPED ? "drops" : kind == ANSWER_FAILURE ? "fails" : "answers", number,
               check_relative (epoch));
  check_answering (number, epoch, kind);
  give (message, kind);
  ipc_message_unref (message);
  /* What is dropped is answered by the library, later if it holds it itself. */
  if (kind != ANSWER_DROPPED && world_is_real () && group_get_epoch () == epoch)
    check_answered (number, epoch);
}

static AnswerKind
draw_answer (void)
{
  return world_one_in (24) ? ANSWER_DROPPED : world_one_in (12) ? ANSWER_FAILURE : ANSWER_RESPONSE;
}

static void
later_cb (gpointer data, guint64 argument)
{
  Host *host = data, *before;
  Node *self = host->node;
  IpcMessage *message;

  if (self == NULL || host->is_dead || self->messages->len == 0)
    return;
  if (!host_can_run (host)) {
    world_at (LATER_US, later_cb, host, 0);
    return;
  }

  host_enter (host, &before);
  message = g_ptr_array_steal_index (self->messages, world_chance (self->messages->len));
  answer (message, draw_answer ());
  host_leave (host, before);
}

static void
handle (IpcMessage *message, gpointer user_data)
{
  Node *self = user_data;
  guint number = number_of (message);
  Delivery delivery = { ipc_message_get_epoch (message), ipc_message_get_redelivered (message),
                        ipc_message_get_delivery_count (message) };

  if (!world_is_real ())
    return;

  WORLD_TRACE ("handles message %u in epoch +%" G_GUINT64_FORMAT "%s, delivery %u", number,
               check_relative (delivery.epoch), delivery.redelivered ? ", marked" : "", delivery.delivery_count);
  check_handled (self->host, number, &delivery);
  if (check_flags_of (number) & MESSAGE_POISON)
    host_kill (self->host, "by the message in its handler");
  world_step (WORLD_STEP_HANDLER);
  if (!world_is_real ()) {
    check_died_in_handler (number);
    return;
  }

  if (world_one_in (3)) {
    g_ptr_array_add (self->messages, ipc_message_ref (message));
    world_at (world_delay (LATER_US), later_cb, self->host, 0);
  } else {
    answer (ipc_message_ref (message), draw_answer ());
  }
}

static Outcome
outcome_of (const GError *error)
{
  if (g_error_matches (error, G_IO_ERROR, G_IO_ERROR_NOT_SUPPORTED))
    return OUTCOME_FAILURE;
  if (error->domain != IPC_ERROR)
    return OUTCOME_OTHER;

  switch (error->code) {
  case IPC_ERROR_NO_RESPONSE:
    return OUTCOME_NO_RESPONSE;
  case IPC_ERROR_RESPONSE_LOST:
    return OUTCOME_LOST;
  case IPC_ERROR_POISONED:
    return OUTCOME_POISONED;
  case IPC_ERROR_OUTCOME_UNKNOWN:
    return OUTCOME_UNKNOWN;
  case IPC_ERROR_TIMED_OUT:
    return OUTCOME_TIMED_OUT;
  case IPC_ERROR_NOT_SENT:
  case IPC_ERROR_NO_MASTER:
  case IPC_ERROR_CLOSED:
    return OUTCOME_NOT_HANDLED;
  default:
    return OUTCOME_OTHER;
  }
}

static void
completed (IpcSend *send, gpointer user_data)
{
  Node *self = user_data;
  guint number = GPOINTER_TO_UINT (send->user_data);
  Outcome outcome = send->error != NULL ? outcome_of (send->error) : OUTCOME_RESPONSE;
  Content content = { 0 };

  g_queue_push_tail_link (&self->ended, &send->link);
  if (!world_is_real ())
    return;

  if (send->response != NULL && g_bytes_get_size (send->response) >= sizeof content)
    memcpy (&content, g_bytes_get_data (send->response, NULL), sizeof content);
  WORLD_TRACE ("message %u ends: %s", number, send->error != NULL ? send->error->message : "response");
  if (send->response != NULL && (content.epoch == 0 || content.number != number))
    check_fail ("answered-was-handled", "message %u has the answer to %u", number, (guint) content.number);
  check_ended (number, outcome, send->epoch, content.epoch);
}

static void
failed (const GError *error, gpointer user_data)
{
  WORLD_TRACE ("reports: %s", error->message);
}

static void
left_cb (gpointer data, guint64 argument)
{
  host_end (data, "it has left");
}

static void
look_at_role (Node *self)
{
  guint64 epoch = ipc_member_get_own_epoch (self->member);

  if (epoch != self->epoch && epoch != 0 && world_is_real ()) {
    WORLD_TRACE ("is master of epoch +%" G_GUINT64_FORMAT, check_relative (epoch));
    check_elected (self->host, epoch);
    world_stats.n_elections++;
    if (!group_has_book (epoch)) {
      WORLD_TRACE ("has no book: its ledger is private");
      world_stats.n_private++;
      check_ledger_lost ();
    }
  }
  self->epoch = epoch;
  if (ipc_member_get_master (self->member) != NULL && world_is_real ())
    check_master (self->host, ipc_peer_get_epoch (ipc_member_get_master (self->member)));
}

static void
release_ended (Node *self)
{
  while (!g_queue_is_empty (&self->ended))
    ipc_send_release (g_queue_pop_head_link (&self->ended)->data, &pool);
}

static void
turned (gpointer user_data)
{
  Node *self = user_data;

  look_at_role (self);
  release_ended (self);
  if (self->is_leaving && ipc_member_has_left (self->member) && world_is_real ())
    world_at (0, left_cb, self->host, 0);
}

static const IpcMemberEvents events = {
  .handle = handle,
  .completed = completed,
  .failed = failed,
  .turned = turned,
};

void
node_start (Host *host)
{
  Node *self = g_new0 (Node, 1);
  IpcMemberConfig config = {
    .group = "world",
    .mode = host->is_candidate ? IPC_MODE_DUAL : IPC_MODE_CLIENT,
    .max_message_size = 16 * 1024,
    .max_pending = 64,
    .max_pending_bytes = 1024 * 1024,
    .max_deliveries = CHECK_MAX_DELIVERIES,
    .handshake_timeout_ms = HANDSHAKE_TIMEOUT_MS,
    .hang_timeout_ms = HANG_TIMEOUT_MS,
  };
  Host *before;

  if (source == NULL)
    source = g_object_new (G_TYPE_OBJECT, NULL);
  for (guint i = 0; i < sizeof config.id; i++)
    config.id[i] = world_chance (256);

  WORLD_TRACE ("process %u starts, %s", host->index, host->is_candidate ? "a candidate" : "a client");
  self->host = host;
  self->messages = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_message_unref);
  host->node = self;
  host_enter (host, &before);
  self->member = ipc_member_new (&config, &events, self, NULL);
  if (host->is_candidate)
    ipc_member_campaign (self->member);
  host_leave (host, before);
}

/* @flags: MessageFlags */
void
node_send (Host *host, guint flags)
{
  Node *self = host->node;
  g_autoptr (GBytes) payload = NULL;
  guint number;
  Host *before;

  if (self == NULL || !host_can_run (host) || self->is_leaving || check_get_n_messages () == CHECK_N_MESSAGES)
    return;

  number = check_sent (host, flags);
  host_enter (host, &before);
  payload = make_payload (number, 0);
  WORLD_TRACE ("sends message %u%s%s%s", number, flags & MESSAGE_ONCE ? ", at most once" : "",
               flags & MESSAGE_DEADLINE ? ", with a deadline" : "", flags & MESSAGE_POISON ? ", poison" : "");
  ipc_member_send (self->member,
                   ipc_send_new (&pool, source, payload,
                                 flags & MESSAGE_ONCE ? IPC_SEND_AT_MOST_ONCE : IPC_SEND_DEFAULT, NULL,
                                 GUINT_TO_POINTER (number)),
                   flags & MESSAGE_DEADLINE ? DEADLINE_US : -1);
  host_leave (host, before);
}

void
node_resign (Host *host)
{
  Node *self = host->node;
  Host *before;

  if (self == NULL || !host_can_run (host) || self->is_leaving)
    return;

  WORLD_TRACE ("process %u is asked to resign", host->index);
  check_resigned (host);
  host_enter (host, &before);
  ipc_member_resign (self->member);
  host_leave (host, before);
}

void
node_leave (Host *host)
{
  Node *self = host->node;
  Host *before;

  if (self == NULL || !host_can_run (host) || self->is_leaving)
    return;

  WORLD_TRACE ("process %u is asked to leave", host->index);
  host_enter (host, &before);
  self->is_leaving = TRUE;
  check_left (host);
  check_resigned (host);
  ipc_member_leave (self->member);
  host_leave (host, before);
}

gboolean
node_is_master (Host *host)
{
  Node *self = host->node;

  return self != NULL && self->epoch != 0;
}

/* The memory of a process that has died. */
void
node_free (Host *host)
{
  Node *self = g_steal_pointer (&host->node);

  ipc_member_free (self->member);
  g_ptr_array_unref (self->messages);
  release_ended (self);
  g_free (self);
}

void
nodes_end (void)
{
  ipc_send_pool_clear (&pool);
  g_clear_object (&source);
}
