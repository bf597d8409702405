/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world-check.h"

#include <stdarg.h>
#include <string.h>

/*
 * The promises of docs/guarantees.md, checked at every event that has to do with one. It sees what no master can: all
 * processes at once, and what each of them really did. The first promise that is broken is kept, and ends the seed.
 *
 * Before and after mean epochs here, and not instants: a master that was stopped and replaced may still finish what it
 * had begun, and that is of its own epoch.
 */

#define HANDLINGS_MAX 40 /* of one message; ten times the delivery limit is less */
#define EPOCHS_MAX 256 /* many times as many as all faults of a story bring about */

typedef struct {
  guint64 epoch;
  AnswerKind answer;
  gboolean is_firm; /* the answer was in the ledger while the epoch was the group's */
} Handling;

typedef struct {
  Host *sender;
  MessageFlags flags;
  Outcome outcome;
  guint64 answered_epoch; /* 0 without an answer */
  guint n_deaths;         /* of its handlers */
  guint n_handlings;
  Handling handlings[HANDLINGS_MAX];
} Message;

/* Who is master of an epoch, and what he has handled of each sender. */
typedef struct {
  guint64 epoch;
  Host *host;
  guint64 elected_before; /* the newest epoch with a master when this one was claimed */
  gboolean is_elected;
  gboolean is_hit;        /* he was killed or stopped, then or later */
  gboolean is_resigned;   /* he was asked to resign, or to leave */
  guint newest[WORLD_N_HOSTS]; /* number of the last message handled, and 1 */
} Epoch;

static Message messages[CHECK_N_MESSAGES];
static guint n_messages;
static Epoch epochs[EPOCHS_MAX];
static guint n_epochs;
static guint64 first_epoch, newest_elected;
static gboolean ledger_lost; /* the file was deleted, or a master had no book in it */
static guint64 newest_seen[WORLD_N_HOSTS]; /* epoch of a master, by each */
static gboolean is_leaving[WORLD_N_HOSTS]; /* it ends what it still has by itself */
static guint n_unseen; /* masters hit at a step: each may have begun on one message without the handler's knowing */
static guint n_repeats;
static char *violation; /* (owned) (nullable) */

void
check_begin (void)
{
  n_messages = n_epochs = n_repeats = n_unseen = 0;
  first_epoch = newest_elected = 0;
  ledger_lost = FALSE;
  memset (newest_seen, 0, sizeof newest_seen);
  memset (is_leaving, 0, sizeof is_leaving);
  g_clear_pointer (&violation, g_free);
}

/* (nullable) */
const char *
check_get_violation (void)
{
  return violation;
}

void
check_fail (const char *invariant, const char *format, ...)
{
  g_autofree char *text = NULL;
  va_list arguments;

  if (violation != NULL)
    return;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  violation = g_strdup_printf ("%s: %s", invariant, text);
  WORLD_TRACE ("VIOLATION %s", violation);
}

/* Epochs as a reader likes them: counted from the first. */
guint64
check_relative (guint64 epoch)
{
  if (first_epoch == 0)
    first_epoch = epoch - 1;

  return epoch - first_epoch;
}

static Epoch *
find_epoch (guint64 epoch)
{
  for (guint i = n_epochs; i > 0; i--) {
    if (epochs[i - 1].epoch == epoch)
      return &epochs[i - 1];
  }

  return NULL;
}

/* Somebody takes the place of the newest master: is there a reason? */
static void
check_need (void)
{
  const Epoch *newest = find_epoch (newest_elected);

  if (newest != NULL && !newest->host->is_dead && !newest->is_hit && !newest->is_resigned && !ledger_lost)
    check_fail ("no-needless-election", "process %u, master of epoch +%" G_GUINT64_FORMAT
                ", is replaced though nothing was done to it", newest->host->index, check_relative (newest->epoch));
}

