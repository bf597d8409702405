/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <glib/gstdio.h>
#include <libipc.h>
#include <stdio.h>
#include <unistd.h>

#include "sim-checker.h"
#include "sim-fault.h"
#include "sim-fields.h"
#include "sim-jsonl.h"
#include "sim-phase.h"

/*
 * The checker, checked: the recorded histories of real runs with faults of many kinds (tests/data/history-*.jsonl.gz)
 * in which all is well, and every one of their events in turn deleted, doubled, swapped with its neighbour, moved to
 * another time, to another epoch or to another node. What is left is the history of a run in which something went
 * wrong, or that nobody can have written down like this; the checker must reject it.
 *
 * Some mutations leave a history that a good run may have had. They are listed with the reason, each as narrowly as the
 * reason reaches: by the kind of the event, the mutation, and if need be by a condition on the event itself. A mutation
 * that is neither rejected nor listed fails the test, and so does a row of the list that nothing needs.
 */

#define SAMPLED_STEP 101 /* of so many events one */

typedef enum {
  DELETED,
  DOUBLED,
  SWAPPED, /* with the next event of the same node, if both are its own, or both the supervisor's */
  EARLIER, /* half-way to the beginning */
  LATER,   /* half-way to the end */
  EPOCH,   /* the next one; also what the library names */
  NODE,    /* the next one */
  N_MUTATIONS,
} Mutation;

static const char *const mutation_names[N_MUTATIONS] = {
  "deleted", "doubled", "swapped", "earlier", "later", "epoch", "node",
};

typedef struct {
  const SimHistory *history; /* as it was recorded */
  guint index;               /* of the event that is mutated */
  guint other;               /* where it is moved to, or with which it is swapped */
  const SimVerdict *verdict; /* on what is left */
} Place;

/* Whether this very event is one for which the reason holds. */
typedef gboolean (*Condition) (const Place *place);

typedef struct {
  guint kinds_from; /* of these kinds, the last included */
  guint kinds_to;
  guint mutations; /* bits */
  Condition condition; /* (nullable) */
  const char *reason;
} Harmless;

typedef struct {
  guint n_rejected;
  guint n_harmless;
  guint n_survived;
} Tally;

static SimHistory *recorded; /* the one at work */
static SimHistory *histories[2];
static Tally tallies[SIM_ENTRY_KIND_LAST + 1][N_MUTATIONS];

static const SimEvent *
event_at (const SimHistory *history, guint index)
{
  return &g_array_index (history->events, SimEvent, index);
}

static gboolean
is_own (const SimEvent *event)
{
  return event->position != G_MAXUINT32;
}

/* The history, as it is stored. */
static SimHistory *
load (guint i)
{
  g_autofree char *name = g_strdup_printf ("history-%u.jsonl.gz", i + 1);
  g_autofree char *packed = g_test_build_filename (G_TEST_DIST, "data", name, NULL);
  g_autofree char *path = g_build_filename (g_get_tmp_dir (), "test-sim-mutations-XXXXXX", NULL);
  g_autoptr (GFile) file = g_file_new_for_path (packed);
  g_autoptr (GError) error = NULL;
  g_autoptr (GFileInputStream) input = g_file_read (file, NULL, &error);
  g_autoptr (GZlibDecompressor) gzip = g_zlib_decompressor_new (G_ZLIB_COMPRESSOR_FORMAT_GZIP);
  g_autoptr (GInputStream) unpacked = NULL;
  g_autoptr (GOutputStream) output = g_memory_output_stream_new_resizable ();
  SimHistory *history;
  int fd;

  g_assert_no_error (error);
  unpacked = g_converter_input_stream_new (G_INPUT_STREAM (input), G_CONVERTER (gzip));
  g_output_stream_splice (output, unpacked, G_OUTPUT_STREAM_SPLICE_CLOSE_TARGET, NULL, &error);
  g_assert_no_error (error);

  fd = g_mkstemp (path);
  g_assert_cmpint (fd, >=, 0);
  close (fd);
  g_file_set_contents (path, g_memory_output_stream_get_data (G_MEMORY_OUTPUT_STREAM (output)),
                       (gssize) g_memory_output_stream_get_data_size (G_MEMORY_OUTPUT_STREAM (output)), &error);
  g_assert_no_error (error);
  history = sim_jsonl_read (path, &error);
  g_assert_no_error (error);
  g_unlink (path);
  return history;
}

