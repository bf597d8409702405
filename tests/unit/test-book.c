/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-book.h"

/*
 * A book as its owner uses it: what is written can be read, the ring grows, memory comes back, limits hold; and once a
 * word is sealed, the owner changes nothing that it guards.
 */

#define EPOCH 77

typedef struct {
  guint8 *memory;
  IpcBook *book;
  IpcAccount *account;
} Fixture;

static IpcSenderKey
make_key (guint i)
{
  IpcSenderKey key;

  memset (&key, 0, sizeof key);
  memcpy (key.node_id, &i, sizeof i);
  key.pid = i + 1;
  return key;
}

static void
set_up (Fixture *self, gconstpointer user_data)
{
  IpcSenderKey key = make_key (1);

  self->memory = g_malloc0 (IPC_BOOK_SIZE);
  self->book = ipc_book_new (self->memory, EPOCH);
  self->account = ipc_book_open_account (self->book, &key);
}

static void
tear_down (Fixture *self, gconstpointer user_data)
{
  ipc_account_free (self->account);
  ipc_book_free (self->book);
  g_free (self->memory);
}

static void
accept (IpcAccount *account, guint64 sequence)
{
  g_assert_cmpint (ipc_account_accept (account, sequence), ==, IPC_BOOK_OK);
}

static void
answer (IpcAccount *account, guint64 sequence, const char *text)
{
  g_assert_cmpint (ipc_account_answer (account, sequence, FALSE, (const guint8 *) text, strlen (text)), ==,
                   IPC_BOOK_OK);
}

static void
assert_answered (IpcAccount *account, guint64 sequence, const char *text)
{
  IpcRecord record;

  ipc_account_get_record (account, sequence, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  g_assert_false (record.lost);
  g_assert_cmpmem (record.data, record.size, text, strlen (text));
  g_assert_cmpuint (record.epoch, ==, EPOCH);
}

static void
assert_state (IpcAccount *account, guint64 sequence, IpcRecordState state)
{
  IpcRecord record;

  ipc_account_get_record (account, sequence, &record);
  g_assert_cmpint (record.state, ==, state);
}

static void
test_life (Fixture *self, gconstpointer user_data)
{
  IpcRecord record;

  g_test_summary ("A message is accepted, its handler returns, it is answered, and the sender acknowledges it");

  assert_state (self->account, 1, IPC_RECORD_NONE);
  accept (self->account, 1);
  ipc_account_get_record (self->account, 1, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ACCEPTED);
  g_assert_true (record.in_handler);
  g_assert_cmpuint (record.deliveries, ==, 1);

  g_assert_cmpint (ipc_account_returned (self->account, 1), ==, IPC_BOOK_OK);
  ipc_account_get_record (self->account, 1, &record);
  g_assert_false (record.in_handler);

  answer (self->account, 1, "one");
  assert_answered (self->account, 1, "one");
  ipc_account_acknowledge (self->account, 1);
  assert_state (self->account, 1, IPC_RECORD_NONE);
  g_assert_cmpuint (ipc_book_get_n_accounts (self->book), ==, 1);
  g_assert_cmpint (ipc_account_close (self->account), ==, IPC_BOOK_OK);
  g_assert_cmpuint (ipc_book_get_n_accounts (self->book), ==, 0);
}

static void
test_growth (Fixture *self, gconstpointer user_data)
{
  g_test_summary ("The ring grows up to the largest window, and what was in it stays");

  for (guint64 s = 1; s <= IPC_BOOK_CAPACITY_MAX; s++) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, s);

    accept (self->account, s);
    if (s % 3 == 0)
      answer (self->account, s, text);
  }
  for (guint64 s = 1; s <= IPC_BOOK_CAPACITY_MAX; s++) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, s);

    if (s % 3 == 0)
      assert_answered (self->account, s, text);
    else
      assert_state (self->account, s, IPC_RECORD_ACCEPTED);
  }

  g_assert_cmpint (ipc_account_accept (self->account, IPC_BOOK_CAPACITY_MAX + 1), ==, IPC_BOOK_FULL);
  ipc_account_acknowledge (self->account, 1);
  accept (self->account, IPC_BOOK_CAPACITY_MAX + 1);
}

