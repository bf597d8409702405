/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-run.h"

#include <errno.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <stdio.h>
#include <unistd.h>

#include "bench-meter.h"

/*
 * Rounds. The contenders take turns (libipc, raw, zeromq, libipc, ...), so that whatever else the machine does in these
 * seconds hits all of them alike; each turn has new processes and a new directory. A contender that fails ends the run:
 * figures beside it would be compared with nothing.
 */

#define PROGRESS_NS (G_GINT64_CONSTANT (2) * 1000000000)

char *
bench_result_dup_name (const BenchResult *self)
{
  static const char *const suffixes[] = { [BENCH_FREE] = "", [BENCH_PINNED] = "-pinned", [BENCH_APART] = "-apart" };

  return g_strconcat (self->bench_case->name, suffixes[self->placement], NULL);
}

/* Where a group would be: in memory. On a disk's file system, making a socket is a good part of a fail-over. */
static const char *
choose_parent (void)
{
  const char *runtime_dir = g_getenv ("XDG_RUNTIME_DIR");

  if (runtime_dir != NULL && g_access (runtime_dir, W_OK | X_OK) == 0)
    return runtime_dir;
  if (g_access ("/dev/shm", W_OK | X_OK) == 0)
    return "/dev/shm";
  return g_get_tmp_dir ();
}

char *
bench_make_dir (GError **error)
{
  g_autofree char *path = g_build_filename (choose_parent (), "ipc-bench-XXXXXX", NULL);

  if (g_mkdtemp (path) != NULL)
    return g_steal_pointer (&path);
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (errno), "Cannot make the directory %s: %s", path,
               g_strerror (errno));
  return NULL;
}

static int
remove_entry (const char *path, const struct stat *status, int type, struct FTW *where)
{
  return remove (path);
}

void
bench_remove_dir (const char *path)
{
  if (nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS | FTW_MOUNT) != 0)
    g_printerr ("ipc-bench: could not remove %s\n", path);
}

static void
show_progress (const BenchResult *result, guint round, guint n_rounds)
{
  static gint64 last_ns;
  gint64 now_ns = bench_now_ns ();
  g_autofree char *name = NULL;

  if (last_ns == 0)
    last_ns = now_ns;
  if (now_ns - last_ns < PROGRESS_NS)
    return;
  last_ns = now_ns;
  name = bench_result_dup_name (result);
  g_printerr ("%s: round %u of %u\n", name, round + 1, n_rounds);
}

static BenchRound *
run_round (const BenchResult *result, BenchContender contender, const BenchOptions *options, const char *base_dir,
           GError **error)
{
  const BenchCase *bench_case = result->bench_case;
  g_autoptr (BenchRound) round = bench_round_new ();
  g_autofree char *dir = g_build_filename (base_dir, bench_contender_get_name (contender), NULL);
  gboolean ok;
  BenchTask task = {
    .case_name = bench_case->name,
    .contender = bench_contender_get_name (contender),
    .dir = dir,
    .n_warmup = options->quick ? bench_case->n_warmup_quick : bench_case->n_warmup,
    .n_messages = options->quick ? bench_case->n_messages_quick : bench_case->n_messages,
    .n_in_flight = bench_case->n_in_flight,
    .placement = result->placement,
  };

  if (g_mkdir (dir, 0700) < 0) {
    g_set_error (error, G_IO_ERROR, G_IO_ERROR_FAILED, "Cannot make the directory %s", dir);
    return NULL;
  }
  ok = bench_case->run (&task, round, error);
  bench_remove_dir (dir);
  return ok ? g_steal_pointer (&round) : NULL;
}

static gboolean
is_wanted (const BenchResult *result, const BenchOptions *options, BenchContender contender)
{
  return options->wanted[contender] && bench_case_has (result->bench_case, contender);
}

gboolean
bench_run (BenchResult *result, const BenchOptions *options, const char *base_dir, GError **error)
{
  g_autoptr (GPtrArray) rounds = g_ptr_array_new_with_free_func ((GDestroyNotify) g_ptr_array_unref);

  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++)
    g_ptr_array_add (rounds, g_ptr_array_new_with_free_func ((GDestroyNotify) bench_round_free));

  for (guint n = 0; n < options->n_rounds; n++) {
    for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++) {
      BenchRound *round;

      show_progress (result, n, options->n_rounds);
      if (!is_wanted (result, options, i))
        continue;
      round = run_round (result, i, options, base_dir, error);
      if (round == NULL)
        return FALSE;
      g_ptr_array_add (rounds->pdata[i], round);
    }
  }

  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++) {
    result->measured[i] = is_wanted (result, options, i);
    if (result->measured[i])
      result->figures[i] =
          result->bench_case->pooled ? bench_stats_pooled (rounds->pdata[i]) : bench_stats_medians (rounds->pdata[i]);
  }
  return TRUE;
}
