/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-book.h"

#include "ipc-buddy.h"
#include "ipc-sabotage.h"
#include "ipc-wire.h"

/*
 * A book of the ledger, as its owner writes it: the master of one epoch, and nobody else. Pure, but for the memory that
 * it shares with those who come after. What they must know of a message goes through three states, and the memory is
 * right at every instant, because the owner may be killed at any:
 *
 *     (none) -> ACCEPTED     before the handler runs: the entry first, then the account's newest number
 *     BEGUN -> ACCEPTED      an earlier master's, handed over again: one word
 *     ACCEPTED -> ANSWERED   before the answer goes out: the bytes first, then the word
 *
 * The owner may also have been replaced without knowing it, when he was stopped. So each of these steps ends with a
 * compare-and-swap that fails once the successor has sealed the word (ipc-ledger.c); then nothing was changed, and the
 * owner must stop.
 *
 * An account's entries are a ring that grows with what is in flight: sequence number & (capacity - 1) is the index, and
 * from the oldest number that is not acknowledged to the newest accepted are at most as many as it has entries. Which
 * memory is free only the owner has to know, and does not write down. Nor does he read it there: what another process
 * scribbled into the file makes him stop, as a seal does, and not crash.
 */

/* Of the memory for answers one sender has at most this part, so that others find room, too. */
#define ANSWER_SHARE 4
/* Larger answers are not kept: a sender that has to ask again gets RESPONSE_LOST. The next size of a block is more than
 * one sender's part. */
#define ANSWER_SIZE_MAX (128u * 1024)

/* What the ledger costs is measured by a copy of the library that leaves it out (tests/bench/ledger-cost.py). */
#ifdef IPC_WITHOUT_LEDGER
#define IS_RECORDING FALSE
#else
#define IS_RECORDING TRUE
#endif

G_STATIC_ASSERT (ANSWER_SIZE_MAX / IPC_BOOK_ANSWER_UNIT <= IPC_BOOK_N_ANSWER_UNITS / ANSWER_SHARE);
G_STATIC_ASSERT (ANSWER_SIZE_MAX / IPC_BOOK_ANSWER_UNIT < 1u << IPC_BUDDY_ORDERS);

struct _IpcBook {
  guint8 *memory; /* (unowned) */
  guint64 epoch;
  IpcBuddy rings;
  IpcBuddy answers;
  guint n_accounts;
  guint n_ring_units; /* that accounts have */
  guint next_index; /* where to look for a free account */
  gboolean used[IPC_BOOK_N_ACCOUNTS];
};

struct _IpcAccount {
  IpcBook *book; /* (unowned) */
  IpcSenderKey key;
  IpcBookAccount *shared; /* (nullable) %NULL until something is written */
  IpcBookEntry *entries;
  guint index;
  guint capacity;
  guint32 ring_unit;
  guint64 ring; /* the word as we wrote it */
  guint64 accepted;
  guint64 acknowledged;
  guint32 *held;      /* (owned) (nullable) a ring beside the entries: where each one's answer is, by held_make() */
  guint answer_units; /* that it holds */
};

/**
 * ipc_book_new:
 * @memory: IPC_BOOK_SIZE bytes whose accounts are empty
 * @epoch: of the owner
 *
 * Returns: (transfer full): what the owner knows of his empty book
 */
IpcBook *
ipc_book_new (guint8 *memory, guint64 epoch)
{
  IpcBook *self = g_new0 (IpcBook, 1);

  self->memory = memory;
  self->epoch = epoch;
  ipc_buddy_init (&self->rings, IPC_BOOK_N_RING_UNITS);
  ipc_buddy_init (&self->answers, IPC_BOOK_N_ANSWER_UNITS);

  return self;
}

/* What is written stays. */
void
ipc_book_free (IpcBook *self)
{
  ipc_buddy_clear (&self->rings);
  ipc_buddy_clear (&self->answers);
  g_free (self);
}

guint
ipc_book_get_n_accounts (IpcBook *self)
{
  return self->n_accounts;
}

/* Whether a ring may be made. The smallest may: one is kept back for each sender that can come yet, whatever those who
 * were first were granted, so that nobody who keeps to the smallest window is ever without. */