static void
test_passed_over (Fixture *self, gconstpointer user_data)
{
  g_test_summary ("Numbers that were given up before they were sent leave nothing behind, at any distance");

  for (guint64 s = 1; s <= 16; s++)
    accept (self->account, s);
  for (guint64 s = 1; s <= 16; s++)
    answer (self->account, s, "x");
  ipc_account_acknowledge (self->account, 14);
  accept (self->account, 20);
  assert_answered (self->account, 15, "x");
  assert_answered (self->account, 16, "x");
  for (guint64 s = 17; s < 20; s++)
    assert_state (self->account, s, IPC_RECORD_NONE);
  assert_state (self->account, 20, IPC_RECORD_ACCEPTED);

  ipc_account_acknowledge (self->account, 1000000);
  accept (self->account, 1000003);
  assert_state (self->account, 1000001, IPC_RECORD_NONE);
  assert_state (self->account, 1000002, IPC_RECORD_NONE);
  assert_state (self->account, 1000003, IPC_RECORD_ACCEPTED);
}

static void
test_passed_over_memory (Fixture *self, gconstpointer user_data)
{
  g_test_summary ("A number that was passed over does not give back the answer that had its place in the ring before");

  for (guint64 s = 1; s <= 16; s++) {
    accept (self->account, s);
    answer (self->account, s, "x");
  }
  ipc_account_acknowledge (self->account, 16);
  accept (self->account, 18); /* 17 has the place of 1 */
  ipc_account_acknowledge (self->account, 18);

  for (guint64 s = 19; s <= 19 + 16; s++) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, s);

    accept (self->account, s);
    answer (self->account, s, text);
  }
  for (guint64 s = 19; s <= 19 + 16; s++) {
    g_autofree char *text = g_strdup_printf ("%" G_GUINT64_FORMAT, s);

    assert_answered (self->account, s, text);
  }
}

#define N_SENDERS 3
/* So many answers of the largest size find room in one sender's part. */
#define SPAN_MAX 200
#define SIZE_MAX_RANDOM 1000

/* What is to be found in an account. */
typedef struct {
  IpcAccount *account;
  guint64 acknowledged;
  guint64 accepted;
  IpcRecordState states[IPC_BOOK_CAPACITY_MAX]; /* of a number, at its remainder */
  gsize sizes[IPC_BOOK_CAPACITY_MAX];
} Sender;

static guint64
random_open (Sender *sender)
{
  return sender->acknowledged + 1 + g_test_rand_int_range (0, sender->accepted - sender->acknowledged);
}

/* Its size differs from that of its neighbours, and so does each of its bytes. */
static void
answer_random (Sender *sender, guint64 sequence)
{
  gsize size = g_test_rand_int_range (0, SIZE_MAX_RANDOM);
  g_autofree char *data = g_strnfill (size, 'a' + sequence % 26);

  if (sender->states[sequence % IPC_BOOK_CAPACITY_MAX] != IPC_RECORD_ACCEPTED)
    return;

  answer (sender->account, sequence, data);
  sender->states[sequence % IPC_BOOK_CAPACITY_MAX] = IPC_RECORD_ANSWERED;
  sender->sizes[sequence % IPC_BOOK_CAPACITY_MAX] = size;
}

static void
accept_random (Sender *sender)
{
  guint64 sequence = sender->accepted + g_test_rand_int_range (1, 5);

  if (sequence - sender->acknowledged > SPAN_MAX)
    return;

  while (++sender->accepted < sequence)
    sender->states[sender->accepted % IPC_BOOK_CAPACITY_MAX] = IPC_RECORD_NONE; /* given up before it was sent */
  accept (sender->account, sequence);
  sender->states[sequence % IPC_BOOK_CAPACITY_MAX] = IPC_RECORD_ACCEPTED;
}

static void
check_random (Sender *sender, guint64 sequence)
{
  g_autofree char *expected = g_strnfill (sender->sizes[sequence % IPC_BOOK_CAPACITY_MAX], 'a' + sequence % 26);

  if (sender->states[sequence % IPC_BOOK_CAPACITY_MAX] == IPC_RECORD_ANSWERED)
    assert_answered (sender->account, sequence, expected);
  else
    assert_state (sender->account, sequence, sender->states[sequence % IPC_BOOK_CAPACITY_MAX]);
}

