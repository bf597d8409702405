/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-report.h"

#include "sim-json.h"
#include "sim-wrap.h"

/*
 * Says what a run showed: a table for people, and JSON whose keys stay as they are. Pure.
 */

#define LABEL_WIDTH 18 /* of what is on the left */
#define U64 G_GUINT64_FORMAT

/* How many kills had to hit messages in flight. A run that was interrupted cannot have had its full share. */
static guint64
count_wanted (const SimReport *self)
{
  return (guint64) (self->options->min_kills_in_flight * MIN (self->duration_s / self->options->duration_s, 1));
}

/* (nullable): a fault that was asked for and that never had an effect, by the name of its family. */
const char *
sim_report_find_toothless (const SimWeights *wanted, const SimFaultCounts *counts)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const char *family = sim_fault_get_family ((SimFault) i);
    gboolean bit = wanted->of[i] == 0;

    for (guint other = 0; other < SIM_N_FAULTS && !bit; other++)
      bit = g_str_equal (family, sim_fault_get_family ((SimFault) other)) && counts[other].n_effective > 0;
    if (!bit)
      return family;
  }
  return NULL;
}

static const char *
find_toothless (const SimReport *self)
{
  return sim_report_find_toothless (&self->options->wanted, self->measure->faults);
}

/* A run in which hardly anything happened proves nothing. */
gboolean
sim_report_has_enough (const SimReport *self)
{
  return self->measure->n_kills_in_flight >= count_wanted (self) && find_toothless (self) == NULL;
}

/* If none of n kills did harm, then with a confidence of 95 % less than this share of all kills does. */
double
sim_report_get_bound (guint64 n_kills_in_flight)
{
  return 3.0 / (double) MAX (n_kills_in_flight, 1);
}

/* (transfer full): what may be said when nothing broke, of one run or of many; toothless is (nullable). */
char *
sim_report_conclude (guint64 n_kills_in_flight, guint64 n_wanted, const char *toothless)
{
  if (toothless != NULL)
    return g_strdup_printf ("The fault “%s” was asked for and never had an effect. Nothing broke, but it proves "
                            "nothing: try a longer --duration, or a shorter --kill-interval.",
                            toothless);
  if (n_kills_in_flight < n_wanted)
    return g_strdup_printf ("Too little happened: %" U64 " kills hit messages in flight, wanted %" U64 ". Nothing "
                            "broke, but it proves little: try a longer --duration, or want less "
                            "(--min-kills-in-flight).",
                            n_kills_in_flight, n_wanted);
  if (n_kills_in_flight == 0)
    return g_strdup ("All promises held.");
  return g_strdup_printf ("All promises held. %" U64 " kills with messages in flight: with a confidence of 95 %% "
                          "less than %.2g of them would break one (3/n).",
                          n_kills_in_flight, sim_report_get_bound (n_kills_in_flight));
}

/* In a word, for programs. */
static const char *
get_verdict (const SimReport *self)
{
  if (!sim_verdict_held (self->verdict))
    return "broken";
  return sim_report_has_enough (self) ? "held" : "too-little";
}

/* (transfer full): in a sentence, for people. */
static char *
conclude (const SimReport *self)
{
  if (!sim_verdict_held (self->verdict))
    return g_strdup ("Something broke.");
  return sim_report_conclude (self->measure->n_kills_in_flight, count_wanted (self), find_toothless (self));
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

static void
write_faults (SimJson *json, const SimMeasure *measure)
{
  sim_json_begin (json, "faults", '[');
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    sim_json_begin (json, NULL, '{');
    sim_json_string (json, "name", sim_fault_to_string ((SimFault) i));
    sim_json_string (json, "summary", sim_fault_get_summary ((SimFault) i));
    sim_json_uint (json, "planned", measure->faults[i].n_planned);
    sim_json_uint (json, "injected", measure->faults[i].n_injected);
    sim_json_uint (json, "effective", measure->faults[i].n_effective);
    write_quantiles (json, "failover_us", &measure->by_cause[i]);
    sim_json_end (json, '}');
  }
  sim_json_end (json, ']');

  sim_json_begin (json, "kill_points", '{');
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++)
    sim_json_uint (json, ipc_kill_point_to_string ((IpcKillPoint) i), measure->n_at_point[i]);
  sim_json_end (json, '}');
}

