/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "test-ledger-util.h"

/*
 * One master after the other takes the ledger over: what the last one knows, and what the ones before him, who may
 * still be running, can do then. What happens between two stores of theirs is tested in test-ledger-steps.c.
 */

G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcLedger, ipc_ledger_free)
G_DEFINE_AUTOPTR_CLEANUP_FUNC (IpcAccount, ipc_account_free)

static void
test_kept (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) first = group_open (group, 100, 0);
  g_autoptr (IpcAccount) old = take (first, 1);
  g_autoptr (IpcLedger) second = NULL;
  g_autoptr (IpcAccount) new = NULL;
  IpcRecord record;

  g_test_summary ("What was answered is answered, what was accepted is begun, and nothing else is known");

  accept (old, 1);
  answer (old, 1, "one");
  accept (old, 2);
  g_assert_cmpint (ipc_account_answer (old, 2, TRUE, (const guint8 *) "\0two", 4), ==, IPC_BOOK_OK);
  accept (old, 4);
  accept (old, 5);
  g_assert_cmpint (ipc_account_returned (old, 5), ==, IPC_BOOK_OK);
  accept (old, 6);
  answer (old, 6, "");

  second = group_open (group, 200, 0);
  new = take (second, 1);
  g_assert_cmpuint (ipc_account_get_accepted (new), ==, 6);
  g_assert_cmpuint (ipc_account_get_acknowledged (new), ==, 0);
  assert_answered (new, 1, 100, "one");
  ipc_account_get_record (new, 2, &record);
  g_assert_cmpint (record.state, ==, IPC_RECORD_ANSWERED);
  g_assert_true (record.failure);
  g_assert_cmpmem (record.data, record.size, "\0two", 4);
  assert_none (new, 3);
  assert_begun (new, 4, 1, 1);
  assert_begun (new, 5, 1, 0);
  assert_answered (new, 6, 100, "");
  assert_none (new, 7);

  accept (new, 4);
  accept (new, 7);
  answer (new, 4, "four");
  assert_answered (new, 4, 200, "four");
}

static void
test_keys (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) first = group_open (group, 100, 0);
  g_autoptr (IpcLedger) second = NULL;
  IpcSenderKey key = make_key (1);

  g_test_summary ("A sender is known by its id, its process and its user, not by one of them alone");

  {
    g_autoptr (IpcAccount) account = take (first, 1);

    accept (account, 1);
  }
  second = group_open (group, 101, 0);
  for (guint i = 0; i < 4; i++) {
    IpcSenderKey other = key;
    g_autoptr (IpcAccount) account = NULL;

    if (i < 3)
      *(i == 0 ? &other.node_id[15] : i == 1 ? (guint8 *) &other.pid : (guint8 *) &other.uid) ^= 1;
    account = ipc_ledger_take_account (second, &other);
    g_assert_cmpuint (ipc_account_get_accepted (account), ==, i < 3 ? 0 : 1);
  }
}

static void
test_gone (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) first = group_open (group, 100, 0);
  g_autoptr (IpcLedger) second = NULL;
  g_autoptr (IpcLedger) third = NULL;

  g_test_summary ("Senders that have ended are left out, also later; those that have come back are not");

  for (guint i = 0; i < 4; i++) {
    g_autoptr (IpcAccount) account = take (first, i);

    accept (account, 1);
  }
  group->gone[0] = TRUE;
  second = group_open (group, 101, 0);
  {
    g_autoptr (IpcAccount) here = take (second, 2);

    group->gone[1] = group->gone[2] = TRUE;
    ipc_ledger_forget_gone (second);
    assert_begun (here, 1, 1, 1);
  }

  memset (group->gone, 0, sizeof group->gone);
  third = group_open (group, 102, 0);
  for (guint i = 0; i < 4; i++) {
    g_autoptr (IpcAccount) account = take (third, i);

    g_assert_cmpuint (ipc_account_get_accepted (account), ==, i < 2 ? 0 : 1);
  }
  g_assert_cmpuint (ipc_ledger_get_born (third), ==, 100);
}

#define N_MASTERS 300

