/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

/*
 * Backpressure end to end, with real processes and much more data than anybody may hold: whoever is slow, the handlers or
 * a reader of answers, slows down the others that depend on it, and nobody's memory grows with what has gone through.
 *
 * Memory is what the kernel says is resident, after n messages of each client and again after 4 n.
 */

/* What a process needs besides: a hundredth of what goes through meanwhile. */
#define RSS_SLACK_KB (12 * 1024)

enum {
  N_CLIENTS = 6,
  LARGE = 128 * 1024,
  WINDOW = 8 * 1024 * 1024 / LARGE, /* large messages that one sender may have at the master */
  DEPTH = 2 * WINDOW,
  UNREAD_KB = 9 * 1024, /* what a master may hold of them: 8 MiB for one that comes back, 256 KiB to write, the last one */
};

/* Messages of each client; and answers that one is owed while it does not read, 125 MiB. */
static guint n = 150, n_owed = 1000;

/* With these, freed memory is kept on purpose; and they take too long for so much data. */
static gboolean
measures_memory (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return FALSE;
#else
  return !under_valgrind ();
#endif
}

typedef struct {
  guint64 handled;
  guint64 answered;
} Count;

static gboolean
find_count (Member *member, guint from, Count *count)
{
  for (guint i = from; i < member->lines->len; i++) {
    if (sscanf (member->lines->pdata[i], "count %" G_GUINT64_FORMAT " %" G_GUINT64_FORMAT, &count->handled,
                &count->answered)
        == 2)
      return TRUE;
  }

  return FALSE;
}

static Count
ask (Member *member)
{
  guint from = member->lines->len;
  Count count;

  member_tell (member, "count");
  fixture_wait (member->fixture, find_count (member, from, &count));

  return count;
}

static guint64
get_rss_kb (Member *member)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/status", (int) member->pid);
  g_autofree char *status = NULL;
  guint64 kb = 0;

  g_assert_true (g_file_get_contents (path, &status, NULL, NULL));
  g_assert_cmpint (sscanf (strstr (status, "VmRSS:"), "VmRSS: %" G_GUINT64_FORMAT, &kb), ==, 1);

  return kb;
}

static void
expect_resident (Member *member, guint64 known_kb)
{
  guint64 kb = get_rss_kb (member);

  g_test_message ("%s: %" G_GUINT64_FORMAT " KiB are resident, of %" G_GUINT64_FORMAT " KiB that there may be",
                  member->name, kb, known_kb + RSS_SLACK_KB);
  if (measures_memory ())
    g_assert_cmpuint (kb, <=, known_kb + RSS_SLACK_KB);
}

static Member *
spawn_client (Fixture *self, guint number)
{
  g_autofree char *name = g_strdup_printf ("client %u", number);
  Member *client = member_spawn_program (self, "streamer", name, "--mode client --max-pending 1024");

  fixture_wait (self, client->role == IPC_ROLE_CLIENT);
  return client;
}

static Member *
spawn_master (Fixture *self, const char *options)
{
  g_autofree char *all = g_strconcat ("--mode master ", options, NULL);
  Member *master = member_spawn_program (self, "streamer", "master", all);

  fixture_wait (self, master->role == IPC_ROLE_MASTER);
  return master;
}

static void
stream (Member *client, guint count, guint depth, guint size)
{
  g_autofree char *command = g_strdup_printf ("stream %u %u %u", count, depth, size);

  member_tell (client, command);
}

static void
wait_answered (Member **clients, guint n_clients, guint64 n_answered)
{
  for (guint i = 0; i < n_clients; i++)
    fixture_wait (clients[i]->fixture, ask (clients[i]).answered >= n_answered);
}

/* Handlers keep what they get: no client gets more out of its hands than its window. Then they answer late: the clients
 * go at their pace. */
