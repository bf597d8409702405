/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-sabotage.h"

#include <ipc-sabotage.h>

/*
 * The option `--sabotage`, in the program whose library has defects to choose from (ipc-sabotage.h). ipc-sim itself
 * does not know it.
 */

#ifdef IPC_SABOTAGES

/* names: (out) (transfer full) */
void
sim_sabotage_add_entries (GOptionContext *context, char **names)
{
  const GOptionEntry entries[] = {
    { "sabotage", 0, 0, G_OPTION_ARG_STRING, names, "What is wrong with the library", "NAME[,NAME...]" },
    G_OPTION_ENTRY_NULL,
  };

  g_option_context_add_main_entries (context, entries, NULL);
}

/* In every process that the library is in; names: (nullable) */
gboolean
sim_sabotage_choose (const char *names, GError **error)
{
  g_autofree char *list = ipc_sabotage_list ();

  if (names == NULL || ipc_sabotage_choose (names))
    return TRUE;

  g_set_error (error, G_OPTION_ERROR, G_OPTION_ERROR_BAD_VALUE, "--sabotage: there is no “%s”, but: %s", names, list);
  return FALSE;
}

#else

void
sim_sabotage_add_entries (GOptionContext *context, char **names)
{
}

gboolean
sim_sabotage_choose (const char *names, GError **error)
{
  return TRUE;
}

#endif
