/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-entry.h"
#include "sim-random.h"

#define SIM_TERMS_AFTER_MAX_MS 127

/* What a message is sent with. */
typedef struct {
  guint16 flags; /* as the entry of its sending has them: any of SIM_ENTRY_GIVES_UP, and ONCE */
  int after_ms;  /* when its deadline is, or when it is cancelled; 0: at once */
} SimTerms;

SimTerms sim_terms_draw (SimRandom *random);
gboolean sim_terms_allow (guint16 flags, const SimEntry *outcome);
gboolean sim_terms_took_time (guint16 flags, const SimEntry *outcome);

gboolean sim_outcome_is_given_up (const SimEntry *outcome);
gboolean sim_outcome_is_unsent (const SimEntry *outcome);
