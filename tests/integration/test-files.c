/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "fixture.h"
#include "process.h"
#include "raw-peer.h"

#include <fcntl.h>
#include <ftw.h>
#include <glib/gstdio.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

/*
 * Somebody deletes or moves what the group lives on, while it works. Service goes on; no client sees an older epoch
 * after a newer one; and once candidates have noticed, nothing is handled in an older epoch either.
 */

enum { N_CANDIDATES = 4, N_CLIENTS = 3 };

/* A client that always has messages on their way, and what it has seen. */
typedef struct {
  Fixture *fixture;
  IpcNode *node;
  guint64 epoch;  /* of the newest answer */
  guint n_in_new; /* answers since it was set to 0, in epochs above @above */
  guint64 above;
  guint n_pending;
  gboolean stop;
} Stream;

static void send_next (Stream *self);

static void
stream_cb (GObject *source, GAsyncResult *result, gpointer user_data)
{
  Stream *self = user_data;
  g_autoptr (GError) error = NULL;
  g_autoptr (GBytes) bytes = ipc_node_send_finish (IPC_NODE (source), result, &error);
  guint64 epoch = ipc_node_get_result_epoch (IPC_NODE (source), result);

  g_assert_no_error (error);
  g_assert_cmpuint (epoch, >=, self->epoch); /* never an older one after a newer one */
  self->epoch = epoch;
  self->n_in_new += epoch > self->above;
  self->n_pending--;
  if (!self->stop)
    send_next (self);
}

static void
send_next (Stream *self)
{
  g_autoptr (GBytes) bytes = text_bytes ("x");

  self->n_pending++;
  ipc_node_send_async (self->node, bytes, NULL, stream_cb, self);
}

/* A whole group in this process: all that handlers do is seen in one place. */
typedef struct {
  Fixture *fixture;
  IpcNode *candidates[N_CANDIDATES];
  Stream streams[N_CLIENTS];
  guint64 newest; /* epoch in which something was handled */
} Group;

static void
group_handler (IpcNode *node, IpcMessage *message, gpointer user_data)
{
  Group *self = user_data;

  g_assert_cmpuint (ipc_message_get_epoch (message), >=, self->newest); /* two masters never work at the same time */
  self->newest = ipc_message_get_epoch (message);
  fixture_echo (node, message, NULL);
}

static void
group_start (Group *self, Fixture *fixture)
{
  *self = (Group) { .fixture = fixture };
  for (int i = 0; i < N_CANDIDATES; i++)
    self->candidates[i] = fixture_node (fixture, IPC_MODE_MASTER, group_handler, self);
  for (int i = 0; i < N_CLIENTS; i++) {
    self->streams[i] = (Stream) { fixture, fixture_client (fixture), 0, 0, 0, 0, FALSE };
    for (int j = 0; j < 5; j++)
      send_next (&self->streams[i]);
  }
}

/* Every client has had answers in an epoch above @epoch. */
static void
group_wait_served (Group *self, guint64 epoch)
{
  for (int i = 0; i < N_CLIENTS; i++) {
    self->streams[i].above = epoch;
    self->streams[i].n_in_new = 0;
  }
  for (int i = 0; i < N_CLIENTS; i++)
    fixture_wait (self->fixture, self->streams[i].n_in_new >= 20);
}

static guint
group_count_masters (Group *self)
{
  guint n = 0;

  for (int i = 0; i < N_CANDIDATES; i++)
    n += ipc_node_get_role (self->candidates[i]) == IPC_ROLE_MASTER;

  return n;
}

/* A master that is fenced off may take a moment to see. */
static void
group_stop (Group *self)
{
  fixture_wait (self->fixture, group_count_masters (self) == 1);
  for (int i = 0; i < N_CLIENTS; i++)
    self->streams[i].stop = TRUE;
  for (int i = 0; i < N_CLIENTS; i++)
    fixture_wait (self->fixture, self->streams[i].n_pending == 0);
}

