/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-options.h"

#include <errno.h>
#include <ipc-kill-point.h>
#include <string.h>
#include <unistd.h>

#include "sim-help.h"
#include "sim-sabotage.h"
#include "sim-swarm.h"
#include "sim-wrap.h"

/*
 * The command line: that of the user, and the one by which the supervisor starts a node. Both go through the same
 * table, so that a run can be written down as the command that repeats it.
 */

#define WEIGHT_MAX 1000
#define COUNT_MAX 1000000 /* a month of runs, and a line in the summary for each */
#define NOT_GIVEN G_MININT
#define FAULTS_COLUMN 26 /* where sim_options_describe() lists them */
#define PATIENCE_S 30 /* far above what a sound group needs on a busy machine, and above the library's own deadlines */
#define HANDSHAKE_MS 500     /* for a machine that is busy */
#define HANDSHAKE_TIMEOUTS 2 /* and so many hang timeouts besides, for a master that is stopped */
#define KILLS_PLANNED_PER_WANTED 4 /* a slow machine may miss three of four kills before the run counts for nothing */

/* What the command line says, as far as it says anything. */
typedef struct {
  int numbers[SIM_N_SETTINGS]; /* NOT_GIVEN, or a setting */
  double rate;                 /* the one setting that may have a fraction */
  char *seed;                  /* (owned) (nullable) */
  char *scenario;              /* (owned) (nullable) */
} Given;

static void
given_clear (Given *self)
{
  g_free (self->seed);
  g_free (self->scenario);
}

G_DEFINE_AUTO_CLEANUP_CLEAR_FUNC (Given, given_clear)

