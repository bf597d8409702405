/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "sim-wrap.h"

/*
 * Lists in what is printed: every line begins at its column, none is too wide, and nothing is left out.
 */

#define COLUMN 20
#define WIDTH 100

static void
test_lines (void)
{
  static const char *const words[] = {
    "each-of-these-words-has-thirty", "letters-so-that-two-of-them-fit", "in-a-line-and-a-third-does-not",
    "which is one word with spaces-", "and-this-is-the-last-of-them--", NULL,
  };
  g_autoptr (GString) text = g_string_new ("label:              ");
  g_auto (GStrv) lines = NULL;

  sim_wrap_append (text, COLUMN, words);
  lines = g_strsplit (text->str, "\n", -1);

  g_assert_cmpuint (g_strv_length (lines), ==, 4);
  g_assert_cmpstr (lines[3], ==, "");
  for (guint i = 0; i < 3; i++)
    g_assert_cmpuint (strlen (lines[i]), <=, WIDTH);
  for (guint i = 1; i < 3; i++)
    g_assert_cmpuint (strspn (lines[i], " "), ==, COLUMN);
  for (guint i = 0; words[i] != NULL; i++)
    g_assert_nonnull (strstr (text->str, words[i]));
}

static void
test_nothing (void)
{
  static const char *const words[] = { NULL };
  g_autoptr (GString) text = g_string_new ("none: ");

  sim_wrap_append (text, COLUMN, words);
  g_assert_cmpstr (text->str, ==, "none: \n");
}

/* What fits exactly is not broken. */
static void
test_fits (void)
{
  g_autofree char *rest = g_strnfill (WIDTH - COLUMN - 2, 'x');
  const char *const words[] = { "a", rest, NULL };
  g_autoptr (GString) text = g_string_new (NULL);

  sim_wrap_append (text, COLUMN, words);
  g_assert_cmpuint (text->len, ==, WIDTH - COLUMN + 1);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-wrap/lines", test_lines);
  g_test_add_func ("/sim-wrap/nothing", test_nothing);
  g_test_add_func ("/sim-wrap/fits", test_fits);

  return g_test_run ();
}