static void
step_random (Sender *sender)
{
  switch (g_test_rand_int_range (0, 5)) {
  case 0:
  case 1:
    accept_random (sender);
    break;
  case 2:
  case 3:
    if (sender->accepted > sender->acknowledged)
      answer_random (sender, random_open (sender));
    break;
  default:
    if (sender->accepted > sender->acknowledged) {
      sender->acknowledged = random_open (sender);
      ipc_account_acknowledge (sender->account, sender->acknowledged);
    }
  }
}

static void
test_random (Fixture *self, gconstpointer user_data)
{
  g_autofree Sender *senders = g_new0 (Sender, N_SENDERS);
  g_autofree char *large = g_strnfill (128 * 1024, 'x');

  g_test_summary ("Whatever some senders do, in any order, all that is open is there; and in the end no memory is "
                  "missing, nor there twice");

  for (guint i = 0; i < N_SENDERS; i++) {
    IpcSenderKey key = make_key (i + 2);

    senders[i].account = ipc_book_open_account (self->book, &key);
  }
  for (guint n = 0; n < 30000; n++) {
    Sender *sender = &senders[g_test_rand_int_range (0, N_SENDERS)];

    step_random (sender);
    if (sender->accepted > sender->acknowledged)
      check_random (sender, random_open (sender));
  }

  for (guint i = 0; i < N_SENDERS; i++) {
    Sender *sender = &senders[i];

    ipc_account_acknowledge (sender->account, sender->accepted);
    accept (sender->account, sender->accepted + 1);
    answer (sender->account, sender->accepted + 1, large);
    assert_answered (sender->account, sender->accepted + 1, large);
    g_assert_cmpint (ipc_account_close (sender->account), ==, IPC_BOOK_OK);
    ipc_account_free (sender->account);
  }
}

static void
test_begins_late (Fixture *self, gconstpointer user_data)
{
  g_test_summary ("A sender may be known only from a high number on, up to the highest there is");

  ipc_account_acknowledge (self->account, IPC_SEQUENCE_END - 3);
  accept (self->account, IPC_SEQUENCE_END - 1);
  answer (self->account, IPC_SEQUENCE_END - 1, "last");
  assert_answered (self->account, IPC_SEQUENCE_END - 1, "last");
  assert_state (self->account, IPC_SEQUENCE_END - 2, IPC_RECORD_NONE);
}

static void
test_memory_comes_back (Fixture *self, gconstpointer user_data)
{
  g_autofree char *large = g_strnfill (100000, 'a');

  g_test_summary ("Answers of all sizes, many times what there is room for: each is kept, as they are acknowledged");

  for (guint64 s = 1; s <= 20000; s++) {
    char *text = large + g_test_rand_int_range (0, 100000);

    accept (self->account, s);
    answer (self->account, s, text);
    assert_answered (self->account, s, text);
    ipc_account_acknowledge (self->account, s);
  }
}

