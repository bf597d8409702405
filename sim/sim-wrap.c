/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-wrap.h"

/*
 * Lists and sentences in what is printed, broken into lines that a terminal of usual width shows. Pure.
 */

#define WIDTH 100

/* Goes on at this column, where the caller has put the end of the text, and begins further lines there. No word is
 * broken, also none with a space in it. */
void
sim_wrap_append (GString *text, guint column, const char *const *words)
{
  guint at = column;

  for (guint i = 0; words[i] != NULL; i++) {
    guint length = (guint) g_utf8_strlen (words[i], -1);

    if (i > 0 && at + 1 + length > WIDTH) {
      g_string_append_printf (text, "\n%*s", (int) column, "");
      at = column;
    } else if (i > 0) {
      g_string_append_c (text, ' ');
      at++;
    }
    g_string_append (text, words[i]);
    at += length;
  }
  g_string_append_c (text, '\n');
}
