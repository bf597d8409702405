/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-error.h"
#include "ipc-wire.h"

GError *ipc_error_new_from_failure (const IpcFailure *failure);
