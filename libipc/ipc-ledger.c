/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-ledger.h"

#include "ipc-kill-point.h"
#include "ipc-sabotage.h"

/*
 * The ledger outlives every master: several books in the group file, of which each master writes one. A new master
 * takes a book that nobody uses, seals his predecessor's, copies what is still open there into his own, declares it
 * complete, and only then serves.
 *
 *     book 0   epoch 7, complete   sealed by 8         can be used again once the owner is certainly gone
 *     book 1   epoch 8, complete   the newest: what the next master copies from
 *     book 2   epoch 9             being copied: until it is complete, nobody was served by it
 *     book 3   nobody's
 *
 * One writer for each book means that no memory is ever written where another epoch may write, and that a copy is also
 * where senders that have gone are forgotten. Sealing makes every later change of the predecessor fail, who may still
 * be running: what he accepted or answered before is copied, and he can do neither afterwards. A copy that its maker
 * did not live to complete is worth nothing; the next one copies from the same book.
 *
 * A master that was deposed and is stopped may still have a store to do. His book is left alone for as long as the lock
 * of his slot is held, and so is the one that he was copying from, in which he would seal what by then is another's.
 * When all books are held in this way, which takes three masters that are stopped, or two if one of them was copying,
 * the new one goes without: it keeps a book of its own in private memory, and what is repeated to its successor counts
 * as begun.
 *
 * In a book nothing is trusted. An account that makes no sense is left out; then too everything that was sent to
 * earlier masters and is sent again counts as possibly begun, which the epoch says in which the ledger was born.
 */

struct _IpcLedger {
  const IpcLedgerFuncs *funcs;
  gpointer user_data;
  IpcWord word; /* ours */
  guint64 born;
  guint64 known; /* the newest earlier epoch of which it knows: the predecessor's, or 0 */
  guint8 *private_memory; /* (owned) (nullable) when there was no book to take */
  IpcBook *book;          /* (owned) */
  GHashTable *copied;     /* (owned) IpcSenderKey -> IpcAccount: of senders that have not come back yet */
};

static IpcBookHeader *
header_of (guint8 *memory, guint book)
{
  return (IpcBookHeader *) (gpointer) (memory + (gsize) book * IPC_BOOK_SIZE);
}

static gboolean
is_complete (const IpcBookHeader *header)
{
  IpcWord owner = ipc_shared_load (&header->owner);

  return owner != 0 && ipc_shared_load (&header->complete) == ipc_word_get_epoch (owner);
}

/* The book to copy from, and whose it is, or -1. What is newer than we are is not for us, or damage. */
static int
find_newest (IpcLedger *self, guint8 *memory, IpcWord *owner)
{
  int newest = -1;

  *owner = 0;

  for (int i = 0; i < IPC_LEDGER_N_BOOKS; i++) {
    IpcWord other = ipc_shared_load (&header_of (memory, i)->owner);

    if (is_complete (header_of (memory, i)) && other > *owner && other < self->word) {
      newest = i;
      *owner = other;
    }
  }

  return newest;
}

/* Whether somebody was master in the same slot after this owner, and so had its lock from him. */
static gboolean
is_succeeded (guint8 *memory, IpcWord owner)
{
  for (int i = 0; i < IPC_LEDGER_N_BOOKS; i++) {
    IpcWord other = ipc_shared_load (&header_of (memory, i)->owner);

    if (other > owner && ipc_word_get_slot (other) == ipc_word_get_slot (owner))
      return TRUE;
  }

  return FALSE;
}

/* Whether the owner of a book can be writing in it no more. Holding his slot's lock, we have it from him. */
static gboolean
is_abandoned (IpcLedger *self, guint8 *memory, IpcWord owner)
{
  guint slot = ipc_word_get_slot (owner);

  return owner == 0 || slot == ipc_word_get_slot (self->word) || is_succeeded (memory, owner)
         || self->funcs->is_slot_free (slot, self->user_data);
}

