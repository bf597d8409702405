/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-record.h"

#include <errno.h>
#include <fcntl.h>
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What one node did, written so that it survives the SIGKILL of its writer: a file that is mapped shared. The kernel
 * owns its pages, so an entry is safe as soon as it is in memory.
 *
 *   0      header: who, how many entries, why it had to stop if it had to
 *   4096   entries, 64 bytes each
 *
 * There is one writer. It fills in an entry and publishes it with a release store of the counter; a kill between the
 * two leaves an entry that does not count, and what it describes had not begun. Room is reserved before it is needed
 * (posix_fallocate, in steps that grow), so that a full disk is an error and never a SIGBUS. A record that could not
 * be continued says so in its header, and nothing that follows from it is believed.
 */

#define RECORD_MAGIC G_GUINT64_CONSTANT (0x31434552204d4953) /* "SIM REC1" */
#define HEADER_SIZE 4096
#define STEP_SIZE_MIN (64 * 1024)   /* a client's first seconds: most nodes of a large run need no more */
#define STEP_SIZE_MAX (1024 * 1024) /* seconds of a busy master; a step is reserved in far less than a millisecond */

typedef struct {
  guint64 magic;
  guint32 entry_size;
  guint32 node;
  guint64 n_entries;                       /* atomic, published with release */
  guint64 counts[SIM_ENTRY_KIND_LAST + 1]; /* atomic, for the live view only */
  gint32 stopped;                          /* atomic: the errno that ended the record too early, or 0 */
} Header;

struct _SimRecord {
  int fd;         /* (owned) */
  Header *header; /* (owned) mapping of HEADER_SIZE */
  guint8 *step;   /* (owned) (nullable) mapping of the entries that are being written */
  gsize step_offset;
  gsize step_size;
};

static gpointer
map_shared (int fd, gsize offset, gsize size, int protection)
{
  gpointer mapping = mmap (NULL, size, protection, MAP_SHARED, fd, (off_t) offset);

  return mapping == MAP_FAILED ? NULL : mapping;
}

static gpointer
set_error (GError **error, int code, const char *path, const char *what)
{
  g_set_error (error, G_FILE_ERROR, (int) g_file_error_from_errno (code), "Record %s: %s: %s", path, what,
               g_strerror (code));
  return NULL;
}

