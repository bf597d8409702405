/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "sim-options.h"

int sim_program_run (const SimOptions *options);
