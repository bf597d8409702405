/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-page.h"

/* A run that never was, of any size: every tenth of a second a master is killed, and is followed by another. Messages go
 * on meanwhile, and wait. For the tests of the page, here and in the browser. */
typedef struct {
  SimOptions options;
  SimMeasure measure;
  SimVerdict *verdict; /* (owned) */
  SimHistory *history; /* (owned) */
  SimReport report;
} PageFixture;

#define PAGE_FIXTURE_FAILOVER_NS 740000 /* of all but the last, which takes twice as long */

void page_fixture_init (PageFixture *self, guint n_failovers, guint n_messages_each);
void page_fixture_break (PageFixture *self);
void page_fixture_clear (PageFixture *self);