static void
test_slow_handlers (Fixture *self, gconstpointer data)
{
  Member *master = spawn_master (self, "--hold --delay 2 --answer-size 64"), *clients[N_CLIENTS];
  guint64 master_kb, client_kb[N_CLIENTS];

  for (guint i = 0; i < N_CLIENTS; i++) {
    clients[i] = spawn_client (self, i);
    stream (clients[i], 5 * n, DEPTH, LARGE);
  }
  fixture_wait (self, ask (master).handled == N_CLIENTS * WINDOW);
  fixture_iterate_for (self, 200 * G_TIME_SPAN_MILLISECOND);
  g_assert_cmpuint (ask (master).handled, ==, N_CLIENTS * WINDOW);
  expect_resident (master, N_CLIENTS * WINDOW * LARGE / 1024);
  for (guint i = 0; i < N_CLIENTS; i++) {
    g_assert_cmpuint (ask (clients[i]).answered, ==, 0);
    expect_resident (clients[i], DEPTH * LARGE / 1024); /* its own messages */
  }

  member_tell (master, "release");
  wait_answered (clients, N_CLIENTS, n);
  master_kb = get_rss_kb (master);
  for (guint i = 0; i < N_CLIENTS; i++)
    client_kb[i] = get_rss_kb (clients[i]);
  wait_answered (clients, N_CLIENTS, 4 * n);
  expect_resident (master, master_kb);
  for (guint i = 0; i < N_CLIENTS; i++)
    expect_resident (clients[i], client_kb[i]);
  wait_answered (clients, N_CLIENTS, 5 * n);
  g_assert_cmpuint (ask (master).handled, ==, N_CLIENTS * 5 * n);
}

static gboolean
is_stopped (Member *member)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) member->pid);
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") T ") != NULL;
}

/* Clients that have asked for much and do not read the answers cost the master a bounded amount, and nobody else
 * anything; when they read on, everything arrives. */
static void
test_slow_readers (Fixture *self, gconstpointer data)
{
  g_autofree char *options = g_strdup_printf ("--answer-size %d", LARGE);
  Member *master = spawn_master (self, options), *clients[N_CLIENTS];
  guint n_stopped = N_CLIENTS / 2;
  guint64 master_kb, handled;

  for (guint i = 0; i < N_CLIENTS; i++)
    clients[i] = spawn_client (self, i);
  for (guint i = 0; i < n_stopped; i++) {
    stream (clients[i], 3 * n_owed / 2, n_owed, 16);
    wait_answered (&clients[i], 1, 1); /* so all that it asks for at once is with the master */
    member_tell (clients[i], "stop");
    fixture_wait (self, is_stopped (clients[i]));
  }
  for (guint i = n_stopped; i < N_CLIENTS; i++)
    stream (clients[i], 5 * n, DEPTH, 16);
  wait_answered (clients + n_stopped, N_CLIENTS - n_stopped, n);
  master_kb = get_rss_kb (master);
  expect_resident (master, N_CLIENTS * UNREAD_KB);
  wait_answered (clients + n_stopped, N_CLIENTS - n_stopped, 4 * n);
  expect_resident (master, master_kb);
  wait_answered (clients + n_stopped, N_CLIENTS - n_stopped, 5 * n);

  handled = ask (master).handled - (N_CLIENTS - n_stopped) * 5 * n;
  g_test_message ("%" G_GUINT64_FORMAT " messages handled of those who do not read", handled);
  g_assert_cmpuint (handled, <, n_stopped * n_owed);
  for (guint i = 0; i < n_stopped; i++)
    g_assert_cmpint (kill (clients[i]->pid, SIGCONT), ==, 0);
  wait_answered (clients, n_stopped, 3 * n_owed / 2);
  g_assert_cmpuint (ask (master).handled, ==, (N_CLIENTS - n_stopped) * 5 * n + n_stopped * 3 * n_owed / 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);
  if (!measures_memory ()) {
    n = 20;
    n_owed = 100;
  }

  fixture_add ("/pressure/slow-handlers", "clients are slowed down, memory stays flat", test_slow_handlers);
  fixture_add ("/pressure/slow-readers", "the master is not filled up with answers", test_slow_readers);

  return g_test_run ();
}
