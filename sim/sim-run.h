/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

int sim_run_main (int argc, char **argv);