/* Of the settings, which a swarm draws; see sim-setting.c for what they are otherwise. */
static void
add_setting_entries (GOptionContext *context, Given *given)
{
  int *of = given->numbers;
  const GOptionEntry entries[] = {
    { "nodes", 'n', 0, G_OPTION_ARG_INT, &of[SIM_SETTING_NODES], "Processes in the group (20)", "N" },
    { "candidates", 'c', 0, G_OPTION_ARG_INT, &of[SIM_SETTING_CANDIDATES], "How many of them may be master (5)", "N" },
    { "masters-only", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_MASTERS_ONLY],
      "How many of these are nothing else, and send nothing (0)", "N" },
    { "priorities", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_PRIORITIES],
      "Candidates have so many different priorities (1)", "N" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &given->rate, "Messages per second and node (1000, in all at most 6000)",
      "N" },
    { "in-flight", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_IN_FLIGHT], "Messages that a node has on their way (8)",
      "N" },
    { "size", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_SIZE], "Largest payload (256)", "BYTES" },
    { "at-most-once", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_AT_MOST_ONCE],
      "Share of messages to be handled at most once (33)", "PERCENT" },
    { "give-up", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_GIVE_UP],
      "Share of messages that their senders may give up (5)", "PERCENT" },
    { "hang-timeout", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_HANG_TIMEOUT],
      "After which a master counts as hung (10 for each node, at least 300)", "MS" },
    { "kill-interval", 0, 0, G_OPTION_ARG_INT, &of[SIM_SETTING_KILL_INTERVAL], "Mean time between two faults (200)",
      "MS" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

static void
add_run_entries (GOptionContext *context, SimOptions *self, Given *given)
{
  const GOptionEntry entries[] = {
    { "swarm", 0, 0, G_OPTION_ARG_NONE, &self->swarm,
      "Draw what is not given of the above, and the faults, from the seed", NULL },
    { "scenario", 0, 0, G_OPTION_ARG_STRING, &given->scenario,
      "A run that answers one question; ipc-sim list scenarios", "NAME" },
    { "fault", 'f', 0, G_OPTION_ARG_STRING_ARRAY, &self->faults,
      "What is done to the group; can be given several times (a mix of all)", "NAME[=WEIGHT]" },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &self->duration_s, "How long faults are injected (15)", "SECONDS" },
    { "patience", 0, 0, G_OPTION_ARG_DOUBLE, &self->patience_s,
      "How long healing, draining and closing may take, each (30)", "SECONDS" },
    { "seed", 's', 0, G_OPTION_ARG_STRING, &given->seed, "Decides what is done when (random, and printed)", "NUMBER" },
    { "min-kills-in-flight", 0, 0, G_OPTION_ARG_INT, &self->min_kills_in_flight,
      "Kills that must hit messages in flight (a quarter of those planned)", "N" },
    { "count", 0, 0, G_OPTION_ARG_INT, &self->count, "So many runs, each with the next seed, and a summary (1)", "N" },
    { "keep-going", 0, 0, G_OPTION_ARG_NONE, &self->keep_going, "Go on with the next seed after something broke", NULL },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &self->json, "Write the report to FILE, too", "FILE" },
    { "report", 0, 0, G_OPTION_ARG_FILENAME, &self->report,
      "Write report.html, report.json and history.jsonl into DIR", "DIR" },
    { "dir", 0, 0, G_OPTION_ARG_FILENAME, &self->dir, "Where the directory of the run is made ($TMPDIR or /tmp)",
      "DIR" },
    { "program", 'p', 0, G_OPTION_ARG_STRING, &self->program,
      "A program of yours instead of our nodes; see docs/programs.md", "COMMAND" },
    { "runtime-dir", 0, 0, G_OPTION_ARG_FILENAME, &self->runtime_dir,
      "Where the group's files are (a new directory, in memory if possible)", "DIR" },
    { "keep", 0, 0, G_OPTION_ARG_NONE, &self->keep, "Keep that directory even if all went well", NULL },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

/* By which the supervisor starts a node. */
static void
add_node_entries (GOptionContext *context, SimOptions *self)
{
  const GOptionEntry entries[] = {
    { "node", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &self->node, NULL, NULL },
    { "parent", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &self->parent, NULL, NULL },
    { "candidate", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &self->candidate, NULL, NULL },
    { "master-only", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &self->master_only, NULL, NULL },
    { "priority", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &self->priority, NULL, NULL },
    { "kill-at", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &self->kill_at, NULL, "POINT[:N]" },
    { "hostile", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_STRING, &self->hostile, NULL, "KIND" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

static gboolean
check_range (const char *name, double value, double minimum, double maximum, GError **error)
{
  if (value >= minimum && value <= maximum)
    return TRUE;

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--%s must be from %g to %g, not %g", name, minimum,
               maximum, value);
  return FALSE;
}

static gboolean
read_fault (SimOptions *self, const char *text, GError **error)
{
  g_auto (GStrv) parts = g_strsplit (text, "=", 3);
  const char *weight_text = parts[0] != NULL && parts[1] != NULL ? parts[1] : "1";
  guint64 weight = 1;
  IpcKillPoint point;

  if (g_str_has_prefix (text, "kill-at=") && ipc_kill_point_from_string (parts[1], &point)) {
    self->kill_point = (int) point;
    weight_text = parts[2] != NULL ? parts[2] : "1";
  }
  if (!g_ascii_string_to_unsigned (weight_text, 10, 1, WEIGHT_MAX, &weight, NULL) || parts[0] == NULL
      || !sim_weights_set (&self->weights, parts[0], (guint) weight)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE,
                 "--fault: there is no “%s”; ipc-sim list says what there is, and weights are from 1 to %d", text,
                 WEIGHT_MAX);
    return FALSE;
  }
  return TRUE;
}

/* “none” stands alone. */
static gboolean
is_none (const char *const *faults)
{
  return g_str_equal (faults[0], "none") && faults[1] == NULL;
}

static gboolean
read_fault_list (SimOptions *self, const char *const *faults, GError **error)
{
  for (guint i = 0; faults[i] != NULL && !is_none (faults); i++) {
    if (!read_fault (self, faults[i], error))
      return FALSE;
  }
  return TRUE;
}

/* Which faults there are, and which of them must have an effect: all that were asked for by name, and of a scenario the
 * first, which is what it is about. */
static gboolean
choose_faults (SimOptions *self, GError **error)
{
  self->kill_point = -1;
  if (self->faults != NULL) {
    self->faults_source = SIM_SOURCE_GIVEN;
    if (!read_fault_list (self, (const char *const *) self->faults, error))
      return FALSE;
    self->wanted = self->weights;
  } else if (self->scenario != NULL) {
    const char *const first[] = { self->scenario->faults[0], NULL };

    self->faults_source = SIM_SOURCE_SCENARIO;
    if (!read_fault_list (self, first, error))
      return FALSE;
    self->wanted = self->weights;
    return read_fault_list (self, self->scenario->faults, error);
  } else if (self->swarm) {
    self->faults_source = SIM_SOURCE_DRAWN;
    sim_swarm_draw_weights (&self->weights, (guint64) self->seed);
  } else {
    sim_weights_init (&self->weights);
  }
  return TRUE;
}

/* A program knows nothing of the faults that a node of our own has a part in. */
static gboolean
check_program (SimOptions *self, GError **error)
{
  for (guint i = 0; self->program != NULL && i < SIM_N_FAULTS; i++) {
    if (!sim_fault_has ((SimFault) i, SIM_FAULT_NEEDS_NODE))
      continue;
    if (self->wanted.of[i] > 0) {
      g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--fault: “%s” is not for a --program",
                   sim_fault_to_string ((SimFault) i));
      return FALSE;
    }
    self->weights.of[i] = 0;
  }
  return TRUE;
}

/* How many of all steps end a master. */
static double
get_share_of_kills (const SimOptions *self)
{
  guint sum = sim_weights_sum (&self->weights, SIM_FAULT_PLAIN);

  return sum > 0 ? (double) sim_weights_sum (&self->weights, SIM_FAULT_KILLS_MASTER) / sum : 0;
}

static gboolean
find_scenario (SimOptions *self, const char *name, GError **error)
{
  g_autoptr (GString) names = g_string_new (NULL);
  const SimScenario *scenario;

  self->scenario = name != NULL ? sim_scenario_find (name) : NULL;
  if (self->scenario != NULL || name == NULL)
    return TRUE;

  for (guint i = 0; (scenario = sim_scenario_get (i)) != NULL; i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", scenario->name);
  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "There is no scenario “%s”; there are: %s", name,
               names->str);
  return FALSE;
}

/* Where the rest of the simulator looks for them. */
static void
publish_settings (SimOptions *self)
{
  const double *values = self->settings.values;

  self->n_nodes = (int) values[SIM_SETTING_NODES];
  self->n_candidates = (int) values[SIM_SETTING_CANDIDATES];
  self->n_masters_only = (int) values[SIM_SETTING_MASTERS_ONLY];
  self->n_priorities = (int) values[SIM_SETTING_PRIORITIES];
  self->rate = values[SIM_SETTING_RATE];
  self->in_flight = (int) values[SIM_SETTING_IN_FLIGHT];
  self->size_max = (int) values[SIM_SETTING_SIZE];
  self->at_most_once = (guint) values[SIM_SETTING_AT_MOST_ONCE];
  self->give_up = (guint) values[SIM_SETTING_GIVE_UP];
  self->hang_timeout_ms = (int) values[SIM_SETTING_HANG_TIMEOUT];
  self->kill_interval_ms = (int) values[SIM_SETTING_KILL_INTERVAL];
}

static gboolean
choose_settings (SimOptions *self, const Given *given, GError **error)
{
  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    if (given->numbers[i] != NOT_GIVEN)
      sim_settings_set (&self->settings, (SimSetting) i, given->numbers[i], SIM_SOURCE_GIVEN);
  }
  if (given->rate != NOT_GIVEN)
    sim_settings_set (&self->settings, SIM_SETTING_RATE, given->rate, SIM_SOURCE_GIVEN);

  if (self->scenario != NULL)
    sim_scenario_apply (self->scenario, &self->settings);
  if (self->swarm)
    sim_swarm_draw_settings (&self->settings, (guint64) self->seed);
  sim_settings_fill_in (&self->settings);
  if (!sim_settings_check (&self->settings, error))
    return FALSE;
  publish_settings (self);
  return TRUE;
}

