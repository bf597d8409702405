/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-member.h"

#include <string.h>
#include <unistd.h>

#include "ipc-campaign.h"
#include "ipc-client.h"
#include "ipc-group-dir.h"
#include "ipc-group-file.h"
#include "ipc-master.h"
#include "ipc-peer-private.h"
#include "ipc-poller.h"

/*
 * A member of a group, without the GObject around it: owns the poller and the directory, and puts together what works
 * on them. The campaign says whether this member is master; while it is, there is an IpcMaster, one for each epoch; the
 * client sends. It exists from the start of a node to its end.
 */

struct _IpcMember {
  IpcMemberConfig config; /* its strings are used only while starting */
  const IpcMemberEvents *events;
  gpointer user_data;
  char id_string[IPC_NODE_ID_STRING_SIZE];

  IpcPoller *poller;     /* (owned) */
  IpcGroupDir *dir;      /* (owned) */
  IpcClient *client;     /* (owned) */
  IpcCampaign *campaign; /* (owned) (nullable) only in a candidate */
  IpcMaster *master;     /* (owned) (nullable) only while master */
  IpcPeer *self_peer;    /* (owned) (nullable) only while master */
  gboolean leaving;
};

static void
member_changed (gpointer user_data)
{
  ipc_member_want_turn (user_data);
}

static void
member_failed (const GError *error, gpointer user_data)
{
  IpcMember *self = user_data;

  self->events->failed (error, self->user_data);
  ipc_member_want_turn (self);
}

static void
client_completed (IpcSend *send, gpointer user_data)
{
  IpcMember *self = user_data;

  self->events->completed (send, self->user_data);
  ipc_member_want_turn (self);
}

static void
turned (gpointer user_data)
{
  IpcMember *self = user_data;

  self->events->turned (self->user_data);
}

static gboolean
master_is_master (gpointer user_data)
{
  IpcMember *self = user_data;

  return ipc_campaign_is_master (self->campaign);
}

static void
master_replaced (gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_campaign_step_down (self->campaign);
}

static void
master_handle (IpcMessage *message, gpointer user_data)
{
  IpcMember *self = user_data;

  self->events->handle (message, self->user_data);
}

static void
master_set_accepting (gboolean accepting, gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_campaign_set_accepting (self->campaign, accepting);
}

static void
master_resigned (gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_campaign_resigned (self->campaign);
}

static const IpcMasterEvents master_events = {
  .is_master = master_is_master,
  .replaced = master_replaced,
  .handle = master_handle,
  .set_accepting = master_set_accepting,
  .resigned = master_resigned,
};

static void
campaign_elected (guint64 epoch, gpointer user_data)
{
  IpcMember *self = user_data;
  struct ucred credentials = { getpid (), geteuid (), getegid () };
  IpcMasterConfig config = {
    .max_message_size = self->config.max_message_size,
    .handshake_timeout_ms = self->config.handshake_timeout_ms,
    .allow_other_users = self->config.allow_other_users,
  };

  memcpy (config.node_id, self->config.id, IPC_NODE_ID_SIZE);
  self->self_peer = ipc_peer_new (self->config.id, &credentials, epoch);
  self->master = ipc_master_new (self->poller, self->config.context, epoch, &config, &master_events, self);
  ipc_client_saw_epoch (self->client, epoch);
}

static void
campaign_ceased (gpointer user_data)
{
  IpcMember *self = user_data;

  g_clear_pointer (&self->master, ipc_master_free);
  g_clear_pointer (&self->self_peer, ipc_peer_unref);
}

static void
campaign_resign (gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_master_resign (self->master);
}

static void
campaign_connected (int fd, gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_master_accept (self->master, fd);
}

static const IpcCampaignEvents campaign_events = {
  .elected = campaign_elected,
  .ceased = campaign_ceased,
  .resign = campaign_resign,
  .connected = campaign_connected,
  .state_changed = member_changed,
  .failed = member_failed,
};

static const IpcClientEvents client_events = {
  .completed = client_completed,
  .state_changed = member_changed,
  .failed = member_failed,
};

static void
dir_changed (IpcGroupDirChanges changes, gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL) {
    ipc_campaign_saw_epoch (self->campaign, ipc_client_get_newest_epoch (self->client));
    ipc_campaign_look (self->campaign, changes);
  }
  if (changes & IPC_GROUP_DIR_SOCKET)
    ipc_client_look (self->client);
}

static void
start_client (IpcMember *self)
{
  IpcClientConfig config = {
    .mode = self->config.mode,
    .max_message_size = self->config.max_message_size,
    .max_pending = self->config.max_pending,
    .handshake_timeout_ms = self->config.handshake_timeout_ms,
    .allow_other_users = self->config.allow_other_users,
  };

  memcpy (config.node_id, self->config.id, IPC_NODE_ID_SIZE);
  self->client = ipc_client_new (self->poller, self->dir, &config, &client_events, self);
  ipc_client_start (self->client);
}

