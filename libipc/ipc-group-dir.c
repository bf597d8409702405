/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-group-dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "ipc-error.h"
#include "ipc-fork-guard.h"

/*
 * The directory of a group: found, made, checked, and then held open, so that everything else happens through its
 * descriptor and nobody can put another directory in its place unseen. Who may write to it decides who may be master,
 * so it must be ours alone.
 *
 * The watch is inotify itself and not GFileMonitor, which holds rename events back for 10 ms to pair them. Events are a
 * hint and names in them may be stale: whoever is told looks again.
 */

/* Only names that are put in place or taken away matter; making and removing temporary files shall wake nobody up. */
#define WATCH_MASK (IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

/* A temporary name is there for less than a millisecond, unless its maker died in between. One of this age may go. */
#define LEFTOVER_AGE_S 60

/* The base may be moved away with the group in it; other groups come and go in it unnoticed. */
#define BASE_WATCH_MASK (IN_MOVE_SELF | IN_ONLYDIR)

/* Between making the directory and opening it somebody may delete it; so often in a row is on purpose. */
#define TRIES_MAX 100

struct _IpcGroupDir {
  char *base;  /* (owned) */
  char *group; /* (owned) */
  char *path;  /* (owned) */
  gboolean make_base; /* it is a default, not one that somebody gave us */
  const char *origin; /* (unowned) who gave us the base, for errors */
  gboolean allow_other_users;
  int fd; /* (owned) */

  IpcPoller *poller; /* (unowned) (nullable) */
  int inotify_fd;    /* (owned) -1 when not watching */
  int watch_id;
  int base_watch_id; /* -1 if the base cannot be watched */
  IpcWatch watch;
  IpcGroupDirFunc func;
  gpointer user_data;
};

/**
 * ipc_group_name_check:
 * @name: (nullable): the name of a group
 *
 * Returns: whether it is one; otherwise @error is set
 */
gboolean
ipc_group_name_check (const char *name, GError **error)
{
  gsize len = name != NULL ? strlen (name) : 0;

  if (len >= 1 && len <= IPC_GROUP_NAME_MAX && name[0] != '.'
      && strspn (name, G_CSET_A_2_Z G_CSET_a_2_z G_CSET_DIGITS "._-") == len)
    return TRUE;

  g_autofree char *shown = g_utf8_make_valid (name != NULL ? name : "", MIN (len, IPC_GROUP_NAME_MAX));
  g_autofree char *escaped = g_strescape (shown, NULL);
  g_set_error (error, IPC_ERROR, IPC_ERROR_INVALID_GROUP,
               "“%s%s” is not a group name: allowed are 1 to %d of A-Z a-z 0-9 . _ -, not beginning with a dot",
               escaped, len > IPC_GROUP_NAME_MAX ? "…" : "", IPC_GROUP_NAME_MAX);
  return FALSE;
}

static gboolean
set_dir_error (IpcGroupDir *self, const char *path, const char *what, const char *reason, GError **error)
{
  g_set_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR, "%s (%s): %s%s%s", path, self->origin, what,
               reason != NULL ? ": " : "", reason != NULL ? reason : "");
  return FALSE;
}

/* Whether the directory behind @fd can be trusted; @private_mode: it must be 0700, otherwise only not writable by
 * others. */
static gboolean
check_dir (IpcGroupDir *self, int fd, const char *path, gboolean private_mode, GError **error)
{
  struct stat st;
  g_autofree char *text = NULL;

  if (fstat (fd, &st) == -1)
    return set_dir_error (self, path, "cannot be examined", g_strerror (errno), error);

  if (st.st_uid != geteuid () && !self->allow_other_users) {
    text = g_strdup_printf ("belongs to user %u, and not to user %u who runs this program", (guint) st.st_uid,
                            (guint) geteuid ());
    return set_dir_error (self, path, text, NULL, error);
  }
  /* The set-group-ID bit comes from the directory above and gives nobody access. */
  if (private_mode ? (st.st_mode & 0777) != 0700 : (st.st_mode & 0022) != 0) {
    text = g_strdup_printf ("has mode %04o, but %s", st.st_mode & 07777,
                            private_mode ? "must have 0700" : "group and others must not be able to write to it");
    return set_dir_error (self, path, text, NULL, error);
  }

  return TRUE;
}

/* Makes a directory, unless it is there. A umask may take from it what we need ourselves, and one that is left so would
 * be refused to everybody. Returns FALSE with errno set. */
