/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-mailbox.h"
#include "ipc-message.h"
#include "ipc-wire.h"

/* Where the answers to the messages of one sender go. Embedded in what implements it; lives as long as a message that
 * came by it. */
typedef struct _IpcMessageRoute IpcMessageRoute;

struct _IpcMessageRoute {
  gatomicrefcount ref_count;
  IpcMailbox *mailbox; /* (owned) of the node: the way of answers from other threads */
  GThread *thread;     /* (unowned) of the node: answers are given to answer() in it */
  IpcPeer *sender;     /* (owned) */
  guint64 epoch;
  guint32 response_size_max;

  void (*returned) (IpcMessageRoute *route, guint64 sequence); /* (nullable) the handler has, and did not answer */
  void (*answer) (IpcMessageRoute *route, guint64 sequence, gsize message_size, IpcFrameType type, GBytes *payload);
  void (*free) (IpcMessageRoute *route); /* may be called in any thread */
};

void ipc_message_route_init (IpcMessageRoute *self, IpcMailbox *mailbox, IpcPeer *sender, guint32 response_size_max);
IpcMessageRoute *ipc_message_route_ref (IpcMessageRoute *self);
void ipc_message_route_unref (IpcMessageRoute *self);

/* Up to here a payload is copied behind the message itself: one allocation for both. */
#define IPC_MESSAGE_INLINE_MAX (16 * 1024)

IpcMessage *ipc_message_new (IpcMessageRoute *route, guint64 sequence, gboolean redelivered, const guint8 *data,
                             gsize size);
IpcMessage *ipc_message_new_bytes (IpcMessageRoute *route, guint64 sequence, gboolean redelivered, GBytes *payload);
void ipc_message_set_delivery_count (IpcMessage *self, guint delivery_count);
void ipc_message_handler_returned (IpcMessage *self);