/* Whether somebody who is not the master any more can be writing or sealing in a book. */
static gboolean
is_in_use (IpcLedger *self, guint8 *memory, int book)
{
  if (!is_abandoned (self, memory, ipc_shared_load (&header_of (memory, book)->owner)))
    return TRUE;

  for (int i = 0; i < IPC_LEDGER_N_BOOKS; i++) {
    IpcBookHeader *header = header_of (memory, i);

    if (ipc_shared_load (&header->source) == (guint64) book + 1 && !is_complete (header)
        && !is_abandoned (self, memory, ipc_shared_load (&header->owner)))
      return TRUE;
  }

  return FALSE;
}

/* Not complete first, another's then. Read the other way round, what a new owner has completed could be undone. */
static gboolean
take (IpcLedger *self, IpcBookHeader *header, IpcWord owner)
{
  guint64 complete = ipc_shared_load (&header->complete);

  if (ipc_shared_load (&header->owner) != owner)
    return FALSE;

  ipc_shared_swap (&header->complete, complete, 0);
  return ipc_shared_swap (&header->owner, owner, self->word);
}

/* Takes the oldest book that can be had. Returns its index, or -1. */
static int
take_book (IpcLedger *self, guint8 *memory, int newest)
{
  gboolean tried[IPC_LEDGER_N_BOOKS] = { FALSE };

  for (int n = 0; n < IPC_LEDGER_N_BOOKS; n++) {
    IpcWord owner = 0;
    int oldest = -1;

    for (int i = 0; i < IPC_LEDGER_N_BOOKS; i++) {
      IpcWord other = ipc_shared_load (&header_of (memory, i)->owner);

      if (i != newest && !tried[i] && (oldest < 0 || other < owner)) {
        oldest = i;
        owner = other;
      }
    }
    if (oldest < 0 || owner > self->word)
      return -1;

    /* Who begins to copy from it now sees that it is ours; who began before is seen by the second look. */
    tried[oldest] = TRUE;
    if (!is_in_use (self, memory, oldest) && take (self, header_of (memory, oldest), owner)
        && !is_in_use (self, memory, oldest))
      return oldest;
  }

  return -1;
}

/* Says that we copy from @newest, @owner's, so that nobody takes it. Returns FALSE if somebody has: we are not the
 * master any more. Without a book (@index is -1) we cannot say it. */
static gboolean
reserve_source (guint8 *memory, int index, int newest, IpcWord owner)
{
  if (index >= 0) {
    guint64 *source = &header_of (memory, index)->source;

    ipc_shared_swap (source, ipc_shared_load (source), newest + 1); /* which the next load does not overtake */
  }

  return ipc_shared_load (&header_of (memory, newest)->owner) == owner;
}

/* An account in the predecessor's book. */
typedef struct {
  const guint8 *memory;
  IpcBookEntry *entries;
  guint capacity;
  guint64 acknowledged;
  guint64 accepted;
  IpcSenderKey key;
} Source;

typedef enum {
  SOURCE_NONE,
  SOURCE_GOOD,
  SOURCE_DAMAGED,
} SourceState;

/* From here on the owner can neither accept a message in this account nor move its ring. */
static SourceState
seal_account (IpcBookAccount *account, guint8 *memory, Source *source)
{
  guint64 ring = ipc_shared_seal (&account->ring);
  guint64 unit = ring >> 8;
  guint bits = ring >> 1 & 0x7f;

  if (ring == 0)
    return SOURCE_NONE;

  source->memory = memory;
  source->capacity = 1u << MIN (bits, 31);
  source->accepted = ipc_shared_seal (&account->accepted) >> 1;
  source->acknowledged = ipc_shared_load (&account->acknowledged);
  ipc_sender_key_init (&source->key, account->node_id, account->pid, account->uid);

  if (source->capacity < IPC_BOOK_RING_UNIT || source->capacity > IPC_BOOK_CAPACITY_MAX
      || unit + source->capacity / IPC_BOOK_RING_UNIT > IPC_BOOK_N_RING_UNITS
      || source->acknowledged >= IPC_SEQUENCE_END)
    return SOURCE_DAMAGED;

  source->entries = ipc_book_ring_at (memory, unit);
  source->accepted = MAX (source->accepted, source->acknowledged);
  return source->accepted - source->acknowledged <= source->capacity ? SOURCE_GOOD : SOURCE_DAMAGED;
}

