/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <unistd.h>

#include "sim-random.h"
#include "sim-shim-page.h"
#include "sim-syscalls.h"

/*
 * What system calls are made to do must be what a system may do, else the library would be blamed for what cannot
 * happen; and each row of the table must come up, else it is not tried.
 */

#define DRAWS 20000

static gboolean
is_transient (int code)
{
  return code == EINTR || code == EAGAIN || code == ECONNRESET || code == EPIPE || code == ECONNABORTED;
}

static void
test_no_broken_kernel (void)
{
  guint n_failures;
  const SimFailure *failures = sim_syscalls_get_failures (&n_failures);

  g_test_summary ("No call says for ever that it is to be tried again, but mmap() and pthread_create(), where EAGAIN is "
                  "a want");

  for (guint i = 0; i < n_failures; i++) {
    gboolean want = failures[i].call == SIM_CALL_MMAP || failures[i].call == SIM_CALL_THREAD;

    g_assert_cmpint (failures[i].code, >, 0);
    g_assert_cmpint (failures[i].code, <=, G_MAXUINT8); /* as much as a rule has room for */
    if (is_transient (failures[i].code) && !want)
      g_assert_cmpuint (failures[i].count_max, >, 0);
  }
}

static gboolean
matches (const SimFailure *failure, const SimRule *rule)
{
  return rule->call == failure->call && rule->code == failure->code;
}

static void
test_draw_all (void)
{
  guint n_failures, n_for_good = 0;
  const SimFailure *failures = sim_syscalls_get_failures (&n_failures);
  g_autofree guint *n_drawn = g_new0 (guint, n_failures);
  SimRandom random;

  sim_random_init (&random, 1, 1);
  for (guint i = 0; i < DRAWS; i++) {
    SimOccasion occasion;
    SimRule rule = sim_syscalls_draw_failure (sim_random_next (&random), &occasion);
    guint row = 0;

    while (!matches (&failures[row], &rule))
      g_assert_cmpuint (++row, <, n_failures);
    n_drawn[row]++;
    n_for_good += rule.count == 0;
    g_assert_cmpint (failures[row].occasion, ==, occasion);
    g_assert_true (failures[row].count_max == 0 || (rule.count > 0 && rule.count <= failures[row].count_max));
  }
  for (guint i = 0; i < n_failures; i++)
    g_assert_cmpuint (n_drawn[i], >, 0);
  g_assert_cmpuint (n_for_good, >, DRAWS / 10);
}

static void
test_draw_short (void)
{
  guint n_bytes = 0, n_reads = 0;
  SimRandom random;

  sim_random_init (&random, 1, 1);
  for (guint i = 0; i < DRAWS; i++) {
    SimRule rule = sim_syscalls_draw_short (sim_random_next (&random));

    g_assert_true (rule.call == SIM_CALL_RECV || rule.call == SIM_CALL_SENDMSG);
    g_assert_cmpint (rule.code, ==, 0);
    g_assert_cmpuint (rule.size, >, 0);  /* 0 bytes would be the end of the stream */
    g_assert_cmpuint (rule.count, >, 0); /* not for ever */
    n_bytes += rule.size == 1;
    n_reads += rule.call == SIM_CALL_RECV;
  }
  g_assert_cmpuint (n_bytes, >, DRAWS / 10);
  g_assert_cmpuint (n_reads, >, DRAWS / 3);
  g_assert_cmpuint (n_reads, <, DRAWS * 2 / 3);
}

static void
test_hits (void)
{
  const SimRule some = { .call = SIM_CALL_RECV, .code = EINTR, .skip = 3, .count = 2 };
  const SimRule all = { .call = SIM_CALL_RECV, .code = EINTR, .skip = 3 };

  for (guint i = 0; i < 100; i++) {
    g_assert_cmpint (sim_rule_hits (&some, i), ==, i == 3 || i == 4);
    g_assert_cmpint (sim_rule_hits (&all, i), ==, i >= 3);
  }
}

