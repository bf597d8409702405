/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-roles.h"

/*
 * The state machine of a candidate, as a table: (state, event) -> (state, actions). A pair that is not in the table
 * changes nothing: the event came too late to matter, as when the lock is granted while the node is leaving.
 * docs/election.md prints the same table; the role is derived from the state and never stored.
 */

#define CEASE IPC_CAMPAIGN_DO_CEASE
#define RELEASE IPC_CAMPAIGN_DO_RELEASE
#define YIELD IPC_CAMPAIGN_DO_YIELD
#define REST IPC_CAMPAIGN_DO_REST
#define QUEUE IPC_CAMPAIGN_DO_QUEUE
#define CLAIM IPC_CAMPAIGN_DO_CLAIM
#define DEPOSE IPC_CAMPAIGN_DO_DEPOSE
#define SERVE IPC_CAMPAIGN_DO_SERVE
#define DRAIN IPC_CAMPAIGN_DO_DRAIN

static const struct {
  IpcCampaignState state;
  IpcCampaignEvent event;
  IpcCampaignState next;
  IpcCampaignActions actions;
} transitions[] = {
  { IPC_CAMPAIGN_OFF, IPC_CAMPAIGN_START, IPC_CAMPAIGN_QUEUED, QUEUE },

  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_LOCKED, IPC_CAMPAIGN_CLAIMING, CLAIM },
  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_HUNG, IPC_CAMPAIGN_CLAIMING, DEPOSE },
  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_LOST, IPC_CAMPAIGN_QUEUED, RELEASE | QUEUE },
  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_FAILED, IPC_CAMPAIGN_RESTING, RELEASE | REST },
  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_OFF, RELEASE },
  { IPC_CAMPAIGN_QUEUED, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, RELEASE },

  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_CLAIMED, IPC_CAMPAIGN_SERVING, SERVE },
  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_OUTRANKED, IPC_CAMPAIGN_YIELDING, RELEASE | YIELD },
  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_LOST, IPC_CAMPAIGN_QUEUED, RELEASE | QUEUE },
  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_FAILED, IPC_CAMPAIGN_RESTING, RELEASE | REST },
  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_OFF, RELEASE },
  { IPC_CAMPAIGN_CLAIMING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, RELEASE },

  { IPC_CAMPAIGN_SERVING, IPC_CAMPAIGN_LOST, IPC_CAMPAIGN_QUEUED, CEASE | RELEASE | QUEUE },
  { IPC_CAMPAIGN_SERVING, IPC_CAMPAIGN_FAILED, IPC_CAMPAIGN_RESTING, CEASE | RELEASE | REST },
  { IPC_CAMPAIGN_SERVING, IPC_CAMPAIGN_RESIGN, IPC_CAMPAIGN_RESIGNING, DRAIN },
  { IPC_CAMPAIGN_SERVING, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_LEAVING, DRAIN },
  { IPC_CAMPAIGN_SERVING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, CEASE | RELEASE },

  { IPC_CAMPAIGN_RESIGNING, IPC_CAMPAIGN_RESIGNED, IPC_CAMPAIGN_QUEUED, CEASE | RELEASE | QUEUE },
  { IPC_CAMPAIGN_RESIGNING, IPC_CAMPAIGN_LOST, IPC_CAMPAIGN_QUEUED, CEASE | RELEASE | QUEUE },
  { IPC_CAMPAIGN_RESIGNING, IPC_CAMPAIGN_FAILED, IPC_CAMPAIGN_RESTING, CEASE | RELEASE | REST },
  { IPC_CAMPAIGN_RESIGNING, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_LEAVING, 0 },
  { IPC_CAMPAIGN_RESIGNING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, CEASE | RELEASE },

  { IPC_CAMPAIGN_LEAVING, IPC_CAMPAIGN_RESIGNED, IPC_CAMPAIGN_OFF, CEASE | RELEASE },
  { IPC_CAMPAIGN_LEAVING, IPC_CAMPAIGN_LOST, IPC_CAMPAIGN_OFF, CEASE | RELEASE },
  { IPC_CAMPAIGN_LEAVING, IPC_CAMPAIGN_FAILED, IPC_CAMPAIGN_OFF, CEASE | RELEASE },
  { IPC_CAMPAIGN_LEAVING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, CEASE | RELEASE },

  { IPC_CAMPAIGN_YIELDING, IPC_CAMPAIGN_RESTED, IPC_CAMPAIGN_QUEUED, QUEUE },
  { IPC_CAMPAIGN_YIELDING, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_OFF, RELEASE },
  { IPC_CAMPAIGN_YIELDING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, RELEASE },

  { IPC_CAMPAIGN_RESTING, IPC_CAMPAIGN_RESTED, IPC_CAMPAIGN_QUEUED, QUEUE },
  { IPC_CAMPAIGN_RESTING, IPC_CAMPAIGN_LEAVE, IPC_CAMPAIGN_OFF, RELEASE },
  { IPC_CAMPAIGN_RESTING, IPC_CAMPAIGN_STOP, IPC_CAMPAIGN_OFF, RELEASE },
};

static const char *const state_names[IPC_CAMPAIGN_N_STATES] = {
  "off", "queued", "claiming", "serving", "resigning", "leaving", "yielding", "resting",
};

static const char *const event_names[IPC_CAMPAIGN_N_EVENTS] = {
  "start", "locked", "hung", "outranked", "claimed", "lost", "failed", "rested", "resign", "leave", "resigned", "stop",
};

/**
 * ipc_campaign_step:
 * @state: (inout): the state
 * @event: what has happened
 *
 * Returns: what is to be done now
 */
IpcCampaignActions
ipc_campaign_step (IpcCampaignState *state, IpcCampaignEvent event)
{
  for (gsize i = 0; i < G_N_ELEMENTS (transitions); i++) {
    if (transitions[i].state == *state && transitions[i].event == event) {
      *state = transitions[i].next;
      return transitions[i].actions;
    }
  }

  return 0;
}

/**
 * ipc_role_derive:
 * @running: the node is started and not closed
 * @campaign: its state as a candidate; off for a client
 * @connected: it has a connection to a master
 *
 * A master that resigns or leaves is still master: it holds the lock and answers.
 *
 * Returns: what the node is now
 */
IpcRole
ipc_role_derive (gboolean running, IpcCampaignState campaign, gboolean connected)
{
  if (!running)
    return IPC_ROLE_IDLE;
  if (campaign == IPC_CAMPAIGN_SERVING || campaign == IPC_CAMPAIGN_RESIGNING || campaign == IPC_CAMPAIGN_LEAVING)
    return IPC_ROLE_MASTER;
  if (!connected)
    return IPC_ROLE_SEARCHING;

  return campaign == IPC_CAMPAIGN_OFF ? IPC_ROLE_CLIENT : IPC_ROLE_STANDBY;
}

const char *
ipc_campaign_state_to_string (IpcCampaignState state)
{
  g_assert (state < IPC_CAMPAIGN_N_STATES);

  return state_names[state];
}

const char *
ipc_campaign_event_to_string (IpcCampaignEvent event)
{
  g_assert (event < IPC_CAMPAIGN_N_EVENTS);

  return event_names[event];
}