static gboolean
may_have_ring (IpcBook *self, guint capacity)
{
  guint kept_back = IPC_BOOK_N_ACCOUNTS - self->n_accounts;

  return capacity == IPC_BOOK_RING_UNIT
         || self->n_ring_units + kept_back + capacity / IPC_BOOK_RING_UNIT <= IPC_BOOK_N_RING_UNITS;
}

/* How many messages a sender that comes now may have in flight, so that there are rings for all: few senders get much,
 * and a thousand get something. In units of rings that is 8 * 64 + 32 * 16 + 128 * 4 + 856 * 1 = 2392 of 2728. */
guint
ipc_book_get_window (IpcBook *self)
{
  guint window = self->n_accounts < 8 ? 1024 : self->n_accounts < 40 ? 256 : self->n_accounts < 168 ? 64 : 16;

  /* More were here before and have not gone, or were granted more than this when nobody had sent anything. */
  while (!may_have_ring (self, window))
    window /= 4;

  return window;
}

/* An account in which nothing is written yet. */
IpcAccount *
ipc_book_open_account (IpcBook *self, const IpcSenderKey *key)
{
  IpcAccount *account = g_new0 (IpcAccount, 1);

  account->book = self;
  account->key = *key;

  return account;
}

/* What is written stays. */
void
ipc_account_free (IpcAccount *self)
{
  g_free (self->held);
  g_free (self);
}

const IpcSenderKey *
ipc_account_get_key (IpcAccount *self)
{
  return &self->key;
}

guint64
ipc_account_get_accepted (IpcAccount *self)
{
  return self->accepted;
}

guint64
ipc_account_get_acknowledged (IpcAccount *self)
{
  return self->acknowledged;
}

static IpcBookEntry *
entry_of (IpcAccount *self, guint64 sequence)
{
  return &self->entries[sequence & (self->capacity - 1)];
}

static guint
order_of_ring (guint capacity)
{
  return ipc_buddy_order_of (capacity / IPC_BOOK_RING_UNIT);
}

static guint
order_of_answer (gsize size)
{
  return ipc_buddy_order_of ((size + IPC_BOOK_ANSWER_UNIT - 1) / IPC_BOOK_ANSWER_UNIT);
}

/* The block of an answer, in one number; 0: none. */
static guint32
held_make (guint32 unit, guint order)
{
  return (unit + 1) << 4 | order;
}

static guint32 *
held_of (IpcAccount *self, guint64 sequence)
{
  return &self->held[sequence & (self->capacity - 1)];
}

static guint8 *
answer_at (IpcBook *self, guint32 unit)
{
  return self->memory + IPC_BOOK_ANSWERS_AT + (gsize) unit * IPC_BOOK_ANSWER_UNIT;
}

/* Finds a place in the table. */
static gboolean
take_index (IpcAccount *self)
{
  IpcBook *book = self->book;

  if (book->n_accounts == IPC_BOOK_N_ACCOUNTS)
    return FALSE;

  while (book->used[book->next_index])
    book->next_index = (book->next_index + 1) % IPC_BOOK_N_ACCOUNTS;
  self->index = book->next_index;
  self->shared = ipc_book_account_at (book->memory, self->index);
  book->used[self->index] = TRUE;
  book->n_accounts++;

  return TRUE;
}

static void
give_index (IpcAccount *self)
{
  self->book->used[self->index] = FALSE;
  self->book->n_accounts--;
  self->shared = NULL;
}

/* Nobody looks at the account before its ring word is there. */
static void
write_account (IpcAccount *self)
{
  ipc_shared_copy (self->shared->node_id, self->key.node_id, sizeof self->key.node_id);
  self->shared->pid = self->key.pid;
  self->shared->uid = self->key.uid;
  ipc_shared_store (&self->shared->accepted, self->accepted << 1);
  ipc_shared_store (&self->shared->acknowledged, self->acknowledged);
}

