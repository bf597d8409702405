/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-enums.h"

typedef enum {
  IPC_CAMPAIGN_OFF,
  IPC_CAMPAIGN_QUEUED,    /* waiting for the lock of the slot */
  IPC_CAMPAIGN_CLAIMING,  /* holds the lock; claims an epoch and publishes its socket */
  IPC_CAMPAIGN_SERVING,   /* master */
  IPC_CAMPAIGN_RESIGNING, /* still holds the lock; answers what it accepted */
  IPC_CAMPAIGN_RESTING,   /* something failed; queues again after a while */
} IpcCampaignState;

#define IPC_CAMPAIGN_N_STATES (IPC_CAMPAIGN_RESTING + 1)

typedef enum {
  IPC_CAMPAIGN_START,    /* the node wants to be master */
  IPC_CAMPAIGN_LOCKED,   /* the lock has been granted */
  IPC_CAMPAIGN_CLAIMED,  /* the epoch is ours and the socket published */
  IPC_CAMPAIGN_LOST,     /* the word, the slot or the file is no longer what we went by */
  IPC_CAMPAIGN_FAILED,   /* the environment refused us something */
  IPC_CAMPAIGN_RESTED,   /* the wait after a failure is over */
  IPC_CAMPAIGN_RESIGN,   /* the node wants to hand over */
  IPC_CAMPAIGN_RESIGNED, /* everything accepted is answered */
  IPC_CAMPAIGN_STOP,     /* the node leaves, now */
} IpcCampaignEvent;

#define IPC_CAMPAIGN_N_EVENTS (IPC_CAMPAIGN_STOP + 1)

/* Done in this order. */
typedef enum {
  IPC_CAMPAIGN_DO_CEASE = 1 << 0,   /* close every connection of the epoch */
  IPC_CAMPAIGN_DO_RELEASE = 1 << 1, /* give up lock and file */
  IPC_CAMPAIGN_DO_REST = 1 << 2,    /* start the timer */
  IPC_CAMPAIGN_DO_QUEUE = 1 << 3,   /* open the file and wait for the lock of its slot */
  IPC_CAMPAIGN_DO_CLAIM = 1 << 4,   /* bind, listen, claim, rename */
  IPC_CAMPAIGN_DO_SERVE = 1 << 5,   /* accept connections */
  IPC_CAMPAIGN_DO_DRAIN = 1 << 6,   /* stop reading, let handlers answer */
} IpcCampaignActions;

IpcCampaignActions ipc_campaign_step (IpcCampaignState *state, IpcCampaignEvent event);
IpcRole ipc_role_derive (gboolean running, IpcCampaignState campaign, gboolean connected);

const char *ipc_campaign_state_to_string (IpcCampaignState state);
const char *ipc_campaign_event_to_string (IpcCampaignEvent event);