static gboolean
is_stopped (pid_t pid)
{
  g_autofree char *path = g_strdup_printf ("/proc/%d/stat", (int) pid);
  g_autofree char *stat = NULL;

  return g_file_get_contents (path, &stat, NULL, NULL) && strstr (stat, ") T ") != NULL;
}

static int
remove_entry (const char *path, const struct stat *st, int type, struct FTW *ftw)
{
  return remove (path);
}

static void
delete_group_file (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "group");

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
delete_socket (Fixture *self)
{
  g_autofree char *path = fixture_path (self, "socket");

  g_assert_cmpint (g_unlink (path), ==, 0);
}

static void
delete_directory (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->dir, "test", NULL);

  g_assert_cmpint (nftw (path, remove_entry, 16, FTW_DEPTH | FTW_PHYS), ==, 0);
}

static void
move_directory (Fixture *self)
{
  static guint n_moved;
  g_autofree char *path = g_build_filename (self->dir, "test", NULL);
  g_autofree char *name = g_strdup_printf ("moved-%u", n_moved++);
  g_autofree char *away = g_build_filename (self->dir, name, NULL);

  g_assert_cmpint (g_rename (path, away), ==, 0);
}

/* The directory is there again at once, empty: made by somebody else. */
static void
replace_directory (Fixture *self)
{
  g_autofree char *path = g_build_filename (self->dir, "test", NULL);

  move_directory (self);
  g_assert_cmpint (g_mkdir (path, 0700), ==, 0);
}

typedef struct {
  const char *name;
  void (*func) (Fixture *self);
  gboolean new_epoch; /* the master cannot stay */
} Damage;

static const Damage damages[] = {
  { "delete-group-file", delete_group_file, TRUE },
  { "delete-socket", delete_socket, FALSE },
  { "delete-directory", delete_directory, TRUE },
  { "move-directory", move_directory, TRUE },
  { "replace-directory", replace_directory, TRUE },
};

static void
test_damage (Fixture *self, gconstpointer data)
{
  const Damage *damage = data;
  Group group;

  group_start (&group, self);
  for (int i = 0; i < 3; i++) {
    group_wait_served (&group, 0);
    damage->func (self);
    group_wait_served (&group, damage->new_epoch ? group.newest : 0);
    fixture_client (self); /* and whoever comes now finds the master */
  }
  group_stop (&group);
}

/* What is read first says only that the socket has gone, and by then everything has: the master steps down and follows
 * the path at once, with no failure to signal. The events of the rest are in a later read, because the first is full. */
static void
test_socket_first (Fixture *self, gconstpointer data)
{
  IpcNode *master = fixture_master (self, fixture_echo, NULL), *client = fixture_client (self);
  g_autofree char *path = fixture_path (self, "socket");
  guint64 epoch = ipc_node_get_epoch (master);

  for (int i = 0; i < 500; i++) {
    delete_socket (self);
    g_assert_true (g_file_set_contents (path, "", 0, NULL));
  }
  delete_directory (self);
  fixture_wait (self, ipc_node_get_epoch (master) > epoch);
  g_autoptr (Reply) reply = fixture_send (self, client, "x");
  fixture_expect_text (self, reply, "x");
}

/* All at once, and the master is dropped too. */
static void
test_damage_and_death (Fixture *self, gconstpointer data)
{
  Group group;

  group_start (&group, self);
  for (gsize i = 0; i < 3; i++) {
    guint64 epoch;

    group_wait_served (&group, 0);
    epoch = group.newest;
    damages[i + 1].func (self);
    for (int j = 0; j < N_CANDIDATES; j++) {
      if (ipc_node_get_role (group.candidates[j]) == IPC_ROLE_MASTER) {
        fixture_drop (self, group.candidates[j]);
        group.candidates[j] = fixture_node (self, IPC_MODE_MASTER, group_handler, &group);
        break;
      }
    }
    group_wait_served (&group, epoch);
  }
  group_stop (&group);
}

