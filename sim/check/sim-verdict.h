/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-history.h"
#include "sim-json.h"

/* What is promised, one by one. The names in sim-verdict.c are stable. */
typedef enum {
  SIM_INVARIANT_SENDS_END,
  SIM_INVARIANT_SENDS_ANSWERED,
  SIM_INVARIANT_ENDS_ONCE,
  SIM_INVARIANT_UNSENT_NOT_HANDLED,
  SIM_INVARIANT_GIVEN_UP_IN_TIME,
  SIM_INVARIANT_ANSWER_WAS_HANDLED,
  SIM_INVARIANT_ANSWER_NAMES_EPOCH,
  SIM_INVARIANT_ANSWERS_EXACT,
  SIM_INVARIANT_NO_STALE_ANSWER,
  SIM_INVARIANT_MESSAGES_EXACT,
  SIM_INVARIANT_HANDLED_WAS_SENT,
  SIM_INVARIANT_ONE_IDENTITY,
  SIM_INVARIANT_ORDER_IN_EPOCH,
  SIM_INVARIANT_ORDER_ACROSS_EPOCHS,
  SIM_INVARIANT_ONCE_PER_EPOCH,
  SIM_INVARIANT_REPEATS_MARKED,
  SIM_INVARIANT_NOT_AFTER_ANSWER,
  SIM_INVARIANT_NOT_AFTER_RESPONSE,
  SIM_INVARIANT_AT_MOST_ONCE,
  SIM_INVARIANT_UNKNOWN_HAS_CAUSE,
  SIM_INVARIANT_MARKS_HAVE_REASON,
  SIM_INVARIANT_DELIVERIES_COUNTED,
  SIM_INVARIANT_POISON_CONTAINED,
  SIM_INVARIANT_RESIGNING_HARMLESS,
  SIM_INVARIANT_DEPOSED_IDLE,
  SIM_INVARIANT_DEPOSED_STEPS_DOWN,
  SIM_INVARIANT_ELECTION_HAS_CAUSE,
  SIM_INVARIANT_FENCE_HOLDS,
  SIM_INVARIANT_ONE_MASTER_PER_EPOCH,
  SIM_INVARIANT_EPOCHS_INCREASE,
  SIM_INVARIANT_NO_LATE_CLAIM,
  SIM_INVARIANT_NOBODY_STARVES,
  SIM_INVARIANT_CONVERGES,
  SIM_INVARIANT_NO_VIOLATION,
  SIM_INVARIANT_STRANGERS,
  SIM_INVARIANT_RECORDS_SOUND,
  SIM_INVARIANT_ALL_JOINED,
  SIM_INVARIANT_NONE_CRASHED,
  SIM_INVARIANT_ALL_CLOSED,
  SIM_INVARIANT_CALM_IS_CALM,
  SIM_INVARIANT_DESCRIPTORS_RETURN,
  SIM_INVARIANT_THREADS_RETURN,
  SIM_INVARIANT_MEMORY_RETURNS,
  SIM_INVARIANT_REST_IS_REST,
  SIM_INVARIANT_NO_BUSY_LOOP,
  SIM_INVARIANT_NO_PROCESS_LEFT,
} SimInvariantKind;

#define SIM_N_INVARIANTS (SIM_INVARIANT_NO_PROCESS_LEFT + 1)

#define SIM_EXAMPLES_MAX 5 /* enough to see what they have in common; more of the same hides the rest */

typedef struct {
  const char *name;
  const char *promise;
  guint64 n_checked;
  guint64 n_broken;
  guint n_examples;
  char *examples[SIM_EXAMPLES_MAX]; /* (owned) the first counter-examples */
} SimInvariant;

/* A time in which one node had something in flight and got no answer. */
typedef struct {
  guint32 node;
  gint64 gap_ns;
  gint64 from_ns; /* since the run began */
} SimGap;

typedef struct {
  SimInvariant invariants[SIM_N_INVARIANTS];
  guint64 n_sent;
  guint64 n_answered; /* by the handler: with a response or an error */
  guint64 n_failed;   /* by the library, certainly without an answer of a handler */
  guint64 n_unknown;  /* by the library, which does not know */
  guint64 n_lost;     /* of survivors, without any outcome */
  guint64 n_orphaned; /* of killed senders, without any outcome: nobody is left to miss it */
  guint64 n_redelivered;
  guint64 n_epochs;
  guint64 n_fenced;  /* writes of older epochs that the resource refused */
  guint64 n_deposed; /* masters that were replaced while they were stopped, and went on */
  guint64 n_stalls;  /* masters that were replaced because the machine held them up */
  SimGap longest_gap;
} SimVerdict;

SimVerdict *sim_verdict_new (void);
void sim_verdict_free (SimVerdict *self);

gboolean sim_verdict_check (SimVerdict *self, SimInvariantKind kind, gboolean held);
void sim_verdict_explain (SimVerdict *self, SimInvariantKind kind, const char *format, ...) G_GNUC_PRINTF (3, 4);
void sim_verdict_explain_events (SimVerdict *self, SimInvariantKind kind, const SimHistory *history,
                                 const SimEvent *one, const SimEvent *other, const char *why);

gboolean sim_verdict_held (const SimVerdict *self);
const char *sim_invariant_get_state (const SimInvariant *self);

void sim_verdict_append_text (const SimVerdict *self, GString *text);
void sim_verdict_write_json (const SimVerdict *self, SimJson *json);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimVerdict, sim_verdict_free)
