/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "page-fixture.h"

/*
 * A page has to open whatever the run was like: bounded in size, and with nothing in it that the run could have made
 * markup of. What it looks like is tested in a browser, in tests/report.
 */

static void
assert_contains (const char *text, const char *part)
{
  if (strstr (text, part) == NULL)
    g_error ("“%s” is missing", part);
}

static guint
count (const char *text, const char *part)
{
  guint n = 0;

  for (const char *p = strstr (text, part); p != NULL; p = strstr (p + 1, part))
    n++;
  return n;
}

static char *
make_json (guint n_failovers, guint n_messages_each)
{
  PageFixture fixture;
  char *json;

  page_fixture_init (&fixture, n_failovers, n_messages_each);
  json = sim_page_to_json (&fixture.report, fixture.history);
  page_fixture_clear (&fixture);
  return json;
}

static void
test_rows (void)
{
  g_autofree char *json = make_json (2, 3);

  assert_contains (json, "\"first_epoch\": 112210290731629");
  assert_contains (json, "\"span\": [-100000,300000000]");
  /* epoch, node, since, end, lost, stopped, resigning, handled, responded, answered */
  assert_contains (json, "[1,2,100400000,200000000,200000000,null,null,100700000,100701000,100740000]");
  /* cause, disturbed, lost, from epoch, to epoch, answered */
  assert_contains (json, "[0,0,100000000,0,1,100740000]");
  assert_contains (json, "[0,0,200000000,1,2,201480000]");
  /* fault, node, at, effective, until */
  assert_contains (json, "[0,1,100000000,100000000,null]");
  /* sent, took, sender, number, epoch, code */
  assert_contains (json, "[99900000,840000,0,4,1,0]");
}

static void
test_no_run_at_all (void)
{
  PageFixture fixture;
  g_autofree char *json = NULL;

  page_fixture_init (&fixture, 0, 1);
  g_array_set_size (fixture.history->events, 0);
  json = sim_page_to_json (&fixture.report, fixture.history);
  page_fixture_clear (&fixture);

  assert_contains (json, "\"span\": ");
  assert_contains (json, "\"latency_waited\": {\n    \"total\": 0,\n    \"rows\": []\n  }");
}

static void
test_bounded (void)
{
  g_autofree char *json = make_json (21000, 3);
  g_autofree char *html = sim_page_to_html ("", json);

  assert_contains (json, "\"total\": 21000");
  assert_contains (json, "\"total\": 63003");
  g_assert_cmpuint (strlen (html), <, SIM_PAGE_SIZE_MAX);
}

/* The slowest fail-over, however many there are. */
static void
test_slowest_failover_kept (void)
{
  g_autofree char *json = make_json (SIM_PAGE_N_FAILOVERS_MAX + 500, 1);
  gint64 lost_ns = (SIM_PAGE_N_FAILOVERS_MAX + 500) * G_GINT64_CONSTANT (100000000);
  g_autofree char *row = g_strdup_printf ("[0,0,%" G_GINT64_FORMAT ",", lost_ns);

  assert_contains (json, row);
}

static void
test_self_contained (void)
{
  g_autofree char *html = sim_page_to_html ("a < b", "{}");

  assert_contains (html, "<title>a &lt; b</title>");
  assert_contains (html, "<script type=\"application/json\" id=\"data\">{}</script>");
  assert_contains (html, "class View");
  g_assert_cmpuint (count (html, "{{"), ==, 0);
  g_assert_cmpuint (count (html, "http://") + count (html, "https://"), ==, 0);
  g_assert_cmpuint (count (html, "<script"), ==, 2);
  g_assert_cmpuint (count (html, "</script"), ==, 2);
  g_assert_cmpuint (count (html, "</style"), ==, 1);
}

static void
test_escaped (void)
{
  PageFixture fixture;
  g_autofree char *json = NULL;
  g_autofree char *html = NULL;

  page_fixture_init (&fixture, 1, 1);
  page_fixture_break (&fixture);
  json = sim_page_to_json (&fixture.report, fixture.history);
  html = sim_page_to_html ("", json);
  page_fixture_clear (&fixture);

  assert_contains (html, "handled \\u003c/script>\\u003cb id='no'>0/7");
  g_assert_cmpuint (count (html, "</script"), ==, 2);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-page/rows", test_rows);
  g_test_add_func ("/sim-page/no-run-at-all", test_no_run_at_all);
  g_test_add_func ("/sim-page/bounded", test_bounded);
  g_test_add_func ("/sim-page/slowest-failover-kept", test_slowest_failover_kept);
  g_test_add_func ("/sim-page/self-contained", test_self_contained);
  g_test_add_func ("/sim-page/escaped", test_escaped);

  return g_test_run ();
}
