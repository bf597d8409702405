/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-epochs.h"

#include <ipc-kill-point.h>
#include <libipc.h>

#include "sim-fault.h"
#include "sim-syscalls.h"

/*
 * Who was master when, how it ended, and when the group's ledger was lost: what the promises about delivery depend on.
 * Taken from a history that is sorted by time; pure.
 *
 * Whether two masters have the same ledger is decided by the deletions between the two elections. A master looks at
 * the path of its file when it has claimed, and again before it serves. So who was elected before a deletion has the
 * file that went, and who was elected after it has another, wherever the kernel let their clocks run on: for the
 * moment between that look and what the node writes down, and for nothing else, there is a margin.
 */

#define ARRIVAL_NS G_GINT64_CONSTANT (20000000)
#define STARVED_TIMEOUTS 2 /* what a starved master did not do may be noticed so much later */
#define WANT_NS G_GINT64_CONSTANT (2000000000) /* no fault keeps descriptors, memory or room from a process for longer */
#define GIVING_UP_NS G_GINT64_CONSTANT (100000000) /* from when it is master no more until it says why */
#define MARGIN_NS G_GINT64_CONSTANT (100000000) /* longer than a short stop, or than a process is held */

static SimMastership *
find_index (SimEpochs *self, guint64 epoch, guint *index)
{
  guint low = 0, high = self->masterships->len;

  while (low < high) {
    guint middle = (low + high) / 2;
    SimMastership *mastership = &g_array_index (self->masterships, SimMastership, middle);

    if (mastership->epoch == epoch) {
      *index = middle;
      return mastership;
    }
    if (mastership->epoch < epoch)
      low = middle + 1;
    else
      high = middle;
  }
  *index = low;
  return NULL;
}

/* (nullable) */
SimMastership *
sim_epochs_find (SimEpochs *self, guint64 epoch)
{
  guint index;

  return find_index (self, epoch, &index);
}

/* What is known of a node on the way through the history. */
typedef struct {
  guint64 newest;      /* epoch of its last mastership */
  gint64 stopped_ns;   /* when it was last stopped for long, or SIM_NEVER_NS */
  gint64 continued_ns; /* and when it went on */
  gint64 starved_ns;   /* since when it gets next to no processor, or SIM_NEVER_NS */
  gboolean leaving;    /* it was told to close */
  gint64 written_ns;   /* when it last wrote anything */
  guint64 lost_epoch;  /* of which its own last word says that it is master no more, or 0 */
} Node;

/* Who was stopped between its last look at the word and its own first word says that it was elected when it goes on,
 * though another has been elected meanwhile: then it was stopped as a master. */
static void
date_stop (SimEpochs *self, SimMastership *mastership, const Node *node, guint index)
{
  const SimMastership *newer =
      index < self->masterships->len ? &g_array_index (self->masterships, SimMastership, index) : NULL;

  if (newer == NULL || node->stopped_ns >= newer->since_ns)
    return;
  mastership->stopped_ns = node->stopped_ns;
  mastership->continued_ns = node->continued_ns;
}

static void
begin (SimEpochs *self, Node *node, const SimEvent *event)
{
  SimMastership mastership = {
    .epoch = event->entry.epoch,
    .node = event->node,
    .since_ns = event->entry.time_ns,
    .lost_ns = SIM_NEVER_NS,
    .stopped_ns = SIM_NEVER_NS,
    .barred_ns = SIM_NEVER_NS,
    .continued_ns = SIM_NEVER_NS,
    .failed_ns = SIM_NEVER_NS,
    .leaving_ns = node->leaving ? event->entry.time_ns : SIM_NEVER_NS,
    .resigning_ns = SIM_NEVER_NS,
    .resigned_ns = SIM_NEVER_NS,
    .closed_ns = SIM_NEVER_NS,
    .ended_ns = SIM_NEVER_NS,
    .starved_ns = node->starved_ns != SIM_NEVER_NS ? event->entry.time_ns : SIM_NEVER_NS,
    .fed_ns = SIM_NEVER_NS,
    .silent_ns = SIM_NEVER_NS,
  };
  guint index;

  if (find_index (self, mastership.epoch, &index) == NULL) {
    date_stop (self, &mastership, node, index);
    g_array_insert_val (self->masterships, index, mastership);
  }
  node->newest = MAX (node->newest, mastership.epoch);
}

