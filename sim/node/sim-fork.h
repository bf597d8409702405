/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

pid_t sim_fork_child (pid_t supervisor, guint life_ms, gboolean unseen);
