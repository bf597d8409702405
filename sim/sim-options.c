/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-options.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "sim-payload.h"

/*
 * The command line: that of the user, and the one by which the supervisor starts a node. Both go through the same
 * table, so that a run can be written down as the command that repeats it.
 */

#define NODES_MAX 10000
#define IN_FLIGHT_MAX 1000 /* below the window of the protocol and the default of max-pending */
#define SIZE_MAX_MAX (1024 * 1024)
#define TOTAL_RATE 6000.0       /* messages per second of all nodes: two cores do more, but then they do nothing else */
#define RATE_MAX_DEFAULT 1000.0 /* so that also a kill in a group of two finds something on its way */
#define KILLS_PLANNED_PER_WANTED 4 /* a slow machine may miss three of four kills before the run counts for nothing */

static const char summary[] = "Starts a group of processes that send each other messages through libipc, kills its\n"
                              "master again and again while messages are on their way, and checks that every promise\n"
                              "of the library was kept.";

static const char description[] =
    "The nodes send to whoever is master, several messages at a time; the master answers at\n"
    "once or a little later. Masters are killed with SIGKILL. Now and then connections break\n"
    "while both ends live; the socket, the group file or the directory is deleted; or, where\n"
    "the system allows a parent to trace its child, a successor is held between two of the\n"
    "system calls by which it takes over, until another has overtaken it. At the end all must\n"
    "be answered, and what each process wrote down must fit together.\n"
    "\n"
    "What is done, and when, follows from the seed. How the processes interleave does not:\n"
    "the kernel decides that anew each time. So a seed that failed is likely to fail again,\n"
    "but need not do so at once.\n"
    "\n"
    "Exit status: 0 all promises held; 1 something broke (then the directory of the run is\n"
    "kept, with all events in history.txt); 2 could not run; 3 too little happened for the\n"
    "result to mean anything.";

