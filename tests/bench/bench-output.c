/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-output.h"

/*
 * The results for people (a table with ratios) and for programs (JSON, whose keys are stable). Times are microseconds,
 * rates are per second. A contender that was not measured is missing in the JSON, and the table says why.
 */

void
bench_output_print_list (void)
{
  guint n_cases;
  const BenchCase *cases = bench_cases_get (&n_cases);

  for (guint i = 0; i < n_cases; i++)
    g_print ("%-14s %s\n", cases[i].name, cases[i].about);
}

static void
print_figures (const char *label, BenchFigures figures)
{
  g_print ("  %-16s %12.1f %12.1f %14.0f\n", label, figures.p50_us, figures.p99_us, figures.rate);
}

static void
print_ratio (const BenchResult *result, BenchContender other)
{
  BenchFigures a = result->figures[BENCH_LIBIPC];
  BenchFigures b = result->figures[other];
  g_autofree char *label = g_strconcat ("libipc/", bench_contender_get_name (other), NULL);

  if (result->measured[BENCH_LIBIPC] && result->measured[other])
    g_print ("  %-16s %11.2fx %11.2fx %13.2fx\n", label, a.p50_us / b.p50_us, a.p99_us / b.p99_us, a.rate / b.rate);
}

static gboolean
is_empty (const BenchResult *result)
{
  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++)
    if (result->measured[i])
      return FALSE;
  return TRUE;
}

static void
print_result (const BenchResult *result)
{
  static const char *const placements[] = {
    [BENCH_FREE] = "",
    [BENCH_PINNED] = "; all on one processor",
    [BENCH_APART] = "; the client on a processor of its own",
  };
  g_autofree char *name = bench_result_dup_name (result);

  if (is_empty (result))
    return;
  g_print ("\n%s: %s%s\n", name, result->bench_case->about, placements[result->placement]);
  g_print ("  %-16s %12s %12s %14s\n", "", "p50 us", "p99 us", "rate 1/s");
  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++)
    if (result->measured[i])
      print_figures (bench_contender_get_name (i), result->figures[i]);
  for (BenchContender i = BENCH_LIBIPC + 1; i < BENCH_N_CONTENDERS; i++)
    print_ratio (result, i);
}

void
bench_output_print_table (GArray *results)
{
  for (guint i = 0; i < results->len; i++)
    print_result (&g_array_index (results, BenchResult, i));
#ifndef HAVE_ZEROMQ
  g_print ("\nZeroMQ is not built in (Meson option zeromq), so there are no figures for it.\n");
#endif
}

/* Numbers in JSON have a point in every locale. */
static void
append_number (GString *json, const char *key, double value)
{
  char digits[G_ASCII_DTOSTR_BUF_SIZE];

  g_ascii_formatd (digits, sizeof digits, "%.3f", value);
  g_string_append_printf (json, "\"%s\": %s", key, digits);
}

static void
append_figures (GString *json, BenchFigures figures)
{
  g_string_append_c (json, '{');
  append_number (json, "p50", figures.p50_us);
  g_string_append (json, ", ");
  append_number (json, "p99", figures.p99_us);
  g_string_append (json, ", ");
  append_number (json, "rate", figures.rate);
  g_string_append_c (json, '}');
}

static void
append_result (GString *json, const BenchResult *result)
{
  g_autofree char *name = bench_result_dup_name (result);
  const char *separator = "";

  g_string_append_printf (json, "    {\"name\": \"%s\", \"unit\": \"us\", \"results\": {", name);
  for (BenchContender i = 0; i < BENCH_N_CONTENDERS; i++) {
    if (!result->measured[i])
      continue;
    g_string_append_printf (json, "%s\n      \"%s\": ", separator, bench_contender_get_name (i));
    append_figures (json, result->figures[i]);
    separator = ",";
  }
  g_string_append (json, "\n    }}");
}

gboolean
bench_output_write_json (GArray *results, const char *path, GError **error)
{
  g_autoptr (GString) json = g_string_new ("{\"cases\": [");

  for (guint i = 0; i < results->len; i++) {
    g_string_append (json, i > 0 ? ",\n" : "\n");
    append_result (json, &g_array_index (results, BenchResult, i));
  }
  g_string_append (json, "\n]}\n");
  return g_file_set_contents (path, json->str, (gssize) json->len, error);
}