static SimHistory *
copy_history (const SimHistory *history)
{
  SimHistory *copy = sim_history_new (history->start_ns);

  copy->hang_timeout_ms = history->hang_timeout_ms;
  copy->max_deliveries = history->max_deliveries;
  for (guint32 i = 0; i < history->nodes->len; i++) {
    SimNodeInfo info = *sim_history_get_node (history, i);

    info.end = g_strdup (info.end);
    sim_history_add_node (copy, &info);
  }
  g_array_append_vals (copy->events, history->events->data, history->events->len);
  return copy;
}

/* As the reader of a file does: the order of the events is the order of each record. */
static void
number_positions (SimHistory *history)
{
  g_autofree guint32 *positions = g_new0 (guint32, history->nodes->len);

  for (guint i = 0; i < history->events->len; i++) {
    SimEvent *event = &g_array_index (history->events, SimEvent, i);

    if (is_own (event))
      event->position = positions[event->node]++;
  }
}

/* Mutations */

/* The first event that is not earlier than this. */
static guint
find_index (const SimHistory *history, gint64 time_ns)
{
  guint index = 0;

  while (index < history->events->len && event_at (history, index)->entry.time_ns < time_ns)
    index++;
  return index;
}

static void
move (SimHistory *history, guint index, gint64 time_ns)
{
  SimEvent event = *event_at (history, index);

  g_array_remove_index (history->events, index);
  event.entry.time_ns = time_ns;
  g_array_insert_val (history->events, find_index (history, time_ns), event);
}

/* The next event of the same author about the same node, or the index itself. */
static guint
find_neighbour (const SimHistory *history, guint index)
{
  const SimEvent *event = event_at (history, index);

  for (guint i = index + 1; i < history->events->len; i++) {
    if (event_at (history, i)->node == event->node && is_own (event_at (history, i)) == is_own (event))
      return i;
  }
  return index;
}

static void
swap (SimHistory *history, guint one, guint other)
{
  SimEvent *a = &g_array_index (history->events, SimEvent, one);
  SimEvent *b = &g_array_index (history->events, SimEvent, other);
  SimEvent event = *a;
  gint64 a_ns = a->entry.time_ns, b_ns = b->entry.time_ns;

  *a = *b;
  *b = event;
  a->entry.time_ns = a_ns;
  b->entry.time_ns = b_ns;
}

static gboolean
has_epoch (SimEntryKind kind)
{
  const SimField *field = sim_fields_of (kind);

  while (field->type != SIM_FIELD_END && !g_str_equal (field->name, "epoch"))
    field++;
  return field->type != SIM_FIELD_END;
}

static void
change_epoch (SimEvent *event)
{
  event->entry.epoch++;
  if (event->entry.kind == SIM_ENTRY_ANSWERED)
    event->entry.result_epoch++;
}

/* FALSE if this event cannot be mutated so, or stays what it was. */
static gboolean
mutate (SimHistory *history, Mutation mutation, Place *place)
{
  guint index = place->index;
  SimEvent *event = &g_array_index (history->events, SimEvent, index);
  gint64 begin_ns = event_at (history, 0)->entry.time_ns;
  gint64 end_ns = event_at (history, history->events->len - 1)->entry.time_ns;
  SimEvent copy = *event;

  place->other = index;
  switch (mutation) {
  case DELETED:
    g_array_remove_index (history->events, index);
    return TRUE;
  case DOUBLED:
    g_array_insert_val (history->events, index, copy);
    return TRUE;
  case SWAPPED:
    place->other = find_neighbour (history, index);
    swap (history, index, place->other);
    return place->other != index;
  case EARLIER:
    move (history, index, begin_ns + (copy.entry.time_ns - begin_ns) / 2);
    place->other = find_index (recorded, begin_ns + (copy.entry.time_ns - begin_ns) / 2);
    return place->other != index;
  case LATER:
    move (history, index, copy.entry.time_ns + (end_ns - copy.entry.time_ns) / 2);
    place->other = find_index (recorded, copy.entry.time_ns + (end_ns - copy.entry.time_ns) / 2);
    return place->other != index;
  case EPOCH:
    change_epoch (event);
    return copy.entry.epoch != 0 && has_epoch ((SimEntryKind) event->entry.kind);
  case NODE:
    event->node = (event->node + 1) % history->nodes->len;
    return TRUE;
  case N_MUTATIONS:
    break;
  }
  g_assert_not_reached ();
}

