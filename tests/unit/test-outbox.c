/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-outbox.h"

/*
 * What a client has to send, against a model made of plain arrays: every sequence of events up to a length, each in
 * windows that are small enough to be hit. The model knows what a master may have begun, and since when; the outbox must
 * never send such a message without the mark, never give one number twice on one connection, never change the order, and
 * never exceed the window.
 */

#define N_MESSAGES_MAX 4
#define N_SLOTS 8 /* of the ring, that so few messages can touch */

typedef enum {
  MODEL_QUEUED,
  MODEL_SENT,
  MODEL_DONE,
} ModelStatus;

typedef struct {
  ModelStatus status[N_MESSAGES_MAX + 2];
  guint size[N_MESSAGES_MAX + 2];
  gboolean wanted[N_MESSAGES_MAX + 2];
  guint begun[N_MESSAGES_MAX + 2]; /* in which epoch first, or 0 */
  guint last;
  guint epoch; /* of the connection that there is or was */
  guint newest_on_connection;
  gboolean connected;
  gboolean over; /* GOODBYE has come */
} Model;

typedef struct {
  Model model;
  IpcOutbox outbox;
  IpcOutboxSlot slots[N_SLOTS];
} Snapshot;

typedef struct {
  guint window_messages;
  guint64 window_bytes;
  guint depth;
} Window;

static Model m;
static IpcOutbox o;
static const Window *window;
static guint64 n_steps;
static char labels[N_MESSAGES_MAX + 2]; /* their addresses are the messages */

static void
save (Snapshot *snapshot)
{
  snapshot->model = m;
  snapshot->outbox = o;
  memcpy (snapshot->slots, o.slots, sizeof snapshot->slots);
}

static void
restore (const Snapshot *snapshot)
{
  m = snapshot->model;
  o = snapshot->outbox;
  memcpy (o.slots, snapshot->slots, sizeof snapshot->slots);
}

static guint
model_acknowledged (void)
{
  guint n = 0;

  while (n < m.last && m.status[n + 1] == MODEL_DONE)
    n++;

  return n;
}

/* What can be seen of the outbox without changing it. */
static void
check (void)
{
  guint n_pending = 0, n_in_flight = 0;
  guint64 oldest_epoch = 0;
  gsize bytes = 0, bytes_pending = 0;

  for (guint i = 1; i <= m.last; i++) {
    gboolean pending = m.status[i] != MODEL_DONE && m.wanted[i];

    n_pending += pending;
    bytes_pending += pending ? m.size[i] : 0;
    n_in_flight += m.status[i] == MODEL_SENT;
    bytes += m.status[i] == MODEL_SENT ? m.size[i] : 0;
    g_assert_true (ipc_outbox_peek (&o, i) == (pending ? &labels[i] : NULL));
    if (pending)
      g_assert_cmpint (ipc_outbox_get_fate (&o, i), ==,
                       m.begun[i] || m.status[i] == MODEL_SENT ? IPC_OUTBOX_MAY_BE_HANDLED : IPC_OUTBOX_NEVER_SENT);
    if (pending && m.begun[i] > 0)
      oldest_epoch = MIN (oldest_epoch > 0 ? oldest_epoch : G_MAXUINT64, m.begun[i]);
  }

  g_assert_null (ipc_outbox_peek (&o, 0));
  g_assert_null (ipc_outbox_peek (&o, m.last + 1));
  g_assert_null (ipc_outbox_peek (&o, G_MAXUINT64));
  g_assert_cmpuint (o.n_pending, ==, n_pending);
  g_assert_cmpuint (o.bytes_pending, ==, bytes_pending);
  g_assert_cmpuint (o.n_in_flight, ==, n_in_flight);
  g_assert_cmpuint (o.bytes_in_flight, ==, bytes);
  g_assert_cmpuint (o.last, ==, m.last);
  g_assert_cmpuint (ipc_outbox_get_oldest_epoch (&o), ==, oldest_epoch);
}

static void
push (guint size)
{
  m.last++;
  m.size[m.last] = size;
  m.wanted[m.last] = TRUE;
  m.begun[m.last] = 0;
  m.status[m.last] = MODEL_QUEUED;
  g_assert_cmpuint (ipc_outbox_push (&o, &labels[m.last], size), ==, m.last);
}

/* Returns the message that the model would send, or 0. */
static guint
model_next (void)
{
  guint i = 1, n_in_flight = 0;
  gsize bytes = 0;

  while (i <= m.last && m.status[i] != MODEL_QUEUED)
    i++;
  for (guint j = 1; j <= m.last; j++) {
    n_in_flight += m.status[j] == MODEL_SENT;
    bytes += m.status[j] == MODEL_SENT ? m.size[j] : 0;
  }
  if (!m.connected || m.over || i > m.last || i - model_acknowledged () > window->window_messages)
    return 0;

  return n_in_flight == 0 || bytes + m.size[i] <= window->window_bytes ? i : 0;
}

