/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-view.h"

/*
 * The live view fits into any terminal, and has no colours where they are not wanted.
 */

static const char *const events[] = { "1.2 s  kill node 3", "1.3 s  node 5 is master of epoch 12", NULL };

static SimViewState
make_state (void)
{
  return (SimViewState) {
    .seed = 42,
    .phase = "chaos",
    .chaos_s = 3,
    .duration_s = 15,
    .n_joined = 19,
    .n_nodes = 20,
    .master = 5,
    .epoch = 12,
    .master_for_s = 0.5,
    .n_kills = 7,
    .sent_rate = 5000,
    .answered_rate = 4999,
    .waiting_node = -1,
    .events = events,
  };
}

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("“%s” is missing in: %s", part, text);
}

static void
test_what (void)
{
  SimViewState state = make_state ();
  g_autofree char *text = sim_view_render (&state, 80, 24, FALSE);

  assert_contains (text, "seed 42  chaos  3.0 of 15.0 s");
  assert_contains (text, "19 of 20");
  assert_contains (text, "node 5  epoch 12  for 0.5 s");
  assert_contains (text, "5000 sent a second, 4999 answered");
  assert_contains (text, "kill node 3");
  assert_contains (text, "waiting   nobody");
}

static void
test_no_master (void)
{
  SimViewState state = make_state ();
  g_autofree char *text = NULL;

  state.master = -1;
  state.waiting_node = 3;
  state.waiting_s = 2.5;
  text = sim_view_render (&state, 80, 24, FALSE);
  assert_contains (text, "master    none");
  assert_contains (text, "node 3 for 2.5 s");
}

/* No line is longer than the terminal is wide, nor are there more than it is high. */
static void
test_sizes (void)
{
  SimViewState state = make_state ();

  for (guint width = 1; width < 100; width += 3) {
    for (guint height = 1; height < 30; height++) {
      g_autofree char *text = sim_view_render (&state, width, height, FALSE);
      g_auto (GStrv) lines = g_strsplit (text + strlen ("\033[H"), "\r\n", -1);

      g_assert_cmpuint (g_strv_length (lines), <=, height);
      for (guint i = 0; lines[i] != NULL; i++)
        g_assert_cmpint (strchr (lines[i], '\033') - lines[i], <=, width);
    }
  }
}

static void
test_colours (void)
{
  SimViewState state = make_state ();
  g_autofree char *with = sim_view_render (&state, 80, 24, TRUE);
  g_autofree char *without = sim_view_render (&state, 80, 24, FALSE);

  assert_contains (with, "\033[1m");
  assert_contains (with, "\033[0m");
  g_assert_null (strstr (without, "m\033[K"));
  g_assert_null (strstr (without, "\033[1m"));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-view/what", test_what);
  g_test_add_func ("/sim-view/no-master", test_no_master);
  g_test_add_func ("/sim-view/sizes", test_sizes);
  g_test_add_func ("/sim-view/colours", test_colours);

  return g_test_run ();
}
