/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-inbox.h"
#include "ipc-wire.h"

/*
 * What a master remembers of one sender, against a model made of plain arrays: every sequence of events up to a
 * length, with a window and a byte limit that are small enough to be hit. A message is new once, its answer is kept
 * until it is acknowledged, and not a byte longer.
 */

#define N_MAX 5
#define WINDOW 3
#define BYTES_MAX 6
#define LOST_SIZE 1
#define N_SLOTS 16

typedef struct {
  gboolean begun[N_MAX + 2]; /* by an earlier master, and not by this one */
  gboolean accepted[N_MAX + 2];
  gboolean handled[N_MAX + 2];
  guint answer_size[N_MAX + 2]; /* 0: none yet */
  guint acknowledged;
  guint newest;
  guint on_connection;
} Model;

typedef struct {
  Model model;
  IpcInbox inbox;
  IpcInboxSlot slots[N_SLOTS];
} Snapshot;

static Model m;
static IpcInbox b;
static GBytes *lost;
static GBytes *answers[8]; /* by size */
static guint n_answers_alive;
static guint64 n_steps;

static void
answer_free (gpointer data)
{
  n_answers_alive--;
}

static void
save (Snapshot *snapshot)
{
  snapshot->model = m;
  snapshot->inbox = b;
  if (b.slots != NULL)
    memcpy (snapshot->slots, b.slots, sizeof snapshot->slots);
  for (guint i = 0; b.slots != NULL && i < N_SLOTS; i++) {
    if (b.slots[i].answer.payload != NULL)
      g_bytes_ref (b.slots[i].answer.payload);
  }
}

/* Puts everything back; the snapshot keeps its references, so that this can be done again. */
static void
restore (const Snapshot *snapshot)
{
  guint n_refs = 0;

  for (guint i = 0; b.slots != NULL && i < N_SLOTS; i++)
    g_clear_pointer (&b.slots[i].answer.payload, g_bytes_unref);
  m = snapshot->model;
  if (snapshot->inbox.slots == NULL)
    g_clear_pointer (&b.slots, g_free);
  b = snapshot->inbox;
  for (guint i = 0; b.slots != NULL && i < N_SLOTS; i++) {
    b.slots[i] = snapshot->slots[i];
    if (b.slots[i].answer.payload != NULL) {
      g_bytes_ref (b.slots[i].answer.payload);
      n_refs++;
    }
  }
  g_assert_cmpuint (n_refs, <=, N_SLOTS);
}

static void
snapshot_clear (Snapshot *snapshot)
{
  for (guint i = 0; snapshot->inbox.slots != NULL && i < N_SLOTS; i++)
    g_clear_pointer (&snapshot->slots[i].answer.payload, g_bytes_unref);
}

static void
check (void)
{
  guint n_unanswered = 0, n_kept = 0, n_in_slots = 0;
  gsize bytes = 0;

  for (guint i = m.acknowledged + 1; i <= MIN (m.newest, N_MAX); i++) {
    n_kept += m.answer_size[i] != 0;
    bytes += m.answer_size[i];
  }
  /* What handlers have, whether their senders have given it up or not. */
  for (guint i = 1; i <= N_MAX; i++)
    n_unanswered += m.accepted[i] && !m.handled[i];
  for (guint i = 0; i < b.capacity; i++)
    n_in_slots += b.slots[i].answer.payload != NULL;

  g_assert_cmpuint (b.n_unanswered, ==, n_unanswered);
  g_assert_cmpuint (b.bytes_kept, ==, bytes);
  g_assert_cmpuint (n_in_slots, ==, n_kept);
  g_assert_cmpuint (b.acknowledged, ==, m.acknowledged);
  g_assert_cmpuint (b.accepted, ==, m.newest);
}

