/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

#include "ipc-sabotage.h"

/*
 * How a book of the ledger lies in the group file. Everything is in the byte order of the machine, which all who map
 * the file share.
 *
 *      0  header      4 KiB
 *   4096  accounts    1024 of 64 bytes: one for each sender that has sent something
 *         rings       2728 units of 384 bytes: 16 entries; an account's ring has 2^n units
 *         answers     the rest, in units of 64 bytes: an answer has 2^n units
 *
 * Only its owner writes in a book. Who comes after him seals what he reads: sets the bit SEALED in each word that the
 * owner changes by compare-and-swap, so that from then on the owner's changes fail. A number in a word stands beside
 * that bit.
 */

#define IPC_BOOK_SIZE (2u * 1024 * 1024)
#ifdef IPC_LEDGER_STEPS
#define IPC_BOOK_N_ACCOUNTS 16 /* see below */
#else
#define IPC_BOOK_N_ACCOUNTS 1024
#endif
#define IPC_BOOK_RING_UNIT 16 /* entries */
#define IPC_BOOK_N_RING_UNITS 2728
#define IPC_BOOK_CAPACITY_MAX 1024 /* entries of one ring: the largest window */
#define IPC_BOOK_ANSWER_UNIT 64 /* bytes */

#define IPC_BOOK_SEALED G_GUINT64_CONSTANT (1)

typedef struct {
  guint64 owner;    /* whose book it is: the word that he claimed; 0 if nobody's yet */
  guint64 complete; /* the owner's epoch, once everything of his predecessor's is in it; before: 0 */
  guint64 born;     /* the epoch from which on nothing was forgotten */
  guint64 blind;    /* the newest epoch whose master found this book and served without one of his own; 0: none */
  guint64 source;   /* until it is complete: the index of the book that the owner copies from, + 1 */
} IpcBookHeader;

typedef struct {
  guint64 ring;         /* bit 0 sealed, bits 1 to 7 log2 of the capacity, from bit 8 its first unit; 0: no account */
  guint64 accepted;     /* bit 0 sealed; the newest sequence number that was accepted */
  guint64 acknowledged; /* up to here the sender needs no answer */
  guint8 node_id[16];
  gint32 pid;
  guint32 uid;
  guint64 reserved[2];
} IpcBookAccount;

typedef struct {
  guint64 word; /* see below */
  guint64 place; /* of an answer: its first unit in the upper 32 bits, its length in bytes in the lower */
  guint64 epoch; /* in which it was answered */
} IpcBookEntry;

G_STATIC_ASSERT (sizeof (IpcBookAccount) == 64);
G_STATIC_ASSERT (sizeof (IpcBookEntry) == 24);

/* The word of an entry: bit 0 sealed, flags, two counts, and the checksum of an answer. */
#define IPC_ENTRY_BEGUN (G_GUINT64_CONSTANT (1) << 1)      /* an earlier owner accepted it */
#define IPC_ENTRY_ACCEPTED (G_GUINT64_CONSTANT (1) << 2)   /* the owner accepted it */
#define IPC_ENTRY_ANSWERED (G_GUINT64_CONSTANT (1) << 3)   /* it was answered */
#define IPC_ENTRY_STATES (IPC_ENTRY_BEGUN | IPC_ENTRY_ACCEPTED | IPC_ENTRY_ANSWERED)
#define IPC_ENTRY_IN_HANDLER (G_GUINT64_CONSTANT (1) << 4) /* with ACCEPTED: the handler has not returned yet */
#define IPC_ENTRY_FAILURE (G_GUINT64_CONSTANT (1) << 5)    /* with ANSWERED: with a failure */
#define IPC_ENTRY_LOST (G_GUINT64_CONSTANT (1) << 6)       /* with ANSWERED: the bytes were not kept */
#define IPC_ENTRY_DELIVERIES_SHIFT 8 /* 8 bits: how often it was handed to a handler */
#define IPC_ENTRY_DEATHS_SHIFT 16    /* 8 bits: how many masters died while its handler ran */
#define IPC_ENTRY_COUNTS (G_GUINT64_CONSTANT (0xffff) << IPC_ENTRY_DELIVERIES_SHIFT)
#define IPC_ENTRY_CHECKSUM_SHIFT 32

#define IPC_BOOK_HEADER_SIZE 4096
#define IPC_BOOK_ACCOUNTS_AT IPC_BOOK_HEADER_SIZE
#define IPC_BOOK_RINGS_AT (IPC_BOOK_ACCOUNTS_AT + IPC_BOOK_N_ACCOUNTS * sizeof (IpcBookAccount))
#define IPC_BOOK_ANSWERS_AT \
  (IPC_BOOK_RINGS_AT + IPC_BOOK_N_RING_UNITS * IPC_BOOK_RING_UNIT * sizeof (IpcBookEntry))
#define IPC_BOOK_N_ANSWER_UNITS ((guint) ((IPC_BOOK_SIZE - IPC_BOOK_ANSWERS_AT) / IPC_BOOK_ANSWER_UNIT))

G_STATIC_ASSERT (IPC_BOOK_ANSWERS_AT % IPC_BOOK_ANSWER_UNIT == 0);

static inline IpcBookAccount *
ipc_book_account_at (guint8 *memory, guint index)
{
  return (IpcBookAccount *) (gpointer) (memory + IPC_BOOK_ACCOUNTS_AT) + index;
}

static inline IpcBookEntry *
ipc_book_ring_at (guint8 *memory, guint64 unit)
{
  return (IpcBookEntry *) (gpointer) (memory + IPC_BOOK_RINGS_AT) + unit * IPC_BOOK_RING_UNIT;
}

/* A test stops a writer before the n-th of its stores, and so at all of them in turn (tests/unit/ledger-steps.h), or
 * makes the stores of a dead one void (tests/unit/world/): whether a store is to be made. */
#ifdef IPC_LEDGER_STEPS
gboolean ipc_ledger_step (void);
#else
static inline gboolean
ipc_ledger_step (void)
{
  return TRUE;
}
#endif

static inline guint64
ipc_shared_load (const guint64 *address)
{
  return __atomic_load_n (address, __ATOMIC_ACQUIRE);
}

static inline void
ipc_shared_store (guint64 *address, guint64 value)
{
  if (ipc_ledger_step ())
    __atomic_store_n (address, value, __ATOMIC_RELEASE);
}

static inline gboolean
ipc_shared_swap (guint64 *address, guint64 expected, guint64 value)
{
  if (!ipc_ledger_step ())
    return FALSE;
  if (IPC_SABOTAGE (LEDGER_BLIND)) {
    __atomic_store_n (address, value, __ATOMIC_SEQ_CST);
    return TRUE;
  }
  return __atomic_compare_exchange_n (address, &expected, value, FALSE, __ATOMIC_SEQ_CST, __ATOMIC_SEQ_CST);
}

/* Seals a word and returns what it was, without the bit. */
static inline guint64
ipc_shared_seal (guint64 *address)
{
  guint64 bit = ipc_ledger_step () && !IPC_SABOTAGE (LEDGER_BLIND) ? IPC_BOOK_SEALED : 0;

  return __atomic_fetch_or (address, bit, __ATOMIC_SEQ_CST) & ~IPC_BOOK_SEALED;
}

static inline void
ipc_shared_copy (guint8 *to, const guint8 *from, gsize size)
{
  if (ipc_ledger_step ())
    memcpy (to, from, size);
}