static void
test_chain (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) last = NULL;
  g_autoptr (IpcAccount) account = NULL;

  g_test_summary ("Hundreds of masters one after the other keep everything; counts stop at their largest value");

  for (guint64 epoch = 1; epoch <= N_MASTERS; epoch++) {
    g_autoptr (IpcLedger) ledger = group_open (group, epoch, 0);
    g_autoptr (IpcAccount) returning = take (ledger, 1);
    g_autofree char *text = g_strnfill (epoch, 'a' + epoch % 26);

    g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 1);
    accept (returning, 1);
    accept (returning, epoch + 1);
    if (epoch % 3 != 0)
      answer (returning, epoch + 1, text);
    if (epoch % 100 == 1) {
      g_autoptr (IpcAccount) silent = take (ledger, 2);

      if (epoch == 1)
        accept (silent, 1);
      else
        assert_begun (silent, 1, 1, 1);
    }
  }

  last = group_open (group, N_MASTERS + 1, 0);
  account = take (last, 1);
  assert_begun (account, 1, 255, 255);
  for (guint64 epoch = 1; epoch <= N_MASTERS; epoch++) {
    g_autofree char *text = g_strnfill (epoch, 'a' + epoch % 26);

    if (epoch % 3 != 0)
      assert_answered (account, epoch + 1, epoch, text);
    else
      assert_begun (account, epoch + 1, 1, 1);
  }
}

static void
test_full (Group *group, gconstpointer user_data)
{
  g_autofree char *large = g_strnfill (3000, 'x');

  g_test_summary ("As many senders and messages as a book holds, the answers too, go from one book to the next");

  for (guint64 epoch = 1; epoch <= 3; epoch++) {
    g_autoptr (IpcLedger) ledger = group_open (group, epoch, 0);

    for (guint i = 0; i < IPC_BOOK_N_ACCOUNTS; i++) {
      guint window = ipc_ledger_get_window (ledger);
      g_autoptr (IpcAccount) account = take (ledger, i);

      if (epoch == 1) {
        for (guint64 s = 1; s <= window; s++)
          accept (account, s);
        answer (account, 1, large + 3000 - i);
        continue;
      }
      g_assert_cmpuint (ipc_account_get_accepted (account), >=, 16);
      assert_answered (account, 1, 1, large + 3000 - i);
      assert_begun (account, 2, 1, 1);
    }
    g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 1);
  }
}

static void
test_older_copy (Group *group, gconstpointer user_data)
{
  g_autofree guint8 *copy = NULL;

  g_test_summary ("An older copy of the ledger that was put back shows by what others have seen, and is not believed");

  {
    g_autoptr (IpcLedger) first = group_open (group, 100, 0);
    g_autoptr (IpcAccount) account = take (first, 1);

    accept (account, 1);
  }
  copy = g_memdup2 (group->memory, IPC_LEDGER_SIZE);
  {
    g_autoptr (IpcLedger) second = group_open (group, 101, 0);
    g_autoptr (IpcAccount) account = take (second, 1);

    accept (account, 2);
    g_assert_true (ipc_ledger_knows (second, 100, 100));
    g_assert_true (ipc_ledger_knows (second, 100, 101));
  }

  memcpy (group->memory, copy, IPC_LEDGER_SIZE);
  {
    g_autoptr (IpcLedger) third = group_open (group, 102, 0); /* whose node is new here */

    g_assert_cmpuint (ipc_ledger_get_born (third), ==, 100);
    g_assert_true (ipc_ledger_knows (third, 100, 100));
    g_assert_true (ipc_ledger_knows (third, 100, 102));
    g_assert_true (ipc_ledger_knows (third, 0, 101)); /* which has nothing to send again */
    g_assert_false (ipc_ledger_knows (third, 100, 101));
    g_assert_false (ipc_ledger_knows (third, 101, 101));
  }

  memcpy (group->memory, copy, IPC_LEDGER_SIZE);
  for (guint64 epoch = 102; epoch < 104; epoch++) {
    g_autoptr (IpcLedger) ledger = group_open_after (group, epoch, 101); /* whose node was there, and who comes after */

    g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 102);
    g_assert_false (ipc_ledger_knows (ledger, 101, 101));
  }
}

