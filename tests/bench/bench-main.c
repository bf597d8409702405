/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <locale.h>
#include <stdlib.h>

#include "bench-output.h"

/*
 * ipc-bench: libipc beside a bare socket and ZeroMQ, in one run. This file is the command line. Exit codes: 0 measured,
 * 1 something failed, 2 wrong usage. What the figures are is never a reason to fail.
 */

#define N_ROUNDS 7
#define N_ROUNDS_QUICK 2

static char **opt_cases;
static char **opt_contenders;
static char *opt_json;
static int opt_rounds;
static gboolean opt_apart;
static gboolean opt_pin;
static gboolean opt_list;
static gboolean opt_quick;

static const GOptionEntry entries[] = {
  { "case", 'c', 0, G_OPTION_ARG_STRING_ARRAY, &opt_cases, "Measure this case only (may be repeated)", "NAME" },
  { "contender", 0, 0, G_OPTION_ARG_STRING_ARRAY, &opt_contenders,
    "Measure libipc, raw or zeromq only (may be repeated)", "NAME" },
  { "json", 0, 0, G_OPTION_ARG_FILENAME, &opt_json, "Write the results to a file", "FILE" },
  { "rounds", 'r', 0, G_OPTION_ARG_INT, &opt_rounds, "Rounds of each case (default 7)", "N" },
  { "pin", 0, 0, G_OPTION_ARG_NONE, &opt_pin, "Measure also with all processes on one processor", NULL },
  { "apart", 0, 0, G_OPTION_ARG_NONE, &opt_apart, "Measure also with the client on a processor of its own", NULL },
  { "quick", 0, 0, G_OPTION_ARG_NONE, &opt_quick, "See that it works: 2 rounds, few messages", NULL },
  { "list", 0, 0, G_OPTION_ARG_NONE, &opt_list, "List the cases", NULL },
  G_OPTION_ENTRY_NULL
};

static gboolean
parse_options (int *argc, char ***argv, GError **error)
{
  g_autoptr (GOptionContext) context = g_option_context_new ("- measure libipc beside a bare socket and ZeroMQ");

  g_option_context_add_main_entries (context, entries, NULL);
  if (!g_option_context_parse (context, argc, argv, error))
    return FALSE;
  if (*argc > 1)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "Unexpected argument %s", (*argv)[1]);
  else if (opt_rounds < 0)
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--rounds needs a positive number");
  else
    return TRUE;
  return FALSE;
}

static gboolean
choose_contenders (BenchOptions *options, GError **error)
{
  guint n_found = 0;

  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++) {
    options->wanted[i] =
        opt_contenders == NULL || g_strv_contains ((const char *const *) opt_contenders, bench_contender_get_name (i));
    n_found += options->wanted[i];
  }
  if (opt_contenders == NULL || n_found == g_strv_length (opt_contenders))
    return TRUE;
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--contender is libipc, raw or zeromq");
  return FALSE;
}

static void
add_result (GArray *results, const BenchCase *bench_case)
{
  const gboolean wanted[] = { [BENCH_FREE] = TRUE, [BENCH_PINNED] = opt_pin, [BENCH_APART] = opt_apart };

  for (guint i = 0; i < G_N_ELEMENTS (wanted); i++) {
    BenchResult result = { .bench_case = bench_case, .placement = i };

    if (wanted[i])
      g_array_append_val (results, result);
  }
}

static gboolean
choose_cases (GArray *results, GError **error)
{
  guint n_cases;
  const BenchCase *cases = bench_cases_get (&n_cases);

  if (opt_cases == NULL)
    for (guint i = 0; i < n_cases; i++)
      add_result (results, &cases[i]);

  for (guint i = 0; opt_cases != NULL && opt_cases[i] != NULL; i++) {
    const BenchCase *bench_case = bench_case_find (opt_cases[i]);

    if (bench_case == NULL) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "There is no case %s (see --list)", opt_cases[i]);
      return FALSE;
    }
    add_result (results, bench_case);
  }
  return TRUE;
}

static gboolean
measure (GArray *results, const BenchOptions *options, GError **error)
{
  g_autofree char *base_dir = bench_make_dir (error);
  gboolean ok = base_dir != NULL;

  for (guint i = 0; ok && i < results->len; i++)
    ok = bench_run (&g_array_index (results, BenchResult, i), options, base_dir, error);
  if (base_dir != NULL)
    bench_remove_dir (base_dir);
  return ok;
}

static int
run_child (char **words, int n_words)
{
  BenchTask task;

  if (!bench_task_parse (&task, words, n_words) || !bench_case_run_child (&task)) {
    g_printerr ("ipc-bench: --child is for ipc-bench itself\n");
    return 2;
  }
  return 0;
}

int
main (int argc, char **argv)
{
  g_autoptr (GArray) results = g_array_new (FALSE, TRUE, sizeof (BenchResult));
  g_autoptr (GError) error = NULL;
  BenchOptions options = { 0 };

  setlocale (LC_ALL, "");
  if (argc > 1 && g_str_equal (argv[1], "--child"))
    return run_child (argv + 2, argc - 2);

  if (!parse_options (&argc, &argv, &error) || !choose_contenders (&options, &error)
      || !choose_cases (results, &error)) {
    g_printerr ("ipc-bench: %s\n", error->message);
    return 2;
  }
  if (opt_list) {
    bench_output_print_list ();
    return 0;
  }

  options.quick = opt_quick;
  options.n_rounds = opt_rounds > 0 ? (guint) opt_rounds : opt_quick ? N_ROUNDS_QUICK : N_ROUNDS;
  bench_interrupt_init ();
  if (!measure (results, &options, &error)
      || (opt_json != NULL && !bench_output_write_json (results, opt_json, &error))) {
    g_printerr ("ipc-bench: %s\n", error->message);
    return 1;
  }
  bench_output_print_table (results);
  return 0;
}