/* A swarm may be one that hardly kills; what many of them are worth shows in their sum. */
static int
count_wanted_kills (const SimOptions *self)
{
  double n_kills = self->duration_s * 1000 / self->kill_interval_ms * get_share_of_kills (self);

  return n_kills > 0 && !self->swarm ? (int) MAX (n_kills / KILLS_PLANNED_PER_WANTED, 1) : 0;
}

/* What depends on other options, where the user did not say. */
static gboolean
fill_in (SimOptions *self, const Given *given, GError **error)
{
  if (given->seed == NULL)
    self->seed = g_random_int ();
  else if (!g_ascii_string_to_signed (given->seed, 10, 0, G_MAXINT64, &self->seed, error))
    return g_prefix_error (error, "--seed: "), FALSE;
  if (!find_scenario (self, given->scenario, error) || !choose_faults (self, error) || !check_program (self, error)
      || !choose_settings (self, given, error) || !sim_sabotage_choose (self->sabotage, error)
      || !check_range ("count", self->count, 1, COUNT_MAX, error) || !check_range ("patience", self->patience_s, 1, 3600, error)
      || !check_range ("duration", self->duration_s, 0.1, 1e6, error))
    return FALSE;

  if (self->min_kills_in_flight == NOT_GIVEN)
    self->min_kills_in_flight = count_wanted_kills (self);
  if (self->dir == NULL)
    self->dir = g_strdup (g_get_tmp_dir ());
  return check_range ("min-kills-in-flight", self->min_kills_in_flight, 0, G_MAXINT, error);
}