static void
test_answers_lost (Fixture *self, gconstpointer user_data)
{
  g_autofree guint8 *huge = g_malloc0 (IPC_BOOK_SIZE);
  IpcRecord record;
  guint64 s = 1;

  g_test_summary ("An answer that is too large, or finds no room, is recorded as given");

  accept (self->account, s);
  g_assert_cmpint (ipc_account_answer (self->account, s, TRUE, huge, IPC_BOOK_SIZE), ==, IPC_BOOK_OK);
  ipc_account_get_record (self->account, s, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  g_assert_true (record.lost);
  g_assert_true (record.failure);

  do {
    accept (self->account, ++s);
    g_assert_cmpint (ipc_account_answer (self->account, s, FALSE, huge, 60000), ==, IPC_BOOK_OK);
    ipc_account_get_record (self->account, s, &record);
    g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  } while (!record.lost);
  g_assert_cmpuint (s, >, 3);

  ipc_account_acknowledge (self->account, s);
  accept (self->account, ++s);
  g_assert_cmpint (ipc_account_answer (self->account, s, FALSE, huge, 60000), ==, IPC_BOOK_OK);
  ipc_account_get_record (self->account, s, &record);
  g_assert_false (record.lost);
}

static void
test_many_senders (Fixture *self, gconstpointer user_data)
{
  g_autoptr (GPtrArray) accounts = g_ptr_array_new_with_free_func ((GDestroyNotify) ipc_account_free);
  IpcSenderKey key;

  g_test_summary ("There is room for a thousand senders with the windows that they are granted; one more is too many, "
                  "until another goes; and a thousand that come and go leave nothing behind");

  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
      guint window = ipc_book_get_window (self->book);
      IpcAccount *account;

      key = make_key (i);
      account = ipc_book_open_account (self->book, &key);
      for (guint64 s = 1; s <= window; s++)
        accept (account, s);
      g_ptr_array_add (accounts, account);
    }

    key = make_key (IPC_BOOK_N_ACCOUNTS);
    g_ptr_array_add (accounts, ipc_book_open_account (self->book, &key));
    g_assert_cmpint (ipc_account_accept (accounts->pdata[IPC_BOOK_N_ACCOUNTS], 1), ==, IPC_BOOK_FULL);
    g_assert_cmpint (ipc_account_close (accounts->pdata[5]), ==, IPC_BOOK_OK);
    g_ptr_array_remove_index (accounts, 5);
    accept (accounts->pdata[IPC_BOOK_N_ACCOUNTS - 1], 1);

    for (guint i = 0; i < accounts->len; i++)
      g_assert_cmpint (ipc_account_close (accounts->pdata[i]), ==, IPC_BOOK_OK);
    g_ptr_array_set_size (accounts, 0);
    g_assert_cmpuint (ipc_book_get_n_accounts (self->book), ==, 0);
  }
}

static IpcBookAccount *
shared_account (Fixture *self)
{
  return ipc_book_account_at (self->memory, 0);
}

static IpcBookEntry *
shared_entry (Fixture *self, guint64 sequence)
{
  guint64 ring = shared_account (self)->ring;
  guint64 capacity = 1u << (ring >> 1 & 0x7f);

  return ipc_book_ring_at (self->memory, ring >> 8) + (sequence & (capacity - 1));
}

/* The word that guards each step, and the step. */
static void
test_greedy_senders (Fixture *self, gconstpointer user_data)
{
  IpcAccount *accounts[IPC_BOOK_N_ACCOUNTS];
  guint n_small = 0;

  g_test_summary ("Senders that were granted the largest window before anybody had sent leave room for all others");

  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
    IpcSenderKey key = make_key (i + 2);

    accounts[i] = ipc_book_open_account (self->book, &key);
  }
  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
    guint64 s = 1;

    while (s <= IPC_BOOK_CAPACITY_MAX && ipc_account_accept (accounts[i], s) == IPC_BOOK_OK)
      s++;
    g_assert_cmpuint (s, >, 16);
    n_small += s <= IPC_BOOK_CAPACITY_MAX;
    if (s <= IPC_BOOK_CAPACITY_MAX) /* it comes again, and keeps to the window that it is granted then */
      g_assert_cmpuint (ipc_book_get_window (self->book), <, IPC_BOOK_CAPACITY_MAX);
  }
  g_assert_cmpuint (n_small, >, 0);
  g_assert_cmpuint (n_small, <, IPC_BOOK_N_ACCOUNTS);

  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
    g_assert_cmpint (ipc_account_close (accounts[i]), ==, IPC_BOOK_OK);
    ipc_account_free (accounts[i]);
  }
  for (guint64 s = 1; s <= IPC_BOOK_CAPACITY_MAX; s++)
    accept (self->account, s);
}

static void
test_sealed (Fixture *self, gconstpointer user_data)
{
  guint64 word;

  g_test_summary ("Once the word that guards it is sealed, no step of the owner's succeeds, and none changes a word");

  accept (self->account, 1);
  shared_entry (self, 1)->word |= IPC_BOOK_SEALED;
  word = shared_entry (self, 1)->word;
  g_assert_cmpint (ipc_account_returned (self->account, 1), ==, IPC_BOOK_WAS_SEALED);
  g_assert_cmpint (ipc_account_answer (self->account, 1, FALSE, NULL, 0), ==, IPC_BOOK_WAS_SEALED);
  g_assert_cmpuint (shared_entry (self, 1)->word, ==, word);

  word = shared_account (self)->accepted |= IPC_BOOK_SEALED;
  g_assert_cmpint (ipc_account_accept (self->account, 2), ==, IPC_BOOK_WAS_SEALED);
  g_assert_cmpuint (shared_account (self)->accepted, ==, word);

  word = shared_account (self)->ring |= IPC_BOOK_SEALED;
  g_assert_cmpint (ipc_account_accept (self->account, 17), ==, IPC_BOOK_WAS_SEALED); /* the ring has to grow for it */
  g_assert_cmpint (ipc_account_close (self->account), ==, IPC_BOOK_WAS_SEALED);
  g_assert_cmpuint (shared_account (self)->ring, ==, word);
}