/* Returns whether the connection goes on. */
static gboolean
receive (guint sequence, guint acknowledged)
{
  IpcAnswer answer = { 0 };
  const char *violation = NULL;
  IpcInboxVerdict verdict = ipc_inbox_receive (&b, sequence, acknowledged, &answer, &violation);

  g_assert_true ((violation != NULL) == (verdict == IPC_INBOX_VIOLATION));
  if (sequence <= m.on_connection || acknowledged >= sequence || sequence - acknowledged > WINDOW
      || acknowledged < m.acknowledged) {
    g_assert_cmpint (verdict, ==, IPC_INBOX_VIOLATION);
    return FALSE;
  }

  m.acknowledged = acknowledged;
  m.on_connection = sequence;
  if (sequence > m.newest) {
    g_assert_cmpint (verdict, ==, IPC_INBOX_NEW);
    m.newest = sequence;
    m.accepted[sequence] = TRUE;
  } else if (m.begun[sequence]) {
    g_assert_cmpint (verdict, ==, IPC_INBOX_BEGUN);
    m.begun[sequence] = FALSE;
    m.accepted[sequence] = TRUE;
  } else if (!m.accepted[sequence]) {
    g_assert_cmpint (verdict, ==, IPC_INBOX_VIOLATION);
    return FALSE;
  } else if (m.answer_size[sequence] == 0) {
    g_assert_cmpint (verdict, ==, IPC_INBOX_REPEAT);
  } else {
    gboolean is_lost = m.answer_size[sequence] == LOST_SIZE;

    g_assert_cmpint (verdict, ==, IPC_INBOX_REPEAT_ANSWERED);
    g_assert_true (answer.payload == (is_lost ? lost : answers[m.answer_size[sequence]]));
    g_assert_cmpint (answer.type, ==, is_lost ? IPC_FRAME_FAILURE : IPC_FRAME_RESPONSE);
  }

  return TRUE;
}

static void
acknowledge (guint n)
{
  const char *violation = ipc_inbox_acknowledge (&b, n);

  g_assert_true ((violation != NULL) == (n < m.acknowledged));
  m.acknowledged = MAX (m.acknowledged, n);
}

static gboolean
is_wanted (guint sequence)
{
  return sequence > m.acknowledged && sequence <= m.newest;
}

static void
answer_it (guint sequence, guint size)
{
  gsize bytes = b.bytes_kept;
  gboolean wanted = is_wanted (sequence);

  /* Not on a connection on which the message has not been repeated yet: it is answered again when it is. */
  g_assert_true (ipc_inbox_answer (&b, sequence, &(IpcAnswer) { answers[size], 1, IPC_FRAME_RESPONSE })
                 == (wanted && sequence <= m.on_connection));
  m.handled[sequence] = TRUE;
  if (wanted)
    m.answer_size[sequence] = bytes + size > BYTES_MAX ? LOST_SIZE : size;
}

static void explore (guint depth);

#define GO_ON() G_STMT_START { check (); n_steps++; explore (depth - 1); restore (&before); } G_STMT_END

static void
explore (guint depth)
{
  Snapshot before;

  if (depth == 0)
    return;

  save (&before);
  for (guint sequence = 1; sequence <= N_MAX; sequence++) {
    for (guint acknowledged = 0; acknowledged <= sequence; acknowledged++) {
      if (receive (sequence, acknowledged)) {
        GO_ON ();
      } else {
        restore (&before);
      }
    }
    /* A handler answers what it was given, once; also after the sender has ceased to want it. */
    for (guint size = 2; size <= 6 && m.accepted[sequence] && !m.handled[sequence]; size += 2) {
      answer_it (sequence, size);
      GO_ON ();
    }
  }
  for (guint n = 0; n <= N_MAX; n++) {
    acknowledge (n);
    if (n > before.model.acknowledged)
      GO_ON ();
  }
  if (m.on_connection != 0) {
    ipc_inbox_connected (&b, WINDOW);
    m.on_connection = 0;
    GO_ON ();
  }
  snapshot_clear (&before);
}

static void
set_up_answers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++) {
    answers[i] = g_bytes_new_with_free_func ("answer!", i, answer_free, NULL);
    n_answers_alive++;
  }
  lost = g_bytes_new_with_free_func ("!", LOST_SIZE, answer_free, NULL);
  n_answers_alive++;
}

/* Nothing but the test itself holds the answers any more. */
static void
tear_down_answers (void)
{
  for (guint i = 0; i < G_N_ELEMENTS (answers); i++)
    g_clear_pointer (&answers[i], g_bytes_unref);
  g_clear_pointer (&lost, g_bytes_unref);
  g_assert_cmpuint (n_answers_alive, ==, 0);
}

