/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <stdio.h>
#include <unistd.h>

#include "sim-run-dir.h"

/*
 * What is done to the group's files, under a living master or within a fail-over.
 */

void
sim_chaos_delete (SimChaos *self, const char *name)
{
  g_autofree char *path = g_build_filename (self->options->runtime_dir, SIM_GROUP, name, NULL);

  self->deleted_us = g_get_monotonic_time ();
  unlink (path);
}

static void
note_deletion (SimChaos *self, const SimStep *step)
{
  sim_chaos_note (self, 0, SIM_ENTRY_DISTURBED, 0, step->fault);
  sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, step->fault);
}

void
sim_chaos_do_delete_socket (SimChaos *self, const SimStep *step)
{
  note_deletion (self, step);
  sim_chaos_delete (self, "socket");
}

void
sim_chaos_do_delete_file (SimChaos *self, const SimStep *step)
{
  note_deletion (self, step);
  sim_chaos_delete (self, "group");
}

/* At once for whoever looks at the path, then piece by piece for whoever has it open. */
void
sim_chaos_do_delete_directory (SimChaos *self, const SimStep *step)
{
  g_autofree char *path = g_build_filename (self->options->runtime_dir, SIM_GROUP, NULL);
  g_autofree char *gone = g_build_filename (self->options->runtime_dir, "gone", NULL);

  note_deletion (self, step);
  self->deleted_us = g_get_monotonic_time ();
  if (rename (path, gone) == 0)
    sim_run_dir_remove (gone);
}
