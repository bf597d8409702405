/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-out-queue.h"

/*
 * The queue of outgoing frames against the simplest model there is: one flat array of bytes. Whatever is appended in
 * whatever pieces, and however little a write takes at a time, what comes out is the same bytes in the same order.
 */

typedef struct {
  IpcOutQueue queue;
  GByteArray *flat; /* (owned) what is queued and not consumed */
  GRand *rand;      /* (owned) */
} Fixture;

static guint n_payloads; /* alive */

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  ipc_out_queue_init (&fixture->queue);
  fixture->flat = g_byte_array_new ();
  fixture->rand = g_rand_new_with_seed (g_test_rand_int ());
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_out_queue_clear (&fixture->queue);
  g_assert_cmpuint (fixture->queue.size, ==, 0);
  g_assert_cmpuint (n_payloads, ==, 0);
  g_byte_array_unref (fixture->flat);
  g_rand_free (fixture->rand);
}

static void
payload_free (gpointer data)
{
  g_free (data);
  n_payloads--;
}

static void
append (Fixture *fixture, guint32 len, gboolean as_bytes)
{
  guint8 *payload = g_malloc (len + 1);
  IpcFrameHeader header = { .length = len, .type = IPC_FRAME_MESSAGE, .sequence = fixture->flat->len + 1 };
  guint8 head[IPC_WIRE_HEADER_SIZE];

  for (guint32 i = 0; i < len; i++)
    payload[i] = g_rand_int (fixture->rand);
  ipc_wire_put_header (head, &header);
  g_byte_array_append (fixture->flat, head, sizeof head);
  g_byte_array_append (fixture->flat, payload, len);

  if (as_bytes) {
    g_autoptr (GBytes) bytes = g_bytes_new_with_free_func (payload, len, payload_free, payload);

    n_payloads++;
    ipc_out_queue_append_bytes (&fixture->queue, &header, bytes);
  } else {
    ipc_out_queue_append (&fixture->queue, &header, payload);
    g_free (payload);
  }
}

/* What peek() shows is a prefix of what is queued, and all of it when there is room for every piece. */
static void
check_peek (Fixture *fixture, guint n_vectors_max)
{
  struct iovec vectors[64];
  guint n = ipc_out_queue_peek (&fixture->queue, vectors, n_vectors_max);
  gsize at = 0;

  g_assert_cmpuint (n, <=, n_vectors_max);
  for (guint i = 0; i < n; i++) {
    g_assert_cmpuint (vectors[i].iov_len, >, 0);
    g_assert_cmpuint (at + vectors[i].iov_len, <=, fixture->flat->len);
    g_assert_true (memcmp (fixture->flat->data + at, vectors[i].iov_base, vectors[i].iov_len) == 0);
    at += vectors[i].iov_len;
  }
  if (n < n_vectors_max)
    g_assert_cmpuint (at, ==, fixture->flat->len);
}

static void
consume (Fixture *fixture, gsize n)
{
  ipc_out_queue_consume (&fixture->queue, n);
  if (n > 0)
    g_byte_array_remove_range (fixture->flat, 0, n);
  g_assert_cmpuint (fixture->queue.size, ==, fixture->flat->len);
}

static void
test_every_pair (Fixture *fixture, gconstpointer user_data)
{
  static const guint32 lens[] = { 0, 1, 2000, 2023, 2024, 2025, 4095, 4096, 4097, 65511, 65512, 65513, 100000 };
  const guint n_kinds = 2 * G_N_ELEMENTS (lens);

  g_test_summary ("A large payload is referenced and a small one copied: each kind behind each other kind keeps the "
                  "stream intact, or the peer would close the connection for a violation that is ours");

  for (guint i = 0; i < n_kinds * n_kinds; i++) {
    guint first = i / n_kinds, second = i % n_kinds;

    append (fixture, lens[first / 2], first % 2);
    append (fixture, lens[second / 2], second % 2);
    append (fixture, 3, FALSE);
    g_assert_cmpuint (fixture->queue.size, ==, fixture->flat->len);
    check_peek (fixture, 64);
    consume (fixture, 1);
    check_peek (fixture, 64);
    consume (fixture, fixture->flat->len);
    g_assert_cmpuint (n_payloads, ==, 0);
  }
}

static void
test_every_split (Fixture *fixture, gconstpointer user_data)
{
  gsize total = 2 * IPC_WIRE_HEADER_SIZE + 5000 + 7;

  g_test_summary ("A socket may take any number of bytes: writing goes on at exactly the next one");

  for (gsize split = 0; split <= total; split++) {
    append (fixture, 5000, TRUE);
    append (fixture, 7, FALSE);
    consume (fixture, split);
    check_peek (fixture, 64);
    consume (fixture, total - split);
  }
}

static void
test_few_vectors (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("One write has a limited number of vectors: the rest comes with the next write");

  for (guint i = 0; i < 200; i++)
    append (fixture, 5000, TRUE);
  while (fixture->flat->len > 0) {
    struct iovec vectors[3];
    guint n = ipc_out_queue_peek (&fixture->queue, vectors, 3);
    gsize len = 0;

    check_peek (fixture, 3);
    for (guint i = 0; i < n; i++)
      len += vectors[i].iov_len;
    g_assert_cmpuint (n, >, 0);
    consume (fixture, len);
  }
}

static void
test_coalesced (Fixture *fixture, gconstpointer user_data)
{
  struct iovec vectors[64];

  g_test_summary ("Small frames lie one behind the other: a thousand of them go out with one system call, not in a "
                  "thousand pieces");

  for (guint i = 0; i < 1000; i++)
    append (fixture, 64, TRUE);
  g_assert_cmpuint (ipc_out_queue_peek (&fixture->queue, vectors, 64), <=, 3);
  check_peek (fixture, 64);
}

static void
test_random (Fixture *fixture, gconstpointer user_data)
{
  g_test_summary ("Random appends and partial writes against a flat array of bytes");

  for (guint i = 0; i < 20000; i++) {
    guint32 len = 1u << g_rand_int_range (fixture->rand, 0, 15);

    if (fixture->flat->len < 300000 && g_rand_boolean (fixture->rand))
      append (fixture, g_rand_int_range (fixture->rand, 0, len + 1), g_rand_boolean (fixture->rand));
    else
      consume (fixture, g_rand_int_range (fixture->rand, 0, MIN (fixture->flat->len, 2 * len) + 1));
    if (i % 16 == 0)
      check_peek (fixture, g_rand_int_range (fixture->rand, 1, 65));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, func) g_test_add ("/out-queue/" path, Fixture, NULL, set_up, func, tear_down)
  ADD ("append/every-pair", test_every_pair);
  ADD ("consume/every-split", test_every_split);
  ADD ("peek/few-vectors", test_few_vectors);
  ADD ("peek/coalesced", test_coalesced);
  ADD ("random", test_random);

  return g_test_run ();
}
