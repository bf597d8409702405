/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include "ipc-ledger.h"

/*
 * A group's ledger in private memory, with locks and processes as the test says. An epoch's master is opened with
 * group_open() and used through a few short words.
 */

#define TEST_N_SLOTS 8
#define TEST_N_SENDERS 8

typedef struct {
  guint8 *memory;
  gboolean held[TEST_N_SLOTS];   /* the slots whose locks are held by stopped masters */
  gboolean gone[TEST_N_SENDERS]; /* the senders whose processes have ended */
} Group;

static inline IpcSenderKey
make_key (guint sender)
{
  guint8 node_id[IPC_NODE_ID_SIZE];
  IpcSenderKey key;

  memset (node_id, 0x50 + sender, sizeof node_id);
  ipc_sender_key_init (&key, node_id, sender, 1000);
  return key;
}

static inline gboolean
group_is_slot_free (guint slot, gpointer user_data)
{
  Group *self = user_data;

  return slot >= TEST_N_SLOTS || !self->held[slot];
}

static inline gboolean
group_is_gone (const IpcSenderKey *key, gpointer user_data)
{
  Group *self = user_data;

  return key->pid >= 0 && key->pid < TEST_N_SENDERS && self->gone[key->pid];
}

static const IpcLedgerFuncs group_funcs = { group_is_slot_free, group_is_gone };

static inline IpcLedger *
group_open (Group *self, guint64 epoch, guint slot)
{
  return ipc_ledger_open (self->memory, ipc_word_make (epoch, slot), 0, &group_funcs, self);
}

/* By a node that was there in the epoch @seen. */
static inline IpcLedger *
group_open_after (Group *self, guint64 epoch, guint64 seen)
{
  return ipc_ledger_open (self->memory, ipc_word_make (epoch, 0), seen, &group_funcs, self);
}

static inline void
group_set_up (Group *self, gconstpointer user_data)
{
  *self = (Group) { .memory = g_malloc0 (IPC_LEDGER_SIZE) };
}

static inline void
group_tear_down (Group *self, gconstpointer user_data)
{
  g_free (self->memory);
}

static inline IpcBookHeader *
group_header (Group *self, guint book)
{
  return (IpcBookHeader *) (gpointer) (self->memory + (gsize) book * IPC_BOOK_SIZE);
}

static inline IpcBookAccount *
group_account (Group *self, guint book, guint index)
{
  return ipc_book_account_at (self->memory + (gsize) book * IPC_BOOK_SIZE, index);
}

static inline IpcBookEntry *
group_entry (Group *self, guint book, guint32 unit, guint index)
{
  return ipc_book_ring_at (self->memory + (gsize) book * IPC_BOOK_SIZE, unit) + index;
}

static inline IpcAccount *
take (IpcLedger *ledger, guint sender)
{
  IpcSenderKey key = make_key (sender);

  return ipc_ledger_take_account (ledger, &key);
}

static inline void
accept (IpcAccount *account, guint64 sequence)
{
  g_assert_cmpint (ipc_account_accept (account, sequence), ==, IPC_BOOK_OK);
}

static inline void
answer (IpcAccount *account, guint64 sequence, const char *text)
{
  g_assert_cmpint (ipc_account_answer (account, sequence, FALSE, (const guint8 *) text, strlen (text)), ==,
                   IPC_BOOK_OK);
}

static inline void
assert_none (IpcAccount *account, guint64 sequence)
{
  IpcRecord record;

  ipc_account_get_record (account, sequence, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_NONE);
}

static inline void
assert_begun (IpcAccount *account, guint64 sequence, guint deliveries, guint deaths)
{
  IpcRecord record;

  ipc_account_get_record (account, sequence, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_BEGUN);
  g_assert_cmpuint (record.deliveries, ==, deliveries);
  g_assert_cmpuint (record.deaths, ==, deaths);
  g_assert_false (record.in_handler);
}

static inline void
assert_answered (IpcAccount *account, guint64 sequence, guint64 epoch, const char *text)
{
  IpcRecord record;

  ipc_account_get_record (account, sequence, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  g_assert_false (record.lost);
  g_assert_cmpuint (record.epoch, ==, epoch);
  g_assert_cmpmem (record.data, record.size, text, strlen (text));
}
