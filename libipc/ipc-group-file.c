/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-group-file.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>

#include "ipc-error.h"
#include "ipc-fork-guard.h"
#include "ipc-ledger.h"

/*
 * The one shared file of a group: the bytes that candidates lock, the word, and the ledger. Every candidate maps it. It
 * is made complete under a temporary name and put in place with link(), so nobody ever sees half of it, and exactly one
 * is put in place; it is never unlinked by us.
 *
 * Each open is a file description of its own: locks belong to it, and closing it gives them up.
 */

#define FILE_SIZE (HEADER_SIZE + IPC_LEDGER_SIZE)
#define FILE_VERSION 1
#define HEADER_SIZE 4096
#define MAGIC "IPCGROUP"

/* Near the usual limit of 1024 descriptors, so that the kernel's table of them grows no further than that. */
#define HIGH_DESCRIPTOR 1000

/* The wall clock in units of 16 us: no two elections follow each other faster, so epochs that begin there and go up by
 * one never get ahead of it; and it fits the word's 48 bits until the year 2112. */
#define EPOCH_UNIT_US 16

/* Between finding no file and linking ours, another may link and a third may delete; that this happens so often in a
 * row means that somebody does it on purpose. */
#define TRIES_MAX 100

typedef struct {
  char magic[8];
  guint32 version;
  guint32 header_size;
  guint64 file_size;
  guint64 reserved[5];
  guint64 word; /* at 64: alone in its cache line */
} Header;

G_STATIC_ASSERT (G_STRUCT_OFFSET (Header, word) == 64);

struct _IpcGroupFile {
  int fd;         /* (owned) */
  Header *header; /* (owned) mapped and shared */
  IpcFileId id;
};

static guint64
get_clock (void)
{
  return (guint64) (g_get_real_time () / EPOCH_UNIT_US);
}

/* Reserves the file's space. Returns 0 or an errno. */
static int
reserve_space (int fd)
{
  struct rlimit limit;
  int result;

  /* Beyond its limit a process is not only refused: SIGXFSZ ends it. */
  if (getrlimit (RLIMIT_FSIZE, &limit) == 0 && limit.rlim_cur < FILE_SIZE)
    return EFBIG;

  do
    result = posix_fallocate (fd, 0, FILE_SIZE);
  while (result == EINTR); /* tmpfs gives up at any signal */

  return result;
}

/* Also to the disk, if there is one: a file whose name outlives its contents would have to be removed by hand. */
static gboolean
write_header (int fd, const Header *header)
{
  gssize n = pwrite (fd, header, sizeof *header, 0);

  if (n >= 0 && n < (gssize) sizeof *header)
    errno = EIO;

  return n == (gssize) sizeof *header && fsync (fd) == 0;
}

/* Writes a new file under a temporary name and links it in place, unless somebody was faster, or deletes it at this
 * moment. */
