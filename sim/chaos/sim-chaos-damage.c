/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>
#include <unistd.h>

#include "sim-word.h"

/*
 * Damage to the group file that is less, or worse, than a deletion: another file in its place, half of a file, flipped
 * bits. A file that no node can use stays for a moment and is deleted then, as somebody would have to do; nobody can be
 * master meanwhile.
 *
 * Where things are in the file is known from docs/protocol.md, section 7, and docs/ledger.md.
 */

#define VERSION_OFFSET 8
#define WORD_SIZE 8
#define SLOT_BITS 16
#define EPOCH_UNIT_US 16
#define AHEAD_BITS 62 /* the word is set ahead by no more than this: there has to be room for epochs above it */
#define LEDGER_OFFSET 4096
#define BOOK_SIZE (2 * 1024 * 1024)
#define N_BOOKS 4
#define ANSWERS_SIZE (957 * 1024) /* at the end of each book */
#define ANSWERS_USED (64 * 1024)  /* of these, the part in which there is something in a short run */
#define FLIPS 2000
#define FOREIGN_MS 300    /* a file that nobody can use is in the way for so long */
#define AFTERMATH_MS 2000 /* for the election in which the damage counts */

typedef enum {
  REPLACE_BY_GARBAGE,
  REPLACE_BY_VERSION,
  REPLACE_BY_OLDER, /* a copy from another time, when there was another master; garbage if there is none */
  N_REPLACEMENTS,
} Replacement;

typedef struct {
  SimFault fault;
  gboolean in_the_way; /* the file has to be deleted before anybody can be master */
} Damage;

static char *
build_path (SimChaos *self, const char *name)
{
  return g_build_filename (self->options->runtime_dir, SIM_GROUP, name, NULL);
}

static void
damage_elected (SimChaos *self, gpointer data)
{
  const Damage *damage = data;

  if (damage->in_the_way)
    return; /* by the file that was there before */
  sim_chaos_note (self, 0, SIM_ENTRY_EFFECTIVE, sim_fleet_get_epoch (self->fleet), damage->fault);
  sim_chaos_end_spell (self, damage->fault);
}

static guint
damage_advance (SimChaos *self, gpointer data)
{
  Damage *damage = data;

  if (!damage->in_the_way)
    return 0;
  damage->in_the_way = FALSE;
  sim_chaos_note (self, 0, SIM_ENTRY_DISTURBED, 0, damage->fault); /* half of a file may have been enough so far */
  sim_chaos_delete (self, "group");
  return AFTERMATH_MS;
}

static void
damage_end (SimChaos *self, gpointer data)
{
  damage_advance (self, data);
  g_free (data);
}

static void
begin (SimChaos *self, SimFault fault, gboolean in_the_way)
{
  static const SimSpellFuncs funcs = { damage_advance, damage_elected, damage_end };
  Damage *damage = g_new (Damage, 1);

  *damage = (Damage) { fault, in_the_way };
  self->deleted_us = g_get_monotonic_time ();
  sim_chaos_begin_spell (self, fault, in_the_way ? FOREIGN_MS : AFTERMATH_MS, &funcs, damage);
}

/* One kind of damage at a time: the checker has to know what is left of a file. */
static gboolean
may_begin (SimChaos *self)
{
  return !sim_chaos_has_spell (self, SIM_FAULT_REPLACE_FILE) && !sim_chaos_has_spell (self, SIM_FAULT_TRUNCATE_FILE)
         && !sim_chaos_has_spell (self, SIM_FAULT_FLIP_BITS) && !sim_chaos_has_spell (self, SIM_FAULT_FLIP_WORD);
}

static void
note (SimChaos *self, SimFault fault)
{
  sim_chaos_note (self, 0, SIM_ENTRY_DISTURBED, 0, fault);
  sim_chaos_note (self, 0, SIM_ENTRY_INJECTED, 0, fault);
}

/* Another file */

