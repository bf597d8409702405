/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ledger-steps.h"

#include <sys/mman.h>

#include "test-util.h"

#define SLOT_OF_WRITER 6

static guint n_steps;
static guint stop_at; /* 0: nowhere */
static void (*stop_func) (void);

gboolean
ipc_ledger_step (void)
{
  if (stop_at != 0 && ++n_steps == stop_at) {
    stop_at = 0;
    stop_func ();
  }

  return TRUE;
}

void
stop_before (guint step, void (*func) (void))
{
  n_steps = 0;
  stop_at = step;
  stop_func = func;
}

/* Returns FALSE if he was stopped already. */
gboolean
stop_nowhere (void)
{
  gboolean was_running = stop_at != 0;

  stop_at = 0;
  return was_running;
}

/* The predecessor is dead, the writer holds his lock, and his successors deposed him. */
static gboolean
is_slot_free (guint slot, gpointer user_data)
{
  return slot != SLOT_OF_WRITER;
}

static gboolean
is_gone (const IpcSenderKey *key, gpointer user_data)
{
  return FALSE;
}

static const IpcLedgerFuncs funcs = { is_slot_free, is_gone };

static IpcSenderKey
make_key (guint sender)
{
  guint8 node_id[IPC_NODE_ID_SIZE];
  IpcSenderKey key;

  memset (node_id, 0x40 + sender, sizeof node_id);
  ipc_sender_key_init (&key, node_id, 1000 + sender, 0);
  return key;
}

static guint8 *
make_answer (guint sender, guint64 sequence, gsize size)
{
  guint8 *data = g_malloc (size + 1);

  for (gsize i = 0; i < size; i++)
    data[i] = sender * 31 + sequence * 7 + i + (i >> 8);

  return data;
}

void
master_open (Master *self, guint8 *memory, Log *log, guint64 epoch, guint slot)
{
  *self = (Master) { .log = log, .epoch = epoch };
  log->epoch = MAX (log->epoch, epoch); /* the claim */
  self->ledger = ipc_ledger_open (memory, ipc_word_make (epoch, slot), 0, &funcs, NULL);
}

void
master_clear (Master *self)
{
  for (guint i = 0; i < N_SENDERS; i++)
    g_clear_pointer (&self->accounts[i], ipc_account_free);
  g_clear_pointer (&self->ledger, ipc_ledger_free);
}

static IpcAccount *
account_of (Master *self, guint sender)
{
  IpcSenderKey key = make_key (sender);

  if (self->accounts[sender] == NULL)
    self->accounts[sender] = ipc_ledger_take_account (self->ledger, &key);

  return self->accounts[sender];
}

static LogMessage *
message_of (Master *self, guint sender, guint64 sequence)
{
  g_assert (sequence < N_NUMBERS);
  return &self->log->senders[sender].messages[sequence];
}

static void
do_accept (Master *self, guint sender, guint64 sequence)
{
  LogMessage *message = message_of (self, sender, sequence);

  message->accepting = TRUE;
  if (ipc_account_accept (account_of (self, sender), sequence) == IPC_BOOK_OK) {
    message->accepted = TRUE;
    message->in_handler = TRUE;
    message->deliveries++;
  }
  message->accepting = FALSE;
}

static void
do_returned (Master *self, guint sender, guint64 sequence)
{
  LogMessage *message = message_of (self, sender, sequence);

  if (!message->in_handler)
    return;

  message->returning = TRUE;
  if (ipc_account_returned (account_of (self, sender), sequence) == IPC_BOOK_OK)
    message->in_handler = FALSE;
  message->returning = FALSE;
}

static void
do_answer (Master *self, guint sender, guint64 sequence, gboolean failure, gsize size)
{
  LogMessage *message = message_of (self, sender, sequence);
  g_autofree guint8 *data = make_answer (sender, sequence, size);

  if (!message->accepted || message->answered)
    return;

  message->failure = failure;
  message->size = size;
  message->epoch = self->epoch;
  message->answering = TRUE;
  if (ipc_account_answer (account_of (self, sender), sequence, failure, data, size) == IPC_BOOK_OK)
    message->answered = TRUE;
  message->answering = FALSE;
}

static void
do_acknowledge (Master *self, guint sender, guint64 sequence)
{
  if (self->log->epoch == self->epoch || self->log->is_contested)
    self->log->senders[sender].acknowledged = sequence;
  ipc_account_acknowledge (account_of (self, sender), sequence);
}

static void
do_close (Master *self, guint sender)
{
  LogSender *log = &self->log->senders[sender];

  log->closing = TRUE;
  log->closed = ipc_account_close (account_of (self, sender)) == IPC_BOOK_OK;
  log->closing = FALSE;
}