static gboolean
answer_inbox (IpcInbox *inbox, guint64 sequence, GBytes *payload)
{
  IpcAnswer answer = { payload, 1, IPC_FRAME_RESPONSE };

  return ipc_inbox_answer (inbox, sequence, &answer);
}

static void
test_exhaustive (void)
{
  g_test_summary ("Every sequence of messages, repeats, acknowledgements, answers and reconnects: no message is "
                  "handled twice in an epoch, and no answer that is still wanted is forgotten");

  set_up_answers ();
  m = (Model) { 0 };
  n_steps = 0;
  ipc_inbox_init (&b, BYTES_MAX, lost);
  ipc_inbox_connected (&b, WINDOW);
  explore (6);
  g_test_message ("%" G_GUINT64_FORMAT " steps", n_steps);
  g_assert_cmpuint (n_steps, >, 100000);
  ipc_inbox_clear (&b);
  tear_down_answers ();
}

static void
test_restored (void)
{
  IpcAnswer answer = { NULL, 1, IPC_FRAME_RESPONSE };

  g_test_summary ("The same after a take-over: what earlier masters answered is answered again, what they began comes "
                  "once more, what they passed over never, and the rest is new");

  set_up_answers ();
  m = (Model) { .newest = 4, .begun = { [1] = TRUE, [4] = TRUE }, .accepted = { [3] = TRUE }, .handled = { [3] = TRUE } };
  m.answer_size[3] = 4;
  n_steps = 0;
  ipc_inbox_init (&b, BYTES_MAX, lost);
  ipc_inbox_restore (&b, 0, 4);
  ipc_inbox_restore_begun (&b, 1);
  answer.payload = answers[4];
  ipc_inbox_restore_answer (&b, 3, &answer);
  ipc_inbox_restore_begun (&b, 4);
  ipc_inbox_connected (&b, WINDOW);
  check ();
  explore (6);
  g_assert_cmpuint (n_steps, >, 100000);
  ipc_inbox_clear (&b);
  tear_down_answers ();
}

static void
test_take_back (void)
{
  IpcInbox inbox;
  IpcAnswer answer;
  const char *violation;

  g_test_summary ("A message that could not be accepted after all is new when it comes again");

  set_up_answers ();
  ipc_inbox_init (&inbox, 100, lost);
  ipc_inbox_connected (&inbox, 4);
  g_assert_cmpint (ipc_inbox_receive (&inbox, 1, 0, &answer, &violation), ==, IPC_INBOX_NEW);
  g_assert_cmpint (ipc_inbox_receive (&inbox, 3, 0, &answer, &violation), ==, IPC_INBOX_NEW);
  ipc_inbox_take_back (&inbox, 3);
  g_assert_cmpuint (inbox.n_unanswered, ==, 1);
  ipc_inbox_connected (&inbox, 4);
  g_assert_cmpint (ipc_inbox_receive (&inbox, 1, 0, &answer, &violation), ==, IPC_INBOX_REPEAT);
  g_assert_cmpint (ipc_inbox_receive (&inbox, 3, 0, &answer, &violation), ==, IPC_INBOX_NEW);
  ipc_inbox_clear (&inbox);
  tear_down_answers ();
}

static void
test_clear (void)
{
  IpcInbox inbox;
  IpcAnswer answer;
  const char *violation;

  g_test_summary ("A sender that goes leaves no answers behind");

  set_up_answers ();
  ipc_inbox_init (&inbox, 1000, lost);
  ipc_inbox_connected (&inbox, 100);
  for (guint i = 1; i <= 100; i++) {
    g_assert_cmpint (ipc_inbox_receive (&inbox, i, 0, &answer, &violation), ==, IPC_INBOX_NEW);
    if (i % 3 != 0)
      g_assert_true (answer_inbox (&inbox, i, answers[i % 8]));
  }
  ipc_inbox_clear (&inbox);
  tear_down_answers ();
}