static gboolean
make_dir (int at_fd, const char *name)
{
  g_autofree char *path = NULL;
  gboolean made;
  int fd;

  if (mkdirat (at_fd, name, 0700) == -1)
    return errno == EEXIST;

  fd = openat (at_fd, name, O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  path = g_strdup_printf ("/proc/self/fd/%d", fd);
  made = fd != -1 && chmod (path, 0700) == 0;
  if (fd != -1)
    close (fd);

  return made;
}

/* Opens a directory, made with 0700 if it is missing and @make says so, and checks it. Returns -1 with @error set, and
 * errno. */
static int
open_checked (IpcGroupDir *self, int at_fd, const char *name, const char *path, gboolean make, gboolean private_mode,
              GError **error)
{
  int fd, saved_errno;

  if (make && !make_dir (at_fd, name)) {
    saved_errno = errno;
    set_dir_error (self, path, "cannot be made", g_strerror (saved_errno), error);
    errno = saved_errno;
    return -1;
  }

  fd = openat (at_fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
  if (fd == -1) {
    gboolean is_other = errno == ENOTDIR || errno == ELOOP;
    const char *reason = is_other ? "it is not a directory, or a symbolic link" : g_strerror (errno);

    saved_errno = errno;
    set_dir_error (self, path, "cannot be opened", reason, error);
    errno = saved_errno;
    return -1;
  }
  if (!check_dir (self, fd, path, private_mode, error)) {
    close (fd);
    errno = EPERM;
    return -1;
  }

  return fd;
}

/* Returns FALSE with @error and errno set. */
static gboolean
try_open_group (IpcGroupDir *self, GError **error)
{
  int saved_errno;
  int base_fd = open_checked (self, AT_FDCWD, self->base, self->base, self->make_base, self->make_base, error);

  if (base_fd == -1)
    return FALSE;

  self->fd = open_checked (self, base_fd, self->group, self->path, TRUE, TRUE, error);
  saved_errno = errno;
  close (base_fd);
  errno = saved_errno;
  if (self->fd != -1)
    ipc_fork_guard_add (self->fd);

  return self->fd != -1;
}

static gboolean
open_group (IpcGroupDir *self, GError **error)
{
  for (guint i = 1; i < TRIES_MAX; i++) {
    if (try_open_group (self, NULL))
      return TRUE;
    if (errno != ENOENT)
      break;
  }

  return try_open_group (self, error);
}

/* The base directory: what was given, or the first default that there is. */
static char *
find_base (const char *runtime_dir, gboolean *is_default, const char **origin)
{
  const char *from_environment = g_getenv ("IPC_RUNTIME_DIR");
  const char *xdg = g_getenv ("XDG_RUNTIME_DIR");

  *is_default = FALSE;
  *origin = "from the property runtime-dir";
  if (runtime_dir != NULL)
    return g_strdup (runtime_dir);
  *origin = "from IPC_RUNTIME_DIR";
  if (from_environment != NULL && from_environment[0] != '\0')
    return g_strdup (from_environment);

  *is_default = TRUE;
  *origin = "from XDG_RUNTIME_DIR";
  if (xdg != NULL && xdg[0] == '/')
    return g_build_filename (xdg, "libipc", NULL);

  *origin = "there is no XDG_RUNTIME_DIR";
  return g_strdup_printf ("%s/libipc-%u", g_get_tmp_dir (), (guint) geteuid ());
}

/* The path is followed again later, when the process may have another working directory. @path: (transfer
 * full) */
static char *
make_absolute (char *path)
{
  g_autofree char *relative = path;
  g_autofree char *here = NULL;

  if (path[0] == '\0' || g_path_is_absolute (path)) /* an empty one leads nowhere, and is refused */
    return g_steal_pointer (&relative);

  here = g_get_current_dir ();
  return g_build_filename (here, relative, NULL);
}

/* With a slash behind its name a symbolic link would be followed in spite of O_NOFOLLOW. */
static void
strip_slashes (char *path)
{
  for (gsize len = strlen (path); len > 1 && path[len - 1] == '/'; len--)
    path[len - 1] = '\0';
}

/**
 * ipc_group_dir_open:
 * @runtime_dir: (nullable): the base directory, or %NULL for the default
 * @group: a valid group name
 * @allow_other_users: do not insist that the directories are ours
 *
 * Returns: (transfer full) (nullable): the directory, or %NULL with %IPC_ERROR_RUNTIME_DIR
 */
IpcGroupDir *
ipc_group_dir_open (const char *runtime_dir, const char *group, gboolean allow_other_users, GError **error)
{
  IpcGroupDir *self = g_new0 (IpcGroupDir, 1);

  self->base = make_absolute (find_base (runtime_dir, &self->make_base, &self->origin));
  strip_slashes (self->base);
  self->group = g_strdup (group);
  self->path = g_build_filename (self->base, group, NULL);
  self->allow_other_users = allow_other_users;
  self->fd = -1;
  self->inotify_fd = -1;
  self->watch.fd = -1;
  g_debug ("group directory: %s (%s)", self->path, self->origin); /* nodes that do not meet have different ones */

  if (!open_group (self, error))
    g_clear_pointer (&self, ipc_group_dir_free);

  return self;
}

static void
stop_watching (IpcGroupDir *self)
{
  if (self->inotify_fd == -1)
    return;

  ipc_poller_unwatch (self->poller, &self->watch);
  ipc_fork_guard_close (self->inotify_fd);
  self->inotify_fd = -1;
}

void
ipc_group_dir_free (IpcGroupDir *self)
{
  stop_watching (self);
  if (self->fd != -1)
    ipc_fork_guard_close (self->fd);
  g_free (self->base);
  g_free (self->group);
  g_free (self->path);
  g_free (self);
}

static IpcGroupDirChanges
changes_of (const struct inotify_event *event)
{
  if (event->mask & IN_Q_OVERFLOW)
    return IPC_GROUP_DIR_SOCKET | IPC_GROUP_DIR_FILE | IPC_GROUP_DIR_ALARM;
  if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT))
    return IPC_GROUP_DIR_SOCKET | IPC_GROUP_DIR_FILE;
  if (event->len > 0 && strcmp (event->name, "socket") == 0)
    return IPC_GROUP_DIR_SOCKET;
  if (event->len > 0 && strcmp (event->name, "group") == 0)
    return IPC_GROUP_DIR_FILE;
  if (event->len > 0 && strcmp (event->name, "suspect") == 0)
    return IPC_GROUP_DIR_ALARM;

  return 0;
}

