/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <sys/socket.h>

#include "ipc-frame-reader.h"
#include "ipc-poller.h"

typedef struct _IpcConnection IpcConnection;

/* Called in the poller's turns. Each may close or free the connection. */
typedef struct {
  void (*frame) (IpcConnection *connection, const IpcFrame *frame, gpointer user_data);
  void (*drained) (IpcConnection *connection, gpointer user_data); /* little is left to write, or nothing any more */
  /* The end, told once: end of stream, an error of the socket, or a violation that the peer has been told of
   * (then @violation is not NULL). Not called when the owner closes. */
  void (*ended) (IpcConnection *connection, const char *violation, gpointer user_data);
  gboolean hang_up_ends; /* also while paused: what the peer has sent and we have not read is of no use without it */
} IpcConnectionEvents;

/* Above this a connection has enough to write: its owner waits for drained(). */
#define IPC_CONNECTION_WRITE_HIGH (256 * 1024)

IpcConnection *ipc_connection_new (IpcPoller *poller, int fd, IpcSide peer_side, guint32 message_size_max,
                                   const IpcConnectionEvents *events, gpointer user_data);
IpcConnection *ipc_connection_open (IpcPoller *poller, const char *path, guint32 message_size_max,
                                    const IpcConnectionEvents *events, gpointer user_data);
void ipc_connection_free (IpcConnection *self);

void ipc_connection_queue (IpcConnection *self, const IpcFrameHeader *header, const guint8 *payload);
void ipc_connection_queue_bytes (IpcConnection *self, const IpcFrameHeader *header, GBytes *payload);
#ifdef IPC_KILL_POINTS
void ipc_connection_write_half (IpcConnection *self, const IpcFrameHeader *header, GBytes *payload);
#endif
void ipc_connection_refuse (IpcConnection *self, IpcRefusal code, const char *text);
void ipc_connection_flush (IpcConnection *self);
gsize ipc_connection_get_queued (IpcConnection *self);

void ipc_connection_set_paused (IpcConnection *self, gboolean paused);
gboolean ipc_connection_read_rest (IpcConnection *self);
gboolean ipc_connection_has_hung_up (IpcConnection *self);
void ipc_connection_pong (IpcConnection *self, const IpcFrame *ping);
GBytes *ipc_connection_take_payload (IpcConnection *self, const IpcFrame *frame);
const struct ucred *ipc_connection_get_credentials (IpcConnection *self);
