/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-help.h"

#include "sim-fault.h"
#include "sim-wrap.h"

/*
 * What `ipc-sim --help` says besides the options themselves. The faults come from their table.
 */

#define NAME_WIDTH 18 /* of faults */

static const char summary[] = "Starts a group of processes that send each other messages through libipc, kills its\n"
                              "master again and again while messages are on their way, and checks that every promise\n"
                              "of the library was kept.\n"
                              "\n"
                              "Commands (ipc-sim COMMAND --help says more):\n"
                              "  run            such a run: what ipc-sim does without a command\n"
                              "  check          checks the history of a run once more\n"
                              "  list           names all scenarios, faults, kill points and invariants";

static const char about_faults[] =
    "The nodes send to whoever is master, several messages at a time, a third of them at most\n"
    "once; the master answers at once or a little later. Meanwhile, by weight, these faults:\n";

static const char about_runs[] =
    "\n"
    "--fault none does nothing, --fault kill nothing but kill, --fault kill=3 --fault resign=1\n"
    "three kills for each resignation. At the end all must have ended, and what each process\n"
    "wrote down must fit together. docs/simulator.md says more.\n"
    "\n"
    "What is done, and when, follows from the seed. How the processes interleave does not:\n"
    "the kernel decides that anew each time. So a seed that failed is likely to fail again,\n"
    "but need not do so at once.\n"
    "\n"
    "Exit status: 0 all promises held; 1 something broke (then the directory of the run is\n"
    "kept, with all events in history.jsonl); 2 could not run; 3 too little happened for the\n"
    "result to mean anything, or a fault that was asked for never had an effect.";

static void
append_fault (GString *text, SimFault fault)
{
  gboolean is_one_of_several = !g_str_equal (sim_fault_get_family (fault), sim_fault_to_string (fault));
  g_auto (GStrv) words = g_strsplit (sim_fault_get_summary (fault), " ", -1);

  g_string_append_printf (text, "  %s%-*s  ", is_one_of_several ? "  " : "", NAME_WIDTH - (is_one_of_several ? 2 : 0),
                          sim_fault_to_string (fault));
  sim_wrap_append (text, NAME_WIDTH + 4, (const char *const *) words);
}

/* (transfer full): with a line for each fault, and one for each name that stands for several. */
static char *
describe (void)
{
  g_autoptr (GString) text = g_string_new (about_faults);
  g_autoptr (GHashTable) families = g_hash_table_new (g_str_hash, g_str_equal);

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    const char *family = sim_fault_get_family ((SimFault) i);
    const char *name = sim_fault_to_string ((SimFault) i);

    if (!g_str_equal (family, name) && g_hash_table_add (families, (gpointer) family))
      g_string_append_printf (text, "  %-*s  all of these:\n", NAME_WIDTH, family);
    append_fault (text, (SimFault) i);
  }
  g_string_append (text, about_runs);
  return g_string_free (g_steal_pointer (&text), FALSE);
}

void
sim_help_describe_run (GOptionContext *context)
{
  g_autofree char *description = describe ();

  g_option_context_set_summary (context, summary);
  g_option_context_set_description (context, description);
}