/* What is harmless, and why */

#define BIT(mutation) (1u << (mutation))

static gboolean
node_was_killed (const Place *place)
{
  return sim_history_get_node (place->history, event_at (place->history, place->index)->node)->fate == SIM_FATE_KILLED;
}

static gboolean
is_no_master (const Place *place)
{
  return event_at (place->history, place->index)->entry.epoch == 0;
}

static gboolean
is_short (const Place *place)
{
  return event_at (place->history, place->index)->entry.code == SIM_FAULT_HICCUP;
}

static gboolean
is_at_point (const Place *place)
{
  return event_at (place->history, place->index)->entry.number != 0;
}

static gboolean
is_in_between (const Place *place)
{
  gint32 phase = event_at (place->history, place->index)->entry.code;

  return phase != SIM_PHASE_START && phase != SIM_PHASE_END;
}

static gboolean
is_not_master (const Place *place)
{
  return event_at (place->history, place->index)->entry.code != IPC_ROLE_MASTER;
}

/* The answer went nowhere, because its master had been replaced; or its handler wrote nothing after it had arrived, and
 * may have been killed before it could. */
static gboolean
nothing_came_after (const Place *place)
{
  const SimEvent *responded = event_at (place->history, place->index);
  gint64 answered_ns = G_MAXINT64;

  for (guint i = 0; i < place->history->events->len; i++) {
    const SimEvent *event = event_at (place->history, i);

    if (event->entry.kind == SIM_ENTRY_ANSWERED && event->node == responded->entry.peer
        && event->entry.number == responded->entry.number && event->entry.epoch == responded->entry.epoch)
      answered_ns = event->entry.time_ns;
  }
  for (guint i = 0; i < place->history->events->len; i++) {
    const SimEvent *event = event_at (place->history, i);

    if (event->node == responded->node && is_own (event) && event->entry.time_ns > answered_ns)
      return FALSE;
  }
  return TRUE;
}

/* A message of a killed sender that no handler was given, and that has no outcome. */
static gboolean
was_never_given (const Place *place)
{
  const SimEvent *sent = event_at (place->history, place->index);

  for (guint i = place->index + 1; i < place->history->events->len; i++) {
    const SimEvent *event = event_at (place->history, i);
    gboolean handled = event->entry.kind == SIM_ENTRY_HANDLED && event->entry.peer == sent->node;
    gboolean own = event->node == sent->node && is_own (event);
    gboolean more = own && event->entry.kind == SIM_ENTRY_SENT;
    gboolean ended = own && (event->entry.kind == SIM_ENTRY_ANSWERED || event->entry.kind == SIM_ENTRY_FAILED);

    if (more || ((handled || ended) && event->entry.number == sent->entry.number))
      return FALSE;
  }
  return node_was_killed (place);
}

/* A killed master that wrote nothing more of this message. */
static gboolean
left_no_trace (const Place *place)
{
  const SimEvent *handled = event_at (place->history, place->index);

  for (guint i = place->index + 1; i < place->history->events->len; i++) {
    const SimEvent *event = event_at (place->history, i);

    if (event->node == handled->node && is_own (event) && event->entry.peer == handled->entry.peer
        && event->entry.number == handled->entry.number && event->entry.epoch == handled->entry.epoch)
      return FALSE;
  }
  return node_was_killed (place);
}