/* (transfer full) */
char *
sim_report_to_json (const SimReport *self)
{
  g_autofree char *command = sim_options_to_command (self->options);
  g_autofree char *conclusion = conclude (self);
  SimJson json;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_string (&json, "verdict", get_verdict (self));
  sim_json_string (&json, "conclusion", conclusion);
  sim_json_uint (&json, "seed", (guint64) self->options->seed);
  sim_json_uint (&json, "nodes", (guint64) self->options->n_nodes);
  sim_json_uint (&json, "candidates", (guint64) self->options->n_candidates);
  sim_json_double (&json, "duration_s", self->duration_s);
  write_counts (&json, self);
  write_quantiles (&json, "failover_us", &self->measure->failover);
  write_quantiles (&json, "failover_disturbed_us", &self->measure->disturbed);
  write_quantiles (&json, "latency_us", &self->measure->latency);
  sim_json_begin (&json, "longest_wait", '{');
  sim_json_uint (&json, "node", self->verdict->longest_gap.node);
  sim_json_double (&json, "us", (double) self->verdict->longest_gap.gap_ns / 1e3);
  sim_json_double (&json, "from_s", (double) self->verdict->longest_gap.from_ns / 1e9);
  sim_json_end (&json, '}');
  sim_json_double (&json, "supervisor_cpu", self->supervisor_cpu);
  sim_json_double (&json, "bound_per_kill", sim_report_get_bound (self->measure->n_kills_in_flight));
  sim_json_uint (&json, "fenced", self->verdict->n_fenced);
  sim_json_uint (&json, "deposed", self->verdict->n_deposed);
  sim_json_uint (&json, "stalls", self->verdict->n_stalls);
  write_faults (&json, self->measure);
  sim_verdict_write_json (self->verdict, &json);
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

void
sim_report_append_heading (GString *text)
{
  g_string_append_printf (text, "\n%-18s %8s %9s %10s   until the next master has answered\n", "fault", "planned",
                          "injected", "effective");
}

/* Begins a line of the table, unless there is nothing to say of this fault. */
gboolean
sim_report_append_counts (GString *text, SimFault fault, const SimFaultCounts *counts)
{
  if (counts->n_planned + counts->n_injected == 0)
    return FALSE;
  g_string_append_printf (text, "%-18s %8" U64 " %9" U64 " %10" U64, sim_fault_to_string (fault), counts->n_planned,
                          counts->n_injected, counts->n_effective);
  return TRUE;
}

static void
append_faults (GString *text, const SimMeasure *measure)
{
  sim_report_append_heading (text);
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const SimQuantiles *pause = &measure->by_cause[i];

    if (!sim_report_append_counts (text, (SimFault) i, &measure->faults[i]))
      continue;
    if (pause->count > 0)
      g_string_append_printf (text, "   p50 %.2f ms  p99 %.2f ms  max %.2f ms", pause->p50_us / 1000,
                              pause->p99_us / 1000, pause->max_us / 1000);
    g_string_append_c (text, '\n');
  }
}

static void
append_list (GString *text, const char *title, GPtrArray *words)
{
  g_ptr_array_add (words, NULL);
  if (words->len == 1)
    return;
  g_string_append_printf (text, "%-*s ", LABEL_WIDTH, title);
  sim_wrap_append (text, LABEL_WIDTH + 1, (const char *const *) words->pdata);
}

static void
append_points (GString *text, const SimMeasure *measure)
{
  g_autoptr (GPtrArray) hit = g_ptr_array_new_with_free_func (g_free);
  g_autoptr (GPtrArray) missed = g_ptr_array_new ();

  if (measure->faults[SIM_FAULT_KILL_AT].n_planned == 0)
    return;
  for (guint i = 0; i < IPC_KILL_POINT_N_POINTS; i++) {
    const char *point = ipc_kill_point_to_string ((IpcKillPoint) i);

    if (measure->n_at_point[i] > 0)
      g_ptr_array_add (hit, g_strdup_printf ("%s=%" U64, point, measure->n_at_point[i]));
    else
      g_ptr_array_add (missed, (gpointer) point);
  }
  g_string_append_c (text, '\n');
  append_list (text, "died at", hit);
  append_list (text, "and never at", missed);
}

static void
append_longest_gap (GString *text, const SimVerdict *verdict)
{
  const SimGap *gap = &verdict->longest_gap;

  g_string_append_printf (text, "%-18s %.2f ms without an answer: node %u from %+.3f s on\n", "longest wait",
                          (double) gap->gap_ns / 1e6, gap->node, (double) gap->from_ns / 1e9);
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
  append_longest_gap (text, verdict);
  g_string_append_printf (text, "%-18s %" U64 " replaced while they stood still; %" U64 " stale writes refused\n",
                          "masters", verdict->n_deposed, verdict->n_fenced);
  if (verdict->n_stalls > 0)
    g_string_append_printf (text, "%-18s %" U64 " more, which the machine held up for longer than the hang timeout\n",
                            "", verdict->n_stalls);
  g_string_append_printf (text, "%-18s %.1f %% of a core\n", "supervisor", 100 * self->supervisor_cpu);
  if (measure->n_errors > 0)
    g_string_append_printf (text, "%-18s %" U64 "\n", "errors reported", measure->n_errors);
}

/* (transfer full) */
char *
sim_report_to_text (const SimReport *self)
{
  const SimOptions *options = self->options;
  g_autofree char *command = sim_options_to_command (options);
  g_autofree char *conclusion = conclude (self);
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "%d nodes, %d candidates, %g s, seed %" G_GINT64_FORMAT "\n\n", options->n_nodes,
                          options->n_candidates, self->duration_s, options->seed);
  append_figures (text, self);
  append_faults (text, self->measure);
  append_points (text, self->measure);
  sim_verdict_append_text (self->verdict, text);

  g_string_append_printf (text, "\n%s", conclusion);
  if (!sim_verdict_held (self->verdict))
    g_string_append_printf (text, " To run it again:\n  %s", command);
  g_string_append_c (text, '\n');
  return g_string_free (text, FALSE);
}
