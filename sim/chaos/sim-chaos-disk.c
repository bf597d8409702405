/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <unistd.h>

#include "sim-disk.h"

/*
 * A disk without any room, at the moment at which the group needs a new file: it is deleted, and its master killed.
 * Nobody can be master until there is room again.
 */

#define FULL_MS 400       /* candidates try several times in it */
#define AFTERMATH_MS 2000 /* in which somebody is elected */

typedef struct {
  int filler; /* (owned) the file that takes the room, or -1 */
} FullDisk;

static void
make_room (FullDisk *disk)
{
  if (disk->filler >= 0)
    close (disk->filler);
  disk->filler = -1;
}

static guint
full_advance (SimChaos *self, gpointer data)
{
  FullDisk *disk = data;
  gboolean full = disk->filler >= 0;

  make_room (disk);
  return full ? AFTERMATH_MS : 0;
}

/* Only when there is room again does it count: before, somebody was faster than the kill. */
static void
full_elected (SimChaos *self, gpointer data)
{
  const FullDisk *disk = data;

  if (disk->filler >= 0)
    return;
  sim_chaos_note (self, 0, SIM_ENTRY_EFFECTIVE, sim_fleet_get_epoch (self->fleet), SIM_FAULT_FULL_DISK);
  sim_chaos_end_spell (self, SIM_FAULT_FULL_DISK);
}

static void
full_end (SimChaos *self, gpointer data)
{
  make_room (data);
  g_free (data);
}

/* Without a file system of our own it is not done, because others have the disk, too. */
void
sim_chaos_do_full_disk (SimChaos *self, const SimStep *step)
{
  static const SimSpellFuncs funcs = { full_advance, full_elected, full_end };
  int filler = -1;
  FullDisk *disk;

  if (self->options->has_small_disk && !sim_chaos_has_spell (self, step->fault))
    filler = sim_disk_fill (self->options->runtime_dir);
  if (filler < 0)
    return;
  disk = g_new (FullDisk, 1);
  *disk = (FullDisk) { filler };
  sim_chaos_note (self, 0, SIM_ENTRY_DISTURBED, 0, step->fault);
  sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, step->fault);
  sim_chaos_begin_spell (self, step->fault, FULL_MS, &funcs, disk);
  sim_chaos_delete (self, "group");
  close (disk->filler); /* what the file took that was deleted, if nobody has it open any more, is to be taken, too */
  disk->filler = sim_disk_fill (self->options->runtime_dir);
  sim_chaos_kill (self, sim_fleet_get_master (self->fleet), SIM_FAULT_KILL);
}
