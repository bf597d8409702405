/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "checker-story.h"
#include "sim-verdict.h"

/*
 * What the checker must say of a story. Each file checker-SUBJECT.c has a table of cases beside the twists that make
 * them, and offers that table here; test-sim-checker.c goes through all of them.
 */

#define BIT(kind) (G_GUINT64_CONSTANT (1) << (kind))

typedef struct {
  const char *path;
  Twist twist;
  guint64 broken; /* BIT of each invariant that must break; all others must hold */
} Case;

typedef struct {
  const Case *cases;
  guint n_cases;
} CaseTable;

extern const CaseTable causes_cases;
extern const CaseTable given_up_cases;
extern const CaseTable handling_cases;
extern const CaseTable ledger_cases;
extern const CaseTable masters_cases;
extern const CaseTable nodes_cases;
extern const CaseTable repeats_cases;
extern const CaseTable sends_cases;
