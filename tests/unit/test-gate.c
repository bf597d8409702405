/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-gate.h"

/*
 * The gate in front of the outbox: every sequence of calls, with and without patience and of two sizes, and of messages
 * that end, up to a length. The owner of the gate is played here as ipc-client.c is one; what is checked is the promise:
 * bounds, order, nobody waits while there is room, and an open gate is one through which a call gets.
 */

#define DEPTH 6
#define CALLS_MAX (DEPTH + 1)

typedef struct {
  GList link;
  guint number;
  gsize size;
  guint64 sequence;
  gboolean ended;
} Call;

typedef struct {
  guint messages_max;
  guint64 bytes_max;
} Bounds;

typedef enum {
  SEND_SMALL,
  SEND_LARGE,
  WAIT_SMALL,
  WAIT_LARGE,
  END_FIRST, /* the oldest pending */
  END_LAST,  /* the newest pending */
  LEAVE,     /* the first of those that wait */
  N_EVENTS,
} Event;

typedef struct {
  const Bounds *bounds;
  IpcGate gate;
  IpcOutbox outbox;
  Call calls[CALLS_MAX];
  guint n_calls;
  guint last_entered; /* number of the call */
  gsize wanted;       /* by calls that were not admitted since the gate closed */
} World;

static guint64 n_runs;

/* Whether an open gate stays open, and a closed one opens, when something has left. */
static gboolean
model_open (World *world)
{
  const IpcOutbox *outbox = &world->outbox;

  if (world->gate.open)
    return TRUE;
  if (world->gate.waiting.length > 0 || 2 * outbox->n_pending > world->bounds->messages_max
      || 2 * outbox->bytes_pending > world->bounds->bytes_max)
    return FALSE;

  return outbox->n_pending == 0 || outbox->bytes_pending + world->wanted <= world->bounds->bytes_max;
}

static void
left (World *world)
{
  guint n_changes = world->gate.n_changes;
  gboolean open = model_open (world), was_open = world->gate.open;

  g_assert_true (ipc_gate_left (&world->gate, &world->outbox) == (open != was_open));
  g_assert_true (world->gate.open == open);
  g_assert_cmpuint (world->gate.n_changes, ==, n_changes + (open != was_open));
  if (open)
    world->wanted = 0;
}

static void
enter (World *world, Call *call)
{
  g_assert_cmpuint (call->number, >, world->last_entered); /* nobody overtakes */
  world->last_entered = call->number;
  call->sequence = ipc_outbox_push (&world->outbox, call, call->size);
  ipc_gate_entered (&world->gate, &world->outbox);
}

static void
call (World *world, gsize size, gboolean patient)
{
  Call *new_call = &world->calls[world->n_calls];

  *new_call = (Call) { .number = ++world->n_calls, .size = size };
  new_call->link.data = new_call;
  if (ipc_gate_admits (&world->gate, &world->outbox, size)) {
    enter (world, new_call);
    return;
  }

  world->wanted = MAX (world->wanted, size);
  ipc_gate_refused (&world->gate, size);
  g_assert_false (world->gate.open);
  if (patient)
    g_queue_push_tail_link (&world->gate.waiting, &new_call->link);
}

static void
admit_waiting (World *world)
{
  Call *first;

  while ((first = g_queue_peek_head (&world->gate.waiting)) != NULL
         && ipc_gate_has_room (&world->gate, &world->outbox, first->size)) {
    g_queue_unlink (&world->gate.waiting, &first->link);
    enter (world, first);
  }
}

static void
end (World *world, gboolean first)
{
  Call *found = NULL;

  for (guint i = 0; i < world->n_calls && (found == NULL || !first); i++) {
    if (world->calls[i].sequence != 0 && !world->calls[i].ended)
      found = &world->calls[i];
  }
  if (found == NULL)
    return;

  found->ended = TRUE;
  ipc_outbox_give_up (&world->outbox, found->sequence);
  left (world);
  admit_waiting (world);
}

static void
leave (World *world)
{
  if (g_queue_pop_head_link (&world->gate.waiting) == NULL)
    return;
  left (world);
  admit_waiting (world);
}

