/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <string.h>
#include <sys/mman.h>

#include "ipc-group-file.h"
#include "ipc-ledger.h"
#include "ipc-listener.h"
#include "world-check.h"
#include "world-system.h"

/*
 * The group's directory, in place of ipc-group-dir.c, ipc-group-file.c and ipc-listener.c: two names, `group` and
 * `socket`, that lead to files or to none, and who is told when they change. A file that was deleted lives on for those
 * who have it open.
 */

#define BACKLOG 6       /* so small that it is full at times */
#define NOTICE_US 400   /* until a change of the directory is told */
#define EPOCH_UNIT_US 16
#define CLOCK_AT_START (G_GINT64_CONSTANT (1700000000) * G_TIME_SPAN_SECOND)

typedef struct {
  IpcWord word;
  guint8 *ledger; /* (owned) */
  guint inode;
} File;

struct _IpcGroupFile {
  File *file; /* (unowned) */
  int fd;
};

struct _IpcListener {
  Host *host;
  guint inode;
  int fd; /* ready when a connection waits */
  GQueue backlog; /* of fds */
  IpcPoller *poller; /* (unowned) (nullable) */
  IpcWatch watch;
  gboolean paused;
  IpcListenerFunc func;
  gpointer user_data;
};

struct _IpcGroupDir {
  Host *host;
  IpcPoller *poller; /* (unowned) */
  int fd;            /* ready when there is something to tell */
  IpcWatch watch;
  IpcGroupDirChanges changes;
  IpcGroupDirFunc func;
  gpointer user_data;
};

static File files[GROUP_FILES_MAX];
static guint n_files;
static File *current;    /* (nullable) that the name `group` leads to */
static guint published;  /* inode that the name `socket` leads to; 0: none */
static guint last_inode;
static GPtrArray *listeners; /* (unowned) of IpcListener */

void
group_begin (void)
{
  if (listeners == NULL)
    listeners = g_ptr_array_new ();

  current = NULL;
  published = last_inode = n_files = 0;
}

void
group_end (void)
{
  g_ptr_array_set_size (listeners, 0);
}

gboolean
group_is_any_file (void)
{
  return current != NULL;
}

guint
group_n_files (void)
{
  return n_files;
}

/* By the word that the group goes by. */
guint64
group_get_epoch (void)
{
  return current != NULL ? ipc_word_get_epoch (ipc_word_load (&current->word)) : 0;
}

/* Whether the master of this epoch writes where the next one reads. */
gboolean
group_has_book (guint64 epoch)
{
  for (guint i = 0; i < n_files * IPC_LEDGER_N_BOOKS; i++) {
    const guint8 *book = files[i / IPC_LEDGER_N_BOOKS].ledger + (gsize) (i % IPC_LEDGER_N_BOOKS) * IPC_BOOK_SIZE;

    if (ipc_shared_load (&((const IpcBookHeader *) (gconstpointer) book)->complete) == epoch)
      return TRUE;
  }

  return FALSE;
}

static void
told_cb (gpointer data, guint64 argument)
{
  Host *host = data;
  IpcGroupDir *dir = host->dir;

  if (dir == NULL)
    return;

  dir->changes |= argument;
  fd_set_ready (dir->fd, EPOLLIN);
}

static void
tell (IpcGroupDirChanges changes)
{
  for (guint i = 0; i < world_n_hosts; i++) {
    if (world_hosts[i]->dir != NULL && !world_hosts[i]->is_dead)
      world_at (world_delay (NOTICE_US), told_cb, world_hosts[i], changes);
  }
}

void
group_delete_file (void)
{
  WORLD_TRACE ("the group file is deleted");
  current = NULL;
  tell (IPC_GROUP_DIR_FILE);
}

void
group_delete_socket (void)
{
  WORLD_TRACE ("the socket is deleted");
  published = 0;
  tell (IPC_GROUP_DIR_SOCKET);
}

IpcGroupDir *
ipc_group_dir_open (const char *runtime_dir, const char *group, gboolean allow_other_users, GError **error)
{
  IpcGroupDir *self = g_new0 (IpcGroupDir, 1);

  self->host = world_self;
  self->fd = fd_new (world_self);
  self->host->dir = self;
  return self;
}

void
ipc_group_dir_free (IpcGroupDir *self)
{
  ipc_poller_unwatch (self->poller, &self->watch);
  fd_free (self->fd);
  self->host->dir = NULL;
  g_free (self);
}