/* Somebody stale renames his socket over the master's: it is published again, in the same epoch. */
static void
test_foreign_socket (Fixture *self, gconstpointer data)
{
  Group group;
  guint64 epoch;

  group_start (&group, self);
  group_wait_served (&group, 0);
  epoch = group.newest;
  for (int i = 0; i < 5; i++) {
    int listener = raw_listen (self, i % 2);

    fixture_client (self); /* a new one gets through to the master */
    group_wait_served (&group, 0);
    g_assert_cmpuint (group.newest, ==, epoch);
    close (listener);
  }
  group_stop (&group);
}

/* The master is stopped when the file goes, so it cannot see it; a standby fences it off. When it goes on, a message
 * that was waiting for it is not handled: there is a newer master. */
static void
test_stopped_master (Fixture *self, gconstpointer data)
{
  Member *first = member_spawn (self, "first", ""), *second;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  second = member_spawn (self, "second", "");
  fixture_wait (self, second->role == IPC_ROLE_STANDBY);
  g_autoptr (RawPeer) peer = raw_join (self);

  member_tell (first, "stop");
  fixture_wait (self, is_stopped (first->pid));
  raw_send (peer, MESSAGE, 1, 0, "x", 1);
  delete_group_file (self);
  fixture_wait (self, second->role == IPC_ROLE_MASTER);
  g_assert_cmpint (kill (first->pid, SIGCONT), ==, 0);
  raw_expect_end (peer);
  fixture_wait (self, first->role == IPC_ROLE_STANDBY);
  g_assert_cmpuint (first->handled, ==, 0);
  g_assert_cmpuint (second->epoch, >, first->epoch);
}

