/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"

#define SIM_NEVER_NS G_MAXINT64

/* One node's time as master of one epoch. What did not happen has SIM_NEVER_NS. */
typedef struct {
  guint64 epoch;
  guint32 node;
  gint64 since_ns;     /* the first sign of it */
  gint64 lost_ns;      /* its process was killed, or ended itself, while it was master */
  gboolean died_unseen; /* or later, before there was another master */
  gint64 stopped_ns;   /* it was stopped for long while it was master */
  gint64 continued_ns; /* and went on */
  gboolean unwritten;  /* it stopped when it had written nothing of its next message into the ledger */
  gint64 starved_ns;   /* it got next to no processor while it was master */
  gint64 fed_ns;       /* and then it did again */
  gint64 barred_ns;    /* from then on it could take nobody in, for want of memory or descriptors */
  gint64 failed_ns;    /* it gave up for want of descriptors, memory or room, and says so */
  gint64 leaving_ns;   /* it was told to close */
  gint64 resigning_ns;
  gint64 resigned_ns;
  gint64 closed_ns; /* its node was closed */
  gint64 ended_ns;  /* it says itself that it is master no more */
  gint64 silent_ns; /* from then on it wrote nothing for the whole hang timeout */
  gboolean stalled; /* and that is all that is known of why it was replaced; it counts as stopped since then */
  gboolean blamed;  /* for a message that it must have accepted without a trace; see sim_epochs_blame() */
} SimMastership;

typedef struct {
  GArray *masterships; /* (owned) of SimMastership, by epoch */
  GArray *flips;       /* (owned) of gint64, by time: when bits of the answers in the ledger were flipped */
  GArray *deletions;   /* (owned) of gint64, by time: when a group file went, and its ledger with it */
  gint64 want_ns;      /* on the way through the history: when something was last kept from processes */
} SimEpochs;

SimEpochs *sim_epochs_new (const SimHistory *history);
void sim_epochs_free (SimEpochs *self);

SimMastership *sim_epochs_find (SimEpochs *self, guint64 epoch);
gint64 sim_epochs_find_since (SimEpochs *self, gint64 at_ns);
gboolean sim_epochs_forgot (SimEpochs *self, gint64 from_ns, gint64 to_ns);
gboolean sim_epochs_forgot_between (SimEpochs *self, guint64 older, guint64 newer);
gboolean sim_epochs_flipped (SimEpochs *self, gint64 from_ns, gint64 to_ns);
gboolean sim_epochs_blame (SimEpochs *self, gint64 from_ns, gint64 to_ns);
gboolean sim_mastership_gave_up (const SimMastership *self, gint64 by_ns);
gboolean sim_mastership_was_held_up (const SimMastership *self, gint64 by_ns);
gboolean sim_mastership_was_cut_short (const SimMastership *self, gint64 by_ns);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimEpochs, sim_epochs_free)