static void
next (void)
{
  guint expected = model_next ();
  IpcOutboxItem item;

  g_assert_true (ipc_outbox_next (&o, &item) == (expected != 0));
  if (expected == 0)
    return;

  g_assert_cmpuint (item.sequence, ==, expected);
  g_assert_true (item.message == &labels[expected]);
  g_assert_cmpuint (item.acknowledged, ==, model_acknowledged ());
  g_assert_true (item.repeat == (m.begun[expected] > 0));
  g_assert_cmpuint (expected, >, m.newest_on_connection);
  m.newest_on_connection = expected;
  m.status[expected] = MODEL_SENT;
}

static void
answered (guint i)
{
  gboolean sent = i >= 1 && i <= m.last && m.status[i] == MODEL_SENT;
  gboolean done = i >= 1 && i <= m.last && m.status[i] == MODEL_DONE;
  gpointer message = NULL;
  gboolean possible = ipc_outbox_answered (&o, i, &message);

  g_assert_true (message == (sent ? &labels[i] : NULL));
  if (sent)
    m.status[i] = MODEL_DONE;
  else if (i >= 1 && !done)
    g_assert_false (possible); /* it has not been sent here */
  else if (done && i <= m.newest_on_connection)
    g_assert_true (possible); /* it was given up, and this is the answer all the same */
}

static void
give_up (guint i)
{
  gboolean may_be = m.begun[i] || m.status[i] == MODEL_SENT;

  g_assert_cmpint (ipc_outbox_give_up (&o, i), ==, may_be ? IPC_OUTBOX_MAY_BE_HANDLED : IPC_OUTBOX_NEVER_SENT);
  m.wanted[i] = FALSE;
  m.status[i] = MODEL_DONE;
}

static void
take_back (guint64 above, guint epoch)
{
  for (guint i = 1; i <= m.last; i++) {
    if (i > above && m.status[i] == MODEL_SENT) {
      m.status[i] = MODEL_QUEUED;
      if (m.begun[i] == 0)
        m.begun[i] = epoch;
    }
  }
}

static void
disconnected (void)
{
  take_back (0, m.epoch);
  m.connected = m.over = FALSE;
  ipc_outbox_disconnected (&o, m.epoch);
}

static void
handed_over (guint64 last_accepted)
{
  take_back (last_accepted, 0);
  m.over = TRUE;
  ipc_outbox_handed_over (&o, last_accepted);
}

static void
connected (void)
{
  m.connected = TRUE;
  m.epoch++;
  m.newest_on_connection = 0;
  ipc_outbox_connected (&o, window->window_messages, window->window_bytes);
}

static void explore (guint depth);

#define TRY(call) G_STMT_START { call; check (); n_steps++; explore (depth - 1); restore (&before); } G_STMT_END

/* Does everything that can happen now, one after the other, each with all that can follow. */
static void
explore (guint depth)
{
  Snapshot before;

  if (depth == 0)
    return;

  save (&before);
  for (guint size = 1; size <= 3 && m.last < N_MESSAGES_MAX; size += 2)
    TRY (push (size));
  TRY (next ());
  for (guint i = 0; i <= m.last + 1; i++) {
    if (i == 0 || i > m.last || m.status[i] != MODEL_SENT) {
      answered (i); /* changes nothing */
      check ();
    } else {
      TRY (answered (i));
    }
  }
  for (guint i = 1; i <= m.last; i++) {
    if (m.wanted[i] && m.status[i] != MODEL_DONE)
      TRY (give_up (i));
  }
  if (!m.connected)
    TRY (connected ());
  else
    TRY (disconnected ());
  if (m.connected && !m.over) {
    for (guint i = 0; i <= m.last; i++)
      TRY (handed_over (i));
    TRY (handed_over (G_MAXUINT64));
  }
}

static void
test_exhaustive (gconstpointer user_data)
{
  g_test_summary ("Every sequence of events: order, identity, marks, windows and counts are those of the model");

  window = user_data;
  n_steps = 0;
  m = (Model) { 0 };
  ipc_outbox_init (&o);
  explore (window->depth);
  g_test_message ("%" G_GUINT64_FORMAT " steps", n_steps);
  g_assert_cmpuint (n_steps, >, 10000);
  ipc_outbox_clear (&o);
}