static gboolean
never_resigned (const Place *place)
{
  const SimEvent *resigning = event_at (place->history, place->index);

  for (guint i = place->index + 1; i < place->history->events->len; i++) {
    const SimEvent *event = event_at (place->history, i);

    if (event->node == resigning->node && event->entry.kind == SIM_ENTRY_RESIGNED)
      return FALSE;
  }
  return node_was_killed (place);
}

#define MARGIN_NS G_GINT64_CONSTANT (100000000) /* before an election, in which a deletion still counts; sim-epochs.c */

static gboolean
is_deletion (const SimEntry *entry)
{
  return entry->kind == SIM_ENTRY_INJECTED && sim_fault_has ((SimFault) entry->code, SIM_FAULT_LOSES_LEDGER);
}

/* The master that was killed would have been replaced without that: it resigned, its file was deleted, or the checker
 * put the election down to its silence. */
static gboolean
had_other_cause (const Place *place)
{
  const SimEvent *killed = event_at (place->history, place->index);
  g_autoptr (SimVerdict) verdict = sim_checker_check (place->history);
  gint64 deleted_ns = G_MININT64, elected_ns = G_MAXINT64;

  for (guint i = 0; i < place->index; i++) {
    const SimEvent *event = event_at (place->history, i);
    gboolean its_own = event->node == killed->node && event->entry.epoch == killed->entry.epoch;

    if (its_own && event->entry.kind == SIM_ENTRY_RESIGNING)
      return TRUE;
    if (its_own && event->entry.kind == SIM_ENTRY_ELECTED)
      elected_ns = event->entry.time_ns;
    if (is_deletion (&event->entry))
      deleted_ns = event->entry.time_ns;
  }
  return deleted_ns > elected_ns - MARGIN_NS || place->verdict->n_stalls > verdict->n_stalls;
}

static gboolean
is_about_sending (guint kind)
{
  return kind == SIM_ENTRY_SENT || kind == SIM_ENTRY_ANSWERED || kind == SIM_ENTRY_FAILED;
}

static gboolean
is_about_handling (guint kind)
{
  return kind == SIM_ENTRY_HANDLED || kind == SIM_ENTRY_RESPONDED || kind == SIM_ENTRY_WROTE
         || kind == SIM_ENTRY_FENCED;
}

static gboolean
is_about_role (guint kind)
{
  return kind == SIM_ENTRY_ROLE || kind == SIM_ENTRY_ELECTED || kind == SIM_ENTRY_DEPOSED
         || kind == SIM_ENTRY_RESIGNING || kind == SIM_ENTRY_STARTED || kind == SIM_ENTRY_CLOSED;
}

/* Whether one must come before the other: they are about one message, or both are what has an order of its own. */
static gboolean
are_ordered (const SimEntry *one, const SimEntry *other)
{
  gboolean same_message = one->number == other->number && one->peer == other->peer;

  if (is_about_sending (one->kind) && is_about_sending (other->kind))
    return one->number == other->number || (one->kind == SIM_ENTRY_SENT && other->kind == SIM_ENTRY_SENT);
  if (one->kind == SIM_ENTRY_HANDLED && other->kind == SIM_ENTRY_HANDLED)
    return one->peer == other->peer;
  if (is_about_handling (one->kind) && is_about_handling (other->kind))
    return same_message && one->epoch == other->epoch
           && (one->kind == SIM_ENTRY_HANDLED || other->kind == SIM_ENTRY_HANDLED);
  if (is_about_role (one->kind) && is_about_role (other->kind))
    return one->kind != SIM_ENTRY_ROLE || other->kind != SIM_ENTRY_ROLE;
  if (one->kind == SIM_ENTRY_STOPPED && other->kind == SIM_ENTRY_CONTINUED)
    return TRUE;
  return one->kind == SIM_ENTRY_PHASE && other->kind == SIM_ENTRY_PHASE;
}

static gboolean
nothing_orders_them (const Place *place)
{
  return !are_ordered (&event_at (place->history, place->index)->entry,
                       &event_at (place->history, place->other)->entry);
}