static void
check (World *world)
{
  const Bounds *bounds = world->bounds;
  const IpcOutbox *outbox = &world->outbox;
  Call *first = g_queue_peek_head (&world->gate.waiting);

  g_assert_cmpuint (outbox->n_pending, <=, bounds->messages_max);
  if (outbox->n_pending > 1)
    g_assert_cmpuint (outbox->bytes_pending, <=, bounds->bytes_max);
  if (outbox->n_pending == 0)
    g_assert_true (first == NULL && world->gate.open);
  if (first != NULL)
    g_assert_false (world->gate.open || ipc_gate_has_room (&world->gate, outbox, first->size)
                    || ipc_gate_admits (&world->gate, outbox, 0));
  if (world->gate.open)
    g_assert_true (ipc_gate_admits (&world->gate, outbox, 0));
}

static void
happen (World *world, Event event)
{
  switch (event) {
  case SEND_SMALL:
    call (world, 1, FALSE);
    break;
  case SEND_LARGE:
    call (world, 5, FALSE);
    break;
  case WAIT_SMALL:
    call (world, 1, TRUE);
    break;
  case WAIT_LARGE:
    call (world, 5, TRUE);
    break;
  case END_FIRST:
    end (world, TRUE);
    break;
  case END_LAST:
    end (world, FALSE);
    break;
  case LEAVE:
    leave (world);
    break;
  case N_EVENTS:
  default:
    g_assert_not_reached ();
  }
  check (world);
}

/* The events are the digits of @code. */
static void
run (const Bounds *bounds, guint code)
{
  World world = { .bounds = bounds };

  ipc_gate_init (&world.gate, bounds->messages_max, bounds->bytes_max);
  ipc_outbox_init (&world.outbox);
  for (guint i = 0; i < DEPTH; i++, code /= N_EVENTS)
    happen (&world, code % N_EVENTS);
  while (world.outbox.n_pending > 0)
    end (&world, TRUE);
  check (&world);
  ipc_outbox_clear (&world.outbox);
  n_runs++;
}

static void
test_every_sequence (gconstpointer user_data)
{
  guint n = 1;

  g_test_summary ("Bounds, order, and nobody waits while there is room, after every sequence of events");

  for (guint i = 0; i < DEPTH; i++)
    n *= N_EVENTS;
  for (guint code = 0; code < n; code++)
    run (user_data, code);
  g_test_message ("%" G_GUINT64_FORMAT " sequences", n_runs);
}

static void
test_half (void)
{
  IpcGate gate;
  IpcOutbox outbox;
  char message;

  g_test_summary ("The gate closes when it is full and opens when half of it is left, not before");

  ipc_gate_init (&gate, 10, 1000);
  ipc_outbox_init (&outbox);
  for (guint i = 1; i <= 10; i++) {
    ipc_outbox_push (&outbox, &message, 1);
    g_assert_true (ipc_gate_entered (&gate, &outbox) == (i == 10));
  }
  for (guint i = 1; i <= 10; i++) {
    ipc_outbox_give_up (&outbox, i);
    g_assert_true (ipc_gate_left (&gate, &outbox) == (i == 5));
  }
  ipc_outbox_push (&outbox, &message, 1000);
  g_assert_true (ipc_gate_entered (&gate, &outbox));
  g_assert_false (gate.open);
  ipc_outbox_give_up (&outbox, 11);
  g_assert_true (ipc_gate_left (&gate, &outbox));
  g_assert_cmpuint (gate.n_changes, ==, 4);
  ipc_outbox_clear (&outbox);
}

int
main (int argc, char **argv)
{
  static const Bounds bounds[] = { { 1, 100 }, { 2, 100 }, { 3, 6 }, { 4, 3 }, { 100, 6 } };

  g_test_init (&argc, &argv, NULL);

  for (guint i = 0; i < G_N_ELEMENTS (bounds); i++) {
    g_autofree char *path = g_strdup_printf ("/gate/every-sequence/%u-messages-%u-bytes", bounds[i].messages_max,
                                             (guint) bounds[i].bytes_max);

    g_test_add_data_func (path, &bounds[i], test_every_sequence);
  }
  g_test_add_func ("/gate/half", test_half);

  return g_test_run ();
}
