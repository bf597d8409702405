/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-ledger-util.h"
#include "test-util.h"

/*
 * What somebody scribbled into the ledger, or a disk without room left out of it, must not crash a master, nor keep him
 * from working; and when he sees that something is missing he says that nothing before him is certain.
 */

#define DAMAGED_EPOCH 101
#define EPOCH 102
#define BOOK 1 /* the damaged one; 0 is older */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcLedger, ipc_ledger_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcAccount, ipc_account_free)

/* Of the answer to a message: all are as long, and no two are the same. */
#define ANSWER_SIZE 24

static const char *
text_of (guint64 sequence)
{
  static char text[ANSWER_SIZE + 1];

  g_snprintf (text, sizeof text, "the answer to message %02u", (guint) sequence);
  return text;
}

/* Two masters; the second one's book has a message in every state. */
static void
set_up (Group *group, gconstpointer user_data)
{
  group_set_up (group, user_data);

  for (guint64 epoch = DAMAGED_EPOCH - 1; epoch <= DAMAGED_EPOCH; epoch++) {
    g_autoptr (IpcLedger) ledger = group_open (group, epoch, 0);
    g_autoptr (IpcAccount) account = take (ledger, 1);

    for (guint64 i = 0; i < 20; i++) {
      guint64 s = ipc_account_get_accepted (account) + 1;

      accept (account, s);
      if (i % 2 == 0)
        answer (account, s, text_of (s));
      if (i % 3 == 0)
        ipc_account_returned (account, s);
    }
    ipc_account_acknowledge (account, 3);
  }
}

/* A new sender's messages are handled, and the next master knows. */
static void
assert_works (Group *group, IpcLedger *ledger, guint64 next_epoch)
{
  g_autoptr (IpcAccount) account = take (ledger, 7);
  g_autoptr (IpcLedger) next = NULL;
  g_autoptr (IpcAccount) inherited = NULL;

  for (guint64 s = 1; s <= 20; s++)
    accept (account, s);
  answer (account, 9, "nine");

  next = group_open (group, next_epoch, 0);
  inherited = take (next, 7);
  assert_begun (inherited, 8, 1, 1);
  assert_answered (inherited, 9, next_epoch - 1, "nine");
  assert_none (inherited, 21);
}

/* Calls @check with the ledger as it is taken over with each bit of @size bytes at @at flipped. */
static void
for_each_bit (Group *group, gpointer at, gsize size, void (*check) (Group *group, IpcLedger *ledger, gsize bit))
{
  g_autofree guint8 *copy = g_malloc (IPC_LEDGER_SIZE);
  guint8 *bytes = at;

  memcpy (copy, group->memory, IPC_LEDGER_SIZE);
  for (gsize bit = 0; bit < size * 8; bit++) {
    g_autoptr (IpcLedger) ledger = NULL;

    bytes[bit / 8] ^= 1u << bit % 8;
    ledger = group_open (group, EPOCH, 0);
    if (check != NULL)
      check (group, ledger, bit);
    assert_works (group, ledger, EPOCH + 1);
    memcpy (group->memory, copy, IPC_LEDGER_SIZE);
  }
}

static void
assert_born_now (Group *group, IpcLedger *ledger, gsize bit)
{
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, EPOCH);
}

/* The slot is in the lower 16 bits: who owns it is still clear. */
static void
assert_owner (Group *group, IpcLedger *ledger, gsize bit)
{
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, bit < 16 ? DAMAGED_EPOCH - 1 : EPOCH);
}

static void
assert_blind (Group *group, IpcLedger *ledger, gsize bit)
{
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, bit < 7 ? DAMAGED_EPOCH - 1 : EPOCH);
}

static void
assert_born (Group *group, IpcLedger *ledger, gsize bit)
{
  g_assert_cmpuint (ipc_ledger_get_born (ledger), <=, EPOCH);
}

static void
test_header (Group *group, gconstpointer user_data)
{
  IpcBookHeader *header = group_header (group, BOOK);

  g_test_summary ("Each bit of each field of a header: another book may be the newest then, and nothing is certain; "
                  "and that master's own book is found by the next");

  for_each_bit (group, &header->owner, sizeof header->owner, assert_owner);
  for_each_bit (group, &header->complete, sizeof header->complete, assert_born_now);
  for_each_bit (group, &header->born, sizeof header->born, assert_born);
  for_each_bit (group, &header->blind, sizeof header->blind, assert_blind);
  for_each_bit (group, &header->source, sizeof header->source, NULL);
}

