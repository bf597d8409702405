/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <string.h>

/*
 * What every contender carries: 64 bytes that follow from the number of the message, so that each answer can be
 * checked, and a lost, repeated or exchanged one is noticed. Filling and checking cost a few nanoseconds and are the
 * same for all. In the fail-over case the answer begins with the pid of the process that gave it.
 */

#define BENCH_PAYLOAD_SIZE 64
#define BENCH_PAYLOAD_N_WORDS (BENCH_PAYLOAD_SIZE / 8)

static inline void
bench_payload_fill (guint8 *payload, guint64 index)
{
  guint64 words[BENCH_PAYLOAD_N_WORDS];

  for (guint i = 0; i < BENCH_PAYLOAD_N_WORDS; i++)
    words[i] = (index + 1) * G_GUINT64_CONSTANT (0x9e3779b97f4a7c15) + i;
  memcpy (payload, words, sizeof words);
}

static inline gboolean
bench_payload_check (const guint8 *payload, gsize size, guint64 index)
{
  guint8 expected[BENCH_PAYLOAD_SIZE];

  bench_payload_fill (expected, index);
  return size == sizeof expected && memcmp (payload, expected, sizeof expected) == 0;
}

static inline void
bench_payload_sign (guint8 *payload, gint64 pid)
{
  memcpy (payload, &pid, sizeof pid);
}

static inline gboolean
bench_payload_check_signed (const guint8 *payload, gsize size, guint64 index, gint64 *pid)
{
  guint8 expected[BENCH_PAYLOAD_SIZE];

  if (size != sizeof expected)
    return FALSE;
  memcpy (pid, payload, sizeof *pid);
  bench_payload_fill (expected, index);
  bench_payload_sign (expected, *pid);
  return memcmp (payload, expected, sizeof expected) == 0;
}