/* Nor is it moved past one that it follows from, or that follows from it. */
static gboolean
passes_nothing_ordered (const Place *place)
{
  const SimEvent *moved = event_at (place->history, place->index);
  guint from = MIN (place->index + 1, place->other), to = MAX (place->index, place->other);

  for (guint i = from; i < to; i++) {
    const SimEvent *passed = event_at (place->history, i);
    gboolean later = i > place->index;

    if (passed->node == moved->node && is_own (passed) == is_own (moved)
        && are_ordered (later ? &moved->entry : &passed->entry, later ? &passed->entry : &moved->entry))
      return FALSE;
  }
  return TRUE;
}

/* Between where it was and where it is now. */
static gboolean
the_timeout_is_over (const Place *place)
{
  gint64 passed_ns = event_at (place->history, place->other)->entry.time_ns
                     - event_at (place->history, place->index)->entry.time_ns;

  return passed_ns >= place->history->hang_timeout_ms * G_GINT64_CONSTANT (1000000);
}

#define MOVED (BIT (EARLIER) | BIT (LATER))
#define KIND(kind) SIM_ENTRY_##kind, SIM_ENTRY_##kind
#define ALL_KINDS 1, SIM_ENTRY_KIND_LAST

static const Harmless table[] = {
  { ALL_KINDS, BIT (SWAPPED), nothing_orders_them,
    "nothing orders these two: both orders are histories of a good run" },
  { KIND (STARTED), BIT (EARLIER), NULL, "a node may have started before it was seen to" },
  { KIND (CLOSED), BIT (LATER), NULL, "a node may take its time to close" },
  { KIND (ANSWERED), BIT (DELETED), node_was_killed, "a killed sender may not have come to write its outcomes down" },
  { KIND (FAILED), BIT (DELETED), node_was_killed, "a killed sender may not have come to write its outcomes down" },
  { KIND (ANSWERED), BIT (LATER), passes_nothing_ordered,
    "an answer may be long on its way; nobody-starves has a bound" },
  { KIND (FAILED), BIT (LATER), passes_nothing_ordered, "an error may come late; nobody-starves has a bound" },
  { KIND (SENT), BIT (EARLIER), passes_nothing_ordered,
    "a message may be long on its way; nobody-starves has a bound" },
  { KIND (SENT), BIT (DELETED) | BIT (LATER), was_never_given, "the last word of a sender that was killed" },
  { KIND (SAMPLED), BIT (DELETED) | BIT (DOUBLED) | MOVED | BIT (NODE), NULL,
    "what a process may hold has some slack, and one sample more or less is within it" },
  { KIND (RESPONDED), BIT (DELETED), nothing_came_after,
    "the answer went nowhere, or its handler was killed before it wrote more" },
  { KIND (RESPONDED), BIT (LATER), passes_nothing_ordered, "the library may return late from being told the answer" },
  { KIND (WROTE), BIT (DELETED), NULL,
    "a writer may be killed between its write and its record; its place stays empty" },
  { KIND (WROTE), BIT (LATER), passes_nothing_ordered, "the order of writes is that of their places" },
  { KIND (FENCED), BIT (DELETED) | BIT (DOUBLED) | BIT (LATER), NULL,
    "how often a handling was refused is its own affair" },
  { KIND (RESIGNING), BIT (DELETED) | BIT (LATER), never_resigned, "who is killed meanwhile is replaced in any case" },
  { KIND (OVERTAKEN), BIT (DELETED) | BIT (DOUBLED) | BIT (LATER) | BIT (NODE), NULL,
    "only an election of the same node in an older epoch contradicts it" },
  { KIND (HANDLED), BIT (DELETED), left_no_trace, "a master that was hit may have begun on a message without a trace" },
  { KIND (RESIGNED), BIT (DELETED), NULL, "a master may be hit before its resignation is done" },
  { KIND (RESIGNED), BIT (LATER), NULL, "a node learns of it when its main loop comes to it" },
  { KIND (ROLE), BIT (DELETED) | MOVED | BIT (NODE), is_not_master,
    "which epoch a node that is no master has seen, nobody relies on" },
  { KIND (ROLE), BIT (EPOCH), is_not_master,
    "who claims an epoch may be killed before it says so, and others have seen it" },
  { KIND (CUT), BIT (DELETED) | BIT (DOUBLED) | MOVED | BIT (NODE), NULL, "a connection may break at any time" },
  { KIND (DRAINED), BIT (LATER), NULL, "the supervisor waits for it" },
  { KIND (KILLED), BIT (DOUBLED), is_at_point, "who died at a point may have been killed before that was known" },
  { KIND (KILLED), BIT (EARLIER), NULL, "a kill may be carried out late, when the machine is busy" },
  { KIND (KILLED), BIT (LATER), had_other_cause, "there was another cause to replace it" },
  { KIND (KILLED), BIT (LATER), is_no_master, "who is no master may be killed at any time" },
  { KIND (ABORTING), BIT (LATER), the_timeout_is_over,
    "a master that wrote nothing for the whole hang timeout was held up by the machine, and went on later" },
  { KIND (STOPPED), BIT (LATER), the_timeout_is_over,
    "a master that wrote nothing for the whole hang timeout was held up by the machine before it was stopped" },
  { KIND (STOPPED), BIT (DOUBLED), node_was_killed, "who was killed while it was stopped was not continued" },
  { KIND (STOPPED), BIT (EARLIER), is_short, "a short stop is to have no effect, whenever it comes" },
  { KIND (CONTINUED), BIT (LATER), NULL, "when exactly a process stands still is the kernel's affair" },
  { KIND (CONTINUED), BIT (DELETED), node_was_killed,
    "who was killed while it was stopped was not continued" },
  { KIND (PLANNED), BIT (DELETED) | BIT (DOUBLED) | MOVED, NULL,
    "what was wanted is counted, and nothing follows from it" },
  { KIND (INJECTED), BIT (DELETED) | BIT (DOUBLED) | MOVED | BIT (NODE), NULL,
    "a deletion excuses what came of it; where nothing did, nothing needs it" },
  { KIND (DISTURBED), BIT (DELETED) | BIT (DOUBLED) | MOVED | BIT (NODE), NULL, "only figures depend on it" },
  { KIND (EFFECTIVE), BIT (DELETED) | BIT (DOUBLED) | MOVED | BIT (NODE), NULL, "only figures depend on it" },
  { KIND (STRANGER), BIT (DELETED) | BIT (DOUBLED) | MOVED, NULL, "each stranger is judged alone" },
  { KIND (PHASE), BIT (DELETED), is_in_between, "a run that is interrupted misses some, and then they are untested" },
  { KIND (PHASE), MOVED, passes_nothing_ordered, "only liveness depends on when a phase begins" },
};