static void
test_not_complete (Group *group, gconstpointer user_data)
{
  g_autoptr (IpcLedger) ledger = NULL;
  g_autoptr (IpcAccount) account = NULL;

  g_test_summary ("A master who died before his book was complete does not matter, whatever is in it");

  {
    g_autoptr (IpcLedger) first = group_open (group, 100, 0);
    g_autoptr (IpcAccount) old = take (first, 1);

    accept (old, 1);
    answer (old, 1, "one");
  }
  for (guint i = 1; i < IPC_LEDGER_N_BOOKS; i++) {
    memcpy (group_header (group, i), group_header (group, 0), IPC_BOOK_SIZE);
    group_header (group, i)->owner = (guint64) (100 + i) << 16;
    group_header (group, i)->complete = 0;
    group_account (group, i, 0)->acknowledged = 1;
  }

  ledger = group_open (group, 110, 0);
  account = take (ledger, 1);
  assert_answered (account, 1, 100, "one");
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, 100);
  g_assert_true (ipc_ledger_is_shared (ledger));
}

static void
test_two_stale (Group *group, gconstpointer user_data)
{
  IpcLedger *ledgers[3];
  IpcAccount *accounts[3];

  g_test_summary ("Of three masters that run, the two that were replaced change nothing");

  for (guint i = 0; i < 3; i++) {
    ledgers[i] = group_open (group, 100 + i, i);
    accounts[i] = take (ledgers[i], 1);
    accept (accounts[i], i + 1);
    answer (accounts[i], i + 1, "x");
    accept (accounts[i], i + 2);
    group->held[i] = TRUE;
  }
  for (guint i = 0; i < 2; i++) {
    IpcAccount *other = take (ledgers[i], 2);

    g_assert_cmpint (ipc_account_accept (accounts[i], i + 3), ==, IPC_BOOK_WAS_SEALED);
    g_assert_cmpint (ipc_account_answer (accounts[i], i + 2, FALSE, NULL, 0), ==, IPC_BOOK_WAS_SEALED);
    g_assert_cmpint (ipc_account_accept (other, 1), ==, IPC_BOOK_WAS_SEALED);
    ipc_account_free (other);
  }
  for (guint64 s = 1; s <= 3; s++)
    assert_answered (accounts[2], s, 99 + s, "x");
  answer (accounts[2], 4, "four");

  for (guint i = 0; i < 3; i++) {
    ipc_account_free (accounts[i]);
    ipc_ledger_free (ledgers[i]);
  }
}

/* Opens, lets a sender's next message be accepted, and closes. */
static void
serve (Group *group, guint64 epoch, guint slot, gboolean is_shared, guint64 born)
{
  g_autoptr (IpcLedger) ledger = group_open (group, epoch, slot);
  g_autoptr (IpcAccount) account = take (ledger, 1);

  g_assert_cmpint (ipc_ledger_is_shared (ledger), ==, is_shared);
  g_assert_cmpuint (ipc_ledger_get_born (ledger), ==, born);
  accept (account, ipc_account_get_accepted (account) + 1);
}

static guint64
get_accepted (Group *group, guint64 epoch, guint slot)
{
  g_autoptr (IpcLedger) ledger = group_open (group, epoch, slot);
  g_autoptr (IpcAccount) account = take (ledger, 1);

  return ipc_account_get_accepted (account);
}

static void
test_no_book (Group *group, gconstpointer user_data)
{
  g_test_summary ("With every book held by a stopped master the next one works without; then what went before is not "
                  "certain, until one has a book again");

  for (guint i = 0; i < 4; i++) {
    serve (group, 100 + i, i, TRUE, 100);
    group->held[i] = i < 3;
  }
  serve (group, 104, 4, FALSE, 100); /* he knows everything */
  serve (group, 105, 4, FALSE, 105); /* he does not know what 104 did */
  group->held[1] = FALSE;
  serve (group, 106, 4, TRUE, 106);
  serve (group, 107, 4, TRUE, 106);
  g_assert_cmpuint (get_accepted (group, 108, 4), ==, 6); /* 100 to 103, 106, 107 */
}

static void
test_no_book_of_two (Group *group, gconstpointer user_data)
{
  g_test_summary ("Two stopped masters are enough for that, if one of them was copying: he has two books in use");

  serve (group, 100, 0, TRUE, 100);
  group->held[0] = TRUE;
  serve (group, 101, 1, TRUE, 100);
  serve (group, 102, 1, TRUE, 100);
  group_header (group, 3)->owner = (guint64) 103 << 16 | 2; /* 103 was stopped when he had just begun */
  group_header (group, 3)->source = 2 + 1;
  group->held[2] = TRUE;
  serve (group, 104, 3, TRUE, 100);
  serve (group, 105, 3, FALSE, 100);
  group->held[0] = FALSE;
  serve (group, 106, 3, TRUE, 106);
}