/* The one argument that is no option is a scenario. */
static gboolean
take_argument (Given *given, int argc, char **argv, GError **error)
{
  if (argc > 2 || (argc == 2 && given->scenario != NULL)) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "Unexpected argument “%s”", argv[argc - 1]);
    return FALSE;
  }
  if (argc == 2)
    given->scenario = g_strdup (argv[1]);
  return TRUE;
}

SimOptions *
sim_options_parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (SimOptions) self = g_new0 (SimOptions, 1);
  g_autoptr (GOptionContext) context = g_option_context_new ("[SCENARIO]");
  g_auto (Given) given = { .rate = NOT_GIVEN };

  for (guint i = 0; i < SIM_N_SETTINGS; i++)
    given.numbers[i] = NOT_GIVEN;
  *self = (SimOptions) { .count = 1, .duration_s = 15, .patience_s = PATIENCE_S, .min_kills_in_flight = NOT_GIVEN, .node = -1 };
  add_setting_entries (context, &given);
  add_run_entries (context, self, &given);
  add_node_entries (context, self);
  sim_sabotage_add_entries (context, &self->sabotage);
  sim_help_describe_run (context);

  if (!g_option_context_parse (context, argc, argv, error) || !take_argument (&given, *argc, *argv, error)
      || !fill_in (self, &given, error))
    return NULL;
  return g_steal_pointer (&self);
}

void
sim_options_free (SimOptions *self)
{
  g_free (self->json);
  g_free (self->report);
  g_free (self->dir);
  g_free (self->runtime_dir);
  g_free (self->kill_at);
  g_free (self->hostile);
  g_free (self->sabotage);
  g_free (self->program);
  g_strfreev (self->faults);
  g_free (self);
}

static void add_argument (GPtrArray *argv, const char *format, ...) G_GNUC_PRINTF (2, 3);

static void
add_argument (GPtrArray *argv, const char *format, ...)
{
  va_list args;

  va_start (args, format);
  g_ptr_array_add (argv, g_strdup_vprintf (format, args));
  va_end (args);
}

static void
add_number (GPtrArray *argv, const char *name, double value)
{
  char buffer[G_ASCII_DTOSTR_BUF_SIZE];

  add_argument (argv, "--%s=%s", name, g_ascii_formatd (buffer, sizeof buffer, "%.10g", value));
}

/* (transfer full) */
char **
sim_options_to_node_argv (const SimOptions *self, guint32 node, gboolean candidate, const char *run_dir)
{
  GPtrArray *argv = g_ptr_array_new ();

  add_argument (argv, "ipc-sim");
  add_argument (argv, "--node=%u", node);
  add_argument (argv, "--parent=%d", (int) getpid ());
  add_argument (argv, "--dir=%s", run_dir);
  add_argument (argv, "--runtime-dir=%s", self->runtime_dir);
  add_argument (argv, "--seed=%" G_GINT64_FORMAT, self->seed);
  add_number (argv, "rate", self->rate);
  add_number (argv, "in-flight", self->in_flight);
  add_number (argv, "size", self->size_max);
  add_number (argv, "at-most-once", self->at_most_once);
  add_number (argv, "give-up", self->give_up);
  add_number (argv, "hang-timeout", self->hang_timeout_ms);
  if (candidate) {
    add_argument (argv, "--candidate");
    add_number (argv, "priority", node % (guint) self->n_priorities);
  }
  if (candidate && (int) node % self->n_candidates < self->n_masters_only)
    add_argument (argv, "--master-only");
  if (self->sabotage != NULL)
    add_argument (argv, "--sabotage=%s", self->sabotage);
  if (self->program != NULL)
    add_argument (argv, "--program=%s", self->program);
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (argv, FALSE);
}

