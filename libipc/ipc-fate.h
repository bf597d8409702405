/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-gate.h"

/* All of these return (transfer full) errors. */
GError *ipc_fate_new_closed (IpcOutboxFate fate);
GError *ipc_fate_new_cancelled (IpcOutboxFate fate);
GError *ipc_fate_new_deadline (IpcOutboxFate fate, gboolean connected, gboolean waiting);
GError *ipc_fate_new_no_master (gboolean at_once);
GError *ipc_fate_new_too_large (gsize size, guint32 size_max);
GError *ipc_fate_new_refused (IpcOutboxFate fate, guint32 size, guint32 size_max);
GError *ipc_fate_new_full (const IpcGate *gate, const IpcOutbox *outbox);
