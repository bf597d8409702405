/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-checker.h"

#include <libipc.h>

/*
 * Checks that nothing is used up: who has survived holds no more, at rest, than it did when it joined, did not use more
 * of the processor than what it did can account for, and does not run at all while nothing happens.
 *
 * What a master holds besides: a connection of each member, its own included; the socket that it listens at; and the
 * descriptor that it keeps in reserve. It has no thread that waits for the lock. Who joined as the master had all that
 * already, and may hold what others of its kind held when they joined; so may a candidate that let others go first, or
 * rested, as it joined, and had neither that thread nor the group file. Only those count that survived: who was killed as
 * it joined was perhaps seen when half of it was gone.
 */

#define MASTER_DESCRIPTORS 2
/* malloc() gives back only what is at the end. With the largest messages and windows that are drawn it has been less than
 * half of this. */
#define MEMORY_SLACK_KIB (16 * 1024)
/* Far above what a message costs, and far below a loop that never sleeps. */
#define CPU_START_MS 200
#define CPU_PER_ENTRY_US 200
#define CPU_PER_LIFE 8 /* one of so many parts of its life: reconnecting, electing, being flooded */

typedef struct {
  const SimEvent *joined;  /* (nullable) */
  const SimEvent *resting; /* (nullable) */
  const SimEvent *rested;  /* (nullable) then there is the one before, too */
  guint64 n_entries;
  gboolean master; /* now, and in the end at rest */
  gboolean joined_as_master;
  gboolean queued; /* it is a candidate, and waited for the lock when it joined */
} Node;

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  Node *nodes;                   /* (owned) by index */
  guint n_members;               /* at rest */
  guint32 n_descriptors_of_kind; /* the fewest that any candidate had that was queued when it joined, or 0 */
} Resources;

static void
see_sample (Resources *self, const SimEvent *event)
{
  Node *node = &self->nodes[event->node];

  if (event->entry.code == SIM_MOMENT_JOINED) {
    node->joined = event;
    node->joined_as_master = node->master;
  } else if (event->entry.code == SIM_MOMENT_RESTING) {
    node->resting = event;
  } else if (node->resting != NULL && node->joined != NULL) {
    self->n_members += node->rested == NULL ? 1 : 0;
    node->rested = event;
  }
}

static void
see_events (Resources *self)
{
  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);
    Node *node = &self->nodes[event->node];

    if (event->entry.kind == SIM_ENTRY_SAMPLED)
      see_sample (self, event);
    else if (event->entry.kind == SIM_ENTRY_ROLE && node->rested == NULL)
      node->master = event->entry.code == IPC_ROLE_MASTER;
    if (event->position != G_MAXUINT32)
      node->n_entries++;
  }
}

static gboolean
joined_as_standby (const Resources *self, guint32 index)
{
  const Node *node = &self->nodes[index];

  return node->joined != NULL && !node->joined_as_master && sim_history_get_node (self->history, index)->candidate;
}

/* The fewest that a queued one had; of those that are there in the end, or of all. 0 if there is none. */
static guint32
find_fewest_descriptors (const Resources *self, gboolean all)
{
  guint32 fewest = G_MAXUINT32;

  for (guint32 i = 0; i < self->history->nodes->len; i++) {
    const Node *node = &self->nodes[i];

    if (node->queued && (all || node->rested != NULL))
      fewest = MIN (fewest, node->joined->entry.n_descriptors);
  }
  return fewest < G_MAXUINT32 ? fewest : 0;
}

/* Who is queued has a thread more than who is not. Of a small group it may be that nobody in the end was so at its start,
 * so those count, too, that were killed. */
static void
find_base (Resources *self)
{
  guint32 n_threads = 0;

  for (guint32 i = 0; i < self->history->nodes->len; i++) {
    if (joined_as_standby (self, i))
      n_threads = MAX (n_threads, self->nodes[i].joined->entry.n_threads);
  }
  for (guint32 i = 0; i < self->history->nodes->len; i++)
    self->nodes[i].queued = joined_as_standby (self, i) && self->nodes[i].joined->entry.n_threads == n_threads;

  self->n_descriptors_of_kind = find_fewest_descriptors (self, FALSE);
  if (self->n_descriptors_of_kind == 0)
    self->n_descriptors_of_kind = find_fewest_descriptors (self, TRUE);
}

