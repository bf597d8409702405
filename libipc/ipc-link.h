/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-connection.h"
#include "ipc-group-dir.h"
#include "ipc-peer.h"

typedef struct _IpcLink IpcLink;

typedef struct {
  void (*up) (const IpcWelcome *welcome, gpointer user_data);
  void (*down) (gpointer user_data); /* everything that came on the connection has been given out */
  /* RESPONSE, FAILURE or GOODBYE; returns a violation, or NULL. */
  const char *(*frame) (const IpcFrame *frame, gpointer user_data);
  void (*drained) (gpointer user_data);
  guint64 (*get_oldest_epoch) (gpointer user_data); /* for HELLO: see docs/protocol.md */
  gboolean (*is_urgent) (gpointer user_data); /* whether anything waits to be sent */
  void (*failed) (const GError *error, gpointer user_data);
} IpcLinkEvents;

typedef struct {
  IpcHello hello;
  guint handshake_timeout_ms;
  gboolean allow_other_users;
} IpcLinkConfig;

IpcLink *ipc_link_new (IpcPoller *poller, IpcGroupDir *dir, const IpcLinkConfig *config, const IpcLinkEvents *events,
                       gpointer user_data);
void ipc_link_free (IpcLink *self);

void ipc_link_start (IpcLink *self);
void ipc_link_stop (IpcLink *self);
void ipc_link_look (IpcLink *self);
void ipc_link_look_past (IpcLink *self);
void ipc_link_hurry (IpcLink *self);

void ipc_link_ask (IpcLink *self);
void ipc_link_knock (IpcLink *self);
gboolean ipc_link_has_asked (IpcLink *self);
gboolean ipc_link_take_heard (IpcLink *self);

gboolean ipc_link_is_up (IpcLink *self);
IpcPeer *ipc_link_get_master (IpcLink *self);
IpcConnection *ipc_link_get_connection (IpcLink *self);
void ipc_link_saw_epoch (IpcLink *self, guint64 epoch);
guint64 ipc_link_get_newest_epoch (IpcLink *self);
