/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sim-record.h"

/*
 * What a node writes down must be there after its SIGKILL, all of it, and a record that is not whole must never pass
 * for a shorter one: a verdict is worth as much as the records it is made from.
 */

#define HEADER_SIZE 4096
#define NODE 7

typedef struct {
  char *dir;
  char *path;
} Fixture;

static void
set_up (Fixture *fixture, gconstpointer data)
{
  fixture->dir = g_dir_make_tmp ("test-sim-record-XXXXXX", NULL);
  g_assert_nonnull (fixture->dir);
  fixture->path = g_build_filename (fixture->dir, "record", NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer data)
{
  g_unlink (fixture->path);
  g_assert_cmpint (g_rmdir (fixture->dir), ==, 0);
  g_free (fixture->path);
  g_free (fixture->dir);
}

static void
create (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (SimRecord) record = sim_record_create (fixture->path, NODE, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (sim_record_get_node (record), ==, NODE);
}

static SimEntry
make_entry (guint64 number)
{
  return (SimEntry) { .time_ns = 1000 + (gint64) number, .kind = SIM_ENTRY_SENT, .number = number, .code = -1 };
}

static SimRecord *
open_record (Fixture *fixture)
{
  g_autoptr (GError) error = NULL;
  SimRecord *record = sim_record_open (fixture->path, &error);

  g_assert_no_error (error);
  return record;
}

static void
append (SimRecord *record, guint64 n_entries)
{
  for (guint64 number = 1; number <= n_entries; number++) {
    SimEntry entry = make_entry (number);

    g_assert_true (sim_record_append (record, &entry));
  }
}

static void
assert_holds (Fixture *fixture, guint64 n_entries)
{
  g_autoptr (GError) error = NULL;
  g_autoptr (GArray) entries = sim_record_load (fixture->path, NODE, &error);

  g_assert_no_error (error);
  g_assert_cmpuint (entries->len, ==, n_entries);
  for (guint64 i = 0; i < n_entries; i++) {
    SimEntry expected = make_entry (i + 1);

    g_assert_cmpmem (&g_array_index (entries, SimEntry, i), sizeof (SimEntry), &expected, sizeof expected);
  }
}

static void
assert_refused (Fixture *fixture, const char *why)
{
  g_autoptr (GError) error = NULL;

  g_assert_null (sim_record_load (fixture->path, NODE, &error));
  g_assert_nonnull (error);
  g_assert_nonnull (g_strrstr (error->message, why));
}

static void
overwrite (Fixture *fixture, off_t offset, gconstpointer data, gsize size)
{
  int fd = g_open (fixture->path, O_WRONLY | O_CLOEXEC, 0);

  g_assert_cmpint (fd, >=, 0);
  g_assert_cmpint (pwrite (fd, data, size, offset), ==, (gssize) size);
  close (fd);
}

static void
test_empty (Fixture *fixture, gconstpointer data)
{
  create (fixture);
  assert_holds (fixture, 0);
}

/* Enough for several steps of every size. */
static void
test_many (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimRecord) record = NULL;

  create (fixture);
  record = open_record (fixture);
  append (record, 100000);
  g_assert_cmpuint (sim_record_get_counts (record).n_sent, ==, 100000);
  g_assert_cmpuint (sim_record_get_counts (record).n_answered, ==, 0);
  assert_holds (fixture, 100000);
}

static void
test_killed (Fixture *fixture, gconstpointer data)
{
  pid_t pid;
  int status;

  create (fixture);
  pid = fork ();
  if (pid == 0) {
    append (open_record (fixture), 3000);
    kill (getpid (), SIGKILL);
  }
  g_assert_cmpint (waitpid (pid, &status, 0), ==, pid);
  g_assert_true (WIFSIGNALED (status) && WTERMSIG (status) == SIGKILL);
  assert_holds (fixture, 3000);
}

/* An entry that was begun and not published does not count. */
static void
test_unpublished (Fixture *fixture, gconstpointer data)
{
  SimEntry entry = make_entry (3);

  create (fixture);
  {
    g_autoptr (SimRecord) record = open_record (fixture);

    append (record, 2);
  }
  overwrite (fixture, HEADER_SIZE + 2 * sizeof (SimEntry), &entry, sizeof entry);
  assert_holds (fixture, 2);
}

static void
test_two_writers (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimRecord) record = NULL;
  g_autoptr (GError) error = NULL;

  create (fixture);
  record = open_record (fixture);
  append (record, 1);
  g_assert_null (sim_record_open (fixture->path, &error));
  g_assert_nonnull (error);
}

