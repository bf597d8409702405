/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-checker.h"
#include "sim-epochs.h"

/* What the checks about messages share: the records of all nodes, put together by message. */

typedef struct {
  const SimEvent *sent;
  const SimEvent *outcome; /* (nullable) answered or failed */
  guint64 known_epoch;     /* of the master that its sender was connected to when it sent it, or 0 */
  guint64 sequence;        /* as the library numbered it, or 0 while it was not handled */
  guint32 last_handling;   /* index + 1 in handlings, or 0; goes on with Handling.previous */
} Message;

typedef struct {
  guint8 node_id[SIM_NODE_ID_LEN];
  GArray *messages; /* (owned) of Message, by number - 1 */
  guint64 known_epoch; /* on the walk by time: of the master that it says it knows, or 0 */

  /* Of the walk over handlings. */
  guint64 epoch;
  guint64 newest_in_epoch;
  guint64 newest_ever;
  guint64 newest_sequence;
  guint64 n_ended; /* so many of its first messages had ended when the present master was elected */

  /* Of the walk over answers. */
  guint64 epoch_seen;
  gint64 epoch_seen_ns;

  gint64 last_own_ns; /* when it wrote down something for the last time */
} Sender;

typedef struct {
  const SimEvent *event;
  guint32 previous; /* index + 1 of the handling of the same message before this one, or 0 */
  gboolean responded; /* its master says so */
} Handling;

typedef struct {
  const SimHistory *history;
  SimVerdict *verdict;
  Sender *senders;   /* (owned) by node */
  GArray *handlings; /* (owned) of Handling, by epoch */
  SimEpochs *epochs; /* (owned) */
} Checker;

void sim_check_one (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *event, const char *why);
void sim_check_two (Checker *self, SimInvariantKind kind, gboolean held, const SimEvent *one, const SimEvent *other,
                    const char *why);
Message *sim_check_find_message (Checker *self, guint32 sender, guint64 number);
Handling *sim_check_get_handling (Checker *self, guint32 index);

void sim_check_ledger (Checker *self);
void sim_check_given_up (Checker *self);