/* Seals the entries, and copies them unless their sender has gone. Returns FALSE if there is no room for them. */
static gboolean
copy_account (IpcLedger *self, const Source *source)
{
  gboolean wanted = !self->funcs->is_gone (&source->key, self->user_data);
  IpcAccount *account = wanted ? ipc_book_open_account (self->book, &source->key) : NULL;

  if (wanted && ipc_account_restore (account, source->acknowledged, source->accepted) != IPC_BOOK_OK) {
    ipc_account_free (account);
    return FALSE;
  }

  for (guint64 s = source->acknowledged + 1; s <= source->accepted; s++) {
    IpcBookEntry *entry = &source->entries[s & (source->capacity - 1)];
    guint64 word = ipc_shared_seal (&entry->word);
    IpcRecord record;

    if (!wanted)
      continue;

    ipc_record_read (source->memory, entry, word, &record);
    ipc_account_restore_record (account, s, &record);
  }

  if (wanted)
    g_hash_table_replace (self->copied, (gpointer) ipc_account_get_key (account), account);

  return TRUE;
}

/* Returns FALSE if something had to be left out. */
static gboolean
copy_book (IpcLedger *self, guint8 *memory)
{
  gboolean all = TRUE;

  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
    Source source;
    SourceState state = seal_account (ipc_book_account_at (memory, i), memory, &source);

    if (state != SOURCE_NONE)
      all &= state == SOURCE_GOOD && copy_account (self, &source);
  }

  return all;
}

/* Whether a book that is newer than @epoch was damaged. */
static gboolean
is_damaged (const IpcBookHeader *header, guint64 epoch)
{
  guint64 owner = ipc_word_get_epoch (ipc_shared_load (&header->owner));
  guint64 complete = ipc_shared_load (&header->complete);

  return complete != 0 && complete != owner && MAX (complete, owner) > epoch;
}

/* Whether the newest book has everything that happened up to now. */
static gboolean
knows_all (guint8 *memory, int newest)
{
  guint64 epoch = ipc_word_get_epoch (ipc_shared_load (&header_of (memory, newest)->owner));

  for (int i = 0; i < IPC_LEDGER_N_BOOKS; i++)
    if (ipc_shared_load (&header_of (memory, i)->blind) > epoch || is_damaged (header_of (memory, i), epoch))
      return FALSE;

  return TRUE;
}

static guint8 *
prepare_book (IpcLedger *self, guint8 *memory, int index, int newest)
{
  guint8 *book;

  if (index < 0) {
    if (newest >= 0)
      ipc_shared_store (&header_of (memory, newest)->blind, ipc_word_get_epoch (self->word));
    self->private_memory = g_malloc0 (IPC_BOOK_SIZE);
    return self->private_memory;
  }

  book = (guint8 *) header_of (memory, index);
  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++)
    ipc_shared_store (&ipc_book_account_at (book, i)->ring, 0);

  return book;
}

/**
 * ipc_ledger_open:
 * @memory: IPC_LEDGER_SIZE bytes, which are shared; all 0 in a new file
 * @word: of the group, as it was claimed
 * @epoch_seen: the newest epoch in which this node has served or was served before. If the ledger does not know of it,
 *   it is not the one of that time, but an older copy that somebody put back: it forgets what it may not know
 * @funcs: called only within this function and ipc_ledger_forget_gone()
 *
 * Takes the ledger over, for the master of the word's epoch. From when it returns earlier masters can change nothing
 * any more that this one goes by.
 *
 * Returns: (transfer full): the ledger; in private memory if there is no book for it
 */