/* Gives the account a ring of @capacity, with what was in the old one. */
static IpcBookResult
change_ring (IpcAccount *self, guint capacity)
{
  IpcBook *book = self->book;
  guint32 unit = ipc_buddy_take (&book->rings, order_of_ring (capacity));
  guint64 ring = (guint64) unit << 8 | (g_bit_storage (capacity) - 1) << 1;
  g_autofree guint32 *held = NULL;
  IpcBookEntry *entries;

  if (unit == IPC_BUDDY_NONE)
    return IPC_BOOK_FULL;

  entries = ipc_book_ring_at (book->memory, unit);
  held = g_new0 (guint32, capacity);
  for (guint64 s = self->acknowledged + 1; s <= self->accepted; s++) {
    if (ipc_ledger_step ())
      entries[s & (capacity - 1)] = *entry_of (self, s);
    held[s & (capacity - 1)] = *held_of (self, s);
  }
  if (!ipc_shared_swap (&self->shared->ring, self->ring, ring))
    return IPC_BOOK_WAS_SEALED;

  if (self->entries != NULL)
    ipc_buddy_give (&book->rings, self->ring_unit, order_of_ring (self->capacity));
  book->n_ring_units += (capacity - self->capacity) / IPC_BOOK_RING_UNIT;
  self->ring = ring;
  self->ring_unit = unit;
  self->entries = entries;
  self->capacity = capacity;
  g_free (self->held);
  self->held = g_steal_pointer (&held);

  return IPC_BOOK_OK;
}

/* The ring that @span numbers need; too large a one if there is none for so many. */
static guint
capacity_for (IpcAccount *self, guint64 span)
{
  guint capacity = MAX (self->capacity, IPC_BOOK_RING_UNIT);

  while (capacity < span && capacity <= IPC_BOOK_CAPACITY_MAX)
    capacity *= 2;

  return capacity;
}

/* Makes room in a ring of @capacity, which may mean to write the account down in the first place. */
static IpcBookResult
reserve (IpcAccount *self, guint capacity)
{
  gboolean is_new = self->shared == NULL;
  IpcBookResult result;

  if (capacity > IPC_BOOK_CAPACITY_MAX)
    return IPC_BOOK_FULL;
  if (is_new) {
    if (!take_index (self))
      return IPC_BOOK_FULL;
    write_account (self);
  }

  result = capacity > self->capacity ? change_ring (self, capacity) : IPC_BOOK_OK;
  if (is_new && result == IPC_BOOK_FULL)
    give_index (self);

  return result;
}

static guint64
make_word (guint64 flags, guint64 deliveries, guint64 deaths)
{
  return flags | MIN (deliveries, IPC_RECORD_COUNT_MAX) << IPC_ENTRY_DELIVERIES_SHIFT
         | MIN (deaths, IPC_RECORD_COUNT_MAX) << IPC_ENTRY_DEATHS_SHIFT;
}

static IpcBookResult
change_word (IpcBookEntry *entry, guint64 from, guint64 to)
{
  return ipc_shared_swap (&entry->word, from, to) ? IPC_BOOK_OK : IPC_BOOK_WAS_SEALED;
}

/* Nothing is there of a number. Nor is anything held for it: what had its place in the ring before has been given
 * back. */
static void
clear_entry (IpcAccount *self, guint64 sequence)
{
  if (!IPC_SABOTAGE (PASSED_OVER_HELD))
    *held_of (self, sequence) = 0;
  ipc_shared_store (&entry_of (self, sequence)->word, 0);
}

static IpcBookResult
accept_new (IpcAccount *self, guint64 sequence)
{
  guint capacity = capacity_for (self, sequence - self->acknowledged);
  IpcBookResult result;

  if (capacity > self->capacity && !may_have_ring (self->book, capacity))
    return IPC_BOOK_FULL;
  result = reserve (self, capacity);
  if (result != IPC_BOOK_OK)
    return result;

  /* Passed over: given up before they were sent. */
  for (guint64 s = MAX (self->accepted, self->acknowledged) + 1; s < sequence; s++)
    clear_entry (self, s);
  *held_of (self, sequence) = 0;
  ipc_shared_store (&entry_of (self, sequence)->word, make_word (IPC_ENTRY_ACCEPTED | IPC_ENTRY_IN_HANDLER, 1, 0));
  if (!ipc_shared_swap (&self->shared->accepted, self->accepted << 1, sequence << 1))
    return IPC_BOOK_WAS_SEALED;

  self->accepted = sequence;
  return IPC_BOOK_OK;
}

