/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "bench-case.h"
#include "bench-meter.h"
#include "bench-payload.h"
#include "bench-socket.h"

/*
 * The floor of a fail-over: the same way to hand a lock over, and nothing else. Candidates block in F_OFD_SETLKW; who
 * gets the lock listens at a name of its own, renames it over `socket`, and answers one client. The client notices the
 * end of its connection, waits for the new name with inotify, connects, and sends what was unanswered once more.
 */

#define LOCK_BYTE (G_GINT64_CONSTANT (1) << 32)

static void
wait_for_lock (const char *dir)
{
  g_autofree char *path = g_build_filename (dir, "group", NULL);
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = LOCK_BYTE, .l_len = 1 };
  int fd = open (path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);

  if (fd < 0)
    bench_fail ("Cannot open %s: %s", path, g_strerror (errno));
  bench_report_ready ();
  if (fcntl (fd, F_OFD_SETLKW, &lock) < 0)
    bench_fail ("Cannot lock %s: %s", path, g_strerror (errno));
}

void
bench_raw_candidate (const BenchTask *task)
{
  g_autofree char *temporary_name = g_strdup_printf (".socket-%d", (int) getpid ());
  g_autofree char *temporary = g_build_filename (task->dir, temporary_name, NULL);
  g_autofree char *final = g_build_filename (task->dir, "socket", NULL);
  guint8 payload[BENCH_PAYLOAD_SIZE];
  int listener, fd;

  wait_for_lock (task->dir);
  listener = bench_socket_listen (task->dir, temporary_name);
  if (rename (temporary, final) < 0)
    bench_fail ("Cannot rename %s: %s", temporary, g_strerror (errno));

  fd = bench_socket_accept (listener);
  while (bench_socket_read (fd, payload, sizeof payload)) {
    bench_payload_sign (payload, getpid ());
    if (!bench_socket_write (fd, payload, sizeof payload))
      break;
  }
}

static int
watch_dir (const char *dir)
{
  int fd = inotify_init1 (IN_CLOEXEC);

  if (fd < 0 && errno == EMFILE)
    bench_fail ("Others use all of /proc/sys/fs/inotify/max_user_instances; try again when they have ended");
  if (fd < 0 || inotify_add_watch (fd, dir, IN_MOVED_TO) < 0)
    bench_fail ("Cannot watch %s: %s", dir, g_strerror (errno));
  return fd;
}

/* The watch is older than any attempt, so a name that comes after a failed one is always seen; one that was seen too
 * late costs an attempt and no more.
 */
static int
connect_to_next (const char *dir, int watch)
{
  char events[4096];
  int fd;

  while ((fd = bench_socket_connect (dir)) < 0)
    if (read (watch, events, sizeof events) < 0)
      bench_fail ("Cannot read directory events: %s", g_strerror (errno));
  return fd;
}

static gboolean
exchange (int fd, const guint8 *payload, guint8 *answer)
{
  return bench_socket_write (fd, payload, BENCH_PAYLOAD_SIZE) && bench_socket_read (fd, answer, BENCH_PAYLOAD_SIZE);
}

/* Runs until it is killed. */
void
bench_raw_follow (const BenchTask *task)
{
  guint8 payload[BENCH_PAYLOAD_SIZE];
  guint8 answer[BENCH_PAYLOAD_SIZE];
  int watch = watch_dir (task->dir);
  int fd = connect_to_next (task->dir, watch);
  gint64 report[2] = { 0, 0 };

  for (guint64 index = 0;; index++) {
    gint64 pid;

    bench_payload_fill (payload, index);
    while (!exchange (fd, payload, answer)) {
      close (fd);
      fd = connect_to_next (task->dir, watch);
    }
    if (!bench_payload_check_signed (answer, sizeof answer, index, &pid))
      bench_fail ("raw: answer %" G_GUINT64_FORMAT " is wrong", index);
    if (pid == report[0])
      continue;
    report[0] = pid;
    report[1] = bench_now_ns ();
    bench_report (report, G_N_ELEMENTS (report));
  }
}