void
check_claimed (Host *host, guint64 epoch)
{
  Epoch *self = find_epoch (epoch);

  if (self != NULL) {
    check_fail ("one-master-per-epoch", "epoch +%" G_GUINT64_FORMAT " is claimed by process %u, and was by %u",
                check_relative (epoch), host->index, self->host->index);
    return;
  }

  check_relative (epoch);
  check_need ();
  if (n_epochs == EPOCHS_MAX) {
    check_fail ("converges", "there is no end to elections: %u so far", n_epochs);
    return;
  }
  self = &epochs[n_epochs++];
  memset (self, 0, sizeof *self);
  self->epoch = epoch;
  self->host = host;
  self->elected_before = newest_elected;
}

void
check_elected (Host *host, guint64 epoch)
{
  Epoch *self = find_epoch (epoch);

  if (self == NULL || self->host != host)
    check_fail ("one-master-per-epoch", "process %u is master of epoch +%" G_GUINT64_FORMAT ", which is not its own",
                host->index, check_relative (epoch));
  else if (epoch <= self->elected_before)
    check_fail ("epochs-increase", "epoch +%" G_GUINT64_FORMAT " was claimed after +%" G_GUINT64_FORMAT,
                check_relative (epoch), check_relative (self->elected_before));

  newest_elected = MAX (newest_elected, epoch);
  if (self != NULL)
    self->is_elected = TRUE;
}

/* Returns the number of the message. */
guint
check_sent (Host *host, MessageFlags flags)
{
  Message *self = &messages[n_messages];

  g_assert (n_messages < CHECK_N_MESSAGES);
  self->sender = host;
  self->flags = flags;
  self->outcome = OUTCOME_NONE;
  self->answered_epoch = 0;
  self->n_deaths = self->n_handlings = 0;

  return n_messages++;
}

MessageFlags
check_flags_of (guint message)
{
  return messages[message].flags;
}

static Handling *
find_handling (guint message, guint64 epoch)
{
  Message *self = &messages[message];

  for (guint i = 0; i < self->n_handlings; i++) {
    if (self->handlings[i].epoch == epoch)
      return &self->handlings[i];
  }

  return NULL;
}

/* Messages of one sender come in order: within an epoch, and the new ones after all that earlier epochs have had. */
static void
check_order (guint message, const Delivery *delivery, Epoch *epoch)
{
  guint sender = messages[message].sender->index;

  if (epoch->newest[sender] > message)
    check_fail ("order-per-sender", "message %u comes after %u in epoch +%" G_GUINT64_FORMAT, message,
                epoch->newest[sender] - 1, check_relative (epoch->epoch));
  epoch->newest[sender] = message + 1;

  for (guint i = 0; i < n_epochs && !delivery->redelivered; i++) {
    if (epochs[i].epoch < epoch->epoch && epochs[i].newest[sender] > message + 1)
      check_fail ("order-per-sender", "message %u is new in epoch +%" G_GUINT64_FORMAT ", and %u was handled before",
                  message, check_relative (epoch->epoch), epochs[i].newest[sender] - 1);
  }
}

static void
check_repeat (guint message, const Delivery *delivery)
{
  const Message *self = &messages[message];
  guint n_before = 0;

  for (guint i = 0; i < self->n_handlings; i++) {
    const Handling *other = &self->handlings[i];

    n_before += other->epoch < delivery->epoch;
    if (other->epoch < delivery->epoch && find_epoch (other->epoch)->is_resigned && !find_epoch (other->epoch)->is_hit
        && !ledger_lost)
      check_fail ("resigning-repeats-nothing", "message %u was handled in epoch +%" G_GUINT64_FORMAT
                  ", whose master resigned, and comes again", message, check_relative (other->epoch));
    if (other->is_firm && other->epoch < delivery->epoch && !ledger_lost)
      check_fail ("not-after-its-handling", "message %u was answered in epoch +%" G_GUINT64_FORMAT
                  " and comes again in +%" G_GUINT64_FORMAT, message, check_relative (other->epoch),
                  check_relative (delivery->epoch));
  }

  if (self->answered_epoch != 0 && self->answered_epoch < delivery->epoch)
    check_fail ("not-after-its-answer", "the sender of message %u has its answer of epoch +%" G_GUINT64_FORMAT
                ", and it comes again in +%" G_GUINT64_FORMAT, message, check_relative (self->answered_epoch),
                check_relative (delivery->epoch));
  if (n_before > 0 && !delivery->redelivered)
    check_fail ("repeats-are-marked", "message %u has been handled %u times, and comes without a mark", message,
                n_before);
  if (!ledger_lost && delivery->delivery_count <= n_before)
    check_fail ("deliveries-are-counted", "message %u has been handled %u times, and this is called delivery %u",
                message, n_before, delivery->delivery_count);
  if (!delivery->redelivered && delivery->delivery_count != 1)
    check_fail ("deliveries-are-counted", "message %u is new, and this is called delivery %u", message,
                delivery->delivery_count);
}