/* The newest that the node has had, if it has not ended. */
static SimMastership *
find_present (SimEpochs *self, const Node *node)
{
  SimMastership *mastership = node->newest != 0 ? sim_epochs_find (self, node->newest) : NULL;

  return mastership != NULL && mastership->ended_ns == SIM_NEVER_NS ? mastership : NULL;
}

static void
set_once (gint64 *time_ns, const SimEvent *event)
{
  *time_ns = MIN (*time_ns, event->entry.time_ns);
}

/* Whether accept4() is to fail for as long as the rule is armed, and so whoever comes is left outside. */
static gboolean
bars_master (const SimEntry *entry)
{
  SimRule rule = sim_rule_unpack (entry->sequence);

  return entry->code == SIM_FAULT_SYSCALL_ERRORS && rule.call == SIM_CALL_ACCEPT && rule.count == 0;
}

/* One that may outlast the hang timeout. */
static gboolean
is_long_stop (gint32 fault)
{
  return fault == SIM_FAULT_STOP || fault == SIM_FAULT_HALT || fault == SIM_FAULT_SWIZZLE;
}

/* What dies at a kill point, or of its group file, is seen by nobody: it is dated by its last word. */
static void
lose (SimMastership *self, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;

  self->died_unseen |= entry->kind == SIM_ENTRY_KILLED
                       && (entry->number != 0 || entry->code == SIM_FAULT_TRUNCATE_FILE);
  set_once (&self->lost_ns, event);
}

static void
stop (SimMastership *self, const SimEvent *event)
{
  if (self->stopped_ns == SIM_NEVER_NS)
    self->unwritten = event->entry.number == 1 + (guint64) IPC_KILL_POINT_SELF_CHECKED;
  set_once (&self->stopped_ns, event);
}

static gboolean
is_want (const SimEntry *entry)
{
  return entry->kind == SIM_ENTRY_INJECTED
         && (entry->code == SIM_FAULT_FLOOD || entry->code == SIM_FAULT_FULL_DISK
             || entry->code == SIM_FAULT_SYSCALL_ERRORS);
}

/* A master that cannot put a socket in place, or watch it, steps down with an error, so that others have a go: the
 * right thing to do where something was wanting, and nowhere else. */
static void
see_failure (SimEpochs *self, Node *node, const SimEvent *event)
{
  const SimEntry *entry = &event->entry;
  SimMastership *lost = node->lost_epoch != 0 ? sim_epochs_find (self, node->lost_epoch) : NULL;

  if (is_want (entry))
    self->want_ns = entry->time_ns;
  if (lost != NULL && entry->kind == SIM_ENTRY_ERROR && entry->code == IPC_ERROR_RUNTIME_DIR
      && entry->time_ns - self->want_ns < WANT_NS)
    set_once (&lost->failed_ns, event);
  if (event->position != G_MAXUINT32)
    node->lost_epoch = entry->kind == SIM_ENTRY_DEPOSED ? entry->epoch : 0;
}

static void
go_on (SimEpochs *self, Node *node, const SimEvent *event)
{
  SimMastership *present = find_present (self, node);
  SimEntryKind kind = (SimEntryKind) event->entry.kind;

  see_failure (self, node, event);
  if (kind == SIM_ENTRY_EFFECTIVE && event->entry.code == SIM_FAULT_RESTART) {
    node->leaving = TRUE;
    if (present != NULL)
      set_once (&present->leaving_ns, event);
  }

  if (kind == SIM_ENTRY_RESIGNING || kind == SIM_ENTRY_RESIGNED) {
    SimMastership *resigned = sim_epochs_find (self, event->entry.epoch);

    if (resigned != NULL)
      set_once (kind == SIM_ENTRY_RESIGNING ? &resigned->resigning_ns : &resigned->resigned_ns, event);
  }
  if (kind == SIM_ENTRY_STOPPED && is_long_stop (event->entry.code))
    node->stopped_ns = event->entry.time_ns;
  else if (kind == SIM_ENTRY_CONTINUED && is_long_stop (event->entry.code))
    node->continued_ns = event->entry.time_ns;
  if (present == NULL)
    return;

  if (kind == SIM_ENTRY_ROLE && event->entry.code != IPC_ROLE_MASTER)
    set_once (event->entry.code == IPC_ROLE_IDLE ? &present->closed_ns : &present->ended_ns, event);
  else if (kind == SIM_ENTRY_KILLED || kind == SIM_ENTRY_ABORTING)
    lose (present, event);
  else if (kind == SIM_ENTRY_STOPPED && is_long_stop (event->entry.code))
    stop (present, event);
  else if (kind == SIM_ENTRY_INJECTED && bars_master (&event->entry))
    set_once (&present->barred_ns, event);
  else if (kind == SIM_ENTRY_CONTINUED && present->stopped_ns != SIM_NEVER_NS)
    set_once (&present->continued_ns, event);
}

