/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-page.h"

#include <gio/gio.h>
#include <string.h>

#include "sim-json.h"
#include "sim-page-resources.h"

/*
 * A run as one page that needs nothing else: the report, what there is to draw of it, and what draws it.
 *
 * The data are JSON: numbers in rows, of which sim/report/data.js says what each column means. Times are in ns, from
 * where the history's own times begin; null is what did not happen. Epochs are counted from the first.
 *
 * The template names in double braces what belongs in a place: the title, the data, or a file beside it. Pure but for
 * sim_page_write().
 */

#define RESOURCES "/sim/report/"

static void
append_row (GString *rows, const gint64 *values, guint n_values)
{
  g_string_append_c (rows, rows->len > 1 ? ',' : '\n');
  for (guint i = 0; i < n_values; i++) {
    g_string_append_c (rows, i == 0 ? '[' : ',');
    if (values[i] == SIM_NEVER_NS)
      g_string_append (rows, "null");
    else
      g_string_append_printf (rows, "%" G_GINT64_FORMAT, values[i]);
  }
  g_string_append (rows, "]");
}

#define APPEND_ROW(rows, ...)                                                                                          \
  G_STMT_START                                                                                                         \
  {                                                                                                                    \
    const gint64 values[] = { __VA_ARGS__ };                                                                           \
                                                                                                                       \
    append_row (rows, values, G_N_ELEMENTS (values));                                                                  \
  }                                                                                                                    \
  G_STMT_END

/* Takes the rows. The total is of how many they were chosen. */
static void
write_rows (SimJson *json, const char *name, guint64 total, GString *rows)
{
  g_string_append_c (rows, ']');
  sim_json_begin (json, name, '{');
  sim_json_uint (json, "total", total);
  sim_json_raw (json, "rows", rows->str);
  sim_json_end (json, '}');
  g_string_free (rows, TRUE);
}

static gint64
since (const SimHistory *history, gint64 time_ns)
{
  return time_ns == SIM_NEVER_NS ? SIM_NEVER_NS : time_ns - history->start_ns;
}

static gint64
get_epoch_base (const SimTimeline *timeline)
{
  const GArray *masterships = timeline->epochs->masterships;

  return masterships->len > 0 ? (gint64) g_array_index (masterships, SimMastership, 0).epoch : 0;
}

static gint64
get_end (const SimMastership *mastership)
{
  return MIN (MIN (mastership->lost_ns, mastership->ended_ns), mastership->closed_ns);
}

static gint64
measure_mastership (const GArray *masterships, guint i)
{
  const SimMastership *mastership = &g_array_index (masterships, SimMastership, i);

  return get_end (mastership) - mastership->since_ns;
}

static gint64
measure_succession (const GArray *successions, guint i)
{
  const SimSuccession *succession = &g_array_index (successions, SimSuccession, i);

  return succession->answered_ns - succession->failover.time_ns;
}

static int
compare_descending (gconstpointer a, gconstpointer b)
{
  gint64 one = *(const gint64 *) a;
  gint64 other = *(const gint64 *) b;

  return (one < other) - (one > other);
}

/* How long one must be, so that at most so many are. */
static gint64
find_threshold (const GArray *items, gint64 (*measure) (const GArray *, guint), guint n_max)
{
  g_autofree gint64 *lengths = g_new (gint64, items->len + 1);

  for (guint i = 0; i < items->len; i++)
    lengths[i] = measure (items, i);
  if (items->len <= n_max)
    return G_MININT64;
  qsort (lengths, items->len, sizeof *lengths, compare_descending);
  return lengths[n_max] + 1;
}

static void
write_masterships (SimJson *json, const SimHistory *history, const SimTimeline *timeline)
{
  const GArray *masterships = timeline->epochs->masterships;
  gint64 threshold = find_threshold (masterships, measure_mastership, SIM_PAGE_N_MASTERSHIPS_MAX);
  GString *rows = g_string_new ("[");

  for (guint i = 0; i < masterships->len; i++) {
    const SimMastership *mastership = &g_array_index (masterships, SimMastership, i);
    const SimFirsts *firsts = &g_array_index (timeline->firsts, SimFirsts, i);

    if (measure_mastership (masterships, i) < threshold)
      continue;
    APPEND_ROW (rows, (gint64) mastership->epoch - get_epoch_base (timeline), mastership->node,
                since (history, mastership->since_ns), since (history, get_end (mastership)),
                since (history, mastership->lost_ns), since (history, mastership->stopped_ns),
                since (history, mastership->resigning_ns), since (history, firsts->handled_ns),
                since (history, firsts->responded_ns), since (history, firsts->answered_ns));
  }
  write_rows (json, "masterships", masterships->len, rows);
}