void
ipc_group_dir_take_events (IpcGroupDir *self)
{
  IpcGroupDirChanges changes = self->changes;

  self->changes = 0;
  fd_set_ready (self->fd, 0);
  if (changes != 0)
    self->func (changes, self->user_data);
}

static void
events_cb (guint32 events, gpointer user_data)
{
  ipc_group_dir_take_events (user_data);
}

void
ipc_group_dir_watch (IpcGroupDir *self, IpcPoller *poller, IpcGroupDirFunc func, gpointer user_data)
{
  self->poller = poller;
  self->func = func;
  self->user_data = user_data;
  ipc_poller_watch (poller, &self->watch, self->fd, EPOLLIN, events_cb, self);
}

gboolean
ipc_group_dir_try_watch (IpcGroupDir *self)
{
  return TRUE;
}

void
ipc_group_dir_set_paused (IpcGroupDir *self, gboolean paused)
{
  ipc_poller_change (self->poller, &self->watch, paused ? 0 : EPOLLIN);
}

gboolean
ipc_group_dir_is_current (IpcGroupDir *self)
{
  return TRUE;
}

gboolean
ipc_group_dir_reopen (IpcGroupDir *self, GError **error)
{
  return TRUE;
}

gboolean
ipc_group_dir_identify (IpcGroupDir *self, const char *name, IpcFileId *id)
{
  guint inode = strcmp (name, "socket") == 0 ? published : current != NULL ? current->inode : 0;

  *id = (IpcFileId) { 1, inode };
  errno = ENOENT;
  return inode != 0;
}

void
ipc_group_dir_sweep (IpcGroupDir *self)
{
}

void
ipc_group_dir_raise_alarm (IpcGroupDir *self, const char *node_id)
{
  WORLD_TRACE ("raises the alarm");
  if (world_is_real ())
    tell (IPC_GROUP_DIR_ALARM);
}

char *
ipc_group_dir_reach (IpcGroupDir *self, const char *name)
{
  return g_strdup (name);
}

void
ipc_group_dir_set_error (IpcGroupDir *self, const char *name, const char *what, int saved_errno, GError **error)
{
  g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "%s %s", name, what);
}

static guint64
get_clock (void)
{
  return (CLOCK_AT_START + world_now) / EPOCH_UNIT_US;
}

