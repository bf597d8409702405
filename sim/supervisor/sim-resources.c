/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-resources.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * What a process holds and has used, as the kernel says: descriptors, threads, memory, processor time, and how often its
 * threads were put to sleep, which is how often they had been awake. Looking does not wake it up.
 *
 * Memory is the anonymous part: what it has written to its record is mapped from a file.
 */

#define MS_PER_SECOND 1000

/* (transfer full) (nullable) */
static char *
read_file (pid_t pid, const char *name)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/%s", (int) pid, name);
  char *text = NULL;

  return g_file_get_contents (path, &text, NULL, NULL) ? text : NULL;
}

/* The number behind a name in a file of lines `Name: number`, or 0. */
static guint64
find_number (const char *text, const char *name)
{
  const char *at = text != NULL ? strstr (text, name) : NULL;

  return at != NULL ? g_ascii_strtoull (at + strlen (name), NULL, 10) : 0;
}

static gboolean
is_inotify (const char *directory, const char *name)
{
  g_autofree char *path = g_build_filename (directory, name, NULL);
  g_autofree char *target = g_file_read_link (path, NULL);

  return g_strcmp0 (target, "anon_inode:inotify") == 0;
}

/* But for one inotify instance: a user has 128 of them, for all processes together, so a node may join without, and get
 * one later, when it looks for a master. */
static guint
count_descriptors (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/fd", (int) pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint n = 0, n_inotify = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    n++;
    n_inotify += is_inotify (path, name) ? 1 : 0;
  }
  return n - MIN (n_inotify, 1);
}

/* Of all its threads. */
static guint64
count_switches (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/task", (int) pid);
  g_autoptr (GDir) dir = g_dir_open (path, 0, NULL);
  const char *name;
  guint64 n = 0;

  while (dir != NULL && (name = g_dir_read_name (dir)) != NULL) {
    g_autofree char *status_name = g_strdup_printf ("task/%s/status", name);
    g_autofree char *status = read_file (pid, status_name);

    n += find_number (status, "\nvoluntary_ctxt_switches:") + find_number (status, "\nnonvoluntary_ctxt_switches:");
  }
  return n;
}

/* User and system time, fields 14 and 15: the name before them may have any character in it, and ends with the last
 * parenthesis. */
static guint64
read_cpu_ms (pid_t pid)
{
  g_autofree char *text = read_file (pid, "stat");
  const char *rest = text != NULL ? strrchr (text, ')') : NULL;
  g_auto (GStrv) fields = rest != NULL ? g_strsplit (rest, " ", -1) : NULL;
  guint64 ticks;

  if (fields == NULL || g_strv_length (fields) < 14)
    return 0;
  ticks = g_ascii_strtoull (fields[12], NULL, 10) + g_ascii_strtoull (fields[13], NULL, 10);
  return ticks * MS_PER_SECOND / (guint64) sysconf (_SC_CLK_TCK);
}

/* Fills in what is to be known now. FALSE if the process has ended, or is built so that it says nothing about itself: the
 * sanitizers keep memory back, and have a thread that wakes up by itself. */
gboolean
sim_resources_read (pid_t pid, SimEntry *entry)
{
  g_autofree char *status = read_file (pid, "status");

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return FALSE;
#endif
  if (status == NULL)
    return FALSE;

  entry->n_descriptors = count_descriptors (pid);
  entry->n_threads = (guint32) find_number (status, "\nThreads:");
  entry->memory_kib = find_number (status, "\nRssAnon:");
  entry->cpu_ms = read_cpu_ms (pid);
  entry->n_switches = count_switches (pid);
  return TRUE;
}

/* Whether it has not run in between. */
gboolean
sim_resources_are_still (const SimEntry *before, const SimEntry *after)
{
  return before->n_switches == after->n_switches && before->cpu_ms == after->cpu_ms;
}

/* (transfer full): of pid_t, the children of this process, those included that it has inherited. */
GArray *
sim_resources_find_children (void)
{
  g_autofree char *name = g_strdup_printf ("task/%d/children", (int) getpid ());
  g_autofree char *text = read_file (getpid (), name);
  g_auto (GStrv) pids = g_strsplit_set (text != NULL ? text : "", " \n", -1);
  GArray *children = g_array_new (FALSE, FALSE, sizeof (pid_t));

  for (guint i = 0; pids[i] != NULL; i++) {
    pid_t pid = (pid_t) atoi (pids[i]);

    if (pid > 0)
      g_array_append_val (children, pid);
  }
  return children;
}