static void
write_failovers (SimJson *json, const SimHistory *history, const SimTimeline *timeline)
{
  const GArray *successions = timeline->successions;
  gint64 threshold = find_threshold (successions, measure_succession, SIM_PAGE_N_FAILOVERS_MAX);
  GString *rows = g_string_new ("[");

  for (guint i = 0; i < successions->len; i++) {
    const SimSuccession *succession = &g_array_index (successions, SimSuccession, i);
    const SimFailover *failover = &succession->failover;

    if (measure_succession (successions, i) < threshold)
      continue;
    APPEND_ROW (rows, failover->cause, failover->disturbed, since (history, failover->time_ns),
                (gint64) failover->epoch - get_epoch_base (timeline),
                (gint64) succession->epoch - get_epoch_base (timeline), since (history, succession->answered_ns));
  }
  write_rows (json, "failovers", successions->len, rows);
}

static void
write_incidents (SimJson *json, const SimHistory *history, const SimTimeline *timeline)
{
  const GArray *incidents = timeline->incidents;
  guint step = incidents->len / (SIM_PAGE_N_INCIDENTS_MAX + 1) + 1;
  GString *rows = g_string_new ("[");

  for (guint i = 0; i < incidents->len; i += step) {
    const SimIncident *incident = &g_array_index (incidents, SimIncident, i);

    APPEND_ROW (rows, incident->fault, incident->node, since (history, incident->at_ns),
                since (history, incident->effective_ns), since (history, incident->until_ns));
  }
  write_rows (json, "incidents", incidents->len, rows);
}

static void
write_messages (SimJson *json, const SimHistory *history, const SimTimeline *timeline)
{
  const SimLatencies *latencies = timeline->latencies;
  GString *kept = g_string_new ("[");
  GString *cells = g_string_new ("[");

  for (guint i = 0; i < latencies->kept->len; i++) {
    const SimOutcome *outcome = &g_array_index (latencies->kept, SimOutcome, i);
    gint64 epoch = outcome->epoch != 0 ? (gint64) outcome->epoch - get_epoch_base (timeline) : SIM_NEVER_NS;

    APPEND_ROW (kept, since (history, outcome->sent_ns), outcome->took_ns, outcome->sender, (gint64) outcome->number,
                epoch, outcome->code);
  }
  write_rows (json, "messages", latencies->total, kept);

  for (guint i = 0; i < latencies->cells->len; i++) {
    const SimLatencyCell *cell = &g_array_index (latencies->cells, SimLatencyCell, i);

    APPEND_ROW (cells, cell->column, cell->row, cell->count);
  }
  write_rows (json, "cells", latencies->cells->len, cells);
}

static void
write_slices (SimJson *json, const SimTimeline *timeline)
{
  GString *rows = g_string_new ("[");

  for (guint i = 0; i < SIM_TIMELINE_N_SLICES; i++)
    APPEND_ROW (rows, timeline->slices[i].n_sent, timeline->slices[i].n_answered, timeline->slices[i].n_failed);
  write_rows (json, "slices", SIM_TIMELINE_N_SLICES, rows);
}

static void
write_latency (SimJson *json, const char *name, GArray *sorted_ns)
{
  static const guint permilles[] = { 500, 900, 990, 999, 1000 };
  GString *quantiles = g_string_new ("[");

  for (guint i = 0; i < G_N_ELEMENTS (permilles) && sorted_ns->len > 0; i++)
    g_string_append_printf (quantiles, "%s%" G_GINT64_FORMAT, i > 0 ? "," : "",
                            sim_measure_quantile (sorted_ns, permilles[i]));
  write_rows (json, name, sorted_ns->len, quantiles);
}