IpcLedger *
ipc_ledger_open (guint8 *memory, IpcWord word, guint64 epoch_seen, const IpcLedgerFuncs *funcs, gpointer user_data)
{
  IpcLedger *self = g_new0 (IpcLedger, 1);
  guint64 epoch = ipc_word_get_epoch (word);
  IpcWord owner;
  gboolean all;
  int newest, index;

  self->funcs = funcs;
  self->user_data = user_data;
  self->word = word;
  self->born = epoch;
  self->copied = g_hash_table_new_full (ipc_sender_key_hash, ipc_sender_key_equal, NULL,
                                        (GDestroyNotify) ipc_account_free);

  newest = find_newest (self, memory, &owner);
  if (IPC_SABOTAGE (LEDGER_LOST))
    newest = -1;
  all = newest >= 0 && epoch_seen <= ipc_word_get_epoch (owner)
        && knows_all (memory, newest); /* before we change anything */
  index = take_book (self, memory, newest);
  if (newest >= 0 && !reserve_source (memory, index, newest, owner))
    index = newest = -1;

  self->book = ipc_book_new (prepare_book (self, memory, index, newest), epoch);
  IPC_KILL_POINT (LEDGER_TAKEN);
  if (newest >= 0)
    all &= copy_book (self, (guint8 *) header_of (memory, newest));
  if (newest >= 0)
    self->known = ipc_word_get_epoch (owner);
  if (newest >= 0 && all)
    self->born = MIN (epoch, ipc_shared_load (&header_of (memory, newest)->born));
  IPC_KILL_POINT (LEDGER_COPIED);

  if (index >= 0) {
    ipc_shared_store (&header_of (memory, index)->born, self->born);
    /* A swap, because the owner's next look at the word of the group must not overtake it: who changes that later
     * finds this book. */
    ipc_shared_swap (&header_of (memory, index)->complete, 0, epoch);
  }

  return self;
}

/* The epoch is over. What is written stays for the next master. */
void
ipc_ledger_free (IpcLedger *self)
{
  g_hash_table_unref (self->copied);
  ipc_book_free (self->book);
  g_free (self->private_memory);
  g_free (self);
}

/* Of a message that was first sent in an earlier epoch than this, the ledger does not know whether it was begun. */
guint64
ipc_ledger_get_born (IpcLedger *self)
{
  return self->born;
}

/**
 * ipc_ledger_knows:
 * @oldest_epoch: the first in which a sender has sent anything that it may send again; 0 if there is nothing
 * @newest_epoch: the last in which it was served
 *
 * Returns: whether it is known of all that it may send again whether it was begun. A sender that was served in an epoch
 *   of which nothing is known shows that the ledger is older than that.
 */
gboolean
ipc_ledger_knows (IpcLedger *self, guint64 oldest_epoch, guint64 newest_epoch)
{
  if (oldest_epoch == 0)
    return TRUE;
  return oldest_epoch >= self->born && (newest_epoch <= self->known || newest_epoch == ipc_word_get_epoch (self->word));
}

/* How many messages a sender that comes now may have in flight. */
guint
ipc_ledger_get_window (IpcLedger *self)
{
  return ipc_book_get_window (self->book);
}

/* Whether the next master will know what is written. */
gboolean
ipc_ledger_is_shared (IpcLedger *self)
{
  return self->private_memory == NULL;
}

#ifdef IPC_SABOTAGES
static const IpcSenderKey *
any_key (IpcLedger *self, const IpcSenderKey *fallback)
{
  GHashTableIter iter;
  gpointer key;

  g_hash_table_iter_init (&iter, self->copied);
  return g_hash_table_iter_next (&iter, &key, NULL) ? key : fallback;
}
#else
#define any_key(self, key) key
#endif

/**
 * ipc_ledger_take_account:
 * @key: a sender that has come
 *
 * Returns: (transfer full): its account, with what earlier masters knew of it; to be freed before the ledger
 */
IpcAccount *
ipc_ledger_take_account (IpcLedger *self, const IpcSenderKey *key)
{
  IpcAccount *account;

  if (IPC_SABOTAGE (IDENTITY_SHARED))
    key = any_key (self, key);
  account = g_hash_table_lookup (self->copied, key);
  if (account == NULL)
    return ipc_book_open_account (self->book, key);

  g_hash_table_steal (self->copied, key);
  return account;
}

static gboolean
close_if_gone (gpointer key, gpointer value, gpointer user_data)
{
  IpcLedger *self = user_data;

  return self->funcs->is_gone (key, self->user_data) && ipc_account_close (value) == IPC_BOOK_OK;
}

/* Makes room by forgetting senders that have not come back and have ended. */
void
ipc_ledger_forget_gone (IpcLedger *self)
{
  g_hash_table_foreach_remove (self->copied, close_if_gone, self);
}
