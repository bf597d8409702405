/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-summary.h"

#include "sim-json.h"

/*
 * What many runs showed together, one seed each: how much happened, what broke and at which seeds, and how sure one may
 * be that nothing else does. Pure.
 *
 * Of fail-over times only the extremes of the runs are known, because the samples are not kept: the lowest and the
 * highest median of a run, and the longest of all.
 */

#define U64 G_GUINT64_FORMAT

typedef struct {
  gint64 seed;
  int status;
  guint64 n_kills_in_flight;
  double longest_wait_us;
  const char *broken; /* (nullable) the first invariant that broke; static */
  char *command;      /* (owned) */
} Run;

typedef struct {
  guint64 count;
  double lowest_us;
  double highest_us;
  double max_us;
} Failover;

struct _SimSummary {
  GArray *runs; /* (owned) of Run */
  guint64 n_broken_runs;
  guint64 n_failed_runs; /* that could not run */
  guint64 n_kills;
  guint64 n_kills_in_flight;
  guint64 n_kills_wanted;
  guint64 n_sent;
  guint64 n_redelivered;
  guint64 n_epochs;
  double longest_wait_us;
  double worst_cpu;
  SimWeights wanted;
  SimFaultCounts faults[SIM_N_FAULTS];
  Failover failovers[SIM_N_FAULTS];
  guint64 n_checked[SIM_N_INVARIANTS];
  guint64 n_broken[SIM_N_INVARIANTS];
};

static void
clear_run (gpointer data)
{
  g_free (((Run *) data)->command);
}

SimSummary *
sim_summary_new (void)
{
  SimSummary *self = g_new0 (SimSummary, 1);

  self->runs = g_array_new (FALSE, FALSE, sizeof (Run));
  g_array_set_clear_func (self->runs, clear_run);
  return self;
}

void
sim_summary_free (SimSummary *self)
{
  g_array_unref (self->runs);
  g_free (self);
}

static void
add_failover (Failover *self, const SimQuantiles *quantiles)
{
  if (quantiles->count == 0)
    return;
  self->lowest_us = self->count == 0 ? quantiles->p50_us : MIN (self->lowest_us, quantiles->p50_us);
  self->highest_us = MAX (self->highest_us, quantiles->p50_us);
  self->max_us = MAX (self->max_us, quantiles->max_us);
  self->count += quantiles->count;
}

static void
add_faults (SimSummary *self, const SimMeasure *measure, const SimWeights *wanted)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    self->faults[i].n_planned += measure->faults[i].n_planned;
    self->faults[i].n_injected += measure->faults[i].n_injected;
    self->faults[i].n_effective += measure->faults[i].n_effective;
    self->wanted.of[i] = MAX (self->wanted.of[i], wanted->of[i]);
    add_failover (&self->failovers[i], &measure->by_cause[i]);
  }
}

/* (nullable): the first invariant that broke. */
static const char *
add_invariants (SimSummary *self, const SimVerdict *verdict)
{
  const char *broken = NULL;

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    self->n_checked[i] += verdict->invariants[i].n_checked;
    self->n_broken[i] += verdict->invariants[i].n_broken;
    if (verdict->invariants[i].n_broken > 0 && broken == NULL)
      broken = verdict->invariants[i].name;
  }
  return broken;
}

void
sim_summary_add (SimSummary *self, const SimReport *report)
{
  const SimMeasure *measure = report->measure;
  const SimVerdict *verdict = report->verdict;
  Run run = {
    .seed = report->options->seed,
    .n_kills_in_flight = measure->n_kills_in_flight,
    .longest_wait_us = (double) verdict->longest_gap.gap_ns / 1000,
    .broken = add_invariants (self, verdict),
    .command = sim_options_to_command (report->options),
  };

  run.status = run.broken != NULL ? SIM_EXIT_BROKEN : SIM_EXIT_HELD;
  g_array_append_val (self->runs, run);
  self->n_broken_runs += run.broken != NULL ? 1 : 0;
  self->n_kills += measure->n_kills;
  self->n_kills_in_flight += measure->n_kills_in_flight;
  self->n_kills_wanted += (guint64) report->options->min_kills_in_flight;
  self->n_sent += verdict->n_sent;
  self->n_redelivered += verdict->n_redelivered;
  self->n_epochs += verdict->n_epochs;
  self->longest_wait_us = MAX (self->longest_wait_us, run.longest_wait_us);
  self->worst_cpu = MAX (self->worst_cpu, report->supervisor_cpu);
  add_faults (self, measure, &report->options->wanted);
}

