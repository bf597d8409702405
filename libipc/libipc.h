/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/* The one header that applications include. */

#define IPC_INSIDE_LIBIPC

#include <ipc-enums.h>
#include <ipc-error.h>
#include <ipc-message.h>
#include <ipc-node.h>
#include <ipc-peer.h>
#include <ipc-version.h>

#undef IPC_INSIDE_LIBIPC