static void
test_held (Group *group, gconstpointer user_data)
{
  g_autofree guint8 *copy = g_malloc (IPC_BOOK_SIZE);

  g_test_summary ("The book of a stopped master is left as it is for as long as the lock of his slot is held");

  serve (group, 100, 0, TRUE, 100);
  group->held[0] = TRUE;
  serve (group, 101, 1, TRUE, 100);
  memcpy (copy, group_header (group, 0), IPC_BOOK_SIZE);
  for (guint64 epoch = 102; epoch < 120; epoch++)
    serve (group, epoch, 1, TRUE, 100);
  g_assert_cmpmem (copy, IPC_BOOK_SIZE, group_header (group, 0), IPC_BOOK_SIZE);

  group->held[0] = FALSE;
  for (guint64 epoch = 120; epoch < 123; epoch++)
    serve (group, epoch, 1, TRUE, 100);
  g_assert_cmpuint (group_header (group, 0)->owner >> 16, >=, 120);
}

static void
test_held_last (Group *group, gconstpointer user_data)
{
  g_test_summary ("Of all books of one slot only the last is a stopped master's: the others are of masters before him, who "
                  "gave him the lock");

  for (guint64 epoch = 100; epoch < 105; epoch++)
    serve (group, epoch, 0, TRUE, 100);
  group->held[0] = TRUE;
  for (guint64 epoch = 105; epoch < 110; epoch++)
    serve (group, epoch, 1, TRUE, 100);
  group->held[1] = TRUE;
  for (guint64 epoch = 110; epoch < 115; epoch++)
    serve (group, epoch, 2, TRUE, 100);
  g_assert_cmpuint (get_accepted (group, 115, 2), ==, 15);
}

static void
test_held_source (Group *group, gconstpointer user_data)
{
  g_autofree guint8 *copy = g_malloc (IPC_BOOK_SIZE);

  g_test_summary ("So is the book that he was copying from");

  serve (group, 100, 0, TRUE, 100);
  group_header (group, 1)->owner = (guint64) 101 << 16 | 2; /* 101 was stopped when he had just begun */
  group_header (group, 1)->source = 1;
  group->held[2] = TRUE;
  serve (group, 102, 3, TRUE, 100);
  memcpy (copy, group_header (group, 0), IPC_BOOK_SIZE);
  for (guint64 epoch = 103; epoch < 120; epoch++)
    serve (group, epoch, 3, TRUE, 100);
  g_assert_cmpmem (copy, IPC_BOOK_SIZE, group_header (group, 0), IPC_BOOK_SIZE);
}

static void
test_blind_anywhere (Group *group, gconstpointer user_data)
{
  g_test_summary ("What a master without a book noted counts, though a stopped one before him completed his since");

  serve (group, 100, 0, TRUE, 100);
  serve (group, 101, 0, TRUE, 100);
  group_header (group, 0)->blind = 150;
  serve (group, 151, 0, TRUE, 151);
  serve (group, 152, 0, TRUE, 151);
}

/* Steps of an old master against the one who replaces him. */

typedef struct {
  IpcRecordState state;
  guint deliveries;
  guint deaths;
  const char *text; /* (nullable) of the answer */
} View;

typedef struct {
  int before; /* result of the step before the take-over; -1: it may not be called */
  View view;  /* then the successor's */
  int after;  /* result of the step after the take-over, which changes nothing for the successor */
} Step;

enum { ACCEPT_NEXT, ACCEPT_IT, RETURNED, ANSWER, ACKNOWLEDGE, CLOSE, NEW_ACCOUNT, GROW, N_STEPS };

static const char *step_names[] = { "accept the next one", "accept it", "handler returned", "answer", "acknowledge",
                                    "close", "new account", "grow" };

#define OK IPC_BOOK_OK
#define SEALED IPC_BOOK_WAS_SEALED
#define NONE { IPC_RECORD_NONE, 0, 0, NULL }
#define BEGUN(deliveries, deaths) { IPC_RECORD_BEGUN, deliveries, deaths, NULL }
#define ANSWERED(text) { IPC_RECORD_ANSWERED, 1, 0, text }

/* The old master's message 2 before the step, and each step. To accept or answer it twice is refused, as if it were
 * sealed. */
