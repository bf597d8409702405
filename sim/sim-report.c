/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-report.h"

#include "sim-json.h"

/*
 * Says what a run showed: a table for people, and JSON whose keys stay as they are. Pure.
 */

#define U64 G_GUINT64_FORMAT

/* How many kills had to hit messages in flight. A run that was interrupted cannot have had its full share. */
static guint64
count_wanted (const SimReport *self)
{
  return (guint64) (self->options->min_kills_in_flight * MIN (self->duration_s / self->options->duration_s, 1));
}

/* A run in which hardly anything happened proves nothing. */
gboolean
sim_report_has_enough (const SimReport *self)
{
  return self->measure->n_kills_in_flight >= count_wanted (self);
}

static guint64
count_broken (const SimVerdict *verdict, SimInvariantKind kind)
{
  return verdict->invariants[kind].n_broken;
}

static void
write_quantiles (SimJson *json, const char *name, const SimQuantiles *quantiles)
{
  sim_json_begin (json, name, '{');
  sim_json_uint (json, "count", quantiles->count);
  sim_json_double (json, "p50", quantiles->p50_us);
  sim_json_double (json, "p99", quantiles->p99_us);
  sim_json_double (json, "max", quantiles->max_us);
  sim_json_end (json, '}');
}

static void
write_invariants (SimJson *json, const SimVerdict *verdict)
{
  sim_json_begin (json, "invariants", '[');
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &verdict->invariants[i];

    sim_json_begin (json, NULL, '{');
    sim_json_string (json, "name", invariant->name);
    sim_json_boolean (json, "held", invariant->n_broken == 0);
    sim_json_uint (json, "checked", invariant->n_checked);
    sim_json_string (json, "example", invariant->example);
    sim_json_end (json, '}');
  }
  sim_json_end (json, ']');
}

static void
write_counts (SimJson *json, const SimReport *self)
{
  const SimMeasure *measure = self->measure;
  const SimVerdict *verdict = self->verdict;

  sim_json_uint (json, "kills", measure->n_kills);
  sim_json_uint (json, "kills_in_flight", measure->n_kills_in_flight);
  sim_json_uint (json, "kills_begun", measure->n_kills_begun);
  sim_json_uint (json, "cuts", measure->n_cuts);
  sim_json_uint (json, "disturbances", measure->n_disturbances);
  sim_json_uint (json, "overtaken", measure->n_overtaken);
  sim_json_uint (json, "epochs", verdict->n_epochs);
  sim_json_uint (json, "sent", verdict->n_sent);
  sim_json_uint (json, "answered", verdict->n_answered);
  sim_json_uint (json, "failed", verdict->n_failed);
  sim_json_uint (json, "unknown", verdict->n_unknown);
  sim_json_uint (json, "lost", verdict->n_lost);
  sim_json_uint (json, "orphaned", verdict->n_orphaned);
  sim_json_uint (json, "redelivered", verdict->n_redelivered);
  sim_json_uint (json, "repeated_in_epoch", count_broken (verdict, SIM_INVARIANT_ONCE_PER_EPOCH));
  sim_json_uint (json, "order_violations",
                 count_broken (verdict, SIM_INVARIANT_ORDER_IN_EPOCH)
                     + count_broken (verdict, SIM_INVARIANT_ORDER_ACROSS_EPOCHS));
}

/* (transfer full) */
char *
sim_report_to_json (const SimReport *self)
{
  g_autofree char *command = sim_options_to_command (self->options);
  SimJson json;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_uint (&json, "seed", (guint64) self->options->seed);
  sim_json_uint (&json, "nodes", (guint64) self->options->n_nodes);
  sim_json_uint (&json, "candidates", (guint64) self->options->n_candidates);
  sim_json_double (&json, "duration_s", self->duration_s);
  write_counts (&json, self);
  write_quantiles (&json, "failover_us", &self->measure->failover);
  write_quantiles (&json, "failover_disturbed_us", &self->measure->disturbed);
  write_quantiles (&json, "latency_us", &self->measure->latency);
  write_invariants (&json, self->verdict);
  sim_json_string (&json, "command", command);
  sim_json_end (&json, '}');
  return sim_json_finish (&json);
}

