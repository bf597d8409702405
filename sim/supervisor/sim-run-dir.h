/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

char *sim_run_dir_make (const char *base, GError **error);
const char *sim_run_dir_find_memory (const char *otherwise);
void sim_run_dir_remove (const char *path);
