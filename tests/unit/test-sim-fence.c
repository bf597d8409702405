/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib/gstdio.h>
#include <gio/gio.h>

#include "sim-fence.h"

/*
 * The resource that the simulator's handlers write to: whatever writes at the same time, what it took never goes back.
 */

typedef struct {
  char *dir;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  fixture->dir = g_dir_make_tmp ("sim-fence-XXXXXX", NULL);
  fixture->path = g_build_filename (fixture->dir, "fence", NULL);
  sim_fence_create (fixture->path, &error);
  g_assert_no_error (error);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_rmdir (fixture->dir);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static void
test_order (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimFence) one = sim_fence_open (fixture->path, NULL);
  g_autoptr (SimFence) other = sim_fence_open (fixture->path, NULL);
  guint64 place = 0, newest = 0;

  g_assert_cmpint (sim_fence_write (one, 7, &place, &newest), ==, SIM_FENCE_TAKEN);
  g_assert_cmpuint (place, ==, 1);
  g_assert_cmpint (sim_fence_write (one, 7, &place, &newest), ==, SIM_FENCE_TAKEN);
  g_assert_cmpint (sim_fence_write (other, 8, &place, &newest), ==, SIM_FENCE_TAKEN);
  g_assert_cmpuint (place, ==, 3);
  g_assert_cmpuint (newest, ==, 7);
  g_assert_cmpint (sim_fence_write (one, 7, &place, &newest), ==, SIM_FENCE_REFUSED);
  g_assert_cmpuint (newest, ==, 8);
  g_assert_cmpint (sim_fence_write (one, 9, &place, &newest), ==, SIM_FENCE_TAKEN);
  g_assert_cmpuint (place, ==, 4);
}

typedef struct {
  const char *path;
  guint64 epoch;
  GArray *places; /* (owned) */
  guint n_refused;
} Writer;

static gpointer
write_often (gpointer user_data)
{
  Writer *self = user_data;
  g_autoptr (SimFence) fence = sim_fence_open (self->path, NULL);

  for (guint i = 0; i < 20000; i++) {
    guint64 place, newest;

    if (sim_fence_write (fence, self->epoch + i / 1000, &place, &newest) == SIM_FENCE_TAKEN)
      g_array_append_val (self->places, place);
    else
      self->n_refused++;
  }
  return NULL;
}

/* Each place is given once. */
static void
test_threads (Fixture *fixture, gconstpointer data)
{
  Writer writers[3];
  GThread *threads[3];
  g_autofree guint8 *given = g_malloc0 (60001);
  guint64 n_taken = 0;

  for (guint i = 0; i < 3; i++) {
    writers[i] = (Writer) { fixture->path, 10 + i, g_array_new (FALSE, FALSE, sizeof (guint64)), 0 };
    threads[i] = g_thread_new ("writer", write_often, &writers[i]);
  }
  for (guint i = 0; i < 3; i++) {
    g_thread_join (threads[i]);
    for (guint j = 0; j < writers[i].places->len; j++) {
      guint64 place = g_array_index (writers[i].places, guint64, j);

      g_assert_cmpuint (place, <=, 60000);
      g_assert_cmpuint (given[place]++, ==, 0);
      n_taken++;
    }
    g_assert_cmpuint (writers[i].places->len + writers[i].n_refused, ==, 20000);
    g_array_unref (writers[i].places);
  }
  for (guint64 place = 1; place <= n_taken; place++)
    g_assert_cmpuint (given[place], ==, 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/sim-fence/order", Fixture, NULL, set_up, test_order, tear_down);
  g_test_add ("/sim-fence/threads", Fixture, NULL, set_up, test_threads, tear_down);

  return g_test_run ();
}
