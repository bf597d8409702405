/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-latencies.h"

/*
 * Thinning out must not hide what one looks for: the slowest, wherever they are, and what failed; and nothing may be
 * missing from the sum.
 */

#define MS G_GINT64_CONSTANT (1000000)
#define N_MANY 200000
#define END_NS (N_MANY * MS)

static void
add (SimLatencies *latencies, gint64 sent_ns, gint64 took_ns, gint32 code)
{
  SimOutcome outcome = { .sent_ns = sent_ns, .took_ns = took_ns, .number = latencies->total + 1, .code = code };

  sim_latencies_add (latencies, &outcome);
}

static SimLatencies *
make_many (void)
{
  SimLatencies *latencies = sim_latencies_new ();

  for (gint64 i = 0; i < N_MANY; i++)
    add (latencies, i * MS, MS + i % 1000, 0);
  return latencies;
}

static guint64
count_in_cells (const SimLatencies *latencies)
{
  guint64 sum = 0;

  for (guint i = 0; i < latencies->cells->len; i++)
    sum += g_array_index (latencies->cells, SimLatencyCell, i).count;
  return sum;
}

static guint
count_kept (const SimLatencies *latencies, gint64 took_ns, gint32 code)
{
  guint n = 0;

  for (guint i = 0; i < latencies->kept->len; i++) {
    const SimOutcome *outcome = &g_array_index (latencies->kept, SimOutcome, i);

    n += outcome->took_ns == took_ns && outcome->code == code;
  }
  return n;
}

static void
test_few (void)
{
  g_autoptr (SimLatencies) latencies = sim_latencies_new ();

  add (latencies, 2 * MS, 5, 0);
  add (latencies, 1 * MS, 6, 0);
  sim_latencies_reduce (latencies, 0, 2 * MS);

  g_assert_cmpuint (latencies->kept->len, ==, 2);
  g_assert_cmpuint (latencies->cells->len, ==, 0);
  g_assert_cmpint (g_array_index (latencies->kept, SimOutcome, 0).took_ns, ==, 6);
}

static void
test_nothing_missing (void)
{
  g_autoptr (SimLatencies) latencies = make_many ();

  sim_latencies_reduce (latencies, 0, END_NS);

  g_assert_cmpuint (latencies->kept->len, <=, SIM_LATENCIES_ALL_MAX);
  g_assert_cmpuint (latencies->cells->len, <=, SIM_LATENCIES_N_COLUMNS * SIM_LATENCIES_N_ROWS);
  g_assert_cmpuint (latencies->kept->len + count_in_cells (latencies), ==, N_MANY);
}

/* In a crowd of slow ones, too. */
static void
test_slowest_kept (void)
{
  g_autoptr (SimLatencies) latencies = make_many ();

  for (guint i = 0; i < 1000; i++)
    add (latencies, 77 * MS, 500 * MS, 0);
  sim_latencies_reduce (latencies, 0, END_NS);

  g_assert_cmpuint (count_kept (latencies, 500 * MS, 0), ==, 1000);
}

static void
test_failures_kept (void)
{
  g_autoptr (SimLatencies) latencies = make_many ();

  for (guint i = 0; i < 1000; i++)
    add (latencies, 77 * MS, 1, 9);
  sim_latencies_reduce (latencies, 0, END_NS);

  g_assert_cmpuint (count_kept (latencies, 1, 9), ==, 1000);
}

/* Where all are quick, the slowest of them stays, though there are thousands that are slower elsewhere. */
static void
test_slowest_of_slice_kept (void)
{
  g_autoptr (SimLatencies) latencies = sim_latencies_new ();

  for (gint64 i = 0; i < N_MANY; i++)
    add (latencies, i * MS, i == 150000 ? 20001 : i < 100000 ? 100 * MS : 20000, 0);
  sim_latencies_reduce (latencies, 0, END_NS);

  g_assert_cmpuint (count_kept (latencies, 20001, 0), ==, 1);
}

/* Everything fails, and at one time: the bound holds all the same. */
static void
test_bound (void)
{
  g_autoptr (SimLatencies) latencies = sim_latencies_new ();

  for (gint64 i = 0; i < N_MANY; i++)
    add (latencies, -i, i * i * i, 1);
  sim_latencies_reduce (latencies, 0, 0);

  g_assert_cmpuint (latencies->kept->len, <=, SIM_LATENCIES_ALL_MAX);
  g_assert_cmpuint (latencies->kept->len + count_in_cells (latencies), ==, N_MANY);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-latencies/few", test_few);
  g_test_add_func ("/sim-latencies/nothing-missing", test_nothing_missing);
  g_test_add_func ("/sim-latencies/slowest-kept", test_slowest_kept);
  g_test_add_func ("/sim-latencies/failures-kept", test_failures_kept);
  g_test_add_func ("/sim-latencies/slowest-of-slice-kept", test_slowest_of_slice_kept);
  g_test_add_func ("/sim-latencies/bound", test_bound);

  return g_test_run ();
}