/* A handler of an earlier master's died with him. */
void
count_deaths (Log *log)
{
  for (guint i = 0; i < N_SENDERS; i++)
    for (guint s = 0; s < N_NUMBERS; s++) {
      LogMessage *message = &log->senders[i].messages[s];

      message->deaths += message->in_handler;
      message->in_handler = FALSE;
    }
}

/* Two masters who leave messages in every state. */
static void
prepare (guint8 *memory, Log *log)
{
  Master master;

  master_open (&master, memory, log, FOUNDER, 5);
  for (guint sender = 0; sender <= 2; sender += 2)
    for (guint64 s = 1; s <= 4; s++)
      do_accept (&master, sender, s);
  do_returned (&master, 0, 2);
  do_answer (&master, 0, 1, FALSE, 40);
  master_clear (&master);

  count_deaths (log);
  master_open (&master, memory, log, PREDECESSOR, 5);
  do_acknowledge (&master, 0, 1);
  do_accept (&master, 0, 3);
  do_accept (&master, 0, 4);
  do_returned (&master, 0, 4);
  for (guint64 s = 5; s <= 13; s++)
    if (s != 7)
      do_accept (&master, 0, s);
  do_answer (&master, 0, 5, FALSE, 0);
  do_answer (&master, 0, 6, TRUE, 300);
  do_answer (&master, 0, 12, FALSE, 3000);
  do_returned (&master, 0, 13);
  do_answer (&master, 2, 4, FALSE, 64);
  master_clear (&master);
}

/* A sender who was there before. */
static void
run_returning (Master *self)
{
  do_accept (self, 0, 2);
  do_accept (self, 0, 3);
  do_returned (self, 0, 3);
  do_answer (self, 0, 3, FALSE, 7);
  do_answer (self, 0, 4, TRUE, 20); /* given up: not handed to a handler again */
  do_acknowledge (self, 0, 3);
  do_accept (self, 0, 14);
  do_accept (self, 0, 20);          /* the ring grows */
  do_answer (self, 0, 20, FALSE, 64);
  do_acknowledge (self, 0, 7);
  do_accept (self, 0, 13);
}

/* A new one with more and more in flight. */
static void
run_new (Master *self)
{
  do_accept (self, 1, 1);
  do_returned (self, 1, 1);
  do_answer (self, 1, 1, FALSE, 5);
  do_accept (self, 1, 2);
  do_answer (self, 1, 2, FALSE, 70000);
  do_acknowledge (self, 1, 1);
  for (guint64 s = 3; s <= 20; s++) {
    do_accept (self, 1, s);
    if (s % 3 == 0)
      do_answer (self, 1, s, s % 2, s * 20);
  }
  do_accept (self, 1, 25); /* over numbers that were never sent */
  do_acknowledge (self, 1, 4);
  for (guint64 s = 26; s <= 40; s++)
    do_accept (self, 1, s);
  for (guint64 s = 40; s >= 25; s -= 2)
    do_answer (self, 1, s, FALSE, 100);
  do_acknowledge (self, 1, 30);
  do_answer (self, 1, 31, FALSE, 900); /* into memory of answers that were acknowledged */
  for (guint64 s = 41; s <= 47; s++)
    do_accept (self, 1, s);
}

static void
run_closing (Master *self)
{
  do_accept (self, 3, 1);
  do_accept (self, 3, 2);
  do_answer (self, 3, 1, FALSE, 10);
  do_close (self, 3);
  do_answer (self, 0, 14, FALSE, 12);
  do_accept (self, 0, 21);
}

/* Everything that a master does. That he is not the master he finds out only here, after taking over, and then when he
 * is refused; he goes on even so. */
void
run_writer (guint8 *memory, Log *log)
{
  Master self;

  master_open (&self, memory, log, WRITER, SLOT_OF_WRITER);
  if (log->epoch == WRITER) {
    count_deaths (log);
    run_returning (&self);
    run_new (&self);
    run_closing (&self);
  }
  log->is_over = TRUE;
  master_clear (&self);
}

static gboolean
is_right_answer (guint sender, guint64 sequence, const LogMessage *message, const IpcRecord *record)
{
  g_autofree guint8 *data = make_answer (sender, sequence, message->size);

  return record->failure == message->failure && record->epoch == message->epoch && record->size == message->size
         && memcmp (record->data, data, message->size) == 0;
}