/* Of all nodes. So short that a stranger that says nothing can wait for it; but a master that is stopped for a while is
 * none that a node should give up. */
guint
sim_options_get_handshake_timeout_ms (const SimOptions *self)
{
  return HANDSHAKE_MS + HANDSHAKE_TIMEOUTS * (guint) self->hang_timeout_ms;
}

/* (transfer full) */
char **
sim_options_to_stranger_argv (const SimOptions *self, const char *kind)
{
  GPtrArray *argv = g_ptr_array_new ();

  add_argument (argv, "ipc-sim");
  add_argument (argv, "--hostile=%s", kind);
  add_number (argv, "hang-timeout", self->hang_timeout_ms);
  add_argument (argv, "--parent=%d", (int) getpid ());
  add_argument (argv, "--runtime-dir=%s", self->runtime_dir);
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (argv, FALSE);
}

/* (transfer full): the command that does the same again, every default spelled out. */
char *
sim_options_to_command (const SimOptions *self)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  add_argument (argv, "ipc-sim");
  if (self->scenario != NULL)
    add_argument (argv, "run %s", self->scenario->name);
  if (self->swarm)
    add_argument (argv, "--swarm");
  add_argument (argv, "--seed=%" G_GINT64_FORMAT, self->seed);
  add_number (argv, "duration", self->duration_s);
  for (guint i = 0; i < SIM_N_SETTINGS; i++)
    add_number (argv, sim_setting_to_string ((SimSetting) i), self->settings.values[i]);
  for (guint i = 0; self->faults != NULL && self->faults[i] != NULL; i++)
    add_argument (argv, "--fault=%s", self->faults[i]);
  add_number (argv, "min-kills-in-flight", self->min_kills_in_flight);
  add_number (argv, "patience", self->patience_s);
  if (self->sabotage != NULL)
    add_argument (argv, "--sabotage=%s", self->sabotage);
  if (self->program != NULL) {
    g_autofree char *quoted = g_shell_quote (self->program);

    add_argument (argv, "--program=%s", quoted);
  }
  g_ptr_array_add (argv, NULL);
  return g_strjoinv (" ", (char **) argv->pdata);
}

static void
append_faults (GString *text, const SimWeights *weights)
{
  g_autoptr (GStrvBuilder) builder = g_strv_builder_new ();
  g_auto (GStrv) words = NULL;

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    g_autofree char *one = g_strdup_printf ("%s=%u", sim_fault_to_string ((SimFault) i), weights->of[i]);

    if (weights->of[i] > 0)
      g_strv_builder_add (builder, one);
  }
  words = g_strv_builder_end (builder);
  sim_wrap_append (text, FAULTS_COLUMN, (const char *const *) words);
}

/* (transfer full): all that makes this run what it is, and where each value comes from. */
char *
sim_options_describe (const SimOptions *self)
{
  GString *text = g_string_new (NULL);

  if (self->scenario != NULL)
    g_string_append_printf (text, "%s: %s\n", self->scenario->name, self->scenario->question);
  for (guint i = 0; i < SIM_N_SETTINGS; i++) {
    const char *unit = sim_setting_get_unit ((SimSetting) i);

    g_string_append_printf (text, "  %-14s %-8s %g%s%s\n", sim_setting_to_string ((SimSetting) i),
                            sim_source_to_string (self->settings.sources[i]), self->settings.values[i],
                            *unit != '\0' ? " " : "", unit);
  }
  g_string_append_printf (text, "  %-14s %-8s ", "faults", sim_source_to_string (self->faults_source));
  append_faults (text, &self->weights);
  return g_string_free (text, FALSE);
}