static void
test_truncated (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimRecord) record = NULL;

  create (fixture);
  record = open_record (fixture);
  append (record, 100);
  g_assert_cmpint (truncate (fixture->path, HEADER_SIZE + 99 * sizeof (SimEntry)), ==, 0);
  assert_refused (fixture, "truncated");
}

static void
test_no_header (Fixture *fixture, gconstpointer data)
{
  g_assert_true (g_file_set_contents (fixture->path, "x", 1, NULL));
  assert_refused (fixture, "not a record");
}

static void
test_other_node (Fixture *fixture, gconstpointer data)
{
  g_autoptr (GError) error = NULL;

  create (fixture);
  g_assert_null (sim_record_load (fixture->path, NODE + 1, &error));
  g_assert_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA);
}

static void
test_missing (Fixture *fixture, gconstpointer data)
{
  assert_refused (fixture, "No such file");
}

static void
test_unknown_kind (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimRecord) record = NULL;
  SimEntry entry = { .time_ns = 1000 };

  create (fixture);
  record = open_record (fixture);
  append (record, 3);
  overwrite (fixture, HEADER_SIZE + sizeof (SimEntry), &entry, sizeof entry);
  assert_refused (fixture, "no known kind");
}

static void
test_time_goes_back (Fixture *fixture, gconstpointer data)
{
  g_autoptr (SimRecord) record = NULL;
  SimEntry entry = make_entry (3);

  create (fixture);
  record = open_record (fixture);
  append (record, 3);
  entry.time_ns = 1;
  overwrite (fixture, HEADER_SIZE + 2 * sizeof (SimEntry), &entry, sizeof entry);
  assert_refused (fixture, "older");
}

/* No room is an error of the writer and of everyone who reads afterwards; never a signal, never a short record. */
static void
test_full (Fixture *fixture, gconstpointer data)
{
  struct rlimit before, small = { 256 * 1024, 256 * 1024 };
  g_autoptr (SimRecord) record = NULL;
  SimEntry entry = make_entry (1);
  guint64 n_entries = 0;

  g_assert_cmpint (getrlimit (RLIMIT_FSIZE, &before), ==, 0);
  small.rlim_max = before.rlim_max;
  create (fixture);
  record = open_record (fixture);

  signal (SIGXFSZ, SIG_IGN);
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &small), ==, 0);
  while (n_entries < 1000000 && sim_record_append (record, &entry))
    n_entries++;
  g_assert_cmpint (setrlimit (RLIMIT_FSIZE, &before), ==, 0);

  g_assert_cmpuint (n_entries, >, 0);
  g_assert_cmpuint (n_entries, <, 1000000);
  assert_refused (fixture, "too large");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

#define ADD(path, test) g_test_add ("/sim-record" path, Fixture, NULL, set_up, test, tear_down)
  ADD ("/empty", test_empty);
  ADD ("/many", test_many);
  ADD ("/killed", test_killed);
  ADD ("/unpublished", test_unpublished);
  ADD ("/two-writers", test_two_writers);
  ADD ("/refused/truncated", test_truncated);
  ADD ("/refused/no-header", test_no_header);
  ADD ("/refused/other-node", test_other_node);
  ADD ("/refused/missing", test_missing);
  ADD ("/refused/unknown-kind", test_unknown_kind);
  ADD ("/refused/time-goes-back", test_time_goes_back);
  ADD ("/refused/full", test_full);
#undef ADD

  return g_test_run ();
}