static IpcBookResult
accept_again (IpcAccount *self, guint64 sequence)
{
  IpcBookEntry *entry = entry_of (self, sequence);
  guint64 word = ipc_shared_load (&entry->word);

  if ((word & IPC_BOOK_SEALED) || (word & IPC_ENTRY_STATES) != IPC_ENTRY_BEGUN)
    return IPC_BOOK_WAS_SEALED;

  return change_word (entry, word,
                      make_word (IPC_ENTRY_ACCEPTED | IPC_ENTRY_IN_HANDLER, ipc_record_get_deliveries (word) + 1,
                                 ipc_record_get_deaths (word)));
}

/**
 * ipc_account_accept:
 * @sequence: above all that were accepted before, or one that was begun by an earlier master
 *
 * To be called before the message is given to its handler. The numbers from the oldest that is not acknowledged to the
 * newest are at most IPC_BOOK_CAPACITY_MAX.
 */
IpcBookResult
ipc_account_accept (IpcAccount *self, guint64 sequence)
{
  g_assert (sequence > self->acknowledged && sequence < IPC_SEQUENCE_END);

  if (!IS_RECORDING)
    return IPC_BOOK_OK;

  return sequence > self->accepted ? accept_new (self, sequence) : accept_again (self, sequence);
}

/* Whether there is an entry for the number still. */
static gboolean
is_open (IpcAccount *self, guint64 sequence)
{
  return self->shared != NULL && sequence > self->acknowledged && sequence <= self->accepted;
}

/* The handler has returned and not answered: should the process die now, it was not in this message. */
IpcBookResult
ipc_account_returned (IpcAccount *self, guint64 sequence)
{
  IpcBookEntry *entry;
  guint64 word;

  if (!is_open (self, sequence))
    return IPC_BOOK_OK;

  entry = entry_of (self, sequence);
  word = ipc_shared_load (&entry->word);
  if (word & IPC_BOOK_SEALED)
    return IPC_BOOK_WAS_SEALED;

  return word & IPC_ENTRY_IN_HANDLER ? change_word (entry, word, word & ~IPC_ENTRY_IN_HANDLER) : IPC_BOOK_OK;
}

/* Writes the bytes of an answer where no reader looks yet. Returns flags and checksum for the entry's word. */
static guint64
keep_answer (IpcAccount *self, guint64 sequence, const guint8 *data, gsize size)
{
  IpcBookEntry *entry = entry_of (self, sequence);
  guint order = order_of_answer (size);
  guint32 unit = IPC_BUDDY_NONE;

  if (size == 0) {
    ipc_shared_store (&entry->place, 0);
    return 0;
  }
  if (size <= ANSWER_SIZE_MAX && self->answer_units + (1u << order) <= IPC_BOOK_N_ANSWER_UNITS / ANSWER_SHARE)
    unit = ipc_buddy_take (&self->book->answers, order);
  if (unit == IPC_BUDDY_NONE) {
    ipc_shared_store (&entry->place, 0);
    return IPC_ENTRY_LOST;
  }

  self->answer_units += 1u << order;
  *held_of (self, sequence) = held_make (unit, order);
  ipc_shared_copy (answer_at (self->book, unit), data, size);
  ipc_shared_store (&entry->place, (guint64) unit << 32 | size);

  return (guint64) ipc_record_checksum (data, size) << IPC_ENTRY_CHECKSUM_SHIFT;
}

/* Up to @sequence nothing is looked up any more. */
static void
give_answers (IpcAccount *self, guint64 sequence)
{
  for (guint64 s = self->acknowledged + 1; s <= MIN (sequence, self->accepted); s++) {
    guint32 held = *held_of (self, s);

    if (held == 0)
      continue;

    self->answer_units -= 1u << (held & 15);
    ipc_buddy_give (&self->book->answers, (held >> 4) - 1, held & 15);
  }
}

/**
 * ipc_account_answer:
 * @sequence: of a message that was accepted, or begun by an earlier master
 * @failure: the answer is a failure
 *
 * To be called before the answer is sent; it may be sent only if the result is OK. An answer that cannot be kept is
 * recorded as given all the same. Nothing is done when the sender has acknowledged the number.
 */
