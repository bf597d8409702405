/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-clock.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

/*
 * A wall clock that can be set without touching the machine's: what the processes of a run are told when they ask for
 * the time of day is so many seconds off. The offset is in a file that all map. The functions of the C library that
 * tell the time are defined here once more, and so stand before it for the whole program and all its libraries; of the
 * other clocks, the monotonic one above all, they tell nothing but the truth.
 */

struct _SimClock {
  gint64 *offset_s; /* (owned) mapped and shared */
};

typedef int (*GetTime) (clockid_t clock, struct timespec *now);

static const gint64 *followed; /* (nullable) offset of this process */

static gint64
get_followed_offset (void)
{
  const gint64 *offset_s = __atomic_load_n (&followed, __ATOMIC_ACQUIRE);

  return offset_s != NULL ? __atomic_load_n (offset_s, __ATOMIC_RELAXED) : 0;
}

static int
ask_system (clockid_t clock, struct timespec *now)
{
  return (int) syscall (SYS_clock_gettime, clock, now);
}

/* That of the C library asks the kernel without a system call; it is looked up with the first question. */
int
clock_gettime (clockid_t clock, struct timespec *now)
{
  static GetTime next;
  GetTime get_time = __atomic_load_n (&next, __ATOMIC_RELAXED);
  int result;

  if (get_time == NULL) {
    get_time = (GetTime) dlsym (RTLD_NEXT, "clock_gettime");
    if (get_time == NULL)
      get_time = ask_system;
    __atomic_store_n (&next, get_time, __ATOMIC_RELAXED);
  }
  result = get_time (clock, now);
  if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE))
    now->tv_sec += get_followed_offset ();
  return result;
}

int
gettimeofday (struct timeval *restrict now, void *restrict zone)
{
  struct timespec precise;

  clock_gettime (CLOCK_REALTIME, &precise);
  *now = (struct timeval) { precise.tv_sec, precise.tv_nsec / 1000 };
  return 0;
}

time_t
time (time_t *now)
{
  struct timespec precise;

  clock_gettime (CLOCK_REALTIME, &precise);
  if (now != NULL)
    *now = precise.tv_sec;
  return precise.tv_sec;
}

static gboolean
set_error (const char *path, GError **error)
{
  g_set_error (error, G_IO_ERROR, (int) g_io_error_from_errno (errno), "Cannot make a clock in %s: %s", path,
               g_strerror (errno));
  return FALSE;
}

/* A clock that is right. */
gboolean
sim_clock_create (const char *path, GError **error)
{
  gint64 offset_s = 0;
  int fd = open (path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
  gboolean written = fd >= 0 && write (fd, &offset_s, sizeof offset_s) == sizeof offset_s;

  if (fd >= 0)
    close (fd);
  return written || set_error (path, error);
}

/* (transfer full) (nullable) */
SimClock *
sim_clock_open (const char *path, GError **error)
{
  int fd = open (path, O_RDWR | O_CLOEXEC);
  gpointer memory =
      fd >= 0 ? mmap (NULL, sizeof (gint64), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) : MAP_FAILED;
  SimClock *self;

  if (memory == MAP_FAILED)
    set_error (path, error);
  if (fd >= 0)
    close (fd);
  if (memory == MAP_FAILED)
    return NULL;

  self = g_new (SimClock, 1);
  self->offset_s = memory;
  return self;
}

/* Nobody in this process goes by it any more. */
void
sim_clock_free (SimClock *self)
{
  if (__atomic_load_n (&followed, __ATOMIC_RELAXED) == self->offset_s)
    __atomic_store_n (&followed, NULL, __ATOMIC_RELEASE);
  munmap (self->offset_s, sizeof (gint64));
  g_free (self);
}

void
sim_clock_set_offset (SimClock *self, gint64 offset_s)
{
  __atomic_store_n (self->offset_s, offset_s, __ATOMIC_RELAXED);
}

gint64
sim_clock_get_offset (SimClock *self)
{
  return __atomic_load_n (self->offset_s, __ATOMIC_RELAXED);
}

/* From now on this process goes by it. */
void
sim_clock_follow (SimClock *self)
{
  __atomic_store_n (&followed, self->offset_s, __ATOMIC_RELEASE);
}