/* The epochs go on above what was seen, though the clock went back: the file says less than clients have seen. */
/* As a stray store does, of which the directory tells nothing. */
static void
write_epoch (Fixture *self, guint64 epoch)
{
  g_autofree char *path = fixture_path (self, "group");
  int fd = open (path, O_RDWR | O_CLOEXEC);
  guint64 *words = mmap (NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

  g_assert_true (words != MAP_FAILED);
  words[64 / sizeof *words] = epoch << 16;
  munmap (words, 4096);
  close (fd);
}

static void
test_file_of_the_past (Fixture *self, gconstpointer data)
{
  Group group;
  guint64 epoch;

  group_start (&group, self);
  group_wait_served (&group, 0);
  epoch = group.newest + 1000000;

  /* A future that has come early; then the file is lost, and the clock of this machine knows nothing of it. */
  write_epoch (self, epoch);
  group_wait_served (&group, epoch);
  delete_group_file (self);
  group_wait_served (&group, epoch + 1);
  group_stop (&group);
}

/* The same when the word is damaged and the master dies: his standby has seen him, though no event said so. */
static void
test_word_of_the_past (Fixture *self, gconstpointer data)
{
  Member *first = member_spawn (self, "first", ""), *second;
  guint64 epoch;

  fixture_wait (self, first->role == IPC_ROLE_MASTER);
  epoch = first->epoch + 1000000;
  write_epoch (self, epoch);
  member_tell (first, "send 1");
  fixture_wait (self, first->epoch > epoch);
  second = member_spawn (self, "second", "");
  fixture_wait (self, second->role == IPC_ROLE_STANDBY);

  write_epoch (self, 1);
  member_kill (first);
  fixture_wait (self, second->role == IPC_ROLE_MASTER);
  g_assert_cmpuint (second->epoch, >, first->epoch);
}

static guint64
read_epoch (const char *path)
{
  g_autofree char *content = NULL;
  guint64 word;

  g_assert_true (g_file_get_contents (path, &content, NULL, NULL));
  memcpy (&word, content + 64, sizeof word);
  return word >> 16;
}

/* Somebody who never met the group was elected by a new file while the clock was behind, and lives on: whoever has seen
 * a newer epoch refuses him, so the candidates must not wait for his end. */
static void
test_master_of_the_past (Fixture *self, gconstpointer data)
{
  struct flock lock = { .l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = G_GINT64_CONSTANT (1) << 32, .l_len = 1 };
  g_autofree char *path = fixture_path (self, "group");
  g_autofree char *away = fixture_path (self, "away");
  g_autofree char *content = NULL;
  guint64 epoch, word = 1000 << 16;
  Group group;
  gsize len;
  int fd;

  group_start (&group, self);
  group_wait_served (&group, 0);
  epoch = group.newest;
  g_assert_true (g_file_get_contents (path, &content, &len, NULL));
  memcpy (content + 64, &word, sizeof word);
  g_assert_true (g_file_set_contents_full (away, content, (gssize) len, G_FILE_SET_CONTENTS_NONE, 0600, NULL));
  fd = open (away, O_RDWR | O_CLOEXEC);
  g_assert_cmpint (fcntl (fd, F_OFD_SETLK, &lock), ==, 0);

  g_assert_cmpint (g_rename (away, path), ==, 0);
  fixture_wait (self, read_epoch (path) >= epoch);
  close (fd); /* he has noticed */
  group_wait_served (&group, epoch);
  group_stop (&group);
}

#define N_STARTS 100
#define N_DELETIONS 3 /* during each of them, at most: not as many as it may take for one that is on purpose */

typedef struct {
  char *path;   /* (unowned) of the group's directory */
  int n_wanted; /* deletions; -1: to stop */
} Deleter;

static gpointer
delete_all_the_time (gpointer user_data)
{
  Deleter *self = user_data;

  for (int n_wanted; (n_wanted = g_atomic_int_get (&self->n_wanted)) >= 0;) {
    if (n_wanted > 0 && nftw (self->path, remove_entry, 16, FTW_DEPTH | FTW_PHYS) == 0)
      g_atomic_int_compare_and_exchange (&self->n_wanted, n_wanted, n_wanted - 1);
    g_thread_yield ();
  }
  return NULL;
}

/* Whatever step of it the deletion comes between. */
static void
test_deleted_at_start (Fixture *self, gconstpointer user_data)
{
  g_autofree char *path = g_build_filename (self->dir, "test", NULL);
  Deleter deleter = { .path = path };
  GThread *thread = g_thread_new ("deleter", delete_all_the_time, &deleter);

  for (guint i = 0; i < N_STARTS; i++) {
    g_autoptr (IpcNode) node = ipc_node_new ("test", IPC_MODE_MASTER);
    g_autoptr (GError) error = NULL;

    ipc_node_set_runtime_dir (node, self->dir);
    ipc_node_set_handler (node, fixture_echo, NULL, NULL);
    g_atomic_int_set (&deleter.n_wanted, N_DELETIONS);
    ipc_node_start (node, &error);
    g_assert_no_error (error);
  }
  g_atomic_int_set (&deleter.n_wanted, -1);
  g_thread_join (thread);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  for (gsize i = 0; i < G_N_ELEMENTS (damages); i++) {
    g_autofree char *path = g_strconcat ("/files/", damages[i].name, NULL);
    fixture_add_data (path, "service goes on, and epochs increase", &damages[i], test_damage);
  }
  fixture_add ("/files/deleted-at-start", "who starts makes the directory again", test_deleted_at_start);
  fixture_add ("/files/socket-first", "whatever the event is about, everything is looked at", test_socket_first);
  fixture_add ("/files/damage-and-death", "both at the same moment", test_damage_and_death);
  fixture_add ("/files/foreign-socket", "the master publishes itself again", test_foreign_socket);
  fixture_add ("/files/stopped-master", "who cannot see it is fenced off", test_stopped_master);
  fixture_add ("/files/master-of-the-past", "nobody is refused for ever", test_master_of_the_past);
  fixture_add ("/files/file-of-the-past", "what was seen counts more than the clock", test_file_of_the_past);
  fixture_add ("/files/word-of-the-past", "and more than what the file says", test_word_of_the_past);

  return g_test_run ();
}