static gboolean
write_file (const char *path, const guint8 *bytes, gsize size)
{
  int fd = open (path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  gboolean written = fd >= 0 && write (fd, bytes, size) == (gssize) size;

  if (fd >= 0)
    close (fd);
  return written;
}

static void
make_foreign (guint8 *bytes, gsize size, Replacement replacement, guint64 pick)
{
  SimRandom random;

  if (replacement == REPLACE_BY_VERSION) {
    bytes[VERSION_OFFSET]++;
    return;
  }
  sim_random_init (&random, pick, 0);
  for (gsize i = 0; i < size; i++)
    bytes[i] = (guint8) sim_random_next (&random);
}

void
sim_chaos_do_replace_file (SimChaos *self, const SimStep *step)
{
  Replacement replacement = (Replacement) (step->pick % N_REPLACEMENTS);
  g_autofree char *path = build_path (self, "group");
  g_autofree char *new_path = build_path (self, ".replacement");
  g_autofree char *older_path = g_build_filename (self->options->runtime_dir, "older-group", NULL);
  g_autofree char *bytes = NULL;
  gsize size = 0;
  gboolean older = replacement == REPLACE_BY_OLDER && self->copied_epoch != 0
                   && self->copied_epoch < sim_fleet_get_epoch (self->fleet);

  if (!may_begin (self))
    return;
  if ((!older || !g_file_get_contents (older_path, &bytes, &size, NULL))
      && !g_file_get_contents (path, &bytes, &size, NULL))
    return;
  if (!older) {
    if (write_file (older_path, (const guint8 *) bytes, size))
      self->copied_epoch = sim_fleet_get_epoch (self->fleet);
    make_foreign ((guint8 *) bytes, size, replacement, step->pick);
  }
  if (!write_file (new_path, (const guint8 *) bytes, size))
    return;
  note (self, step->fault);
  rename (new_path, path);
  begin (self, step->fault, !older);
}

/* Half of a file: who has mapped it ends with SIGBUS when it looks. */

void
sim_chaos_do_truncate_file (SimChaos *self, const SimStep *step)
{
  g_autofree char *path = build_path (self, "group");
  GPtrArray *processes = sim_fleet_get_processes (self->fleet);
  off_t size = step->pick % 2 > 0 ? 0 : LEDGER_OFFSET + (off_t) (step->pick >> 8) % (N_BOOKS * BOOK_SIZE);

  if (!may_begin (self))
    return;
  note (self, step->fault);
  for (guint i = 0; i < processes->len; i++) {
    SimProcess *process = g_ptr_array_index (processes, i);

    process->truncated = process->truncated || (process->candidate && sim_process_is_alive (process));
  }
  if (truncate (path, size) == 0)
    begin (self, step->fault, TRUE);
}

/* Bits */

static void
flip (int fd, off_t offset, guint bit)
{
  guint8 byte;

  if (pread (fd, &byte, 1, offset) != 1)
    return;
  byte ^= (guint8) (1u << bit);
  if (pwrite (fd, &byte, 1, offset) != 1)
    g_warning ("Cannot write into the group file: %s", g_strerror (errno));
}

/* In the answers that the ledger keeps. */
void
sim_chaos_do_flip_bits (SimChaos *self, const SimStep *step)
{
  g_autofree char *path = build_path (self, "group");
  int fd = may_begin (self) ? open (path, O_RDWR | O_CLOEXEC) : -1;
  SimRandom random;

  if (fd < 0)
    return;
  note (self, step->fault);
  sim_random_init (&random, step->pick, 0);
  for (guint i = 0; i < FLIPS; i++) {
    off_t book = LEDGER_OFFSET + (off_t) sim_random_below (&random, N_BOOKS) * BOOK_SIZE;
    off_t at = BOOK_SIZE - ANSWERS_SIZE + (off_t) sim_random_below (&random, ANSWERS_USED);

    flip (fd, book + at, (guint) sim_random_below (&random, 8));
  }
  close (fd);
  begin (self, step->fault, FALSE);
}

/* Whether epochs are still those of the clock when this bit is another. Those claimed ahead of it are known to nobody
 * but the word and those that have seen them: they can come again when the word is set back, or the file lost. */
static gboolean
may_flip (SimChaos *self, guint64 word, guint bit)
{
  guint64 now_us = (guint64) (g_get_real_time () + sim_clock_get_offset (self->clock) * G_USEC_PER_SEC);
  guint64 clock = now_us / EPOCH_UNIT_US << SLOT_BITS;
  guint64 flipped = word ^ G_GUINT64_CONSTANT (1) << bit;

  if (flipped > clock + (G_GUINT64_CONSTANT (1) << AHEAD_BITS))
    return FALSE;
  if (sim_weights_sum (&self->options->weights, SIM_FAULT_LOSES_LEDGER) > 0)
    return bit < SLOT_BITS || flipped < word;
  return bit < SLOT_BITS || flipped > word || word <= clock;
}

/* In the word: the epoch or the slot is another, and nobody claimed it. */
void
sim_chaos_do_flip_word (SimChaos *self, const SimStep *step)
{
  g_autofree char *path = build_path (self, "group");
  int fd = may_begin (self) ? open (path, O_RDWR | O_CLOEXEC) : -1;
  guint bit = (guint) (step->pick % (8 * WORD_SIZE));
  guint64 word;

  if (fd >= 0 && pread (fd, &word, sizeof word, SIM_WORD_OFFSET) == sizeof word && may_flip (self, word, bit)) {
    note (self, step->fault);
    flip (fd, SIM_WORD_OFFSET + (off_t) bit / 8, bit % 8);
    begin (self, step->fault, FALSE);
  }
  if (fd >= 0)
    close (fd);
}
