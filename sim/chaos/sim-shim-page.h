/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "shim/sim-shim.h"

SimShimPage *sim_shim_page_create (const char *path, GError **error);
void sim_shim_page_free (SimShimPage *self);

void sim_shim_page_arm (SimShimPage *self, const SimRule *rule);
guint sim_shim_page_disarm (SimShimPage *self);

char **sim_shim_build_environment (const char *page_path, GError **error);