/* A handler is given a message. */
void
check_handled (Host *host, guint message, const Delivery *delivery)
{
  Message *self = &messages[message];
  Epoch *epoch = find_epoch (delivery->epoch);

  if (epoch == NULL || epoch->host != host) {
    check_fail ("one-master-per-epoch", "process %u handles in epoch +%" G_GUINT64_FORMAT ", which is not its own",
                host->index, check_relative (delivery->epoch));
    return;
  }
  if (find_handling (message, delivery->epoch) != NULL || self->n_handlings == HANDLINGS_MAX) {
    check_fail ("once-per-epoch", "message %u comes again in epoch +%" G_GUINT64_FORMAT, message,
                check_relative (delivery->epoch));
    return;
  }

  check_order (message, delivery, epoch);
  check_repeat (message, delivery);
  if ((self->flags & MESSAGE_ONCE) && self->n_handlings > 0)
    check_fail ("at-most-once", "message %u comes again in epoch +%" G_GUINT64_FORMAT, message,
                check_relative (delivery->epoch));
  if (self->outcome == OUTCOME_NOT_HANDLED)
    check_fail ("outcome-fits", "message %u was certainly not to be handled, said its outcome", message);
  if (self->n_deaths >= CHECK_MAX_DELIVERIES && !ledger_lost)
    check_fail ("poison-is-contained", "%u masters have died in the handler of message %u, and here is another",
                self->n_deaths, message);

  n_repeats += self->n_handlings > 0;
  self->handlings[self->n_handlings++] = (Handling) { delivery->epoch, ANSWER_NONE, FALSE };
}

void
check_died_in_handler (guint message)
{
  messages[message].n_deaths++;
}

void
check_hit_at_step (void)
{
  n_unseen++;
}

/* The application tells the library its answer, which may die within. */
void
check_answering (guint message, guint64 epoch, AnswerKind kind)
{
  Handling *handling = find_handling (message, epoch);

  if (handling != NULL)
    handling->answer = kind;
}

/* It has told, and the epoch is still the group's. */
void
check_answered (guint message, guint64 epoch)
{
  Handling *handling = find_handling (message, epoch);

  if (handling != NULL)
    handling->is_firm = TRUE;
}

static gboolean
was_answered (guint message, guint64 epoch, AnswerKind kind)
{
  const Handling *handling = find_handling (message, epoch);

  return handling != NULL && handling->answer == kind;
}

static gboolean
was_answered_at_all (guint message)
{
  const Message *self = &messages[message];

  for (guint i = 0; i < self->n_handlings; i++) {
    if (self->handlings[i].answer != ANSWER_NONE)
      return TRUE;
  }

  return FALSE;
}