/* What the masters' names and the cells' sizes are to be reckoned from. */
static void
write_scales (SimJson *json, const SimHistory *history, const SimTimeline *timeline)
{
  GString *span = g_string_new ("[");

  g_string_append_printf (span, "%" G_GINT64_FORMAT ",%" G_GINT64_FORMAT "]", since (history, timeline->start_ns),
                          since (history, timeline->end_ns));
  sim_json_raw (json, "span", span->str);
  sim_json_uint (json, "first_epoch", (guint64) get_epoch_base (timeline));
  sim_json_uint (json, "processes", history->nodes->len);
  sim_json_uint (json, "cell_columns", SIM_LATENCIES_N_COLUMNS);
  sim_json_uint (json, "cell_rows_per_decade", SIM_LATENCIES_ROWS_PER_DECADE);
  sim_json_uint (json, "slowest_of_all", SIM_LATENCIES_SLOWEST);
  sim_json_uint (json, "slowest_per_slice", SIM_LATENCIES_PER_SLICE);
  sim_json_uint (json, "slices_of_slowest", SIM_LATENCIES_N_SLICES);
  g_string_free (span, TRUE);
}

/* (transfer full): the history must be sorted by time. */
char *
sim_page_to_json (const SimReport *report, const SimHistory *history)
{
  g_autoptr (SimTimeline) timeline = sim_timeline_new (history);
  g_autofree char *report_json = sim_report_to_json (report);
  SimJson json;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_raw (&json, "report", g_strchomp (report_json));
  write_scales (&json, history, timeline);
  write_latency (&json, "latency_waited", timeline->waited_ns);
  write_latency (&json, "latency_others", timeline->others_ns);
  write_masterships (&json, history, timeline);
  write_failovers (&json, history, timeline);
  write_incidents (&json, history, timeline);
  write_slices (&json, timeline);
  write_messages (&json, history, timeline);
  sim_json_end (&json, '}');
  return sim_json_finish (&json);
}

/* In JSON a < is always within a string, where it may be written so; then no tag can end the script that holds it. */
static void
append_json (GString *html, const char *json)
{
  for (const char *p = json; *p != '\0'; p++) {
    if (*p == '<')
      g_string_append (html, "\\u003c");
    else
      g_string_append_c (html, *p);
  }
}

static void
append_resource (GString *html, const char *name)
{
  g_autofree char *path = g_strconcat (RESOURCES, name, NULL);
  g_autoptr (GBytes) bytes = g_resource_lookup_data (sim_page_get_resource (), path, G_RESOURCE_LOOKUP_FLAGS_NONE, NULL);
  gsize len;
  const char *text;

  g_assert (bytes != NULL);
  text = g_bytes_get_data (bytes, &len);
  g_string_append_len (html, text, (gssize) len);
}

static void
append_place (GString *html, const char *name, const char *title, const char *json)
{
  g_autofree char *escaped = g_markup_escape_text (title, -1);

  if (g_str_equal (name, "title"))
    g_string_append (html, escaped);
  else if (g_str_equal (name, "data"))
    append_json (html, json);
  else
    append_resource (html, name);
}

/* (transfer full) */
char *
sim_page_to_html (const char *title, const char *json)
{
  g_autoptr (GString) template = g_string_new (NULL);
  GString *html = g_string_new (NULL);
  g_auto (GStrv) parts = NULL;

  append_resource (template, "report.html");
  parts = g_strsplit (template->str, "{{", -1);
  g_string_append (html, parts[0]);
  for (guint i = 1; parts[i] != NULL; i++) {
    char *end = strstr (parts[i], "}}");

    g_assert (end != NULL);
    *end = '\0';
    append_place (html, parts[i], title, json);
    g_string_append (html, end + strlen ("}}"));
  }
  return g_string_free (html, FALSE);
}

gboolean
sim_page_write (const SimReport *report, const SimHistory *history, const char *path, GError **error)
{
  g_autofree char *json = sim_page_to_json (report, history);
  g_autofree char *title = g_strdup_printf ("ipc-sim, seed %" G_GINT64_FORMAT, report->options->seed);
  g_autofree char *html = sim_page_to_html (title, json);

  return g_file_set_contents (path, html, -1, error);
}