static gboolean
open_group (IpcMember *self, GError **error)
{
  g_autofree char *name = g_strdup_printf ("[libipc] node of group %s", self->config.group);

  self->poller = ipc_poller_new (self->config.context, name, error);
  if (self->poller == NULL)
    return FALSE;

  ipc_poller_set_epilogue (self->poller, turned, self);
  self->dir = ipc_group_dir_open (self->config.runtime_dir, self->config.group, self->config.allow_other_users, error);

  if (self->dir == NULL)
    return FALSE;

  ipc_group_dir_watch (self->dir, self->poller, dir_changed, self);
  return TRUE;
}

/* Finds out now what would keep a candidate from ever being master, while there is somebody to be told. */
static gboolean
check_file (IpcMember *self, GError **error)
{
  IpcGroupFile *file = ipc_group_file_open (self->dir, self->id_string, 0, error);

  if (file == NULL)
    return FALSE;

  ipc_group_file_free (file);
  return TRUE;
}

/**
 * ipc_member_new:
 * @config: the group's name must be valid
 *
 * Joins the group: looks for its master. A candidate queues for the lock only with ipc_member_campaign().
 *
 * Returns: (transfer full) (nullable): a member, or %NULL with @error set
 */
IpcMember *
ipc_member_new (const IpcMemberConfig *config, const IpcMemberEvents *events, gpointer user_data, GError **error)
{
  IpcMember *self = g_new0 (IpcMember, 1);

  self->config = *config;
  self->events = events;
  self->user_data = user_data;
  ipc_node_id_to_string (config->id, self->id_string);

  if (!open_group (self, error) || (config->candidate && !check_file (self, error))) {
    ipc_member_free (self);
    return NULL;
  }

  start_client (self);
  return self;
}

/* Ends at once, as if the process had died. */
void
ipc_member_free (IpcMember *self)
{
  if (self->client != NULL)
    ipc_client_stop (self->client);
  if (self->campaign != NULL)
    ipc_campaign_stop (self->campaign);

  g_clear_pointer (&self->client, ipc_client_free);
  g_clear_pointer (&self->campaign, ipc_campaign_free);
  g_clear_pointer (&self->dir, ipc_group_dir_free);
  g_clear_pointer (&self->poller, ipc_poller_free);
  g_free (self);
}

/* From now on the member wants to be master. */
void
ipc_member_campaign (IpcMember *self)
{
  g_assert (self->campaign == NULL);

  self->campaign = ipc_campaign_new (self->poller, self->dir, self->id_string, &campaign_events, self);
  ipc_campaign_saw_epoch (self->campaign, ipc_client_get_newest_epoch (self->client));
  ipc_campaign_start (self->campaign);
}

/* Ends in good order: hands over if it is master. The last turned() is called when ipc_member_has_left(). */
void
ipc_member_leave (IpcMember *self)
{
  self->leaving = TRUE;
  ipc_client_stop (self->client);
  if (self->campaign != NULL)
    ipc_campaign_resign (self->campaign);
  ipc_member_want_turn (self);
}

gboolean
ipc_member_has_left (IpcMember *self)
{
  return self->leaving && (self->campaign == NULL || ipc_campaign_get_state (self->campaign) == IPC_CAMPAIGN_OFF);
}

/* @send: (transfer full): completed() gives it back. @timeout_us: -1 for ever. */
void
ipc_member_send (IpcMember *self, IpcSend *send, gint64 timeout_us)
{
  ipc_client_send (self->client, send, timeout_us);
}

void
ipc_member_cancel (IpcMember *self, IpcSend *send)
{
  ipc_client_cancel (self->client, send);
}

/* Waits for something to do and does it, without the main loop and without turned(). */
void
ipc_member_turn_blocking (IpcMember *self, GCancellable *cancellable)
{
  ipc_poller_turn_blocking (self->poller, cancellable);
}

/* Has turned() called soon. */
void
ipc_member_want_turn (IpcMember *self)
{
  ipc_poller_want_turn (self->poller);
}

IpcRole
ipc_member_get_role (IpcMember *self)
{
  gboolean running = !self->leaving || self->master != NULL;

  return ipc_role_derive (running,
                          self->campaign != NULL ? ipc_campaign_get_state (self->campaign) : IPC_CAMPAIGN_OFF,
                          ipc_member_get_master (self) != NULL);
}

/* The present master, which may be this member, or NULL. */
IpcPeer *
ipc_member_get_master (IpcMember *self)
{
  return self->self_peer != NULL ? self->self_peer : ipc_client_get_master (self->client);
}