static void
inotify_cb (guint32 events, gpointer user_data)
{
  IpcGroupDir *self = user_data;
  _Alignas (struct inotify_event) char buffer[4096];
  IpcGroupDirChanges changes = 0;
  gssize len = read (self->inotify_fd, buffer, sizeof buffer);

  for (char *p = buffer; len > 0 && p < buffer + len;) {
    const struct inotify_event *event = (const void *) p;

    changes |= changes_of (event);
    p += sizeof *event + event->len;
  }

  if (changes != 0)
    self->func (changes, self->user_data);
}

static gboolean
add_inotify (IpcGroupDir *self)
{
  g_autofree char *path = g_strdup_printf ("/proc/self/fd/%d", self->fd);

  self->watch_id = inotify_add_watch (self->inotify_fd, path, WATCH_MASK);
  self->base_watch_id = inotify_add_watch (self->inotify_fd, self->base, BASE_WATCH_MASK);

  return self->watch_id != -1;
}

/**
 * ipc_group_dir_try_watch:
 *
 * A user has 128 inotify instances by default, for all processes together, so there may be none left. Events are only a
 * hint; without them whoever searches has to look again sooner, and may call this to try again.
 *
 * Returns: whether the directory is being watched
 */
gboolean
ipc_group_dir_try_watch (IpcGroupDir *self)
{
  if (self->inotify_fd != -1)
    return TRUE;

  self->inotify_fd = inotify_init1 (IN_NONBLOCK | IN_CLOEXEC);
  if (self->inotify_fd == -1)
    return FALSE;

  ipc_fork_guard_add (self->inotify_fd);
  if (add_inotify (self) && ipc_poller_watch (self->poller, &self->watch, self->inotify_fd, EPOLLIN, inotify_cb, self))
    return TRUE;

  ipc_fork_guard_close (self->inotify_fd);
  self->inotify_fd = -1;
  return FALSE;
}

/**
 * ipc_group_dir_watch:
 * @func: called in the poller's turns when something may have changed
 *
 * Begins to watch the directory, if that is possible now.
 */
void
ipc_group_dir_watch (IpcGroupDir *self, IpcPoller *poller, IpcGroupDirFunc func, gpointer user_data)
{
  self->poller = poller;
  self->func = func;
  self->user_data = user_data;

  if (!ipc_group_dir_try_watch (self))
    g_info ("%s: cannot be watched for now: %s", self->path, g_strerror (errno));
}

/* Reads what has happened up to now, also while paused. */
void
ipc_group_dir_take_events (IpcGroupDir *self)
{
  if (self->inotify_fd != -1)
    inotify_cb (EPOLLIN, self);
}

/* While paused, events are kept by the kernel. */
void
ipc_group_dir_set_paused (IpcGroupDir *self, gboolean paused)
{
  if (self->inotify_fd != -1)
    ipc_poller_change (self->poller, &self->watch, paused ? 0 : EPOLLIN);
}