/* A replaced or truncated file is deleted in the end. A code may come from a file. */
static gboolean
is_deletion (const SimEntry *entry)
{
  if (entry->kind == SIM_ENTRY_DISTURBED)
    return entry->code == SIM_FAULT_REPLACE_FILE || entry->code == SIM_FAULT_TRUNCATE_FILE;
  return entry->kind == SIM_ENTRY_INJECTED && entry->code >= 0 && entry->code < SIM_N_FAULTS
         && sim_fault_has ((SimFault) entry->code, SIM_FAULT_LOSES_LEDGER);
}

/* Whoever is master by a word that somebody else has changed is so no more, like one that is deposed in its sleep. */
static void
flip_word (SimEpochs *self, const SimEvent *event)
{
  GArray *masterships = self->masterships;

  if (masterships->len > 0)
    set_once (&g_array_index (masterships, SimMastership, masterships->len - 1).stopped_ns, event);
}

/* From its last word on, if that is long enough ago. */
static void
note_silence (SimMastership *mastership, const Node *node, gint64 at_ns, gint64 timeout_ns)
{
  gint64 from_ns = MAX (node->written_ns, mastership->since_ns);

  if (timeout_ns > 0 && at_ns - from_ns >= timeout_ns)
    mastership->silent_ns = MIN (mastership->silent_ns, from_ns);
}

/* Before an event is taken up: how long its node has been silent as a master; and if somebody is elected by it, how long
 * his predecessor has. */
static void
watch_silence (SimEpochs *self, Node *nodes, const SimEvent *event, gint64 timeout_ns)
{
  Node *node = &nodes[event->node];
  SimMastership *present = find_present (self, node);
  guint index;

  if (event->position == G_MAXUINT32)
    return;
  if (present != NULL)
    note_silence (present, node, event->entry.time_ns, timeout_ns);
  if (event->entry.kind == SIM_ENTRY_ELECTED && find_index (self, event->entry.epoch, &index) == NULL && index > 0) {
    SimMastership *before = &g_array_index (self->masterships, SimMastership, index - 1);

    note_silence (before, &nodes[before->node], event->entry.time_ns, timeout_ns);
  }
  node->written_ns = event->entry.time_ns;
}

static gboolean
is_injected (const SimEntry *entry, SimFault fault)
{
  return entry->kind == SIM_ENTRY_INJECTED && entry->code == (gint32) fault;
}

static void
begin_starving (SimEpochs *self, Node *node, const SimEvent *event)
{
  SimMastership *present = find_present (self, node);

  node->starved_ns = event->entry.time_ns;
  if (present != NULL)
    set_once (&present->starved_ns, event);
}

static void
end_starving (SimEpochs *self, Node *node, const SimEvent *event)
{
  SimMastership *present = find_present (self, node);

  node->starved_ns = SIM_NEVER_NS;
  if (present != NULL && present->starved_ns != SIM_NEVER_NS)
    set_once (&present->fed_ns, event);
}

/* Who was replaced while it was starved, or as soon as that can be the reason for it, had stood still: unless there is
 * another reason, which has its own time. */
