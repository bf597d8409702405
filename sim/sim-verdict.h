/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-history.h"

/* What is promised, one by one. The names in sim-verdict.c are stable. */
typedef enum {
  SIM_INVARIANT_SENDS_END,
  SIM_INVARIANT_SENDS_ANSWERED,
  SIM_INVARIANT_ENDS_ONCE,
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
  SIM_INVARIANT_ONE_MASTER_PER_EPOCH,
  SIM_INVARIANT_EPOCHS_INCREASE,
  SIM_INVARIANT_NO_LATE_CLAIM,
  SIM_INVARIANT_NO_VIOLATION,
  SIM_INVARIANT_ALL_JOINED,
  SIM_INVARIANT_NONE_CRASHED,
  SIM_INVARIANT_ALL_CLOSED,
} SimInvariantKind;

#define SIM_N_INVARIANTS (SIM_INVARIANT_ALL_CLOSED + 1)

typedef struct {
  const char *name;
  const char *promise;
  guint64 n_checked;
  guint64 n_broken;
  char *example; /* (owned) (nullable) the first counter-example */
} SimInvariant;

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
} SimVerdict;

SimVerdict *sim_verdict_new (void);
void sim_verdict_free (SimVerdict *self);

gboolean sim_verdict_check (SimVerdict *self, SimInvariantKind kind, gboolean held);
void sim_verdict_explain (SimVerdict *self, SimInvariantKind kind, const char *format, ...) G_GNUC_PRINTF (3, 4);
void sim_verdict_explain_events (SimVerdict *self, SimInvariantKind kind, const SimHistory *history,
                                 const SimEvent *one, const SimEvent *other, const char *why);

gboolean sim_verdict_held (const SimVerdict *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimVerdict, sim_verdict_free)