/* Whether the outcome is true, as far as is known now. */
static gboolean
fits (guint message, Outcome outcome, guint64 epoch)
{
  const Message *self = &messages[message];
  gboolean leaving = is_leaving[self->sender->index];

  switch (outcome) {
  case OUTCOME_RESPONSE:
    return was_answered (message, epoch, ANSWER_RESPONSE);
  case OUTCOME_FAILURE:
    return was_answered (message, epoch, ANSWER_FAILURE);
  case OUTCOME_NO_RESPONSE:
    return was_answered (message, epoch, ANSWER_DROPPED);
  case OUTCOME_LOST:
    return was_answered_at_all (message);
  case OUTCOME_POISONED:
    return self->n_handlings + n_unseen >= CHECK_MAX_DELIVERIES;
  case OUTCOME_UNKNOWN:
    return (self->flags & MESSAGE_ONCE) || leaving;
  case OUTCOME_TIMED_OUT:
    return (self->flags & MESSAGE_DEADLINE) != 0;
  case OUTCOME_NOT_HANDLED:
    return ((self->flags & MESSAGE_DEADLINE) || leaving) && self->n_handlings == 0;
  case OUTCOME_NONE:
  case OUTCOME_OTHER:
  default:
    return FALSE;
  }
}

/* A call has ended. @epoch: in which it was answered, as the library says; @claimed_epoch: as the answer itself says,
 * or 0. */
void
check_ended (guint message, Outcome outcome, guint64 epoch, guint64 claimed_epoch)
{
  Message *self = &messages[message];

  if (self->outcome != OUTCOME_NONE)
    check_fail ("every-send-ends", "message %u ends twice", message);
  if (claimed_epoch != 0 && claimed_epoch != epoch)
    check_fail ("answer-names-its-epoch", "the answer to message %u is of epoch +%" G_GUINT64_FORMAT ", not +%"
                G_GUINT64_FORMAT, message, check_relative (claimed_epoch), check_relative (epoch));
  else if (!fits (message, outcome, epoch))
    check_fail (outcome == OUTCOME_RESPONSE ? "answered-was-handled" : "outcome-fits",
                "message %u has outcome %d in epoch +%" G_GUINT64_FORMAT ", which is not so", message, outcome,
                epoch != 0 ? check_relative (epoch) : 0);

  self->outcome = outcome;
  if (outcome <= OUTCOME_LOST)
    self->answered_epoch = epoch;
}

void
check_left (Host *host)
{
  is_leaving[host->index] = TRUE;
}

static void
for_epochs_of (Host *host, void (*func) (Epoch *epoch))
{
  for (guint i = 0; i < n_epochs; i++) {
    if (epochs[i].host == host)
      func (&epochs[i]);
  }
}

static void
set_resigned (Epoch *epoch)
{
  epoch->is_resigned = TRUE;
}

static void
set_hit (Epoch *epoch)
{
  epoch->is_hit = TRUE;
}

void
check_resigned (Host *host)
{
  for_epochs_of (host, set_resigned);
}

void
check_hit (Host *host)
{
  for_epochs_of (host, set_hit);
}

/* Which master a process goes by. */
void
check_master (Host *host, guint64 epoch)
{
  if (epoch < newest_seen[host->index])
    check_fail ("stale-is-harmless", "process %u goes by the master of epoch +%" G_GUINT64_FORMAT ", and has seen +%"
                G_GUINT64_FORMAT, host->index, check_relative (epoch), check_relative (newest_seen[host->index]));
  newest_seen[host->index] = MAX (newest_seen[host->index], epoch);
}

/* From now on masters know less than all. */
void
check_ledger_lost (void)
{
  ledger_lost = TRUE;
}

/* What a sender that has died had sent is nobody's business. */
gboolean
check_is_all_ended (void)
{
  for (guint i = 0; i < n_messages; i++) {
    if (messages[i].outcome == OUTCOME_NONE && !messages[i].sender->is_dead)
      return FALSE;
  }

  return TRUE;
}

/* After the time that was allowed for it. */
void
check_all_ended (void)
{
  for (guint i = 0; i < n_messages; i++) {
    if (messages[i].outcome == OUTCOME_NONE && !messages[i].sender->is_dead)
      check_fail ("every-send-ends", "message %u of process %u has no outcome long after all faults", i,
                  messages[i].sender->index);
  }
}

guint
check_get_n_messages (void)
{
  return n_messages;
}

guint
check_get_n_repeats (void)
{
  return n_repeats;
}