static const struct {
  const char *name;
  View view;
  Step steps[N_STEPS];
} states[] = {
  { "none", NONE, {
    [ACCEPT_NEXT] = { OK, NONE, SEALED },
    [ACCEPT_IT] = { OK, BEGUN (1, 1), SEALED },
    [RETURNED] = { OK, NONE, OK },
    [ANSWER] = { OK, NONE, OK },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, NONE, SEALED },
    [GROW] = { OK, NONE, SEALED },
  } },
  { "begun", BEGUN (1, 0), {
    [ACCEPT_NEXT] = { OK, BEGUN (1, 0), SEALED },
    [ACCEPT_IT] = { OK, BEGUN (2, 1), SEALED },
    [RETURNED] = { OK, BEGUN (1, 0), SEALED },
    [ANSWER] = { OK, ANSWERED ("late"), SEALED },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, BEGUN (1, 0), SEALED },
    [GROW] = { OK, BEGUN (1, 0), SEALED },
  } },
  { "in handler", BEGUN (1, 1), {
    [ACCEPT_NEXT] = { OK, BEGUN (1, 1), SEALED },
    [ACCEPT_IT] = { SEALED, BEGUN (1, 1), SEALED },
    [RETURNED] = { OK, BEGUN (1, 0), SEALED },
    [ANSWER] = { OK, ANSWERED ("late"), SEALED },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, BEGUN (1, 1), SEALED },
    [GROW] = { OK, BEGUN (1, 1), SEALED },
  } },
  { "returned", BEGUN (1, 0), {
    [ACCEPT_NEXT] = { OK, BEGUN (1, 0), SEALED },
    [ACCEPT_IT] = { SEALED, BEGUN (1, 0), SEALED },
    [RETURNED] = { OK, BEGUN (1, 0), SEALED },
    [ANSWER] = { OK, ANSWERED ("late"), SEALED },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, BEGUN (1, 0), SEALED },
    [GROW] = { OK, BEGUN (1, 0), SEALED },
  } },
  { "answered", ANSWERED ("two"), {
    [ACCEPT_NEXT] = { OK, ANSWERED ("two"), SEALED },
    [ACCEPT_IT] = { SEALED, ANSWERED ("two"), SEALED },
    [RETURNED] = { OK, ANSWERED ("two"), SEALED },
    [ANSWER] = { SEALED, ANSWERED ("two"), SEALED },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, ANSWERED ("two"), SEALED },
    [GROW] = { OK, ANSWERED ("two"), SEALED },
  } },
  { "acknowledged", NONE, {
    [ACCEPT_NEXT] = { OK, NONE, SEALED },
    [ACCEPT_IT] = { -1, NONE, -1 },
    [RETURNED] = { OK, NONE, OK },
    [ANSWER] = { OK, NONE, OK },
    [ACKNOWLEDGE] = { OK, NONE, OK },
    [CLOSE] = { OK, NONE, SEALED },
    [NEW_ACCOUNT] = { OK, NONE, SEALED },
    [GROW] = { OK, NONE, SEALED },
  } },
};

enum { STATE_NONE, STATE_BEGUN, STATE_IN_HANDLER, STATE_RETURNED, STATE_ANSWERED, STATE_ACKNOWLEDGED };

static void
bring_into (Group *group, guint state)
{
  g_autoptr (IpcLedger) ledger = group_open (group, 99, 0);
  g_autoptr (IpcAccount) account = take (ledger, 1);

  accept (account, 1);
  answer (account, 1, "one");
  if (state == STATE_BEGUN) {
    accept (account, 2);
    ipc_account_returned (account, 2);
  }
}

static void
bring_on (IpcAccount *account, guint state)
{
  if (state >= STATE_IN_HANDLER)
    accept (account, 2);
  if (state >= STATE_RETURNED)
    ipc_account_returned (account, 2);
  if (state >= STATE_ANSWERED)
    answer (account, 2, "two");
  if (state == STATE_ACKNOWLEDGED)
    ipc_account_acknowledge (account, 2);
}