/* A run of which nothing is known. */
void
sim_summary_add_failure (SimSummary *self, gint64 seed, const char *command)
{
  Run run = { .seed = seed, .status = SIM_EXIT_CANNOT_RUN, .command = g_strdup (command) };

  g_array_append_val (self->runs, run);
  self->n_failed_runs++;
}

/* (nullable): as for a single run, but over all of them. */
static const char *
find_toothless (const SimSummary *self)
{
  return sim_report_find_toothless (&self->wanted, self->faults);
}

/* The exit status for all. */
int
sim_summary_get_status (const SimSummary *self)
{
  if (self->n_broken_runs > 0)
    return SIM_EXIT_BROKEN;
  if (self->n_failed_runs > 0)
    return SIM_EXIT_CANNOT_RUN;
  return self->n_kills_in_flight < self->n_kills_wanted || find_toothless (self) != NULL ? SIM_EXIT_TOO_LITTLE
                                                                                          : SIM_EXIT_HELD;
}

static const char *
describe_status (int status)
{
  return status == SIM_EXIT_HELD ? "held" : status == SIM_EXIT_BROKEN ? "BROKEN" : "could not run";
}

/* (transfer full): one line about the run that was added last. */
char *
sim_summary_describe_last (const SimSummary *self)
{
  const Run *run = &g_array_index (self->runs, Run, self->runs->len - 1);

  return g_strdup_printf ("%4u  seed %-12" G_GINT64_FORMAT "  %-7s %5" U64 " kills in flight   longest wait %.2f ms%s%s\n",
                          self->runs->len, run->seed, describe_status (run->status), run->n_kills_in_flight,
                          run->longest_wait_us / 1000, run->broken != NULL ? "   " : "",
                          run->broken != NULL ? run->broken : "");
}

static void
append_faults (GString *text, const SimSummary *self)
{
  sim_report_append_heading (text);
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const Failover *failover = &self->failovers[i];

    if (!sim_report_append_counts (text, (SimFault) i, &self->faults[i]))
      continue;
    if (failover->count > 0)
      g_string_append_printf (text, "   medians %.2f to %.2f ms  max %.2f ms  (%" U64 ")", failover->lowest_us / 1000,
                              failover->highest_us / 1000, failover->max_us / 1000, failover->count);
    g_string_append_c (text, '\n');
  }
}

static void
append_violations (GString *text, const SimSummary *self)
{
  g_autoptr (SimVerdict) names = sim_verdict_new ();

  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    if (self->n_broken[i] > 0)
      g_string_append_printf (text, "BROKEN %9" U64 " of %9" U64 "  %s\n", self->n_broken[i], self->n_checked[i],
                              names->invariants[i].name);
  }
  for (guint i = 0; i < self->runs->len; i++) {
    const Run *run = &g_array_index (self->runs, Run, i);

    if (run->status != SIM_EXIT_HELD)
      g_string_append_printf (text, "\nseed %" G_GINT64_FORMAT " %s %s; to run it again:\n  %s\n", run->seed,
                              describe_status (run->status), run->broken != NULL ? run->broken : "", run->command);
  }
}