static SimRecord *
record_map (const char *path, int flags, GError **error)
{
  g_autoptr (SimRecord) self = g_new0 (SimRecord, 1);

  self->fd = open (path, flags | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
  if (self->fd < 0)
    return set_error (error, errno, path, "cannot open");

  if (flags & O_CREAT) {
    int code = posix_fallocate (self->fd, 0, HEADER_SIZE + STEP_SIZE_MIN);

    if (code != 0)
      return set_error (error, code, path, "cannot reserve room");
  }

  self->header = map_shared (self->fd, 0, HEADER_SIZE, PROT_READ | PROT_WRITE);
  if (self->header == NULL)
    return set_error (error, errno, path, "cannot map");
  return g_steal_pointer (&self);
}

/* Made by the supervisor, before its node exists, so that a full disk is found out early. */
SimRecord *
sim_record_create (const char *path, guint32 node, GError **error)
{
  SimRecord *self = record_map (path, O_CREAT | O_EXCL, error);

  if (self == NULL)
    return NULL;
  self->header->entry_size = sizeof (SimEntry);
  self->header->node = node;
  self->header->magic = RECORD_MAGIC;
  return self;
}

/* Opened by the node, to write. */
SimRecord *
sim_record_open (const char *path, GError **error)
{
  g_autoptr (SimRecord) self = record_map (path, 0, error);

  if (self == NULL)
    return NULL;
  if (self->header->magic != RECORD_MAGIC || self->header->entry_size != sizeof (SimEntry))
    return set_error (error, EINVAL, path, "is not a record");
  if (self->header->n_entries != 0)
    return set_error (error, EBUSY, path, "has a writer already");
  return g_steal_pointer (&self);
}

void
sim_record_free (SimRecord *self)
{
  if (self->header != NULL)
    munmap (self->header, HEADER_SIZE);
  if (self->step != NULL)
    munmap (self->step, self->step_size);
  if (self->fd >= 0)
    close (self->fd);
  g_free (self);
}

static gboolean
record_stop (SimRecord *self, int code)
{
  __atomic_store_n (&self->header->stopped, code, __ATOMIC_RELEASE);
  return FALSE;
}

/* Makes room for the entry at offset, and maps it. Steps double, so that a run of any length needs few of them. */
static gboolean
record_reserve (SimRecord *self, gsize offset)
{
  gsize size = self->step == NULL ? STEP_SIZE_MIN : MIN (self->step_size * 2, STEP_SIZE_MAX);
  guint8 *step;
  int code;

  code = posix_fallocate (self->fd, (off_t) offset, (off_t) size);
  if (code != 0)
    return record_stop (self, code);

  step = map_shared (self->fd, offset, size, PROT_READ | PROT_WRITE);
  if (step == NULL)
    return record_stop (self, errno);

  if (self->step != NULL)
    munmap (self->step, self->step_size);
  self->step = step;
  self->step_offset = offset;
  self->step_size = size;
  return TRUE;
}

/* FALSE when there is no room: the record says so itself, and the writer must end. */
gboolean
sim_record_append (SimRecord *self, const SimEntry *entry)
{
  guint64 n_entries = self->header->n_entries;
  gsize offset = HEADER_SIZE + n_entries * sizeof (SimEntry);

  g_assert (entry->kind > 0 && entry->kind <= SIM_ENTRY_KIND_LAST);

  if (self->step == NULL || offset >= self->step_offset + self->step_size) {
    if (!record_reserve (self, offset))
      return FALSE;
  }

  memcpy (self->step + (offset - self->step_offset), entry, sizeof (SimEntry));
  __atomic_store_n (&self->header->n_entries, n_entries + 1, __ATOMIC_RELEASE);
  __atomic_fetch_add (&self->header->counts[entry->kind], 1, __ATOMIC_RELAXED);
  return TRUE;
}

guint32
sim_record_get_node (SimRecord *self)
{
  return self->header->node;
}

SimRecordCounts
sim_record_get_counts (SimRecord *self)
{
  const guint64 *counts = self->header->counts;

  return (SimRecordCounts) {
    .n_sent = __atomic_load_n (&counts[SIM_ENTRY_SENT], __ATOMIC_RELAXED),
    .n_handled = __atomic_load_n (&counts[SIM_ENTRY_HANDLED], __ATOMIC_RELAXED),
    .n_answered = __atomic_load_n (&counts[SIM_ENTRY_ANSWERED], __ATOMIC_RELAXED),
  };
}

static gboolean
set_invalid (GError **error, const char *path, const char *why)
{
  g_set_error (error, G_IO_ERROR, G_IO_ERROR_INVALID_DATA, "Record %s: %s", path, why);
  return FALSE;
}

static gboolean
check_header (const Header *header, gsize size, const char *path, guint32 node, GError **error)
{
  if (size < HEADER_SIZE || header->magic != RECORD_MAGIC || header->entry_size != sizeof (SimEntry))
    return set_invalid (error, path, "is not a record");
  if (header->node != node)
    return set_invalid (error, path, "belongs to another node");
  if (header->stopped != 0)
    return set_invalid (error, path, g_strerror (header->stopped));
  if (header->n_entries > (size - HEADER_SIZE) / sizeof (SimEntry))
    return set_invalid (error, path, "is truncated");
  return TRUE;
}

static gboolean
check_entries (const SimEntry *entries, guint64 n_entries, const char *path, GError **error)
{
  gint64 time_ns = 1;

  for (guint64 i = 0; i < n_entries; i++) {
    if (entries[i].kind == 0 || entries[i].kind > SIM_ENTRY_KIND_LAST)
      return set_invalid (error, path, "an entry is of no known kind");
    if (entries[i].time_ns < time_ns)
      return set_invalid (error, path, "an entry is older than the one before");
    time_ns = entries[i].time_ns;
  }
  return TRUE;
}

/* (transfer full): the SimEntry that were published. A record that is not whole is an error, never a shorter record.
 * Its writer must have ended. */
GArray *
sim_record_load (const char *path, guint32 node, GError **error)
{
  g_autoptr (GMappedFile) file = g_mapped_file_new (path, FALSE, error);
  const char *contents;
  const Header *header;

  if (file == NULL)
    return NULL;

  contents = g_mapped_file_get_contents (file);
  header = (gconstpointer) contents;
  if (!check_header (header, g_mapped_file_get_length (file), path, node, error)
      || !check_entries ((gconstpointer) (contents + HEADER_SIZE), header->n_entries, path, error))
    return NULL;

  return g_array_append_vals (g_array_sized_new (FALSE, FALSE, sizeof (SimEntry), (guint) header->n_entries),
                              contents + HEADER_SIZE, (guint) header->n_entries);
}
