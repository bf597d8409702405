/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-history.h"

#define SIM_JSONL_FORMAT 1 /* of the file; a change that a reader of this one would misunderstand has the next */

#define SIM_JSONL_LINE_MAX (64 * 1024) /* bytes: hundreds of times a usual line; only what a user gave can be long */

gboolean sim_jsonl_write (const SimHistory *history, const char *path, GError **error);
SimHistory *sim_jsonl_read (const char *path, GError **error);

/* Parts, for tests. */
void sim_jsonl_append_head (GString *text, const SimHistory *history);
void sim_jsonl_append_event (GString *text, const SimHistory *history, const SimEvent *event);
void sim_jsonl_append_end (GString *text, const SimHistory *history);