static void
test_growth (void)
{
  g_test_summary ("The ring grows up to the window, wherever it begins, and every answer is found again");

  set_up_answers ();
  for (guint shift = 0; shift < 60; shift += 7) {
    IpcInbox inbox;
    IpcAnswer answer;
    const char *violation;

    ipc_inbox_init (&inbox, 100000, lost);
    ipc_inbox_connected (&inbox, 1000);
    g_assert_null (ipc_inbox_acknowledge (&inbox, shift));
    for (guint i = shift + 1; i <= shift + 1000; i += 3) {
      g_assert_cmpint (ipc_inbox_receive (&inbox, i, shift, &answer, &violation), ==, IPC_INBOX_NEW);
      g_assert_cmpuint (inbox.capacity, >=, i - shift);
      g_assert_cmpuint (inbox.capacity, <=, MAX (16, 2 * (i - shift)));
      g_assert_true (answer_inbox (&inbox, i, answers[i % 8]));
    }
    g_assert_cmpint (ipc_inbox_receive (&inbox, shift + 1001, shift, &answer, &violation), ==, IPC_INBOX_VIOLATION);

    ipc_inbox_connected (&inbox, 1000);
    for (guint i = shift + 1; i <= shift + 1000; i += 3) {
      g_assert_cmpint (ipc_inbox_receive (&inbox, i, shift, &answer, &violation), ==, IPC_INBOX_REPEAT_ANSWERED);
      g_assert_true (answer.payload == answers[i % 8]);
    }
    ipc_inbox_clear (&inbox);
  }
  tear_down_answers ();
}

static void
test_gap_in_used_ring (void)
{
  g_test_summary ("A number that was passed over is not taken for accepted because its place in the ring once was");

  set_up_answers ();
  for (guint64 gap = 2; gap < 60; gap++) {
    IpcInbox inbox;
    IpcAnswer answer;
    const char *violation;

    ipc_inbox_init (&inbox, 100, lost);
    ipc_inbox_connected (&inbox, 4);
    for (guint64 i = 1; i < gap; i++) {
      g_assert_cmpint (ipc_inbox_receive (&inbox, i, i - 1, &answer, &violation), ==, IPC_INBOX_NEW);
      if (i % 2 == 0)
        g_assert_true (answer_inbox (&inbox, i, answers[2]));
    }
    g_assert_cmpint (ipc_inbox_receive (&inbox, gap + 1, gap - 1, &answer, &violation), ==, IPC_INBOX_NEW);
    ipc_inbox_connected (&inbox, 4);
    g_assert_cmpint (ipc_inbox_receive (&inbox, gap, gap - 1, &answer, &violation), ==, IPC_INBOX_VIOLATION);
    ipc_inbox_clear (&inbox);
  }
  tear_down_answers ();
}

static void
test_far_numbers (void)
{
  IpcInbox inbox;
  IpcAnswer answer;
  const char *violation;

  g_test_summary ("Sequence numbers may begin anywhere and reach the end of their range; the ring does not follow "
                  "them");

  set_up_answers ();
  ipc_inbox_init (&inbox, 100, lost);
  ipc_inbox_connected (&inbox, 4);
  for (guint64 i = IPC_SEQUENCE_END - 100; i < IPC_SEQUENCE_END; i++) {
    g_assert_cmpint (ipc_inbox_receive (&inbox, i, i - 2, &answer, &violation), ==, IPC_INBOX_NEW);
    g_assert_true (answer_inbox (&inbox, i, answers[2]));
  }
  g_assert_cmpuint (inbox.capacity, ==, 16);
  g_assert_cmpint (ipc_inbox_receive (&inbox, IPC_SEQUENCE_END, IPC_SEQUENCE_END - 1, &answer, &violation), ==,
                   IPC_INBOX_VIOLATION);
  g_assert_cmpint (ipc_inbox_receive (&inbox, 1, 0, &answer, &violation), ==, IPC_INBOX_VIOLATION);
  g_assert_null (ipc_inbox_acknowledge (&inbox, G_MAXUINT64));
  g_assert_cmpuint (inbox.bytes_kept, ==, 0);
  ipc_inbox_clear (&inbox);
  tear_down_answers ();
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/inbox/exhaustive", test_exhaustive);
  g_test_add_func ("/inbox/restored", test_restored);
  g_test_add_func ("/inbox/take-back", test_take_back);
  g_test_add_func ("/inbox/clear", test_clear);
  g_test_add_func ("/inbox/ring/growth", test_growth);
  g_test_add_func ("/inbox/ring/gap", test_gap_in_used_ring);
  g_test_add_func ("/inbox/ring/far-numbers", test_far_numbers);

  return g_test_run ();
}
