/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-watch.h"

/*
 * A run that is lost already ends early, and one that is not does not.
 */

static void
assert_wrong (SimWatch *watch, guint32 node, guint64 epoch, const char *part)
{
  g_autofree char *why = NULL;

  g_assert_false (sim_watch_elected (watch, node, epoch, &why));
  g_assert_nonnull (strstr (why, part));
}

static void
test_well (void)
{
  g_autoptr (SimWatch) watch = sim_watch_new ();
  char *why = NULL;

  g_assert_true (sim_watch_elected (watch, 0, 100, &why));
  g_assert_true (sim_watch_elected (watch, 1, 102, &why));
  g_assert_true (sim_watch_elected (watch, 2, 101, &why)); /* late, but another one */
  g_assert_true (sim_watch_elected (watch, 0, G_MAXUINT64, &why));
}

static void
test_two_masters (void)
{
  g_autoptr (SimWatch) watch = sim_watch_new ();
  char *why = NULL;

  g_assert_true (sim_watch_elected (watch, 0, G_GUINT64_CONSTANT (1) << 40, &why));
  assert_wrong (watch, 1, G_GUINT64_CONSTANT (1) << 40, "nodes 0 and 1");
  assert_wrong (watch, 0, G_GUINT64_CONSTANT (1) << 40, "nodes 0 and 0");
}

static void
test_back (void)
{
  g_autoptr (SimWatch) watch = sim_watch_new ();
  char *why = NULL;

  g_assert_true (sim_watch_elected (watch, 0, 100, &why));
  assert_wrong (watch, 0, 99, "from epoch 100 back to 99");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-watch/well", test_well);
  g_test_add_func ("/sim-watch/two-masters", test_two_masters);
  g_test_add_func ("/sim-watch/back", test_back);

  return g_test_run ();
}