IpcBookResult
ipc_account_answer (IpcAccount *self, guint64 sequence, gboolean failure, const guint8 *data, gsize size)
{
  IpcBookEntry *entry;
  guint64 word, answered;

  if (!is_open (self, sequence))
    return IPC_BOOK_OK;

  entry = entry_of (self, sequence);
  word = ipc_shared_load (&entry->word);
  if ((word & IPC_BOOK_SEALED) || !(word & (IPC_ENTRY_ACCEPTED | IPC_ENTRY_BEGUN)))
    return IPC_BOOK_WAS_SEALED;

  answered = IPC_ENTRY_ANSWERED | (failure ? IPC_ENTRY_FAILURE : 0) | (word & IPC_ENTRY_COUNTS)
             | keep_answer (self, sequence, data, size);
  ipc_shared_store (&entry->epoch, self->book->epoch);

  return change_word (entry, word, answered);
}

/* The sender needs no answer up to here. */
void
ipc_account_acknowledge (IpcAccount *self, guint64 acknowledged)
{
  if (acknowledged <= self->acknowledged)
    return;

  give_answers (self, acknowledged);
  self->acknowledged = acknowledged;
  if (self->shared == NULL)
    self->accepted = acknowledged; /* before is nothing that anybody asks for */
  else
    ipc_shared_store (&self->shared->acknowledged, acknowledged);
}

/* The sender has gone for good: forgets all of it. Only to be freed afterwards. */
IpcBookResult
ipc_account_close (IpcAccount *self)
{
  if (self->shared == NULL)
    return IPC_BOOK_OK;
  if (!ipc_shared_swap (&self->shared->ring, self->ring, 0))
    return IPC_BOOK_WAS_SEALED;

  give_answers (self, self->accepted);
  ipc_buddy_give (&self->book->rings, self->ring_unit, order_of_ring (self->capacity));
  self->book->n_ring_units -= self->capacity / IPC_BOOK_RING_UNIT;
  give_index (self);
  g_clear_pointer (&self->held, g_free);
  self->entries = NULL;
  self->capacity = 0;
  self->ring = 0;

  return IPC_BOOK_OK;
}

/**
 * ipc_account_get_record:
 * @record: (out): what the book says; its data stay where they are until the number is acknowledged
 */
void
ipc_account_get_record (IpcAccount *self, guint64 sequence, IpcRecord *record)
{
  if (is_open (self, sequence))
    ipc_record_read (self->book->memory, entry_of (self, sequence), ipc_shared_load (&entry_of (self, sequence)->word),
                   record);
  else
    *record = (IpcRecord) { .state = IPC_RECORD_NONE };
}

/* Begins a copy of a predecessor's account, in a book that is not complete yet. */
IpcBookResult
ipc_account_restore (IpcAccount *self, guint64 acknowledged, guint64 accepted)
{
  IpcBookResult result;

  g_assert (self->shared == NULL && accepted >= acknowledged);

  self->acknowledged = self->accepted = acknowledged;
  result = reserve (self, capacity_for (self, accepted - acknowledged));
  if (result != IPC_BOOK_OK)
    return result;

  for (guint64 s = acknowledged + 1; s <= accepted; s++)
    entry_of (self, s)->word = 0;
  self->accepted = accepted;
  ipc_shared_store (&self->shared->accepted, accepted << 1);

  return IPC_BOOK_OK;
}

/* Copies what the predecessor's book says of one message. What he had accepted was begun. */
void
ipc_account_restore_record (IpcAccount *self, guint64 sequence, const IpcRecord *record)
{
  IpcBookEntry *entry = entry_of (self, sequence);
  guint64 word = 0;

  switch (record->state) {
  case IPC_RECORD_NONE:
    break;
  case IPC_RECORD_BEGUN:
  case IPC_RECORD_ACCEPTED:
    word = make_word (IPC_ENTRY_BEGUN, record->deliveries, record->deaths + (record->in_handler ? 1 : 0));
    break;
  case IPC_RECORD_ANSWERED:
    word = make_word (IPC_ENTRY_ANSWERED | (record->failure ? IPC_ENTRY_FAILURE : 0), record->deliveries,
                      record->deaths);
    if (record->lost)
      entry->place = 0;
    word |= record->lost ? IPC_ENTRY_LOST : keep_answer (self, sequence, record->data, record->size);
    entry->epoch = record->epoch;
    break;
  default:
    g_assert_not_reached ();
  }
  ipc_shared_store (&entry->word, word);
}
