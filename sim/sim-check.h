/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

int sim_check_main (int argc, char **argv);