/* (transfer full) */
char *
sim_summary_to_text (const SimSummary *self)
{
  GString *text = g_string_new (NULL);

  g_string_append_printf (text, "\n%u runs, %" U64 " broken, %" U64 " that could not run\n\n", self->runs->len,
                          self->n_broken_runs, self->n_failed_runs);
  g_string_append_printf (text, "%-18s %" U64 "; %" U64 " with messages in flight; %" U64 " epochs\n", "masters killed",
                          self->n_kills, self->n_kills_in_flight, self->n_epochs);
  g_string_append_printf (text, "%-18s %" U64 " sent, %" U64 " redelivered\n", "messages", self->n_sent,
                          self->n_redelivered);
  g_string_append_printf (text, "%-18s %.2f ms without an answer\n", "longest wait", self->longest_wait_us / 1000);
  append_faults (text, self);
  g_string_append_c (text, '\n');
  append_violations (text, self);
  if (self->n_broken_runs + self->n_failed_runs == 0) {
    g_autofree char *conclusion = sim_report_conclude (self->n_kills_in_flight, self->n_kills_wanted, find_toothless (self));

    g_string_append_printf (text, "%s\n", conclusion);
  }
  return g_string_free (text, FALSE);
}

static void
write_runs (SimJson *json, const SimSummary *self)
{
  sim_json_begin (json, "runs", '[');
  for (guint i = 0; i < self->runs->len; i++) {
    const Run *run = &g_array_index (self->runs, Run, i);

    sim_json_begin (json, NULL, '{');
    sim_json_uint (json, "seed", (guint64) run->seed);
    sim_json_boolean (json, "held", run->status == SIM_EXIT_HELD);
    sim_json_string (json, "broken", run->broken);
    sim_json_uint (json, "kills_in_flight", run->n_kills_in_flight);
    sim_json_double (json, "longest_wait_us", run->longest_wait_us);
    sim_json_string (json, "command", run->command);
    sim_json_end (json, '}');
  }
  sim_json_end (json, ']');
}

static void
write_faults (SimJson *json, const SimSummary *self)
{
  sim_json_begin (json, "faults", '[');
  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const Failover *failover = &self->failovers[i];

    sim_json_begin (json, NULL, '{');
    sim_json_string (json, "name", sim_fault_to_string ((SimFault) i));
    sim_json_uint (json, "planned", self->faults[i].n_planned);
    sim_json_uint (json, "injected", self->faults[i].n_injected);
    sim_json_uint (json, "effective", self->faults[i].n_effective);
    sim_json_begin (json, "failover_us", '{');
    sim_json_uint (json, "count", failover->count);
    sim_json_double (json, "lowest_p50", failover->lowest_us);
    sim_json_double (json, "highest_p50", failover->highest_us);
    sim_json_double (json, "max", failover->max_us);
    sim_json_end (json, '}');
    sim_json_end (json, '}');
  }
  sim_json_end (json, ']');
}

static void
write_invariants (SimJson *json, const SimSummary *self)
{
  g_autoptr (SimVerdict) names = sim_verdict_new ();

  sim_json_begin (json, "invariants", '[');
  for (guint i = 0; i < SIM_N_INVARIANTS; i++) {
    sim_json_begin (json, NULL, '{');
    sim_json_string (json, "name", names->invariants[i].name);
    sim_json_uint (json, "checked", self->n_checked[i]);
    sim_json_uint (json, "broken", self->n_broken[i]);
    sim_json_end (json, '}');
  }
  sim_json_end (json, ']');
}

/* (transfer full) */
char *
sim_summary_to_json (const SimSummary *self)
{
  SimJson json;

  sim_json_init (&json);
  sim_json_begin (&json, NULL, '{');
  sim_json_uint (&json, "count", self->runs->len);
  sim_json_uint (&json, "broken", self->n_broken_runs);
  sim_json_uint (&json, "could_not_run", self->n_failed_runs);
  sim_json_uint (&json, "kills", self->n_kills);
  sim_json_uint (&json, "kills_in_flight", self->n_kills_in_flight);
  sim_json_uint (&json, "epochs", self->n_epochs);
  sim_json_uint (&json, "sent", self->n_sent);
  sim_json_uint (&json, "redelivered", self->n_redelivered);
  sim_json_double (&json, "longest_wait_us", self->longest_wait_us);
  sim_json_double (&json, "supervisor_cpu", self->worst_cpu);
  sim_json_double (&json, "bound_per_kill", sim_report_get_bound (self->n_kills_in_flight));
  write_faults (&json, self);
  write_invariants (&json, self);
  write_runs (&json, self);
  sim_json_end (&json, '}');
  return sim_json_finish (&json);
}