static void
test_growth (void)
{
  IpcOutbox outbox;
  IpcOutboxItem item;
  static char many[5000];
  gpointer message;

  g_test_summary ("The ring grows while a part of it is in use, wherever it begins, and nothing in it is lost");

  for (guint shift = 0; shift < 130; shift += 13) {
    ipc_outbox_init (&outbox);
    ipc_outbox_connected (&outbox, 10000, G_MAXUINT64);
    for (guint i = 1; i <= shift; i++) {
      ipc_outbox_push (&outbox, &many[i], 1);
      g_assert_true (ipc_outbox_next (&outbox, &item));
      g_assert_true (ipc_outbox_answered (&outbox, i, &message));
    }
    g_assert_cmpuint (outbox.capacity, ==, 64);

    for (guint i = shift + 1; i < shift + 2000; i++) {
      g_assert_cmpuint (ipc_outbox_push (&outbox, &many[i], i), ==, i);
      if (i % 2 == 0)
        g_assert_true (ipc_outbox_next (&outbox, &item));
    }
    g_assert_cmpuint (outbox.capacity, ==, 2048);
    ipc_outbox_disconnected (&outbox, 1);
    ipc_outbox_connected (&outbox, 10000, G_MAXUINT64);
    for (guint i = shift + 1; i < shift + 2000; i++) {
      g_assert_true (ipc_outbox_next (&outbox, &item));
      g_assert_cmpuint (item.sequence, ==, i);
      g_assert_true (item.message == &many[i]);
      g_assert_true (item.repeat == (i <= shift + 1000 - (shift % 2 == 0)));
    }
    g_assert_false (ipc_outbox_next (&outbox, &item));
    ipc_outbox_clear (&outbox);
  }
}

static void
test_given_up_unsent (void)
{
  g_test_summary ("Messages that are given up before they are sent make the ring go round without a connection: what "
                  "is sent afterwards has its own number");

  for (guint n = 0; n < 200; n++) {
    IpcOutbox outbox;
    IpcOutboxItem item;
    char messages[2];

    ipc_outbox_init (&outbox);
    ipc_outbox_connected (&outbox, 1, 100);
    for (guint i = 1; i <= n; i++)
      ipc_outbox_give_up (&outbox, ipc_outbox_push (&outbox, &messages[0], 1));
    ipc_outbox_push (&outbox, &messages[1], 1);
    g_assert_true (ipc_outbox_next (&outbox, &item));
    g_assert_cmpuint (item.sequence, ==, n + 1);
    g_assert_cmpuint (item.acknowledged, ==, n);
    g_assert_true (item.message == &messages[1]);
    ipc_outbox_clear (&outbox);
  }
}

static void
test_span (void)
{
  IpcOutbox outbox;
  char message;
  gpointer got;
  IpcOutboxItem item;

  g_test_summary ("One message that is never answered must not let the ring grow without end");

  ipc_outbox_init (&outbox);
  ipc_outbox_connected (&outbox, 1, 100);
  ipc_outbox_push (&outbox, &message, 1);
  g_assert_true (ipc_outbox_next (&outbox, &item));
  for (guint i = 2; i <= IPC_OUTBOX_SPAN_MAX; i++) {
    g_assert_true (ipc_outbox_has_room (&outbox));
    ipc_outbox_give_up (&outbox, ipc_outbox_push (&outbox, &message, 1));
  }
  g_assert_false (ipc_outbox_has_room (&outbox));
  g_assert_cmpuint (outbox.capacity, ==, IPC_OUTBOX_SPAN_MAX);

  g_assert_true (ipc_outbox_answered (&outbox, 1, &got));
  g_assert_true (ipc_outbox_has_room (&outbox));
  g_assert_cmpuint (ipc_outbox_push (&outbox, &message, 1), ==, IPC_OUTBOX_SPAN_MAX + 1);
  g_assert_true (ipc_outbox_next (&outbox, &item));
  g_assert_cmpuint (item.acknowledged, ==, IPC_OUTBOX_SPAN_MAX);
  ipc_outbox_clear (&outbox);
}

int
main (int argc, char **argv)
{
  static const Window windows[] = { { 1, 100, 9 }, { 2, 3, 8 }, { 3, 4, 8 }, { 100, 2, 8 } };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (windows); i++) {
    g_autofree char *path = g_strdup_printf ("/outbox/exhaustive/window-%u-messages-%u-bytes",
                                             windows[i].window_messages, (guint) windows[i].window_bytes);

    g_test_add_data_func (path, &windows[i], test_exhaustive);
  }
  g_test_add_func ("/outbox/ring/growth", test_growth);
  g_test_add_func ("/outbox/ring/given-up-unsent", test_given_up_unsent);
  g_test_add_func ("/outbox/ring/span", test_span);

  return g_test_run ();
}
