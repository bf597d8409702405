/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-group-dir.h"
#include "ipc-group-file.h"
#include "ipc-roles.h"

typedef struct _IpcCampaign IpcCampaign;

typedef struct {
  void (*elected) (IpcGroupFile *file, IpcWord word, gpointer user_data); /* serve, by this file, from now on */
  void (*ceased) (gpointer user_data);                         /* close every connection of the epoch */
  void (*resign) (gpointer user_data);                         /* answer, then call ipc_campaign_resigned() */
  void (*connected) (int fd, gpointer user_data);              /* a client; @fd is yours */
  void (*state_changed) (gpointer user_data);
  void (*failed) (const GError *error, gpointer user_data);    /* it rests, and tries again later */
} IpcCampaignEvents;

IpcCampaign *ipc_campaign_new (IpcPoller *poller, IpcGroupDir *dir, const char *node_id, int priority,
                               const IpcCampaignEvents *events, gpointer user_data);
void ipc_campaign_free (IpcCampaign *self);

void ipc_campaign_start (IpcCampaign *self);
void ipc_campaign_resign (IpcCampaign *self);
void ipc_campaign_leave (IpcCampaign *self);
void ipc_campaign_resigned (IpcCampaign *self);
void ipc_campaign_stop (IpcCampaign *self);
void ipc_campaign_look (IpcCampaign *self);
void ipc_campaign_suspect (IpcCampaign *self);
void ipc_campaign_depose (IpcCampaign *self);

gboolean ipc_campaign_is_master (IpcCampaign *self);
void ipc_campaign_step_down (IpcCampaign *self);
void ipc_campaign_set_accepting (IpcCampaign *self, gboolean accepting);
void ipc_campaign_saw_epoch (IpcCampaign *self, guint64 epoch);

IpcCampaignState ipc_campaign_get_state (IpcCampaign *self);