static guint n_used[G_N_ELEMENTS (table)];

static gboolean
is_harmless (const Place *place, Mutation mutation)
{
  guint kind = event_at (place->history, place->index)->entry.kind;

  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    const Harmless *row = &table[i];

    if (kind >= row->kinds_from && kind <= row->kinds_to && (row->mutations & BIT (mutation)) != 0
        && (row->condition == NULL || row->condition (place))) {
      n_used[i]++;
      return TRUE;
    }
  }
  return FALSE;
}

static void
complain (const Place *place, Mutation mutation)
{
  GString *text = g_string_new (NULL);

  sim_jsonl_append_event (text, place->history, event_at (place->history, place->index));
  if (place->other != place->index && place->other < place->history->events->len)
    sim_jsonl_append_event (text, place->history, event_at (place->history, place->other));
  g_strdelimit (text->str, "\n", ' ');
  g_test_message ("survived, %s: %s", mutation_names[mutation], text->str);
  g_string_free (text, TRUE);
}

static void
try_one (guint index, Mutation mutation)
{
  g_autoptr (SimHistory) history = copy_history (recorded);
  g_autoptr (SimVerdict) verdict = NULL;
  Place place = { recorded, index, index, NULL };
  Tally *tally = &tallies[event_at (recorded, index)->entry.kind][mutation];

  if (!mutate (history, mutation, &place))
    return;
  number_positions (history);
  verdict = sim_checker_check (history);
  place.verdict = verdict;
  if (!sim_verdict_held (verdict)) {
    tally->n_rejected++;
  } else if (is_harmless (&place, mutation)) {
    tally->n_harmless++;
  } else {
    tally->n_survived++;
    complain (&place, mutation);
  }
}

