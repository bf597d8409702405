/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

void ipc_fork_guard_add (int fd);
void ipc_fork_guard_close (int fd);