/* FALSE only if the path certainly leads elsewhere, or nowhere: not when it cannot be followed at the moment. */
gboolean
ipc_group_dir_is_current (IpcGroupDir *self)
{
  struct stat at_path, opened;

  if (lstat (self->path, &at_path) == -1)
    return errno != ENOENT && errno != ENOTDIR;

  return fstat (self->fd, &opened) == 0 && at_path.st_ino == opened.st_ino && at_path.st_dev == opened.st_dev;
}

/**
 * ipc_group_dir_reopen:
 *
 * Follows the path to the directory that is there now, which is made if necessary, and tells that everything may have
 * changed. On failure the old one stays open.
 *
 * Returns: whether there is one; otherwise @error is set
 */
gboolean
ipc_group_dir_reopen (IpcGroupDir *self, GError **error)
{
  int old_fd = self->fd;

  if (!open_group (self, error)) {
    self->fd = old_fd;
    return FALSE;
  }

  ipc_fork_guard_close (old_fd);
  if (self->inotify_fd != -1) {
    inotify_rm_watch (self->inotify_fd, self->watch_id);
    inotify_rm_watch (self->inotify_fd, self->base_watch_id);
    if (!add_inotify (self))
      stop_watching (self);
  }
  if (self->func != NULL)
    self->func (IPC_GROUP_DIR_SOCKET | IPC_GROUP_DIR_FILE, self->user_data);

  return TRUE;
}

int
ipc_group_dir_get_fd (IpcGroupDir *self)
{
  return self->fd;
}

const char *
ipc_group_dir_get_path (IpcGroupDir *self)
{
  return self->path;
}

gboolean
ipc_group_dir_stat (IpcGroupDir *self, const char *name, struct stat *st)
{
  return fstatat (self->fd, name, st, AT_SYMLINK_NOFOLLOW) == 0;
}

/* Which file has the name now. Returns FALSE with errno set if there is none, and @id all zero. */
gboolean
ipc_group_dir_identify (IpcGroupDir *self, const char *name, IpcFileId *id)
{
  struct stat st = { 0 };
  gboolean found = ipc_group_dir_stat (self, name, &st);

  *id = (IpcFileId) { st.st_dev, st.st_ino };
  return found;
}

/**
 * ipc_group_dir_share:
 * @name: of a file that this process has made
 *
 * When root works in a user's directory, the user must be able to use what root makes there.
 *
 * Returns: %FALSE with errno set if the file cannot be given to the directory's owner
 */
gboolean
ipc_group_dir_share (IpcGroupDir *self, const char *name)
{
  struct stat st;

  if (fstat (self->fd, &st) == -1)
    return FALSE;
  if (st.st_uid == geteuid ())
    return TRUE;

  return fchownat (self->fd, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) == 0;
}

static gboolean
is_leftover (IpcGroupDir *self, const char *name, time_t now)
{
  struct stat st;

  if (!g_str_has_prefix (name, ".socket-") && !g_str_has_prefix (name, ".group-")
      && !g_str_has_prefix (name, ".suspect-"))
    return FALSE;

  return ipc_group_dir_stat (self, name, &st) && st.st_ctime < now - LEFTOVER_AGE_S;
}

/* Removes temporary names whose makers died before they were done. */
void
ipc_group_dir_sweep (IpcGroupDir *self)
{
  int fd = openat (self->fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  DIR *dir = fd != -1 ? fdopendir (fd) : NULL;
  struct dirent *entry;
  time_t now = time (NULL);

  if (dir == NULL) {
    if (fd != -1)
      close (fd);
    return;
  }

  while ((entry = readdir (dir)) != NULL) {
    if (is_leftover (self, entry->d_name, now))
      unlinkat (self->fd, entry->d_name, 0);
  }
  closedir (dir);
}

/* Has everybody who watches the directory told that the master does not answer. That may fail: it is a hint. */
void
ipc_group_dir_raise_alarm (IpcGroupDir *self, const char *node_id)
{
  g_autofree char *temp_name = g_strdup_printf (".suspect-%s", node_id);
  int fd = openat (self->fd, temp_name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0600);

  if (fd != -1)
    close (fd);
  if (fd == -1 || renameat (self->fd, temp_name, self->fd, "suspect") == -1)
    g_debug ("%s/suspect: cannot be made: %s", self->path, g_strerror (errno));
}

/**
 * ipc_group_dir_reach:
 * @name: of a file in the directory
 *
 * Returns: (transfer full): a path to it that leads through the open descriptor, and that is short enough for a socket
 * address
 */
char *
ipc_group_dir_reach (IpcGroupDir *self, const char *name)
{
  return g_strdup_printf ("/proc/self/fd/%d/%s", self->fd, name);
}

void
ipc_group_dir_set_error (IpcGroupDir *self, const char *name, const char *what, int saved_errno, GError **error)
{
  g_set_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR, "%s/%s: %s: %s", self->path, name, what,
               g_strerror (saved_errno));
}
