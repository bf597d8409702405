/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-fate.h"

#include <gio/gio.h>

#include "ipc-error.h"

/*
 * What a call is told when its message ends without an answer. Each error says by its code, and in its text, whether
 * the message may have been handled: that is what its caller has to know before it does anything else.
 */

static GError *
new_error (IpcOutboxFate fate, IpcError code, const char *what)
{
  if (fate == IPC_OUTBOX_NEVER_SENT)
    return g_error_new (IPC_ERROR, code, "%s; the message was not sent", what);

  return g_error_new (IPC_ERROR, code, "%s; the message was sent and may have been handled, or may yet be", what);
}

/* This node was closed. */
GError *
ipc_fate_new_closed (IpcOutboxFate fate)
{
  return new_error (fate, fate == IPC_OUTBOX_NEVER_SENT ? IPC_ERROR_CLOSED : IPC_ERROR_OUTCOME_UNKNOWN,
                    "the node was closed");
}

GError *
ipc_fate_new_cancelled (IpcOutboxFate fate)
{
  return g_error_new (G_IO_ERROR, G_IO_ERROR_CANCELLED, "cancelled; the message was %s",
                      fate == IPC_OUTBOX_NEVER_SENT ? "not sent" : "sent and may have been handled, or may yet be");
}

/**
 * ipc_fate_new_deadline:
 * @connected: there is a master
 * @waiting: the message waited for room in this node
 */
GError *
ipc_fate_new_deadline (IpcOutboxFate fate, gboolean connected, gboolean waiting)
{
  if (fate == IPC_OUTBOX_MAY_BE_HANDLED)
    return new_error (fate, IPC_ERROR_TIMED_OUT, "no answer came before the deadline");
  if (!connected)
    return new_error (fate, IPC_ERROR_NO_MASTER, "this node found no master before the deadline");
  if (waiting)
    return new_error (fate, IPC_ERROR_NOT_SENT, "too many messages were pending until the deadline");

  return new_error (fate, IPC_ERROR_NOT_SENT, "the master took no more messages before the deadline");
}

/* For messages that do not wait for a master. @at_once: there was none when they were sent. */
GError *
ipc_fate_new_no_master (gboolean at_once)
{
  return new_error (IPC_OUTBOX_NEVER_SENT, IPC_ERROR_NO_MASTER,
                    at_once ? "this node is not connected to a master at the moment"
                            : "the master is gone before the message's turn came");
}

/* By the setting of this node. */
GError *
ipc_fate_new_too_large (gsize size, guint32 size_max)
{
  return g_error_new (IPC_ERROR, IPC_ERROR_MESSAGE_TOO_LARGE,
                      "the message has %" G_GSIZE_FORMAT " bytes, at most %u are allowed; it was not sent", size,
                      size_max);
}

/* By the master that the message would go to; an earlier one may have taken it. */
GError *
ipc_fate_new_refused (IpcOutboxFate fate, guint32 size, guint32 size_max)
{
  g_autofree char *what = g_strdup_printf ("the message has %u bytes, the master accepts %u", size, size_max);

  return new_error (fate, fate == IPC_OUTBOX_NEVER_SENT ? IPC_ERROR_MESSAGE_TOO_LARGE : IPC_ERROR_OUTCOME_UNKNOWN,
                    what);
}

GError *
ipc_fate_new_full (const IpcGate *gate, const IpcOutbox *outbox)
{
  if (!ipc_outbox_has_room (outbox))
    return g_error_new (IPC_ERROR, IPC_ERROR_QUEUE_FULL,
                        "the oldest pending message is %u messages behind; the message was not sent",
                        IPC_OUTBOX_SPAN_MAX);

  return g_error_new (IPC_ERROR, IPC_ERROR_QUEUE_FULL,
                      "%u messages are pending, with %" G_GSIZE_FORMAT " bytes, at most %u with %" G_GUINT64_FORMAT
                      " bytes are allowed, and %u wait for room; the message was not sent",
                      outbox->n_pending, outbox->bytes_pending, gate->messages_max, gate->bytes_max,
                      gate->waiting.length);
}
