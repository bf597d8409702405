/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-enums.h"

typedef enum {
  IPC_CAMPAIGN_OFF,
  IPC_CAMPAIGN_QUEUED,    /* waiting for the lock of the slot */
  IPC_CAMPAIGN_CLAIMING,  /* holds the lock; claims an epoch and publishes its socket */
  IPC_CAMPAIGN_SERVING,   /* master */
  IPC_CAMPAIGN_RESIGNING, /* still holds the lock; answers what it accepted, and will queue again */
  IPC_CAMPAIGN_LEAVING,   /* the same, and will not */
  IPC_CAMPAIGN_YIELDING,  /* has let go of the lock; queues again when another has taken it */
  IPC_CAMPAIGN_RESTING,   /* something failed; queues again after a while */
} IpcCampaignState;

#define IPC_CAMPAIGN_N_STATES (IPC_CAMPAIGN_RESTING + 1)

typedef enum {
  IPC_CAMPAIGN_START,    /* the node wants to be master */
  IPC_CAMPAIGN_LOCKED,   /* the lock has been granted */
  IPC_CAMPAIGN_HUNG,     /* whoever has the lock does not answer */
  IPC_CAMPAIGN_OUTRANKED, /* somebody with a higher priority waits */
  IPC_CAMPAIGN_CLAIMED,  /* the epoch is ours and the socket published */
  IPC_CAMPAIGN_LOST,     /* the word, the slot or the file is no longer what we went by */
  IPC_CAMPAIGN_FAILED,   /* the environment refused us something */
  IPC_CAMPAIGN_RESTED,   /* the wait before queueing again is over */
  IPC_CAMPAIGN_RESIGN,   /* the node wants to hand over */
  IPC_CAMPAIGN_LEAVE,    /* and to be a candidate no more */
  IPC_CAMPAIGN_RESIGNED, /* everything accepted is answered */
  IPC_CAMPAIGN_STOP,     /* the node leaves, now */
} IpcCampaignEvent;

#define IPC_CAMPAIGN_N_EVENTS (IPC_CAMPAIGN_STOP + 1)

/* Done in this order. */
typedef enum {
  IPC_CAMPAIGN_DO_CEASE = 1 << 0,   /* close every connection of the epoch */
  IPC_CAMPAIGN_DO_RELEASE = 1 << 1, /* give up lock and file */
  IPC_CAMPAIGN_DO_YIELD = 1 << 2,   /* start the timer, for a moment */
  IPC_CAMPAIGN_DO_REST = 1 << 3,    /* start the timer */
  IPC_CAMPAIGN_DO_QUEUE = 1 << 4,   /* open the file and wait for the lock of its slot */
  IPC_CAMPAIGN_DO_CLAIM = 1 << 5,   /* bind, listen, claim, rename */
  IPC_CAMPAIGN_DO_DEPOSE = 1 << 6,  /* take the lock of the next slot, then the same */
  IPC_CAMPAIGN_DO_SERVE = 1 << 7,   /* accept connections */
  IPC_CAMPAIGN_DO_DRAIN = 1 << 8,   /* stop reading, let handlers answer */
} IpcCampaignActions;

IpcCampaignActions ipc_campaign_step (IpcCampaignState *state, IpcCampaignEvent event);
IpcRole ipc_role_derive (gboolean running, IpcCampaignState campaign, gboolean connected);

const char *ipc_campaign_state_to_string (IpcCampaignState state);
const char *ipc_campaign_event_to_string (IpcCampaignEvent event);