static guint32
count_descriptors_allowed (const Resources *self, const Node *node, gboolean candidate)
{
  guint32 n_own = node->joined->entry.n_descriptors;
  guint32 n = candidate && !node->queued && self->n_descriptors_of_kind != 0 ? self->n_descriptors_of_kind : n_own;

  return n + (node->master ? MASTER_DESCRIPTORS + self->n_members : 0);
}

static void
check (Resources *self, SimInvariantKind kind, gboolean held, const SimEvent *one, const SimEvent *other,
       const char *why)
{
  if (!sim_verdict_check (self->verdict, kind, held))
    sim_verdict_explain_events (self->verdict, kind, self->history, one, other, why);
}

static void
check_held (Resources *self, guint32 index)
{
  const Node *node = &self->nodes[index];
  gboolean candidate = sim_history_get_node (self->history, index)->candidate;
  const SimEntry *joined = &node->joined->entry;
  const SimEntry *rested = &node->rested->entry;

  check (self, SIM_INVARIANT_DESCRIPTORS_RETURN,
         rested->n_descriptors <= count_descriptors_allowed (self, node, candidate),
         node->rested, node->joined,
         node->master ? "more than at its start, for the members, and to listen" : "more than at its start");
  check (self, SIM_INVARIANT_THREADS_RETURN, rested->n_threads <= joined->n_threads + (candidate && !node->queued ? 1 : 0),
         node->rested, node->joined, "more threads than at its start");
  check (self, SIM_INVARIANT_MEMORY_RETURNS, rested->memory_kib <= joined->memory_kib + MEMORY_SLACK_KIB, node->rested,
         node->joined, "nothing is on its way any more, and the memory is still there");
}

static void
check_used (Resources *self, guint32 index)
{
  const Node *node = &self->nodes[index];
  const SimEntry *resting = &node->resting->entry;
  const SimEntry *rested = &node->rested->entry;
  guint64 life_ms = (guint64) (rested->time_ns - node->joined->entry.time_ns) / 1000000;
  guint64 cpu_max_ms = CPU_START_MS + node->n_entries * CPU_PER_ENTRY_US / 1000 + life_ms / CPU_PER_LIFE;

  check (self, SIM_INVARIANT_REST_IS_REST,
         resting->n_switches == rested->n_switches && resting->cpu_ms == rested->cpu_ms, node->resting, node->rested,
         "it ran although nothing happened");
  check (self, SIM_INVARIANT_NO_BUSY_LOOP, rested->cpu_ms <= cpu_max_ms, node->rested, node->joined,
         "what it did does not take so long");
}

static void
check_left (Resources *self)
{
  const SimEvent *left = NULL;

  for (guint i = 0; i < self->history->events->len; i++) {
    const SimEvent *event = &g_array_index (self->history->events, SimEvent, i);

    if (event->entry.kind == SIM_ENTRY_LEFT)
      left = event;
  }
  if (!sim_verdict_check (self->verdict, SIM_INVARIANT_NO_PROCESS_LEFT, left == NULL))
    sim_verdict_explain (self->verdict, SIM_INVARIANT_NO_PROCESS_LEFT, "process %u is left, and is no node",
                         left->entry.pid);
}

void
sim_check_resources (const SimHistory *history, SimVerdict *verdict)
{
  Resources self = { .history = history, .verdict = verdict };

  self.nodes = g_new0 (Node, history->nodes->len);
  see_events (&self);
  find_base (&self);
  for (guint32 i = 0; i < history->nodes->len; i++) {
    if (self.nodes[i].rested == NULL)
      continue;
    check_held (&self, i);
    check_used (&self, i);
  }
  check_left (&self);
  g_free (self.nodes);
}