static void
add_entries (GOptionContext *context, SimOptions *self, char **seed)
{
  const GOptionEntry entries[] = {
    { "nodes", 'n', 0, G_OPTION_ARG_INT, &self->n_nodes, "Processes in the group (20)", "N" },
    { "candidates", 'c', 0, G_OPTION_ARG_INT, &self->n_candidates, "How many of them may be master (5)", "N" },
    { "duration", 'd', 0, G_OPTION_ARG_DOUBLE, &self->duration_s, "How long masters are killed (15)", "SECONDS" },
    { "seed", 's', 0, G_OPTION_ARG_STRING, seed, "Decides what is done when (random, and printed)", "NUMBER" },
    { "kill-interval", 0, 0, G_OPTION_ARG_INT, &self->kill_interval_ms, "Mean time between two kills (200)", "MS" },
    { "rate", 0, 0, G_OPTION_ARG_DOUBLE, &self->rate, "Messages per second and node (1000, in all at most 6000)", "N" },
    { "in-flight", 0, 0, G_OPTION_ARG_INT, &self->in_flight, "Messages that a node has on their way (8)", "N" },
    { "size", 0, 0, G_OPTION_ARG_INT, &self->size_max, "Largest payload (256)", "BYTES" },
    { "min-kills-in-flight", 0, 0, G_OPTION_ARG_INT, &self->min_kills_in_flight,
      "Kills that must hit messages on their way (a quarter of those planned)", "N" },
    { "json", 'j', 0, G_OPTION_ARG_FILENAME, &self->json, "Write the report to FILE, too", "FILE" },
    { "dir", 0, 0, G_OPTION_ARG_FILENAME, &self->dir, "Where the directory of the run is made ($TMPDIR or /tmp)",
      "DIR" },
    { "keep", 0, 0, G_OPTION_ARG_NONE, &self->keep, "Keep that directory even if all went well", NULL },
    { "node", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &self->node, NULL, NULL },
    { "parent", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_INT, &self->parent, NULL, NULL },
    { "candidate", 0, G_OPTION_FLAG_HIDDEN, G_OPTION_ARG_NONE, &self->candidate, NULL, NULL },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
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
check_ranges (const SimOptions *self, GError **error)
{
  return check_range ("nodes", self->n_nodes, 1, NODES_MAX, error)
         && check_range ("candidates", self->n_candidates, 1, self->n_nodes, error)
         && check_range ("duration", self->duration_s, 0.1, 1e6, error)
         && check_range ("kill-interval", self->kill_interval_ms, 1, 1e6, error)
         && check_range ("rate", self->rate, 0.1, 1e5, error)
         && check_range ("in-flight", self->in_flight, 1, IN_FLIGHT_MAX, error)
         && check_range ("size", self->size_max, SIM_PAYLOAD_SIZE_MIN, SIZE_MAX_MAX, error)
         && check_range ("min-kills-in-flight", self->min_kills_in_flight, 0, G_MAXINT, error);
}

/* What depends on other options, where the user did not say. */
static gboolean
fill_in (SimOptions *self, const char *seed, GError **error)
{
  double kills_planned = self->duration_s * 1000 / MAX (self->kill_interval_ms, 1);

  if (seed == NULL)
    self->seed = g_random_int ();
  else if (!g_ascii_string_to_signed (seed, 10, 0, G_MAXINT64, &self->seed, error))
    return g_prefix_error (error, "--seed: "), FALSE;

  if (self->n_candidates == 0)
    self->n_candidates = CLAMP (self->n_nodes, 1, 5);
  if (self->rate == 0)
    self->rate = CLAMP (TOTAL_RATE / MAX (self->n_nodes, 1), 1, RATE_MAX_DEFAULT);
  if (self->min_kills_in_flight < 0)
    self->min_kills_in_flight = (int) MAX (kills_planned / KILLS_PLANNED_PER_WANTED, 1);
  if (self->dir == NULL)
    self->dir = g_strdup (g_get_tmp_dir ());
  return check_ranges (self, error);
}

SimOptions *
sim_options_parse (int *argc, char ***argv, GError **error)
{
  g_autoptr (SimOptions) self = g_new0 (SimOptions, 1);
  g_autoptr (GOptionContext) context = g_option_context_new ("- kill masters and check that nothing is lost");
  g_autofree char *seed = NULL;

  *self = (SimOptions) {
    .n_nodes = 20,
    .duration_s = 15,
    .in_flight = 8,
    .kill_interval_ms = 200,
    .size_max = 256,
    .min_kills_in_flight = -1,
    .node = -1,
  };
  add_entries (context, self, &seed);

  if (!g_option_context_parse (context, argc, argv, error))
    return NULL;
  if (*argc > 1) {
    g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "Unexpected argument “%s”", (*argv)[1]);
    return NULL;
  }
  return fill_in (self, seed, error) ? g_steal_pointer (&self) : NULL;
}

void
sim_options_free (SimOptions *self)
{
  g_free (self->json);
  g_free (self->dir);
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
  add_argument (argv, "--seed=%" G_GINT64_FORMAT, self->seed);
  add_number (argv, "rate", self->rate);
  add_number (argv, "in-flight", self->in_flight);
  add_number (argv, "size", self->size_max);
  if (candidate)
    add_argument (argv, "--candidate");
  g_ptr_array_add (argv, NULL);
  return (char **) g_ptr_array_free (argv, FALSE);
}

/* (transfer full): the command that does the same again, every default spelled out. */
char *
sim_options_to_command (const SimOptions *self)
{
  g_autoptr (GPtrArray) argv = g_ptr_array_new_with_free_func (g_free);

  add_argument (argv, "ipc-sim");
  add_number (argv, "nodes", self->n_nodes);
  add_number (argv, "candidates", self->n_candidates);
  add_number (argv, "duration", self->duration_s);
  add_argument (argv, "--seed=%" G_GINT64_FORMAT, self->seed);
  add_number (argv, "kill-interval", self->kill_interval_ms);
  add_number (argv, "rate", self->rate);
  add_number (argv, "in-flight", self->in_flight);
  add_number (argv, "size", self->size_max);
  add_number (argv, "min-kills-in-flight", self->min_kills_in_flight);
  g_ptr_array_add (argv, NULL);
  return g_strjoinv (" ", (char **) argv->pdata);
}