static void
judge_starved (SimEpochs *self, guint hang_timeout_ms)
{
  gint64 late_ns = STARVED_TIMEOUTS * (hang_timeout_ms * G_GINT64_CONSTANT (1000000));

  for (guint i = 0; i + 1 < self->masterships->len; i++) {
    SimMastership *mastership = &g_array_index (self->masterships, SimMastership, i);
    gint64 next_ns = mastership[1].since_ns;

    if (MIN (mastership->lost_ns, MIN (mastership->resigning_ns, mastership->closed_ns)) < next_ns)
      continue;
    if (mastership->starved_ns < next_ns
        && (mastership->fed_ns == SIM_NEVER_NS || next_ns < mastership->fed_ns + late_ns))
      mastership->stopped_ns = MIN (mastership->stopped_ns, mastership->starved_ns);
  }
}

/* Nothing was done to it, but the machine did not let it run: whoever was asked and has written nothing for the whole
 * timeout stood still all the same. */
static void
judge_silent (SimEpochs *self)
{
  for (guint i = 0; i + 1 < self->masterships->len; i++) {
    SimMastership *mastership = &g_array_index (self->masterships, SimMastership, i);
    gint64 next_ns = mastership[1].since_ns;

    if (mastership->silent_ns >= next_ns || sim_mastership_was_cut_short (mastership, next_ns)
        || sim_mastership_gave_up (mastership, next_ns)
        || sim_epochs_forgot (self, mastership->since_ns, next_ns))
      continue;
    mastership->stalled = TRUE;
    mastership->stopped_ns = mastership->silent_ns;
  }
}

/* (transfer full) */
SimEpochs *
sim_epochs_new (const SimHistory *history)
{
  SimEpochs *self = g_new0 (SimEpochs, 1);
  gint64 timeout_ns = history->hang_timeout_ms * G_GINT64_CONSTANT (1000000);
  g_autofree Node *nodes = g_new (Node, history->nodes->len);

  for (guint i = 0; i < history->nodes->len; i++)
    nodes[i] = (Node) { .stopped_ns = SIM_NEVER_NS, .continued_ns = SIM_NEVER_NS, .starved_ns = SIM_NEVER_NS };
  self->masterships = g_array_new (FALSE, FALSE, sizeof (SimMastership));
  self->want_ns = G_MININT64 / 2;
  self->flips = g_array_new (FALSE, FALSE, sizeof (gint64));
  self->deletions = g_array_new (FALSE, FALSE, sizeof (gint64));

  for (guint i = 0; i < history->events->len; i++) {
    const SimEvent *event = &g_array_index (history->events, SimEvent, i);

    watch_silence (self, nodes, event, timeout_ns);
    if (event->entry.kind == SIM_ENTRY_ELECTED || event->entry.kind == SIM_ENTRY_HANDLED)
      begin (self, &nodes[event->node], event);
    else if (is_deletion (&event->entry))
      g_array_append_val (self->deletions, event->entry.time_ns);
    else if (is_injected (&event->entry, SIM_FAULT_FLIP_BITS))
      g_array_append_val (self->flips, event->entry.time_ns);
    else if (is_injected (&event->entry, SIM_FAULT_FLIP_WORD))
      flip_word (self, event);
    else if (is_injected (&event->entry, SIM_FAULT_STARVE))
      begin_starving (self, &nodes[event->node], event);
    else if (event->entry.kind == SIM_ENTRY_CONTINUED && event->entry.code == SIM_FAULT_STARVE)
      end_starving (self, &nodes[event->node], event);
    else
      go_on (self, &nodes[event->node], event);
  }
  judge_starved (self, history->hang_timeout_ms);
  judge_silent (self);
  return self;
}

void
sim_epochs_free (SimEpochs *self)
{
  g_array_unref (self->masterships);
  g_array_unref (self->flips);
  g_array_unref (self->deletions);
  g_free (self);
}

/* Whether a ledger was lost in this time, or in the margin before it. */
gboolean
sim_epochs_forgot (SimEpochs *self, gint64 from_ns, gint64 to_ns)
{
  for (guint i = 0; i < self->deletions->len; i++) {
    gint64 at_ns = g_array_index (self->deletions, gint64, i);

    if (at_ns > from_ns - MARGIN_NS && at_ns < to_ns)
      return TRUE;
  }
  return FALSE;
}