static void
test_pack (void)
{
  const SimRule rule = { .call = SIM_CALL_THREAD, .code = 255, .size = 65535, .skip = 1, .count = 65534 };
  SimRule back = sim_rule_unpack (sim_rule_pack (&rule));
  g_autofree char *words = sim_rule_describe (&(SimRule) { .call = SIM_CALL_MMAP, .code = ENOMEM, .skip = 2 });

  g_assert_cmpint (back.call, ==, rule.call);
  g_assert_cmpint (back.code, ==, rule.code);
  g_assert_cmpint (back.size, ==, rule.size);
  g_assert_cmpint (back.skip, ==, rule.skip);
  g_assert_cmpint (back.count, ==, rule.count);
  g_assert_cmpuint (sim_rule_pack (&(SimRule) { 0 }), ==, 0); /* which stands for none */
  g_assert_cmpstr (words, ==, "after 2 calls mmap fails with ENOMEM, from then on");
}

/* Run as a child with the shim loaded. */
static int
open_thrice (void)
{
  for (int i = 0; i < 3; i++) {
    g_autofree char *text = NULL;
    int fd;

    if (!g_file_get_contents ("/dev/null", &text, NULL, NULL)) /* by GLib: not the library's own call */
      return 10 + i;
    fd = open ("/dev/null", O_RDONLY);
    if ((fd < 0) != (i == 1) || (fd < 0 && errno != EMFILE))
      return 20 + i;
    if (fd >= 0)
      close (fd);
    fd = open ("/dev/zero", O_RDONLY); /* none of the library's files */
    if (fd < 0)
      return 30 + i;
    close (fd);
  }
  return 0;
}

/* Only the program's own calls are hit, only the wanted one, and it is counted. */
static void
test_loaded (void)
{
  const SimRule rule = { .call = SIM_CALL_OPEN, .code = EMFILE, .skip = 1, .count = 1 };
  g_autofree char *shim = g_test_build_filename (G_TEST_BUILT, "..", "sim", "libsim-shim.so", NULL);
  g_autofree char *dir = g_dir_make_tmp ("sim-shim-XXXXXX", NULL);
  g_autofree char *path = g_build_filename (dir, "page", NULL);
  g_autofree char *program = g_file_read_link ("/proc/self/exe", NULL);
  g_auto (GStrv) environment = g_get_environ ();
  char *argv[] = { program, (char *) "--child", NULL };
  g_autoptr (GError) error = NULL;
  SimShimPage *page = sim_shim_page_create (path, &error);
  int status;

  g_assert_no_error (error);
  environment = g_environ_setenv (environment, "LD_PRELOAD", shim, TRUE);
  environment = g_environ_setenv (environment, "ASAN_OPTIONS", "verify_asan_link_order=0", TRUE);
  environment = g_environ_setenv (environment, SIM_SHIM_ENV, path, TRUE);
  sim_shim_page_arm (page, &rule);
  g_spawn_sync (NULL, argv, environment, 0, NULL, NULL, NULL, NULL, &status, &error);
  g_assert_no_error (error);
  g_assert_cmpint (status, ==, 0);
  g_assert_cmpuint (page->n_seen, ==, 3);
  g_assert_cmpuint (sim_shim_page_disarm (page), ==, 1);
  g_assert_null (sim_shim_page_create (path, NULL)); /* it is another's */

  sim_shim_page_free (page);
  g_unlink (path);
  g_rmdir (dir);
}

int
main (int argc, char **argv)
{
  if (argc == 2 && g_str_equal (argv[1], "--child"))
    return open_thrice ();

  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-syscalls/no-broken-kernel", test_no_broken_kernel);
  g_test_add_func ("/sim-syscalls/draw/all", test_draw_all);
  g_test_add_func ("/sim-syscalls/draw/short", test_draw_short);
  g_test_add_func ("/sim-syscalls/rule/hits", test_hits);
  g_test_add_func ("/sim-syscalls/rule/pack", test_pack);
  g_test_add_func ("/sim-syscalls/shim/loaded", test_loaded);

  return g_test_run ();
}
