/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <stdlib.h>

#include "page-fixture.h"

/* make-page FILE N_FAILOVERS N_MESSAGES_EACH held|broken: writes the page of a run that never was. */
int
main (int argc, char **argv)
{
  g_autoptr (GError) error = NULL;
  PageFixture fixture;

  g_assert (argc == 5);
  page_fixture_init (&fixture, (guint) atoi (argv[2]), (guint) atoi (argv[3]));
  if (g_str_equal (argv[4], "broken"))
    page_fixture_break (&fixture);
  sim_page_write (&fixture.report, fixture.history, argv[1], &error);
  g_assert_no_error (error);
  page_fixture_clear (&fixture);
  return 0;
}
