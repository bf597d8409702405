/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <sys/time.h>
#include <time.h>

#include "sim-clock.h"

/*
 * The clock that the simulator sets: this program and all its libraries go by it, and only for the time of day.
 */

#define DAY_S 86400
#define TOLERANCE_S 60

typedef struct {
  char *path;
  SimClock *clock;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_dir_make_tmp ("sim-clock-XXXXXX", NULL);
  g_autoptr (GError) error = NULL;

  fixture->path = g_build_filename (dir, "clock", NULL);
  sim_clock_create (fixture->path, &error);
  g_assert_no_error (error);
  fixture->clock = sim_clock_open (fixture->path, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_autofree char *dir = g_path_get_dirname (fixture->path);

  sim_clock_free (fixture->clock);
  g_unlink (fixture->path);
  g_rmdir (dir);
  g_free (fixture->path);
}

static gint64
ask (clockid_t clock)
{
  struct timespec now;

  g_assert_cmpint (clock_gettime (clock, &now), ==, 0);
  return now.tv_sec;
}

static void
assert_about (gint64 one_s, gint64 other_s)
{
  g_assert_cmpint (ABS (one_s - other_s), <, TOLERANCE_S);
}

/* A library asks as we do. */
static void
test_steps (Fixture *fixture, gconstpointer data)
{
  gint64 true_s = g_get_real_time () / G_USEC_PER_SEC;
  gint64 monotonic_s = ask (CLOCK_MONOTONIC);
  struct timeval now;

  sim_clock_follow (fixture->clock);
  for (int days = -3; days <= 3; days++) {
    sim_clock_set_offset (fixture->clock, days * DAY_S);
    gettimeofday (&now, NULL);
    assert_about (now.tv_sec, true_s + days * DAY_S);
    assert_about (time (NULL), true_s + days * DAY_S);
    assert_about (ask (CLOCK_REALTIME), true_s + days * DAY_S);
    assert_about (g_get_real_time () / G_USEC_PER_SEC, true_s + days * DAY_S);
    assert_about (g_get_monotonic_time () / G_USEC_PER_SEC, monotonic_s);
    assert_about (ask (CLOCK_MONOTONIC), monotonic_s);
  }
}

/* Who does not follow it has the true time, and so has who followed it until it went. */
static void
test_follow (Fixture *fixture, gconstpointer data)
{
  gint64 true_s = time (NULL);
  SimClock *other = sim_clock_open (fixture->path, NULL);

  sim_clock_set_offset (fixture->clock, DAY_S);
  g_assert_cmpint (sim_clock_get_offset (other), ==, DAY_S);
  assert_about (time (NULL), true_s);
  sim_clock_follow (other);
  assert_about (time (NULL), true_s + DAY_S);
  sim_clock_free (other);
  assert_about (time (NULL), true_s);
}

static void
test_missing (void)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (sim_clock_open ("/nowhere/clock", &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_NOT_FOUND);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/sim-clock/steps", Fixture, NULL, set_up, test_steps, tear_down);
  g_test_add ("/sim-clock/follow", Fixture, NULL, set_up, test_follow, tear_down);
  g_test_add_func ("/sim-clock/missing", test_missing);

  return g_test_run ();
}
