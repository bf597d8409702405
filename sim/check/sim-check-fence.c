/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

/*
 * Checks the resource that handlers write to and that refuses older epochs (sim-fence.c). It compares what it is given:
 * the epoch that the library names for the message at the time of the write. What counts here is what the writer was
 * when it began on the message: the handling that writes was begun in the epoch that is named, and in the order in which
 * the resource took them, writes never go back to an older mastership.
 */

typedef struct {
  guint32 sender;
  guint32 handler;
  guint64 number;
  guint64 epoch;    /* in whose name it writes */
  gboolean handled; /* the handler was given the message in this epoch */
} Writer;

typedef struct {
  const SimEvent *event;
  guint64 epoch; /* in which its message was begun, or 0: it was not */
} Write;

static guint
writer_hash (gconstpointer key)
{
  const Writer *writer = key;

  return (guint) (writer->number * 31 + writer->sender * 1009 + writer->handler + writer->epoch * 7);
}

static gboolean
writer_equal (gconstpointer a, gconstpointer b)
{
  const Writer *one = a, *other = b;

  return one->sender == other->sender && one->handler == other->handler && one->number == other->number
         && one->epoch == other->epoch;
}

static int
compare_places (gconstpointer a, gconstpointer b)
{
  guint64 one = ((const Write *) a)->event->entry.sequence, other = ((const Write *) b)->event->entry.sequence;

  return (one > other) - (one < other);
}

static Writer
make_writer (const SimEvent *event)
{
  return (Writer) { event->entry.peer, event->node, event->entry.number, event->entry.epoch, FALSE };
}

/* (transfer full): one Writer for each handling that wrote; most do not. */
static GHashTable *
collect_writers (const SimHistory *history)
{
  GHashTable *writers = g_hash_table_new_full (writer_hash, writer_equal, g_free, NULL);

  for (guint i = 0; i < history->events->len; i++) {
    const SimEvent *event = &g_array_index (history->events, SimEvent, i);
    Writer key = make_writer (event);

    if (event->entry.kind == SIM_ENTRY_WROTE)
      g_hash_table_add (writers, g_memdup2 (&key, sizeof key));
  }
  return writers;
}

/* (transfer full): of Write, in the order of the resource */
static GArray *
collect_writes (const SimHistory *history, SimVerdict *verdict)
{
  g_autoptr (GHashTable) writers = collect_writers (history);
  GArray *writes = g_array_new (FALSE, FALSE, sizeof (Write));

  for (guint i = 0; i < history->events->len; i++) {
    const SimEvent *event = &g_array_index (history->events, SimEvent, i);
    Writer key = make_writer (event);
    Writer *writer = g_hash_table_lookup (writers, &key);
    Write write = { event, writer != NULL && writer->handled ? writer->epoch : 0 };

    if (event->entry.kind == SIM_ENTRY_HANDLED && writer != NULL)
      writer->handled = TRUE;
    else if (event->entry.kind == SIM_ENTRY_WROTE)
      g_array_append_val (writes, write);
    else if (event->entry.kind == SIM_ENTRY_FENCED)
      verdict->n_fenced++;
  }
  g_array_sort (writes, compare_places);
  return writes;
}

void
sim_check_fence (const SimHistory *history, SimVerdict *verdict)
{
  g_autoptr (GArray) writes = collect_writes (history, verdict);
  Write newest = { NULL, 0 };

  for (guint i = 0; i < writes->len; i++) {
    Write write = g_array_index (writes, Write, i);
    gboolean same_place = newest.event != NULL && newest.event->entry.sequence == write.event->entry.sequence;

    if (!sim_verdict_check (verdict, SIM_INVARIANT_FENCE_HOLDS, write.epoch != 0 && write.epoch >= newest.epoch && !same_place))
      sim_verdict_explain_events (verdict, SIM_INVARIANT_FENCE_HOLDS, history, write.event, newest.event,
                                  "its handler has not begun it in this epoch, or somebody had this place, or a newer "
                                  "master had written before");
    if (write.epoch >= newest.epoch)
      newest = write;
  }
}
