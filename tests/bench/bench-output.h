/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "bench-run.h"

void bench_output_print_list (void);
void bench_output_print_table (GArray *results);
gboolean bench_output_write_json (GArray *results, const char *path, GError **error);