static void
test_sealed_empty (Fixture *self, gconstpointer user_data)
{
  g_test_summary ("A sealed book takes no new account");

  for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++)
    shared_account (self)[i].ring |= IPC_BOOK_SEALED;
  g_assert_cmpint (ipc_account_accept (self->account, 1), ==, IPC_BOOK_WAS_SEALED);
}

static void
test_scribbled (Fixture *self, gconstpointer user_data)
{
  IpcRecord record;

  g_test_summary ("What a stranger writes into the book makes the owner stop, or loses an answer; never more");

  accept (self->account, 1);
  accept (self->account, 2);
  accept (self->account, 3);
  answer (self->account, 3, "three");
  for (guint bit = 1; bit < 64; bit++) {
    guint64 word = shared_entry (self, 1)->word;

    shared_entry (self, 1)->word = G_GUINT64_CONSTANT (1) << bit;
    ipc_account_get_record (self->account, 1, &record);
    ipc_account_returned (self->account, 1);
    shared_entry (self, 1)->word = word;
  }
  shared_entry (self, 2)->word = 0;
  g_assert_cmpint (ipc_account_answer (self->account, 2, FALSE, NULL, 0), ==, IPC_BOOK_WAS_SEALED);
  for (guint bit = 0; bit < 64; bit++) {
    guint64 place = shared_entry (self, 3)->place;

    shared_entry (self, 3)->place ^= G_GUINT64_CONSTANT (1) << bit;
    ipc_account_get_record (self->account, 3, &record);
    g_assert_true (record.lost);
    shared_entry (self, 3)->place = place;
  }
  assert_answered (self->account, 3, "three");
  ipc_account_acknowledge (self->account, 3);
}

static void
test_checksum (void)
{
  guint8 data[67];

  g_test_summary ("No single bit can change unseen, nor can the length, nor the order of words");

  for (gsize i = 0; i < sizeof data; i++)
    data[i] = i * 7;
  for (gsize size = 0; size <= sizeof data; size++) {
    guint32 sum = ipc_record_checksum (data, size);

    for (gsize bit = 0; bit < size * 8; bit++) {
      data[bit / 8] ^= 1u << bit % 8;
      g_assert_cmpuint (ipc_record_checksum (data, size), !=, sum);
      data[bit / 8] ^= 1u << bit % 8;
    }
    if (size > 0)
      g_assert_cmpuint (ipc_record_checksum (data, size - 1), !=, sum);
  }
  for (gsize i = 8; i < 64; i += 8) {
    guint32 sum = ipc_record_checksum (data, 64);
    guint8 first[8];

    memcpy (first, data, 8);
    memcpy (data, data + i, 8);
    memcpy (data + i, first, 8);
    g_assert_cmpuint (ipc_record_checksum (data, 64), !=, sum);
    memcpy (data + i, data, 8);
    memcpy (data, first, 8);
  }
}

#define ADD(path, test) g_test_add ("/book/" path, Fixture, NULL, set_up, test, tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("life", test_life);
  ADD ("growth", test_growth);
  ADD ("passed-over", test_passed_over);
  ADD ("passed-over/memory", test_passed_over_memory);
  ADD ("random", test_random);
  ADD ("begins-late", test_begins_late);
  ADD ("memory-comes-back", test_memory_comes_back);
  ADD ("answers-lost", test_answers_lost);
  ADD ("many-senders", test_many_senders);
  ADD ("greedy-senders", test_greedy_senders);
  ADD ("sealed/each-step", test_sealed);
  ADD ("sealed/empty", test_sealed_empty);
  ADD ("scribbled", test_scribbled);
  g_test_add_func ("/book/checksum", test_checksum);

  return g_test_run ();
}
