/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-sabotage.h"

#include <string.h>

/*
 * Compiled only with IPC_SABOTAGES. What is chosen belongs to the process, and is chosen before any other thread is
 * there.
 */

static gboolean chosen[IPC_SABOTAGE_N_DEFECTS];

static const char *const names[] = {
  "forget-unanswered",
  "newest-first",
  "lose-one",
  "fate-denied",
  "answer-misnamed",
  "ignore-epochs",
  "deaf-vigil",
  "leak-descriptor",
  "restless",
  "answer-early",
  "no-repeat-detection",
  "mark-never-set",
  "deliveries-uncounted",
  "once-repeated",
  "poison-unbounded",
  "handover-drops-queue",
  "connection-survives",
  "no-handshake-deadline",
  "spin-on-emfile",
  "keep-answers",
  "passed-over-held",
  "ledger-late",
  "ledger-blind",
  "ledger-lost",
  "identity-shared",
  "claim-blind",
  "epoch-reused",
  "no-self-check",
  "not-republished",
  "queue-stays",
};

G_STATIC_ASSERT (G_N_ELEMENTS (names) == IPC_SABOTAGE_N_DEFECTS);

static gboolean
choose_one (const char *name)
{
  for (guint i = 0; i < IPC_SABOTAGE_N_DEFECTS; i++) {
    if (strcmp (names[i], name) == 0) {
      chosen[i] = TRUE;
      return TRUE;
    }
  }

  return FALSE;
}

/* @list: names with commas between them. Returns FALSE if there is no such defect. */
gboolean
ipc_sabotage_choose (const char *list)
{
  g_auto (GStrv) parts = g_strsplit (list, ",", -1);

  for (guint i = 0; parts[i] != NULL; i++) {
    if (!choose_one (parts[i]))
      return FALSE;
  }

  return TRUE;
}

/* (transfer full): what there is to choose from, in words of a command line. */
char *
ipc_sabotage_list (void)
{
  GString *list = g_string_new (NULL);

  for (guint i = 0; i < IPC_SABOTAGE_N_DEFECTS; i++)
    g_string_append_printf (list, "%s%s", i > 0 ? " " : "", names[i]);

  return g_string_free (list, FALSE);
}

gboolean
ipc_sabotage_is_chosen (IpcSabotage defect)
{
  return chosen[defect];
}
