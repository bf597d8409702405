/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

#include "sim-entry.h"

gboolean sim_resources_read (pid_t pid, SimEntry *entry);
gboolean sim_resources_are_still (const SimEntry *before, const SimEntry *after);
GArray *sim_resources_find_children (void);
