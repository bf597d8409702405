/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

guint sim_cut_links (void);
gsize sim_cut_count_unread (void);
