/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <locale.h>

#include "sim-check.h"
#include "sim-list.h"
#include "sim-options.h"
#include "sim-run.h"

/*
 * ipc-sim: finds the command that was asked for. Without one it is a run, so that options alone will do.
 */

typedef struct {
  const char *name;
  int (*run) (int argc, char **argv); /* argv begins with the command; returns the exit status */
} Command;

static const Command commands[] = {
  { "run", sim_run_main },
  { "check", sim_check_main },
  { "list", sim_list_main },
};

/* (nullable) */
static const Command *
find_command (const char *name)
{
  for (guint i = 0; i < G_N_ELEMENTS (commands); i++) {
    if (g_str_equal (commands[i].name, name))
      return &commands[i];
  }
  return NULL;
}

static int
complain (const char *name)
{
  g_autoptr (GString) names = g_string_new (NULL);

  for (guint i = 0; i < G_N_ELEMENTS (commands); i++)
    g_string_append_printf (names, "%s%s", i > 0 ? ", " : "", commands[i].name);
  g_printerr ("ipc-sim: there is no command “%s”; there are: %s. See ipc-sim --help\n", name, names->str);
  return SIM_EXIT_CANNOT_RUN;
}

int
main (int argc, char **argv)
{
  g_autofree char *name = NULL;
  const Command *command;

  setlocale (LC_ALL, "");
  g_set_prgname ("ipc-sim");
  if (argc < 2 || argv[1][0] == '-')
    return sim_run_main (argc, argv);

  command = find_command (argv[1]);
  if (command == NULL)
    return complain (argv[1]);
  name = g_strdup_printf ("ipc-sim %s", command->name);
  g_set_prgname (name); /* for its --help */
  return command->run (argc - 1, argv + 1);
}