static gboolean
create_file (IpcGroupDir *dir, const char *node_id, guint64 epoch_min, GError **error)
{
  g_autofree char *temp_name = g_strdup_printf (".group-%s", node_id);
  int dir_fd = ipc_group_dir_get_fd (dir);
  Header header = { .magic = MAGIC, .version = FILE_VERSION, .header_size = HEADER_SIZE, .file_size = FILE_SIZE,
                    .word = ipc_word_make (MAX (get_clock (), epoch_min), 0) };
  int saved_errno = 0;
  int fd;

  unlinkat (dir_fd, temp_name, 0);
  fd = openat (dir_fd, temp_name, O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
  if (fd == -1) {
    ipc_group_dir_set_error (dir, temp_name, "cannot be made", errno, error);
    return FALSE;
  }

  saved_errno = fchmod (fd, 0600) == 0 ? reserve_space (fd) : errno; /* a umask may have taken bits away */
  if (saved_errno == 0 && !write_header (fd, &header))
    saved_errno = errno;
  if (saved_errno == 0 && !ipc_group_dir_share (dir, temp_name))
    saved_errno = errno;
  if (saved_errno == 0 && linkat (dir_fd, temp_name, dir_fd, "group", 0) == -1 && errno != EEXIST)
    saved_errno = errno;
  if (saved_errno == ENOENT)
    saved_errno = 0;
  close (fd);
  unlinkat (dir_fd, temp_name, 0);

  if (saved_errno != 0) {
    ipc_group_dir_set_error (dir, "group", "cannot be made", saved_errno, error);
    return FALSE;
  }

  return TRUE;
}

/* Maps the file and looks at its header. Returns what is wrong with it, or NULL. */
static const char *
map_file (IpcGroupFile *self)
{
  struct stat st;

  if (fstat (self->fd, &st) == -1)
    return g_strerror (errno);
  if (!S_ISREG (st.st_mode))
    return "not a regular file";
  if (st.st_mode & 0077)
    return "group or others may access it";
  if (st.st_size != FILE_SIZE)
    return "not a group file of this version: wrong size";

  self->header = mmap (NULL, FILE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, self->fd, 0);
  if (self->header == MAP_FAILED) {
    self->header = NULL;
    return g_strerror (errno);
  }

  /* A mapping holds the file description, and with it the lock: a forked child must not have it. */
  if (madvise (self->header, FILE_SIZE, MADV_DONTFORK) == -1)
    return g_strerror (errno);

  self->id = (IpcFileId) { st.st_dev, st.st_ino };
  if (memcmp (self->header->magic, MAGIC, sizeof self->header->magic) != 0)
    return "not a group file: wrong magic bytes";
  if (self->header->version != FILE_VERSION || self->header->file_size != FILE_SIZE
      || self->header->header_size != HEADER_SIZE)
    return "a group file of another version";

  return NULL;
}

/* A process that is killed closes its descriptors from the highest to the lowest, and every connection that it closes
 * wakes somebody up. With a high number the lock goes first, and the successor is at work before the crowd. */
static int
raise_descriptor (int fd)
{
  int raised = fcntl (fd, F_DUPFD_CLOEXEC, HIGH_DESCRIPTOR);

  if (raised == -1)
    return fd; /* the limit of descriptors is below it: only a little slower */

  close (fd);
  return raised;
}

static IpcGroupFile *
open_existing (IpcGroupDir *dir, int fd, GError **error)
{
  IpcGroupFile *self = g_new0 (IpcGroupFile, 1);
  const char *wrong;

  fd = raise_descriptor (fd);
  ipc_fork_guard_add (fd);
  self->fd = fd;
  wrong = map_file (self);
  if (wrong != NULL) {
    g_set_error (error, IPC_ERROR, IPC_ERROR_RUNTIME_DIR, "%s/group: cannot be used: %s", ipc_group_dir_get_path (dir),
                 wrong);
    g_clear_pointer (&self, ipc_group_file_free);
  }

  return self;
}

/**
 * ipc_group_file_open:
 * @node_id: makes the temporary name unique
 * @epoch_min: the lowest epoch a new file may begin with; the wall clock decides otherwise, so that epochs increase
 *   even when a file is lost
 *
 * Opens the group's file; makes it if there is none.
 *
 * Returns: (transfer full) (nullable): the file, or %NULL with @error set
 */
IpcGroupFile *
ipc_group_file_open (IpcGroupDir *dir, const char *node_id, guint64 epoch_min, GError **error)
{
  for (int i = 0; i < TRIES_MAX; i++) {
    int fd = openat (ipc_group_dir_get_fd (dir), "group", O_RDWR | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);

    if (fd != -1)
      return open_existing (dir, fd, error);
    if (errno != ENOENT) {
      ipc_group_dir_set_error (dir, "group", "cannot be opened", errno, error);
      return NULL;
    }
    if (!create_file (dir, node_id, epoch_min, error))
      return NULL;
  }

  ipc_group_dir_set_error (dir, "group", "disappears as soon as it is made", ENOENT, error);
  return NULL;
}

void
ipc_group_file_free (IpcGroupFile *self)
{
  if (self->header != NULL)
    munmap (self->header, FILE_SIZE);
  ipc_fork_guard_close (self->fd);
  g_free (self);
}

IpcWord
ipc_group_file_get_word (IpcGroupFile *self)
{
  return ipc_word_load (&self->header->word);
}

/* Changes the word, unless somebody else has. */
gboolean
ipc_group_file_claim (IpcGroupFile *self, IpcWord expected, IpcWord word)
{
  return ipc_word_claim (&self->header->word, expected, word);
}

/* The epoch to claim after that of @word. */
guint64
ipc_group_file_next_epoch (IpcWord word)
{
  return ipc_word_next_epoch (word, get_clock ());
}

/* This file is not the one at the path: whoever is still master by it shall find out at his next look. */
void
ipc_group_file_retire (IpcGroupFile *self)
{
  ipc_word_retire (&self->header->word);
}

/* FALSE only if others certainly find another file, or none: not when it cannot be looked at for the moment. */
gboolean
ipc_group_file_is_current (IpcGroupFile *self, IpcGroupDir *dir)
{
  IpcFileId now;

  if (!ipc_group_dir_is_current (dir))
    return FALSE;
  if (!ipc_group_dir_identify (dir, "group", &now))
    return errno != ENOENT;

  return ipc_file_id_equal (&now, &self->id);
}

/* A file that was moved away and back: it is the group's again, and nobody is master by it. */
void
ipc_group_file_revive (IpcGroupFile *self)
{
  ipc_word_revive (&self->header->word);
}

/* IPC_LEDGER_SIZE bytes, for as long as the file is open. */
guint8 *
ipc_group_file_get_ledger (IpcGroupFile *self)
{
  return (guint8 *) self->header + HEADER_SIZE;
}

/* A newer epoch has been seen than this file knows of: whoever is master by it is so no longer. */
void
ipc_group_file_raise (IpcGroupFile *self, guint64 epoch)
{
  ipc_word_raise (&self->header->word, epoch);
}

int
ipc_group_file_get_fd (IpcGroupFile *self)
{
  return self->fd;
}
