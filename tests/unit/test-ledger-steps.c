/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <sys/mman.h>

#include "ledger-steps.h"
#include "test-util.h"

/*
 * A master is stopped before each of his stores into the ledger in turn, and the next one takes over.
 *
 *     killed        the master is another process that ends at step n
 *     killed twice  his successor is killed at step m while he takes over, and the one after him looks
 *     replaced      the master is held at step n, replaced once or more often, and goes on as if nothing had been
 */

static void
die (void)
{
  raise (SIGKILL);
}

#define KILLED (128 + SIGKILL) /* as a child's exit status */

static int
write_in_child (gpointer step)
{
  stop_before (GPOINTER_TO_UINT (step), die);
  run_writer (world.memory, world.log);
  return 0;
}

/* The writer has ended before his step @n. Returns FALSE if he has not so many. */
static gboolean
kill_writer_at (guint n)
{
  int status;

  world_begin ();
  status = test_run_child (write_in_child, GUINT_TO_POINTER (n));
  g_assert_cmpint (status, ==, world.log->is_over ? 0 : KILLED);
  return !world.log->is_over;
}

static void
test_killed (void)
{
  gboolean was_stopped;
  guint n = 1;

  g_test_summary ("A master is killed before any of his stores: what he was told is known to the next one");

  do {
    was_stopped = kill_writer_at (n);
    if (!judge (world.memory, world.log, WRITER + 1))
      g_error ("killed before store %u", n);
    world_end ();
    n += stride ();
  } while (was_stopped);

  g_test_message ("%u stores", n);
  g_assert_cmpuint (n, >, 200);
}

static void
judge_and_die (void)
{
  if (!judge (world.memory, world.log, WRITER + 2))
    _exit (1);
  die ();
}

/* Exit status: KILLED right, 1 wrong, 0 not so many steps. */
static int
take_over_in_child (gpointer step)
{
  Master self;

  stop_before (GPOINTER_TO_UINT (step), judge_and_die);
  master_open (&self, world.memory, world.log, WRITER + 1, SLOT_OF_SUCCESSORS);
  master_clear (&self);
  return 0;
}

/* The children of one test have each their own copy of what the writer has left. */
static void
make_private (void)
{
  guint8 *copy = g_malloc (IPC_LEDGER_SIZE);

  memcpy (copy, world.memory, IPC_LEDGER_SIZE);
  munmap (world.memory, IPC_LEDGER_SIZE);
  world.memory = copy;
}

static void
test_killed_twice (void)
{
  g_test_summary ("A master is killed, and so is his successor before any of his stores while he takes over: the next "
                  "one knows everything still");

  for (guint n = 1; kill_writer_at (n); n += 17 * stride ()) {
    int status = KILLED;

    make_private ();
    for (guint m = 1; status == KILLED; m += stride ()) {
      status = test_run_child (take_over_in_child, GUINT_TO_POINTER (m));
      if (status != KILLED && status != 0)
        g_error ("killed before store %u, and his successor before his store %u: %d", n, m, status);
    }
    g_free (world.memory);
    munmap (world.log, sizeof (Log));
  }
  world_end ();
}

/* The writer goes on after his step @n in a group that has another master. Returns FALSE if he has not so many. */
static gboolean
replace_writer_at (guint n)
{
  gboolean was_replaced;

  world_begin ();
  stop_before (n, replace);
  run_writer (world.memory, world.log);
  was_replaced = !stop_nowhere ();

  if (was_replaced)
    go_on_as_successor ();
  master_clear (&successor);
  if (!judge (world.memory, world.log, world.log->epoch + 1))
    g_error ("replaced before store %u", n);
  world_end ();

  return was_replaced;
}

static void
test_replaced (gconstpointer user_data)
{
  g_test_summary ("A master is replaced before any of his stores and goes on: what he was told is known, and he is "
                  "told nothing else; his successors are not disturbed");

  n_successors = GPOINTER_TO_UINT (user_data);
  for (guint n = 1; replace_writer_at (n); n += stride ())
    ;
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/ledger-steps/killed", test_killed);
  g_test_add_func ("/ledger-steps/killed-twice", test_killed_twice);
  for (guint i = 1; i <= 6; i++) {
    g_autofree char *path = g_strdup_printf ("/ledger-steps/replaced/%u", i);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_replaced);
  }

  return g_test_run ();
}