static int
do_step (IpcLedger *ledger, IpcAccount *account, guint step)
{
  g_autoptr (IpcAccount) other = NULL;

  switch (step) {
  case ACCEPT_NEXT:
    return ipc_account_accept (account, 3);
  case ACCEPT_IT:
    return ipc_account_accept (account, 2);
  case RETURNED:
    return ipc_account_returned (account, 2);
  case ANSWER:
    return ipc_account_answer (account, 2, FALSE, (const guint8 *) "late", 4);
  case ACKNOWLEDGE:
    ipc_account_acknowledge (account, 2);
    return OK;
  case CLOSE:
    return ipc_account_close (account);
  case NEW_ACCOUNT:
    other = take (ledger, 2);
    return ipc_account_accept (other, 1);
  case GROW:
    return ipc_account_accept (account, 40);
  default:
    g_assert_not_reached ();
  }
}

static void
assert_view (IpcAccount *account, const View *view)
{
  IpcRecord record;

  switch (view->state) {
  case IPC_RECORD_NONE:
    assert_none (account, 2);
    break;
  case IPC_RECORD_BEGUN:
    assert_begun (account, 2, view->deliveries, view->deaths);
    break;
  case IPC_RECORD_ANSWERED:
    assert_answered (account, 2, 100, view->text);
    ipc_account_get_record (account, 2, &record);
    g_assert_cmpuint (record.deliveries, ==, view->deliveries);
    break;
  case IPC_RECORD_ACCEPTED:
  default:
    g_assert_not_reached ();
  }
}

/* What else a step that succeeded leaves to the successor. */
static void
assert_others (IpcLedger *ledger, IpcAccount *account, guint step, gboolean was_done)
{
  g_autoptr (IpcAccount) other = take (ledger, 2);
  guint64 accepted = ipc_account_get_accepted (account);

  g_assert_cmpuint (ipc_account_get_accepted (other), ==, step == NEW_ACCOUNT && was_done ? 1 : 0);
  if (step == CLOSE && was_done)
    g_assert_cmpuint (accepted, ==, 0);
  else
    g_assert_cmpuint (accepted, >=, 1);
  g_assert_cmpint (accepted == 3, ==, step == ACCEPT_NEXT && was_done);
  g_assert_cmpint (accepted == 40, ==, step == GROW && was_done);
}

static void
try_step (Group *group, guint state, guint step, gboolean is_late)
{
  const Step *expected = &states[state].steps[step];
  g_autoptr (IpcLedger) old = NULL;
  g_autoptr (IpcLedger) new = NULL;
  g_autoptr (IpcAccount) account = NULL;
  g_autoptr (IpcAccount) inherited = NULL;

  bring_into (group, state);
  old = group_open (group, 100, 0);
  account = take (old, 1);
  bring_on (account, state);

  if (!is_late)
    g_assert_cmpint (do_step (old, account, step), ==, expected->before);
  new = group_open (group, 101, 1);
  inherited = take (new, 1);
  if (is_late)
    g_assert_cmpint (do_step (old, account, step), ==, expected->after);

  assert_view (inherited, is_late ? &states[state].view : &expected->view);
  assert_others (new, inherited, step, !is_late && expected->before == OK);
}

static void
test_steps (Group *group, gconstpointer user_data)
{
  g_test_summary ("Every step of a master, with a message in every state: done before he is replaced it is known, and "
                  "afterwards it is refused and changes nothing");

  for (guint state = 0; state < G_N_ELEMENTS (states); state++)
    for (guint step = 0; step < N_STEPS; step++)
      for (guint late = 0; late < 2; late++) {
        if (states[state].steps[step].before < 0)
          continue;
        g_test_message ("%s, %s, %s", states[state].name, step_names[step], late ? "after" : "before");
        try_step (group, state, step, late);
        memset (group->memory, 0, IPC_LEDGER_SIZE);
      }
}

#define ADD(path, test) g_test_add ("/ledger/" path, Group, NULL, group_set_up, test, group_tear_down)

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  ADD ("kept", test_kept);
  ADD ("keys", test_keys);
  ADD ("gone", test_gone);
  ADD ("chain", test_chain);
  ADD ("full", test_full);
  ADD ("older-copy", test_older_copy);
  ADD ("not-complete", test_not_complete);
  ADD ("two-stale", test_two_stale);
  ADD ("no-book", test_no_book);
  ADD ("no-book/of-two", test_no_book_of_two);
  ADD ("held", test_held);
  ADD ("held-last", test_held_last);
  ADD ("held-source", test_held_source);
  ADD ("blind-anywhere", test_blind_anywhere);
  ADD ("steps", test_steps);

  return g_test_run ();
}