static void
test_future (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) ledger = NULL;

  g_test_summary ("A book of an epoch that has not been yet is nobody's, and hides nobody's");

  memcpy (group_header (group, 2), group_header (group, BOOK), IPC_BOOK_SIZE);
  group_header (group, 2)->owner = (guint64) (EPOCH + 100) << 16;
  group_header (group, 2)->complete = EPOCH + 100;
  ledger = group_open (group, EPOCH, 0);
  assert_works (group, ledger, EPOCH + 1);
}

static gboolean
is_known (IpcLedger *ledger)
{
  g_autoptr (IpcAccount) account = take (ledger, 1);

  return ipc_account_get_accepted (account) > 0;
}

/* Its ring has 64 entries, so 4 units: bits 1 to 7 are the logarithm of that, from bit 8 on is the first unit. */
static void
assert_ring (Group *group, IpcLedger *ledger, gsize bit)
{
  guint64 ring = group_account (group, BOOK, 0)->ring >> 1 << 1;
  guint bits = ring >> 1 & 0x7f;
  gboolean makes_sense = bits >= 6 && bits <= 10 && (ring >> 8) + (1u << bits) / 16 <= IPC_BOOK_N_RING_UNITS;

  g_assert_cmpint (is_known (ledger), ==, makes_sense);
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, makes_sense ? DAMAGED_EPOCH - 1 : EPOCH);
}

static void
assert_numbers (Group *group, IpcLedger *ledger, gsize bit)
{
  guint64 accepted = group_account (group, BOOK, 0)->accepted >> 1;
  guint64 acknowledged = group_account (group, BOOK, 0)->acknowledged;
  gboolean makes_sense = acknowledged < IPC_SEQUENCE_END
                         && (accepted <= acknowledged || accepted - acknowledged <= 64);

  g_assert_cmpint (is_known (ledger), ==, makes_sense);
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, makes_sense ? DAMAGED_EPOCH - 1 : EPOCH);
}

/* It is another's now. */
static void
assert_key (Group *group, IpcLedger *ledger, gsize bit)
{
  g_assert_false (is_known (ledger));
}

static void
test_account (Group *group, gconstpointer user_data)
{
  IpcBookAccount *account = group_account (group, BOOK, 0);

  g_test_summary ("Each bit of each field of an account: one that makes no sense is left out");

  g_assert_cmpuint (account->ring >> 1 & 0x7f, ==, 6);
  for_each_bit (group, &account->ring, sizeof account->ring, assert_ring);
  for_each_bit (group, &account->accepted, sizeof account->accepted, assert_numbers);
  for_each_bit (group, &account->acknowledged, sizeof account->acknowledged, assert_numbers);
  for_each_bit (group, account->node_id, sizeof account->node_id, assert_key);
  for_each_bit (group, &account->pid, sizeof account->pid, assert_key);
  for_each_bit (group, &account->uid, sizeof account->uid, assert_key);
}

/* The damaged entry is number 21's, the first one that was answered in DAMAGED_EPOCH. */
#define NUMBER 21

static void
assert_answer_lost (Group *group, IpcLedger *ledger, gsize bit)
{
  g_autoptr (IpcAccount) account = take (ledger, 1);
  IpcRecord record;

  ipc_account_get_record (account, NUMBER, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  g_assert_true (record.lost);
  assert_answered (account, NUMBER + 2, DAMAGED_EPOCH, text_of (NUMBER + 2));
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, DAMAGED_EPOCH - 1);
}

/* Never another answer than was given. */
static void
assert_answer (Group *group, IpcLedger *ledger, gsize bit)
{
  g_autoptr (IpcAccount) account = take (ledger, 1);
  IpcRecord record;

  ipc_account_get_record (account, NUMBER, &record);
  if (record.state == IPC_RECORD_ANSWERED && !record.lost)
    g_assert_cmpmem (record.data, record.size, text_of (NUMBER), ANSWER_SIZE);
}

