/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <stdlib.h>
#include <sys/pidfd.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "sim-hostile.h"
#include "sim-stranger.h"

/*
 * What strangers do to a group, and what is done to the master's descriptors and buffers to make it hard for it. The
 * strangers themselves are in sim-hostile.c and its neighbours; here they are started, heard, and ended.
 *
 * At most one stranger of each fault is there at a time: they are not to be each other's excuse.
 */

#define ROOM_FOR_FDS 6 /* so many more a master may open when its limit is lowered */
#define LIMITED_MS 900 /* as long as a flood, and a little */
#define FDS_MAX 4096   /* of which numbers are looked at, when it is counted which are free */
/* The kernel's least, and its usual default (net.core.wmem_default). */
#define BUFFER_SMALL 1
#define BUFFER_USUAL 212992

static const char *const hostile_kinds[] = { "acts", "slow", "identity", "master" };

/* Strangers */

static SimStranger *
find_stranger (SimChaos *self, SimFault fault)
{
  for (guint i = 0; i < self->strangers->len; i++) {
    if (sim_stranger_get_fault (g_ptr_array_index (self->strangers, i)) == fault)
      return g_ptr_array_index (self->strangers, i);
  }
  return NULL;
}

static void
heard_cb (SimStranger *stranger, char sign, const char *text, gpointer user_data)
{
  SimChaos *self = user_data;
  SimEntry entry = {
    .time_ns = sim_entry_now_ns (),
    .kind = SIM_ENTRY_STRANGER,
    .flags = sign == SIM_STRANGER_WRONG ? SIM_ENTRY_FAILURE : 0,
    .code = (gint32) sim_stranger_get_fault (stranger),
  };

  if (sign == SIM_STRANGER_RIGHT && sim_stranger_count_effect (stranger))
    sim_chaos_note (self, 0, SIM_ENTRY_EFFECTIVE, 0, sim_stranger_get_fault (stranger));
  if (sign == 0)
    g_ptr_array_remove_fast (self->strangers, stranger);
  else if (sign != SIM_STRANGER_NOT)
    sim_history_add_supervisor_event (self->history, 0, &entry);
  if (sign == SIM_STRANGER_WRONG)
    g_printerr ("A stranger was treated wrongly: %s\n", text);
}

static void
let_in (SimChaos *self, const char *kind, SimFault fault)
{
  SimStranger *stranger;

  if (find_stranger (self, fault) != NULL)
    return;
  stranger = sim_stranger_start (self->options, kind, fault, heard_cb, self);
  if (stranger == NULL)
    return;
  sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, fault);
  g_ptr_array_add (self->strangers, stranger);
}

void
sim_chaos_do_hostile (SimChaos *self, const SimStep *step)
{
  const char *kind = hostile_kinds[step->pick % G_N_ELEMENTS (hostile_kinds)];

  if (g_str_equal (kind, "master"))
    sim_chaos_note (self, 0, SIM_ENTRY_DISTURBED, 0, step->fault);
  let_in (self, kind, step->fault);
}

void
sim_chaos_do_silent (SimChaos *self, const SimStep *step)
{
  let_in (self, "silent", step->fault);
}

void
sim_chaos_do_versions (SimChaos *self, const SimStep *step)
{
  let_in (self, "versions", step->fault);
}

/* Descriptors */

/* Up to which number a process may have descriptors, so that it can open so many more. */
static rlim_t
find_limit (pid_t pid, guint n_more)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  gboolean used[FDS_MAX] = { FALSE };
  const char *name;
  rlim_t limit = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    int fd = atoi (name);

    if (fd < FDS_MAX)
      used[fd] = TRUE;
  }
  for (; n_more > 0 && limit < FDS_MAX; limit++)
    n_more -= !used[limit];
  return limit;
}

static void
lift_limit (SimChaos *self)
{
  g_clear_handle_id (&self->limited_source, g_source_remove);
  if (self->limited != NULL && sim_process_is_alive (self->limited))
    prlimit (self->limited->pid, RLIMIT_NOFILE, &self->limit_before, NULL);
  self->limited = NULL;
}

static gboolean
limit_over_cb (gpointer user_data)
{
  SimChaos *self = user_data;

  self->limited_source = 0;
  lift_limit (self);
  return G_SOURCE_REMOVE;
}

/* The master has next to no descriptors left, and then they come. */
void
sim_chaos_do_flood (SimChaos *self, const SimStep *step)
{
  SimProcess *master = sim_fleet_get_master (self->fleet);
  struct rlimit limit;

  if (self->limited != NULL || prlimit (master->pid, RLIMIT_NOFILE, NULL, &self->limit_before) != 0)
    return;
  limit = self->limit_before;
  limit.rlim_cur = MIN (limit.rlim_cur, find_limit (master->pid, ROOM_FOR_FDS));
  if (prlimit (master->pid, RLIMIT_NOFILE, &limit, NULL) != 0)
    return;
  self->limited = master;
  self->limited_source = g_timeout_add (LIMITED_MS, limit_over_cb, self);
  let_in (self, "flood", step->fault);
}

/* Buffers */

/* Of every connection that a process has at the moment. */
static void
set_buffers (SimProcess *process, int size)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) process->pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *link = g_build_filename (path, name, NULL);
    g_autofree char *target = g_file_read_link (link, NULL);
    int fd = target != NULL && g_str_has_prefix (target, "socket:") ? pidfd_getfd (process->pidfd, atoi (name), 0) : -1;

    if (fd < 0)
      continue;
    setsockopt (fd, SOL_SOCKET, SO_SNDBUF, &size, sizeof size);
    close (fd);
  }
}

static void
set_all_buffers (SimChaos *self, int size)
{
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);

  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    if (process->joined && sim_process_is_alive (process))
      set_buffers (process, size);
  }
}

void
sim_chaos_do_full_buffers (SimChaos *self, const SimStep *step)
{
  set_all_buffers (self, BUFFER_SMALL);
  self->buffers_are_small = TRUE;
  let_in (self, "deaf", step->fault);
}

/* Nobody is there who does not belong to the group, and everybody has what they had. */
void
sim_chaos_end_strangers (SimChaos *self)
{
  g_ptr_array_set_size (self->strangers, 0);
  lift_limit (self);
  if (self->buffers_are_small)
    set_all_buffers (self, BUFFER_USUAL);
  self->buffers_are_small = FALSE;
}
