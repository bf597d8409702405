/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "world.h"

#define CHECK_MAX_DELIVERIES 3
#define CHECK_N_MESSAGES 128 /* in one life of the world */

typedef enum {
  MESSAGE_ONCE = 1 << 0,     /* at most once */
  MESSAGE_DEADLINE = 1 << 1,
  MESSAGE_POISON = 1 << 2,   /* its handler kills */
} MessageFlags;

/* What a handler does with a message. */
typedef enum {
  ANSWER_NONE,
  ANSWER_RESPONSE,
  ANSWER_FAILURE,
  ANSWER_DROPPED,
} AnswerKind;

/* How a call ends. */
typedef enum {
  OUTCOME_NONE,
  OUTCOME_RESPONSE,
  OUTCOME_FAILURE,     /* of the handler's own */
  OUTCOME_NO_RESPONSE,
  OUTCOME_LOST,
  OUTCOME_POISONED,
  OUTCOME_UNKNOWN,     /* perhaps handled */
  OUTCOME_TIMED_OUT,
  OUTCOME_NOT_HANDLED, /* certainly */
  OUTCOME_OTHER,
} Outcome;

typedef struct {
  guint64 epoch;
  gboolean redelivered;
  guint delivery_count;
} Delivery;

void check_begin (void);
const char *check_get_violation (void);
void check_fail (const char *invariant, const char *format, ...) G_GNUC_PRINTF (2, 3);
guint64 check_relative (guint64 epoch);

void check_claimed (Host *host, guint64 epoch);
void check_elected (Host *host, guint64 epoch);
guint check_sent (Host *host, MessageFlags flags);
MessageFlags check_flags_of (guint message);
void check_handled (Host *host, guint message, const Delivery *delivery);
void check_died_in_handler (guint message);
void check_hit_at_step (void);
void check_answering (guint message, guint64 epoch, AnswerKind kind);
void check_answered (guint message, guint64 epoch);
void check_ended (guint message, Outcome outcome, guint64 epoch, guint64 claimed_epoch);
void check_left (Host *host);
void check_resigned (Host *host);
void check_hit (Host *host);
void check_master (Host *host, guint64 epoch);
void check_ledger_lost (void);
gboolean check_is_all_ended (void);
void check_all_ended (void);
guint check_get_n_messages (void);
guint check_get_n_repeats (void);
