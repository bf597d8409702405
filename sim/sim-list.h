/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

int sim_list_main (int argc, char **argv);
char *sim_list_to_text (const char *topic);