/* Whether what a master's book says can be, after what an earlier one was told. */
static gboolean
is_right (guint sender, guint64 sequence, const LogSender *log, const IpcRecord *record)
{
  const LogMessage *message = &log->messages[sequence];
  guint deaths = message->deaths + message->in_handler;
  gboolean by_handler = message->accepting || message->returning;

  if (sequence <= log->acknowledged)
    return TRUE; /* nobody asks for it again, and its memory may have been used for another */

  switch (record->state) {
  case IPC_RECORD_NONE:
    return !message->accepted;
  case IPC_RECORD_BEGUN:
    return (message->accepted || message->accepting) && !message->answered
           && (record->deliveries == message->deliveries
               || (message->accepting && record->deliveries == message->deliveries + 1))
           && (record->deaths == deaths || (message->accepting && record->deaths == deaths + 1)
               || (by_handler && record->deaths == message->deaths));
  case IPC_RECORD_ANSWERED:
    return (message->answered || message->answering) && !record->lost && record->deliveries == message->deliveries
           && is_right_answer (sender, sequence, message, record);
  case IPC_RECORD_ACCEPTED:
  default:
    return FALSE;
  }
}

gboolean
judge_sender (Master *self, guint sender)
{
  const LogSender *log = &self->log->senders[sender];
  IpcAccount *account = account_of (self, sender);
  gboolean is_closed = ipc_account_get_accepted (account) == 0;

  if (is_closed && (log->closing || log->closed))
    return TRUE;
  if (log->closed)
    return FALSE;

  for (guint64 s = 1; s < N_NUMBERS; s++) {
    IpcRecord record;

    ipc_account_get_record (account, s, &record);
    if (!is_right (sender, s, log, &record)) {
      g_printerr ("# sender %u, number %u: state %d, deliveries %u, deaths %u, lost %d, size %" G_GSIZE_FORMAT
                  ", epoch %" G_GUINT64_FORMAT "\n",
                  sender, (guint) s, record.state, record.deliveries, record.deaths, record.lost, record.size,
                  record.epoch);
      return FALSE;
    }
  }

  return TRUE;
}

/* Takes over, and compares what is known then with the log. */
gboolean
judge (guint8 *memory, Log *log, guint64 epoch)
{
  Master self;
  gboolean right;

  master_open (&self, memory, log, epoch, SLOT_OF_SUCCESSORS);
  right = ipc_ledger_get_born (self.ledger) == FOUNDER && ipc_ledger_is_shared (self.ledger);
  if (!right)
    g_printerr ("# born %u, shared %d\n", (guint) ipc_ledger_get_born (self.ledger),
                ipc_ledger_is_shared (self.ledger));
  for (guint i = 0; i < N_SENDERS; i++)
    right &= judge_sender (&self, i);
  master_clear (&self);

  return right;
}

World world;

static gpointer
map_shared (gsize size)
{
  gpointer memory = mmap (NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);

  g_assert_true (memory != MAP_FAILED);
  return memory;
}

void
world_begin (void)
{
  world.memory = map_shared (IPC_LEDGER_SIZE);
  world.log = map_shared (sizeof (Log));
  prepare (world.memory, world.log);
}

void
world_end (void)
{
  munmap (world.memory, IPC_LEDGER_SIZE);
  munmap (world.log, sizeof (Log));
}

/* Not everything everywhere: under valgrind it takes a hundred times as long, with the thread sanitizer or the address
 * sanitizer ten times. */
guint
stride (void)
{
#ifdef __SANITIZE_THREAD__
  return 11;
#elif defined(__SANITIZE_ADDRESS__)
  return 5;
#else
  return test_under_valgrind () ? 23 : 1;
#endif
}

Master successor;
guint n_successors;

/* One after the other takes over and serves. The last one lives. */
void
replace (void)
{
  for (guint i = 1; i <= n_successors; i++) {
    guint64 epoch = WRITER + i;

    if (i > 1)
      count_deaths (world.log);
    master_clear (&successor);
    master_open (&successor, world.memory, world.log, epoch, SLOT_OF_SUCCESSORS);
    g_assert_true (ipc_ledger_is_shared (successor.ledger));
    do_accept (&successor, SENDER_OF_SUCCESSORS, epoch);
    do_answer (&successor, SENDER_OF_SUCCESSORS, epoch, FALSE, 200 + epoch);
    g_assert_true (message_of (&successor, SENDER_OF_SUCCESSORS, epoch)->answered);
  }
}

/* He has not been disturbed by his predecessor. */
void
go_on_as_successor (void)
{
  guint64 next = successor.epoch + 1;

  do_accept (&successor, SENDER_OF_SUCCESSORS, next);
  do_answer (&successor, SENDER_OF_SUCCESSORS, next, FALSE, 0);
  g_assert_true (message_of (&successor, SENDER_OF_SUCCESSORS, next)->answered);
  do_accept (&successor, SENDER_OF_SUCCESSORS, next + 1);
  g_assert_true (message_of (&successor, SENDER_OF_SUCCESSORS, next + 1)->accepted);
  for (guint i = 0; i < SENDER_OF_SUCCESSORS; i++)
    g_assert_true (judge_sender (&successor, i));
}