static void
test_entry (Group *group, gconstpointer user_data)
{
  IpcBookEntry *entry = group_entry (group, BOOK, group_account (group, BOOK, 0)->ring >> 8, NUMBER);
  guint8 *answer_bytes = (guint8 *) group_header (group, BOOK) + IPC_BOOK_ANSWERS_AT
                         + (entry->place >> 32) * IPC_BOOK_ANSWER_UNIT;
  g_autoptr (IpcLedger) ledger = NULL;

  g_test_summary ("Each bit of an entry and of an answer: an answer is as it was given, or lost");

  g_assert_cmpmem (answer_bytes, ANSWER_SIZE, text_of (NUMBER), ANSWER_SIZE);
  for_each_bit (group, &entry->word, sizeof entry->word, assert_answer);
  for_each_bit (group, &entry->epoch, sizeof entry->epoch, assert_answer);
  for_each_bit (group, &entry->place, sizeof entry->place, assert_answer_lost);
  for_each_bit (group, answer_bytes, ANSWER_SIZE, assert_answer_lost);

  entry->place = 0; /* as an empty answer has it */
  ledger = group_open (group, EPOCH, 0);
  assert_answer_lost (group, ledger, 0);
}

/* Fast, and good enough for garbage. */
static guint64
next_random (guint64 *state)
{
  *state ^= *state << 13;
  *state ^= *state >> 7;
  *state ^= *state << 17;
  return *state;
}

static void
fill (guint8 *memory, gsize size, guint64 *state)
{
  for (gsize i = 0; i < size; i += sizeof (guint64)) {
    guint64 value = next_random (state);

    memcpy (memory + i, &value, sizeof value);
  }
}

/* So that somebody looks further. */
static void
make_header_plausible (Group *group, guint book, guint64 *state)
{
  guint64 epoch = 1 + next_random (state) % 90;

  group_header (group, book)->owner = epoch << 16 | next_random (state) % TEST_N_SLOTS;
  group_header (group, book)->complete = epoch;
}

static void
make_accounts_plausible (Group *group, guint book, guint64 *state)
{
  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
    IpcBookAccount *account = group_account (group, book, i);
    guint bits = 3 + next_random (state) % 9;

    account->ring = i % 16 != 0 ? 0 : next_random (state) % IPC_BOOK_N_RING_UNITS << 8 | bits << 1;
    account->acknowledged >>= next_random (state) % 64;
    account->accepted = (account->acknowledged + next_random (state) % (1u << bits)) << 1;
  }
}

static void
test_garbage (Group *group, gconstpointer user_data)
{
  guint n_seeds = test_under_valgrind () ? 40 : 1000;
  guint64 state = ((guint64) g_test_rand_int () << 32 | g_test_rand_int ()) | 1;

  g_test_summary ("Nothing but garbage, and garbage with a header or accounts that look right: no crash, and whoever "
                  "has found nothing that makes sense says that nothing is certain");

  fill (group->memory, IPC_LEDGER_SIZE, &state);
  for (guint seed = 0; seed < n_seeds; seed++) {
    g_autoptr (IpcLedger) ledger = NULL;
    g_autoptr (IpcAccount) account = NULL;

    for (guint book = 0; book < IPC_LEDGER_N_BOOKS; book++) {
      fill ((guint8 *) group_header (group, book), IPC_BOOK_RINGS_AT, &state);
      fill ((guint8 *) group_header (group, book) + IPC_BOOK_RINGS_AT, 4096, &state);
      if (seed % 4 > 0)
        make_header_plausible (group, book, &state);
      if (seed % 4 == 3)
        make_accounts_plausible (group, book, &state);
    }

    ledger = group_open (group, 100, 0);
    g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 100);
    account = take (ledger, 1);
    for (guint64 s = 1; s <= 40; s++)
      if (ipc_account_accept (account, s) == IPC_BOOK_OK && s % 2 == 0)
        answer (account, s, "x");
    if (seed % 4 > 0)
      assert_works (group, ledger, 101);
  }
}

static void
test_filled (Group *group, gconstpointer user_data)
{
  g_test_summary ("All ones, and any other byte over all of it");

  for (guint byte = 1; byte < 256; byte += 2) {
    g_autoptr (IpcLedger) ledger = NULL;

    memset (group->memory, byte, IPC_LEDGER_SIZE);
    ledger = group_open (group, 100, 0);
    g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 100);
    {
      g_autoptr (IpcAccount) account = take (ledger, 7);

      accept (account, 1);
    }
  }
}

#define ADD(path, test) g_test_add ("/ledger-damage/" path, Group, NULL, set_up, test, group_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("header", test_header);
  ADD ("future", test_future);
  ADD ("account", test_account);
  ADD ("entry", test_entry);
  ADD ("garbage", test_garbage);
  ADD ("filled", test_filled);

  return g_test_run ();
}
