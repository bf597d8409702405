/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

void sim_wrap_append (GString *text, guint column, const char *const *words);