static void
append_quantiles (GString *text, const char *title, const SimQuantiles *quantiles)
{
  g_string_append_printf (text, "%-18s ", title);
  if (quantiles->count == 0)
    g_string_append (text, "none\n");
  else
    g_string_append_printf (text, "p50 %.2f ms   p99 %.2f ms   max %.2f ms   (%" U64 ")\n", quantiles->p50_us / 1000,
                            quantiles->p99_us / 1000, quantiles->max_us / 1000, quantiles->count);
}

static void
append_figures (GString *text, const SimReport *self)
{
  const SimMeasure *measure = self->measure;
  const SimVerdict *verdict = self->verdict;

  g_string_append_printf (text, "%-18s %" U64 "; %" U64 " with messages in flight, %" U64 " with messages begun\n",
                          "masters killed", measure->n_kills, measure->n_kills_in_flight, measure->n_kills_begun);
  g_string_append_printf (
      text, "%-18s %" U64 " connections cut, %" U64 " deletions and holds (%" U64 " overtaken), %" U64 " epochs\n",
      "besides", measure->n_cuts, measure->n_disturbances, measure->n_overtaken, verdict->n_epochs);
  append_quantiles (text, "fail-over", &measure->failover);
  append_quantiles (text, "  disturbed", &measure->disturbed);
  g_string_append_printf (
      text, "%-18s %" U64 " sent, %" U64 " answered, %" U64 " failed, %" U64 " unknown, %" U64 " lost\n", "messages",
      verdict->n_sent, verdict->n_answered, verdict->n_failed, verdict->n_unknown, verdict->n_lost);
  g_string_append_printf (text, "%-18s %" U64 " redelivered, %" U64 " gone with their killed sender\n", "",
                          verdict->n_redelivered, verdict->n_orphaned);
  append_quantiles (text, "answered after", &measure->latency);
  if (measure->n_errors > 0)
    g_string_append_printf (text, "%-18s %" U64 "\n", "errors reported", measure->n_errors);
}

static void
append_invariants (GString *text, const SimVerdict *verdict)
{
  g_string_append_printf (text, "\n%-6s %9s  %-24s %s\n", "", "checked", "", "");
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &verdict->invariants[i];

    g_string_append_printf (text, "%-6s %9" U64 "  %-24s %s\n", invariant->n_broken == 0 ? "held" : "BROKEN",
                            invariant->n_checked, invariant->name, invariant->promise);
  }
}

static void
append_examples (GString *text, const SimVerdict *verdict)
{
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    const SimInvariant *invariant = &verdict->invariants[i];

    if (invariant->n_broken > 0)
      g_string_append_printf (text, "\n%s broke %" U64 " times, first:\n  %s\n", invariant->name, invariant->n_broken,
                              invariant->example);
  }
}

/* (transfer full) */
char *
sim_report_to_text (const SimReport *self)
{
  const SimOptions *options = self->options;
  g_autofree char *command = sim_options_to_command (options);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%d nodes, %d candidates, %g s, seed %" G_GINT64_FORMAT "\n\n", options->n_nodes,
                          options->n_candidates, self->duration_s, options->seed);
  append_figures (text, self);
  append_invariants (text, self->verdict);
  append_examples (text, self->verdict);

  if (!sim_verdict_held (self->verdict))
    g_string_append_printf (text, "\nSomething broke. To run it again:\n  %s\n", command);
  else if (!sim_report_has_enough (self))
    g_string_append_printf (text, "\nToo little happened: %" U64 " kills hit messages in flight, wanted %" U64 ".\n",
                            self->measure->n_kills_in_flight, count_wanted (self));
  else
    g_string_append (text, "\nAll promises held.\n");
  return g_string_free (text, FALSE);
}
