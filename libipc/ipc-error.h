/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib-object.h>

#include "ipc-version.h"

G_BEGIN_DECLS

/**
 * IPC_ERROR:
 *
 * The error domain of libipc. See [error@Ipc.Error].
 */
#define IPC_ERROR (ipc_error_quark ())

/**
 * IpcError:
 * @IPC_ERROR_FAILED: something else; the text says what.
 * @IPC_ERROR_INVALID_GROUP: the group name is not 1 to 64 of `A-Z a-z 0-9 . _ -`, or begins with a dot.
 * @IPC_ERROR_RUNTIME_DIR: the runtime directory or a file in it cannot be used; the text names the path and the reason.
 * @IPC_ERROR_MESSAGE_TOO_LARGE: the message is larger than this node or the master accepts. It was not sent.
 * @IPC_ERROR_QUEUE_FULL: as much as [property@Ipc.Node:max-pending] or [property@Ipc.Node:max-pending-bytes] allows is
 *   pending already, or calls wait for room. It was not sent.
 * @IPC_ERROR_NO_MASTER: no master was there, before the deadline or at once if so asked. It was not sent.
 * @IPC_ERROR_NOT_SENT: a master was there, but the message was still waiting at the deadline. It was not sent.
 * @IPC_ERROR_TIMED_OUT: no answer before the deadline. The message was sent: it may have been handled, or may yet be.
 * @IPC_ERROR_OUTCOME_UNKNOWN: the message was sent, and whether it was handled will not be known.
 * @IPC_ERROR_RESPONSE_LOST: the message was certainly handled, but its response cannot be delivered.
 * @IPC_ERROR_NO_RESPONSE: the handler dropped the message without answering.
 * @IPC_ERROR_POISONED: as many masters as [property@Ipc.Node:max-deliveries] died while they handled the message, and
 *   no other is given it. It was begun and not answered.
 * @IPC_ERROR_NOT_A_CLIENT: the node may not send: its mode is [enum@Ipc.Mode] `master`.
 * @IPC_ERROR_CLOSED: the node was never started, or is closed. The message was not sent.
 * @IPC_ERROR_REFUSED: a peer refused us, or we refused it; the text says why.
 * @IPC_ERROR_PROTOCOL: a peer broke the protocol; the text says how.
 *
 * What went wrong, chosen so that the code tells the caller what to do next.
 */
typedef enum {
  IPC_ERROR_FAILED,
  IPC_ERROR_INVALID_GROUP,
  IPC_ERROR_RUNTIME_DIR,
  IPC_ERROR_MESSAGE_TOO_LARGE,
  IPC_ERROR_QUEUE_FULL,
  IPC_ERROR_NO_MASTER,
  IPC_ERROR_NOT_SENT,
  IPC_ERROR_TIMED_OUT,
  IPC_ERROR_OUTCOME_UNKNOWN,
  IPC_ERROR_RESPONSE_LOST,
  IPC_ERROR_NO_RESPONSE,
  IPC_ERROR_POISONED,
  IPC_ERROR_NOT_A_CLIENT,
  IPC_ERROR_CLOSED,
  IPC_ERROR_REFUSED,
  IPC_ERROR_PROTOCOL,
} IpcError;

IPC_PUBLIC GQuark ipc_error_quark (void);

IPC_PUBLIC GType ipc_error_get_type (void);
#define IPC_TYPE_ERROR (ipc_error_get_type ())

G_END_DECLS
