/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

void sim_sabotage_add_entries (GOptionContext *context, char **names);
gboolean sim_sabotage_choose (const char *names, GError **error);