/* Whether answers in the ledger were damaged in this time. */
gboolean
sim_epochs_flipped (SimEpochs *self, gint64 from_ns, gint64 to_ns)
{
  for (guint i = 0; i < self->flips->len; i++) {
    gint64 at_ns = g_array_index (self->flips, gint64, i);

    if (at_ns > from_ns && at_ns < to_ns)
      return TRUE;
  }
  return FALSE;
}

/* Whether the ledger of one epoch may not be what the ledger of the other was copied from. */
gboolean
sim_epochs_forgot_between (SimEpochs *self, guint64 older, guint64 newer)
{
  const SimMastership *from = sim_epochs_find (self, older);
  const SimMastership *to = sim_epochs_find (self, newer);

  return from != NULL && to != NULL && sim_epochs_forgot (self, from->since_ns, to->since_ns);
}

/* When the newest master of this time was elected. */
gint64
sim_epochs_find_since (SimEpochs *self, gint64 at_ns)
{
  for (guint i = self->masterships->len; i > 0; i--) {
    const SimMastership *mastership = &g_array_index (self->masterships, SimMastership, i - 1);

    if (mastership->since_ns < at_ns)
      return mastership->since_ns;
  }
  return 0;
}

/* Whether it was to be replaced by this time: it resigned, closed, or could not go on. What it says of the last two comes
 * after it has made room for others. */
gboolean
sim_mastership_gave_up (const SimMastership *self, gint64 by_ns)
{
  return self->resigning_ns < by_ns || self->leaving_ns < by_ns || self->closed_ns < by_ns
         || (self->failed_ns != SIM_NEVER_NS && self->failed_ns - GIVING_UP_NS < by_ns);
}

/* Whether it may have been replaced by this time though it lives. */
gboolean
sim_mastership_was_held_up (const SimMastership *self, gint64 by_ns)
{
  return self->stopped_ns < by_ns || self->barred_ns < by_ns;
}

/* Whether it was killed, or held up, by this time. */
gboolean
sim_mastership_was_cut_short (const SimMastership *self, gint64 by_ns)
{
  return self->lost_ns < by_ns || sim_mastership_was_held_up (self, by_ns);
}

static gboolean
is_within (gint64 at_ns, gint64 from_ns, gint64 to_ns)
{
  return at_ns < to_ns && at_ns >= from_ns - ARRIVAL_NS;
}

/* Who was stopped and has gone on can still be hit by its end, if nobody had taken its place. Of one that the machine held
 * up it is not known when that began, but that it lasted until there was another; of one that died unseen, that this was
 * after its last word and before there was another. */
static gboolean
was_hit (SimEpochs *self, guint index, gint64 from_ns, gint64 to_ns)
{
  const SimMastership *mastership = &g_array_index (self->masterships, SimMastership, index);
  gint64 next_ns = index + 1 < self->masterships->len ? mastership[1].since_ns : SIM_NEVER_NS;

  if (mastership->stalled)
    return mastership->stopped_ns < to_ns && next_ns >= from_ns;
  if (is_within (mastership->stopped_ns, from_ns, to_ns))
    return TRUE;
  if (mastership->died_unseen && mastership->lost_ns < to_ns && next_ns >= from_ns)
    return TRUE;
  return next_ns >= mastership->lost_ns && is_within (mastership->lost_ns, from_ns, to_ns);
}

/* A master may be hit after it has written in the ledger that it accepts a message, and before its handler can say so.
 * That happens to one message at most, because it takes one at a time. Returns whether there is a master to blame who
 * was hit in this time, and has not been blamed yet; then it has been. */
gboolean
sim_epochs_blame (SimEpochs *self, gint64 from_ns, gint64 to_ns)
{
  for (guint i = self->masterships->len; i > 0; i--) {
    SimMastership *mastership = &g_array_index (self->masterships, SimMastership, i - 1);

    if (was_hit (self, i - 1, from_ns, to_ns) && !mastership->blamed) {
      mastership->blamed = TRUE;
      return TRUE;
    }
  }
  return FALSE;
}
