/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-watch.h"

/*
 * What can be seen to be wrong while a run still goes on, from what the nodes say of their elections: then there is no
 * need to go on. It is no verdict, only a reason to ask for one now; the checker finds the same in the records, and
 * much besides. Pure.
 *
 * That one node hears of an older epoch than another is no fault: what they say may be late. But an epoch has one
 * master, and one node's epochs rise.
 */

struct _SimWatch {
  GHashTable *masters; /* (owned) guint64 epoch -> node */
  GHashTable *newest;  /* (owned) node -> guint64 epoch */
};

SimWatch *
sim_watch_new (void)
{
  SimWatch *self = g_new0 (SimWatch, 1);

  self->masters = g_hash_table_new_full (g_int64_hash, g_int64_equal, g_free, NULL);
  self->newest = g_hash_table_new_full (NULL, NULL, NULL, g_free);
  return self;
}

void
sim_watch_free (SimWatch *self)
{
  g_hash_table_unref (self->masters);
  g_hash_table_unref (self->newest);
  g_free (self);
}

/* A node says that it is master of an epoch. FALSE, and (transfer full) why, if that cannot be. */
gboolean
sim_watch_elected (SimWatch *self, guint32 node, guint64 epoch, char **why)
{
  gpointer other;
  guint64 *newest = g_hash_table_lookup (self->newest, GUINT_TO_POINTER (node));

  if (g_hash_table_lookup_extended (self->masters, &epoch, NULL, &other)) {
    *why = g_strdup_printf ("nodes %u and %u both are master of epoch %" G_GUINT64_FORMAT, GPOINTER_TO_UINT (other),
                            node, epoch);
    return FALSE;
  }
  if (newest != NULL && *newest > epoch) {
    *why = g_strdup_printf ("node %u went from epoch %" G_GUINT64_FORMAT " back to %" G_GUINT64_FORMAT, node, *newest,
                            epoch);
    return FALSE;
  }
  g_hash_table_insert (self->masters, g_memdup2 (&epoch, sizeof epoch), GUINT_TO_POINTER (node));
  g_hash_table_insert (self->newest, GUINT_TO_POINTER (node), g_memdup2 (&epoch, sizeof epoch));
  return TRUE;
}
