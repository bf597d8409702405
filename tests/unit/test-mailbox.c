/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <poll.h>

#include "ipc-mailbox.h"
#include "ipc-poller.h"
#include "test-util.h"

/*
 * The way into a node's thread: what any thread posts is delivered there once and in order, or freed if the node has
 * ended; the descriptor is readable while there is something, and only then.
 */

enum { N_THREADS = 8, N_LETTERS = 2000 };

typedef struct {
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) (nullable) */
  IpcMailbox *mailbox;   /* (owned) */
  guint n_delivered;
  guint n_freed; /* atomic */
  guint next[N_THREADS];
  gboolean post_again;
  gboolean end; /* the next delivery ends the poller */
} Fixture;

typedef struct {
  IpcLetter letter;
  Fixture *fixture;
  guint thread;
  guint number;
} Note;

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->n_fds = test_count_fds ();
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
  fixture->mailbox = ipc_mailbox_ref (ipc_poller_get_mailbox (fixture->poller));
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  g_clear_pointer (&fixture->poller, ipc_poller_free);
  ipc_mailbox_unref (fixture->mailbox);
  g_main_context_unref (fixture->context);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static void post (Fixture *fixture, guint thread, guint number);

static void
note_deliver (IpcLetter *letter)
{
  Note *note = (Note *) letter;
  Fixture *fixture = note->fixture;

  g_assert_cmpuint (note->number, ==, fixture->next[note->thread]);
  fixture->next[note->thread]++;
  fixture->n_delivered++;
  if (fixture->post_again)
    post (fixture, note->thread, note->number + 1);
  if (fixture->end)
    g_clear_pointer (&fixture->poller, ipc_poller_free);
}

static void
note_free (IpcLetter *letter)
{
  g_atomic_int_inc (&((Note *) letter)->fixture->n_freed);
  g_free (letter);
}

static void
post (Fixture *fixture, guint thread, guint number)
{
  Note *note = g_new (Note, 1);

  *note = (Note) { { { NULL }, note_deliver, note_free }, fixture, thread, number };
  ipc_mailbox_post (fixture->mailbox, &note->letter);
}

static gboolean
is_readable (Fixture *fixture)
{
  struct pollfd pfd = { .fd = ipc_mailbox_get_fd (fixture->mailbox), .events = POLLIN };

  return poll (&pfd, 1, 0) == 1;
}

static void
test_order (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Letters arrive in the order in which they were posted; at rest nothing wakes up");

  for (guint round = 0; round < 3; round++) {
    for (guint i = 0; i < 5; i++)
      post (fixture, 0, round * 5 + i);
    g_assert_true (is_readable (fixture));
    test_settle (fixture->context, 100);
    g_assert_cmpuint (fixture->n_delivered, ==, (round + 1) * 5);
    g_assert_cmpuint (fixture->n_freed, ==, fixture->n_delivered);
    g_assert_false (is_readable (fixture));
    g_assert_cmpuint (test_settle (fixture->context, 100), ==, 0);
  }
}

static void
test_blocking (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A turn that a blocking call makes delivers too");

  post (fixture, 0, 0);
  ipc_poller_turn_blocking (fixture->poller);
  g_assert_cmpuint (fixture->n_delivered, ==, 1);
}

typedef struct {
  Fixture *fixture;
  guint thread;
} Postman;

static gpointer
post_many (gpointer user_data)
{
  Postman *self = user_data;

  for (guint i = 0; i < N_LETTERS; i++)
    post (self->fixture, self->thread, i);

  return NULL;
}

static void
start_postmen (Fixture *fixture, Postman *postmen, GThread **threads)
{
  for (guint i = 0; i < N_THREADS; i++) {
    postmen[i] = (Postman) { fixture, i };
    threads[i] = g_thread_new ("postman", post_many, &postmen[i]);
  }
}

static void
test_threads (Fixture *fixture, gconstpointer user_data)
{
  Postman postmen[N_THREADS];
  GThread *threads[N_THREADS];

  g_test_summary ("From many threads at once nothing is lost, and each one's order is kept");

  start_postmen (fixture, postmen, threads);
  while (fixture->n_delivered < N_THREADS * N_LETTERS)
    ipc_poller_turn_blocking (fixture->poller); /* one wake-up too few would hang here */
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (fixture->n_freed, ==, N_THREADS * N_LETTERS);
  g_assert_false (is_readable (fixture));
}

static void
test_closed_meanwhile (Fixture *fixture, gconstpointer user_data)
{
  Postman postmen[N_THREADS];
  GThread *threads[N_THREADS];

  g_test_summary ("The node may end while threads post: every letter is freed once");

  start_postmen (fixture, postmen, threads);
  while (fixture->n_delivered < N_LETTERS)
    ipc_poller_turn_blocking (fixture->poller);
  g_clear_pointer (&fixture->poller, ipc_poller_free);
  for (guint i = 0; i < N_THREADS; i++)
    g_thread_join (threads[i]);
  g_assert_cmpuint (fixture->n_freed, ==, N_THREADS * N_LETTERS);
}

static void
test_closed_within (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("A delivery may end the node: the letters behind it are not delivered");

  for (guint i = 0; i < 5; i++)
    post (fixture, 0, i);
  fixture->end = TRUE;
  test_settle (fixture->context, 100);
  g_assert_cmpuint (fixture->n_delivered, ==, 1);
  g_assert_cmpuint (fixture->n_freed, ==, 5);
  post (fixture, 0, 5);
  g_assert_cmpuint (fixture->n_freed, ==, 6);
}

static void
test_posted_within (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("What a delivery posts is for the next turn, so that a turn ends");

  fixture->post_again = TRUE;
  post (fixture, 0, 0);
  for (guint i = 1; i < 10; i++) {
    g_main_context_iteration (fixture->context, FALSE);
    g_assert_cmpuint (fixture->n_delivered, ==, i);
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/mailbox/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("order", test_order);
  ADD ("blocking", test_blocking);
  ADD ("threads", test_threads);
  ADD ("closed-meanwhile", test_closed_meanwhile);
  ADD ("closed-within", test_closed_within);
  ADD ("posted-within", test_posted_within);

  return g_test_run ();
}
