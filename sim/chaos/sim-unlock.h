/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/types.h>

guint sim_unlock_all (pid_t pid, int pidfd);
