/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <string.h>

#include "ipc-connection.h"
#include "test-util.h"

/*
 * One end of a socket pair is the connection, the other a raw socket that does what peers do: send in pieces, not
 * read, break the protocol, vanish. The connection must not lose what was sent, must not spin, and may be freed
 * wherever it calls back. This is what the tests of it share.
 */

typedef enum {
  FREE_NEVER,
  FREE_IN_FRAME,
  FREE_IN_DRAINED,
  FREE_IN_ENDED,
  FREE_INNERMOST, /* in the last of the nested frames */
} FreeWhere;

typedef struct {
  guint n_fds;
  GMainContext *context; /* (owned) */
  IpcPoller *poller;     /* (owned) */
  IpcConnection *connection; /* (owned) (nullable) */
  int peer;                  /* (owned) -1 once closed */
  guint n_frames;
  guint64 last_sequence;
  int n_drained;
  int n_ended;
  char *violation; /* (owned) */
  guint pause_at;  /* frame */
  guint nest_at;    /* from this frame on (0: never) whoever gets one turns the poller ... */
  guint nest_until; /* ... until this one has come */
  gboolean nest_blocking;
  guint depth;
  guint depth_max;
  FreeWhere free_where;
  int n_turns;
} Fixture;

static inline void
free_if (Fixture *fixture, FreeWhere where)
{
  if (fixture->free_where == where)
    g_clear_pointer (&fixture->connection, ipc_connection_free);
}

/* Turns until no more comes, as a handler with a main loop or a blocking call of its own does. */
static inline void
nest (Fixture *fixture)
{
  fixture->depth++;
  fixture->depth_max = MAX (fixture->depth_max, fixture->depth);
  while (fixture->n_frames < fixture->nest_until && fixture->connection != NULL && fixture->n_ended == 0) {
    if (fixture->nest_blocking)
      ipc_poller_turn_blocking (fixture->poller);
    else
      g_main_context_iteration (fixture->context, TRUE);
  }
  fixture->depth--;
}

static inline void
frame_cb (IpcConnection *connection, const IpcFrame *frame, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_true (connection == fixture->connection);
  g_assert_cmpint (fixture->n_ended, ==, 0);
  fixture->n_frames++;
  if (frame->header.type == IPC_FRAME_MESSAGE) {
    g_assert_cmpuint (frame->header.sequence, ==, fixture->last_sequence + 1);
    fixture->last_sequence++;
    for (guint32 i = 0; i < frame->header.length; i++)
      g_assert_cmpuint (frame->payload[i], ==, (guint8) frame->header.sequence);
  }
  if (fixture->n_frames == fixture->pause_at)
    ipc_connection_set_paused (connection, TRUE);
  if (fixture->nest_at != 0 && fixture->n_frames >= fixture->nest_at)
    nest (fixture);
  if (fixture->n_frames == fixture->nest_until)
    free_if (fixture, FREE_INNERMOST);
  free_if (fixture, FREE_IN_FRAME);
}

static inline void
drained_cb (IpcConnection *connection, gpointer user_data)
{
  Fixture *fixture = user_data;

  g_assert_cmpuint (ipc_connection_get_queued (connection), <=, IPC_CONNECTION_WRITE_HIGH / 4);
  fixture->n_drained++;
  free_if (fixture, FREE_IN_DRAINED);
}

static inline void
ended_cb (IpcConnection *connection, const char *violation, gpointer user_data)
{
  Fixture *fixture = user_data;

  fixture->n_ended++;
  fixture->violation = g_strdup (violation);
  free_if (fixture, FREE_IN_ENDED);
}

static const IpcConnectionEvents events = { .frame = frame_cb, .drained = drained_cb, .ended = ended_cb };

static inline void
count_turn_cb (gpointer user_data)
{
  ((Fixture *) user_data)->n_turns++;
}

static inline void
set_up (Fixture *fixture, gconstpointer user_data)
{
  int pair[2];

  fixture->n_fds = test_count_fds ();
  fixture->context = g_main_context_new ();
  fixture->poller = ipc_poller_new (fixture->context, "test", NULL);
  ipc_poller_set_epilogue (fixture->poller, count_turn_cb, fixture);
  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, pair), ==, 0);
  fixture->peer = pair[1];
  fixture->connection = ipc_connection_new (fixture->poller, pair[0], IPC_SIDE_CLIENT, 1 << 20, &events, fixture);
  g_assert_nonnull (fixture->connection);
  fixture->free_where = GPOINTER_TO_INT (user_data);
}

static inline void
close_peer (Fixture *fixture)
{
  if (fixture->peer != -1)
    close (fixture->peer);
  fixture->peer = -1;
}

static inline void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  g_clear_pointer (&fixture->connection, ipc_connection_free);
  close_peer (fixture);
  ipc_poller_free (fixture->poller);
  g_main_context_unref (fixture->context);
  g_free (fixture->violation);
  g_assert_cmpuint (test_count_fds (), ==, fixture->n_fds);
}

static inline void
settle (Fixture *fixture)
{
  g_assert_cmpuint (test_settle (fixture->context, 10000), <, 10000);
}

static inline void
say (Fixture *fixture, const void *bytes, gsize len)
{
  g_assert_cmpint (send (fixture->peer, bytes, len, MSG_NOSIGNAL), ==, len);
}

static inline void
say_hello (Fixture *fixture)
{
  IpcFrameHeader header = { .length = 40, .type = IPC_FRAME_HELLO };
  guint8 bytes[64] = { 0 };

  ipc_wire_put_header (bytes, &header);
  say (fixture, bytes, sizeof bytes);
}

static inline void
say_message (Fixture *fixture, guint64 sequence, guint32 length)
{
  IpcFrameHeader header = { .length = length, .type = IPC_FRAME_MESSAGE, .sequence = sequence };
  g_autofree guint8 *bytes = g_malloc (24 + length);

  ipc_wire_put_header (bytes, &header);
  memset (bytes + 24, sequence, length);
  say (fixture, bytes, 24 + length);
}

static inline void
queue (Fixture *fixture, guint32 length)
{
  static guint64 sequence;
  IpcFrameHeader header = { .length = length, .type = IPC_FRAME_RESPONSE, .sequence = ++sequence, .number = 1 };
  g_autoptr (GBytes) payload = g_bytes_new_take (g_malloc0 (length), length);

  ipc_connection_queue_bytes (fixture->connection, &header, payload);
}

/* Reads what has come, and counts it. */
static inline gsize
listen_to (Fixture *fixture, gsize max)
{
  guint8 buffer[4096];
  gsize total = 0;
  gssize n;

  while (total < max && (n = recv (fixture->peer, buffer, MIN (sizeof buffer, max - total), 0)) > 0)
    total += n;

  return total;
}