/* Pages that were touched in an earlier life are given back, and are zero when they are touched again. */
static void
create_file (guint64 epoch_min)
{
  File *file = &files[n_files++];

  g_assert (n_files <= GROUP_FILES_MAX);
  if (file->ledger == NULL) {
    file->ledger = mmap (NULL, IPC_LEDGER_SIZE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    g_assert (file->ledger != MAP_FAILED);
    madvise (file->ledger, IPC_LEDGER_SIZE, MADV_NOHUGEPAGE);
  } else {
    madvise (file->ledger, IPC_LEDGER_SIZE, MADV_DONTNEED);
  }
  file->word = ipc_word_make (MAX (get_clock (), epoch_min), 0);
  file->inode = ++last_inode;
  current = file;
  tell (IPC_GROUP_DIR_FILE);
}

IpcGroupFile *
ipc_group_file_open (IpcGroupDir *dir, const char *node_id, guint64 epoch_min, GError **error)
{
  IpcGroupFile *self;

  world_step (WORLD_STEP_SYSTEM);
  if (!world_is_real ()) {
    g_set_error_literal (error, G_IO_ERROR, G_IO_ERROR_FAILED, "a dream");
    return NULL;
  }
  if (current == NULL)
    create_file (epoch_min);

  self = g_new0 (IpcGroupFile, 1);
  self->file = current;
  self->fd = fd_new (world_self);
  locks_add_file (self->fd, current);
  return self;
}

void
ipc_group_file_free (IpcGroupFile *self)
{
  if (world_is_real ())
    locks_drop (self->fd);
  fd_free (self->fd);
  g_free (self);
}

IpcWord
ipc_group_file_get_word (IpcGroupFile *self)
{
  return ipc_word_load (&self->file->word);
}

gboolean
ipc_group_file_claim (IpcGroupFile *self, IpcWord expected, IpcWord word)
{
  world_step (WORLD_STEP_SYSTEM);
  if (!world_is_real () || !ipc_word_claim (&self->file->word, expected, word))
    return FALSE;

  WORLD_TRACE ("claims epoch +%" G_GUINT64_FORMAT ", slot %u", check_relative (ipc_word_get_epoch (word)),
               ipc_word_get_slot (word));
  check_claimed (world_self, ipc_word_get_epoch (word));
  return TRUE;
}

guint64
ipc_group_file_next_epoch (IpcWord word)
{
  return ipc_word_next_epoch (word, get_clock ());
}

void
ipc_group_file_retire (IpcGroupFile *self)
{
  if (world_is_real ())
    ipc_word_retire (&self->file->word);
}

void
ipc_group_file_revive (IpcGroupFile *self)
{
  if (world_is_real ())
    ipc_word_revive (&self->file->word);
}

guint8 *
ipc_group_file_get_ledger (IpcGroupFile *self)
{
  return self->file->ledger;
}

void
ipc_group_file_raise (IpcGroupFile *self, guint64 epoch)
{
  if (world_is_real ())
    ipc_word_raise (&self->file->word, epoch);
}

gboolean
ipc_group_file_is_current (IpcGroupFile *self, IpcGroupDir *dir)
{
  return self->file == current;
}

int
ipc_group_file_get_fd (IpcGroupFile *self)
{
  return self->fd;
}

IpcListener *
ipc_listener_new (IpcGroupDir *dir, const char *node_id, GError **error)
{
  IpcListener *self = g_new0 (IpcListener, 1);

  world_step (WORLD_STEP_SYSTEM);
  self->host = world_self;
  self->inode = ++last_inode;
  self->fd = fd_new (world_self);
  g_ptr_array_add (listeners, self);
  return self;
}

/* Who waits in the queue sees the end. */
static void
stop_listening (IpcListener *self)
{
  while (!g_queue_is_empty (&self->backlog))
    world_close (GPOINTER_TO_INT (g_queue_pop_head (&self->backlog)));
  g_ptr_array_remove_fast (listeners, self);
}

void
ipc_listener_free (IpcListener *self)
{
  stop_listening (self);
  if (self->poller != NULL)
    ipc_poller_unwatch (self->poller, &self->watch);
  fd_free (self->fd);
  g_queue_clear (&self->backlog);
  g_free (self);
}

/* The process has died; its memory may be there for a while. */
void
group_close_of (Host *host)
{
  for (guint i = listeners->len; i > 0; i--) {
    IpcListener *self = g_ptr_array_index (listeners, i - 1);

    if (self->host == host)
      stop_listening (self);
  }
}

gboolean
ipc_listener_publish (IpcListener *self, GError **error)
{
  world_step (WORLD_STEP_SYSTEM);
  if (!world_is_real ())
    return TRUE;

  published = self->inode;
  tell (IPC_GROUP_DIR_SOCKET);
  return TRUE;
}

gboolean
ipc_listener_is_published (IpcListener *self)
{
  return published == self->inode;
}

static void
update_watch (IpcListener *self)
{
  if (self->poller != NULL)
    ipc_poller_change (self->poller, &self->watch, self->paused ? 0 : EPOLLIN);
}

static void
connections_cb (guint32 events, gpointer user_data)
{
  IpcListener *self = user_data;

  if (g_queue_is_empty (&self->backlog))
    return;

  if (self->backlog.length == 1)
    fd_set_ready (self->fd, 0);
  self->func (GPOINTER_TO_INT (g_queue_pop_head (&self->backlog)), self->user_data);
}

gboolean
ipc_listener_start (IpcListener *self, IpcPoller *poller, IpcListenerFunc func, gpointer user_data)
{
  self->func = func;
  self->user_data = user_data;
  self->poller = poller;
  return ipc_poller_watch (poller, &self->watch, self->fd, EPOLLIN, connections_cb, self);
}

void
ipc_listener_set_paused (IpcListener *self, gboolean paused)
{
  self->paused = paused;
  update_watch (self);
}

static IpcListener *
find_published (void)
{
  for (guint i = 0; i < listeners->len; i++) {
    IpcListener *self = g_ptr_array_index (listeners, i);

    if (self->inode == published)
      return self;
  }

  return NULL;
}

/* Returns 0 or an errno. */
int
group_connect (Host *host, int *server_fd, Host **server)
{
  IpcListener *listener = find_published ();

  if (published == 0)
    return ENOENT;
  if (listener == NULL)
    return ECONNREFUSED;
  if (listener->backlog.length >= BACKLOG)
    return EAGAIN;

  *server = listener->host;
  *server_fd = fd_new (listener->host);
  return 0;
}

void
group_put_in_backlog (int server_fd)
{
  IpcListener *listener = find_published ();

  g_queue_push_tail (&listener->backlog, GINT_TO_POINTER (server_fd));
  fd_set_ready (listener->fd, EPOLLIN);
}
