/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

gboolean sim_disk_mount (const char *path, GError **error);
void sim_disk_unmount (const char *path);
int sim_disk_fill (const char *path);