static void
print_table (void)
{
  printf ("# rejected/harmless/survived\n# %-12s", "");
  for (guint j = 0; j < N_MUTATIONS; j++)
    printf (" %14s", mutation_names[j]);
  for (guint i = 1; i <= SIM_ENTRY_KIND_LAST; i++) {
    printf ("\n# %-12s", sim_entry_kind_to_string ((SimEntryKind) i));
    for (guint j = 0; j < N_MUTATIONS; j++) {
      const Tally *tally = &tallies[i][j];
      g_autofree char *cell =
          g_strdup_printf ("%u/%u/%u", tally->n_rejected, tally->n_harmless, tally->n_survived);

      printf (" %14s", tally->n_rejected + tally->n_harmless + tally->n_survived > 0 ? cell : "-");
    }
  }
  printf ("\n");
}

static void
test_recorded (void)
{
  g_test_summary ("What is recorded are histories of good runs");

  for (guint i = 0; i < G_N_ELEMENTS (histories); i++) {
    g_autoptr (SimVerdict) verdict = sim_checker_check (histories[i]);

    g_assert_true (sim_verdict_held (verdict));
  }
}

/* The whole takes seconds; under valgrind and with sanitizers, where it takes minutes, a sample has to do. */
static guint
get_step (void)
{
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
  return SAMPLED_STEP;
#else
  return g_getenv ("IPC_TEST_VALGRIND") != NULL ? SAMPLED_STEP : 1;
#endif
}

static void
test_mutation (gconstpointer data)
{
  Mutation mutation = (Mutation) GPOINTER_TO_UINT (data);
  guint n_survived = 0;

  for (guint i = 0; i < G_N_ELEMENTS (histories); i++) {
    recorded = histories[i];
    for (guint j = 0; j < recorded->events->len; j += get_step ())
      try_one (j, mutation);
  }
  for (guint i = 1; i <= SIM_ENTRY_KIND_LAST; i++)
    n_survived += tallies[i][mutation].n_survived;
  g_assert_cmpuint (n_survived, ==, 0);
}

/* After all others. How the histories were recorded: ipc-sim --nodes 6 --candidates 4 --rate 8 --in-flight 4
 * --duration 4 --kill-interval 160 --min-kills-in-flight 0 --seed 8 (and 7) --fault kill=2 --fault kill-at=2 --fault
 * stop=3 --fault poison=2 --fault resign=3 --fault delete-file=2 --fault hiccup --fault cut --fault kill-client --fault
 * hold-unlock=2 --fault hostile --report DIR. Others need no other list, but may not need all of its rows. */
static void
test_list (void)
{
  g_test_summary ("Every row of the list of harmless mutations is needed");

  print_table ();
  for (guint i = 0; i < G_N_ELEMENTS (table); i++) {
    printf ("# harmless %u times: %s\n", n_used[i], table[i].reason);
    g_assert_true (n_used[i] > 0 || get_step () > 1);
  }
}

int
main (int argc, char **argv)
{
  int status;

  g_test_init (&argc, &argv, NULL);
  g_test_set_nonfatal_assertions (); /* the table is to be seen in any case */
  for (guint i = 0; i < G_N_ELEMENTS (histories); i++)
    histories[i] = load (i);

  g_test_add_func ("/sim-mutations/recorded", test_recorded);
  for (guint i = 0; i < N_MUTATIONS; i++) {
    g_autofree char *path = g_strdup_printf ("/sim-mutations/%s", mutation_names[i]);

    g_test_add_data_func (path, GUINT_TO_POINTER (i), test_mutation);
  }
  g_test_add_func ("/sim-mutations/list", test_list);
  status = g_test_run ();
  for (guint i = 0; i < G_N_ELEMENTS (histories); i++)
    sim_history_free (histories[i]);
  return status;
}
