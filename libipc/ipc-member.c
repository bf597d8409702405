/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-member.h"

#include <string.h>
#include <unistd.h>

#include "ipc-byte-lock.h"
#include "ipc-campaign.h"
#include "ipc-client.h"
#include "ipc-group-dir.h"
#include "ipc-group-file.h"
#include "ipc-master.h"
#include "ipc-peer-private.h"
#include "ipc-poller.h"
#include "ipc-sabotage.h"
#include "ipc-senders.h"
#include "ipc-vigil.h"

/*
 * A member of a group, without the GObject around it: owns the poller and the directory, and puts together what works
 * on them. The campaign says whether this member is master; while it is, there is an IpcMaster, one for each epoch; the
 * client sends. It exists from the start of a node to its end.
 */

/* How often a candidate that starts follows the path anew because somebody deletes the directory at that moment; more
 * is on purpose. */
#define DIR_TRIES_MAX 100

struct _IpcMember {
  IpcMemberConfig config; /* its strings are used only while starting */
  const IpcMemberEvents *events;
  gpointer user_data;
  char id_string[IPC_NODE_ID_STRING_SIZE];

  IpcPoller *poller;     /* (owned) */
  IpcGroupDir *dir;      /* (owned) */
  IpcClient *client;     /* (owned) */
  IpcVigil *vigil;       /* (owned) */
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

static gboolean
ledger_is_slot_free (guint slot, gpointer user_data)
{
  int fd = ipc_group_file_get_fd (user_data);

  return !ipc_byte_lock_is_held (fd, IPC_BYTE_OF_SLOT (slot), IPC_BYTE_OF_SLOT (slot));
}

static gboolean
ledger_is_gone (const IpcSenderKey *key, gpointer user_data)
{
  return ipc_senders_is_gone (key);
}

static const IpcLedgerFuncs ledger_funcs = {
  .is_slot_free = ledger_is_slot_free,
  .is_gone = ledger_is_gone,
};

static void
campaign_elected (IpcGroupFile *file, IpcWord word, gpointer user_data)
{
  IpcMember *self = user_data;
  guint64 epoch = ipc_word_get_epoch (word);
  IpcLedger *ledger;
  struct ucred credentials = { getpid (), geteuid (), getegid () };
  IpcMasterConfig config = {
    .max_message_size = self->config.max_message_size,
    .handshake_timeout_ms = self->config.handshake_timeout_ms,
    .max_deliveries = self->config.max_deliveries,
    .allow_other_users = self->config.allow_other_users,
  };

  memcpy (config.node_id, self->config.id, IPC_NODE_ID_SIZE);
  self->self_peer = ipc_peer_new (self->config.id, &credentials, epoch);
  ledger = ipc_ledger_open (ipc_group_file_get_ledger (file), word, ipc_client_get_newest_epoch (self->client),
                            &ledger_funcs, file);
  self->master = ipc_master_new (self->poller, ledger, epoch, &config, &master_events, self);
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

static void
client_changed (gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL)
    ipc_campaign_saw_epoch (self->campaign, ipc_client_get_newest_epoch (self->client));
  if (ipc_client_is_waiting (self->client))
    ipc_vigil_expect (self->vigil);
  ipc_member_want_turn (self);
}

static const IpcClientEvents client_events = {
  .completed = client_completed,
  .state_changed = client_changed,
  .failed = member_failed,
};

static gboolean
vigil_take_heard (gpointer user_data)
{
  IpcMember *self = user_data;

  return ipc_link_take_heard (ipc_client_get_link (self->client));
}

static gboolean
vigil_is_expecting (gpointer user_data)
{
  IpcMember *self = user_data;

  return ipc_client_is_waiting (self->client) || IPC_SABOTAGE (RESTLESS);
}

static void
vigil_look (gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL)
    ipc_campaign_look (self->campaign);
  ipc_link_look_past (ipc_client_get_link (self->client));
}

static void
vigil_depose (gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL)
    ipc_campaign_depose (self->campaign);
}

static void
vigil_ask (gpointer user_data)
{
  IpcMember *self = user_data;

  ipc_link_ask (ipc_client_get_link (self->client));
  if (self->campaign != NULL)
    ipc_campaign_suspect (self->campaign);
}

/* Only who may depose the master has to be sure. */
static void
vigil_knock (gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL && ipc_campaign_get_state (self->campaign) == IPC_CAMPAIGN_QUEUED)
    ipc_link_knock (ipc_client_get_link (self->client));
}

/* When nobody listens, those who could do something about it are searching themselves. */
static void
vigil_alarm (gpointer user_data)
{
  IpcMember *self = user_data;

  if (ipc_link_has_asked (ipc_client_get_link (self->client)))
    ipc_group_dir_raise_alarm (self->dir, self->id_string);
}

static const IpcVigilEvents vigil_events = {
  .take_heard = vigil_take_heard,
  .is_expecting = vigil_is_expecting,
  .look = vigil_look,
  .depose = vigil_depose,
  .ask = vigil_ask,
  .knock = vigil_knock,
  .alarm = vigil_alarm,
};

static void
dir_changed (IpcGroupDirChanges changes, gpointer user_data)
{
  IpcMember *self = user_data;

  if (self->campaign != NULL && (changes & IPC_GROUP_DIR_ALARM))
    ipc_vigil_alarmed (self->vigil);
  if (self->campaign != NULL && (changes & (IPC_GROUP_DIR_SOCKET | IPC_GROUP_DIR_FILE)))
    ipc_campaign_look (self->campaign);
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
    .max_pending_bytes = self->config.max_pending_bytes,
    .handshake_timeout_ms = self->config.handshake_timeout_ms,
    .allow_other_users = self->config.allow_other_users,
  };

  memcpy (config.node_id, self->config.id, IPC_NODE_ID_SIZE);
  self->client = ipc_client_new (self->poller, self->dir, &config, &client_events, self);
  self->vigil = ipc_vigil_new (self->poller, self->config.hang_timeout_ms, &vigil_events, self);
  ipc_client_start (self->client);
  ipc_vigil_expect (self->vigil);
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
  return self->dir != NULL;
}

static gboolean
try_file (IpcMember *self, GError **error)
{
  IpcGroupFile *file = ipc_group_file_open (self->dir, self->id_string, 0, error);

  if (file == NULL)
    return FALSE;

  ipc_group_file_free (file);
  return TRUE;
}

/* Finds out now what would keep a candidate from ever being master, while there is somebody to be told. That the
 * directory has been deleted meanwhile would not. */
static gboolean
check_file (IpcMember *self, GError **error)
{
  for (guint i = 1; i < DIR_TRIES_MAX; i++) {
    if (try_file (self, NULL))
      return TRUE;
    if (ipc_group_dir_is_current (self->dir))
      break;
    if (!ipc_group_dir_reopen (self->dir, error))
      return FALSE;
  }

  return try_file (self, error);
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

  ipc_group_dir_watch (self->dir, self->poller, dir_changed, self);
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

  g_clear_pointer (&self->vigil, ipc_vigil_free);
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

  self->campaign = ipc_campaign_new (self->poller, self->dir, self->id_string, self->config.priority, &campaign_events,
                                     self);
  ipc_campaign_saw_epoch (self->campaign, ipc_client_get_newest_epoch (self->client));
  ipc_campaign_start (self->campaign);
}

/* A master hands over and becomes a standby. Nothing happens if it is not master. */
void
ipc_member_resign (IpcMember *self)
{
  if (self->campaign != NULL)
    ipc_campaign_resign (self->campaign);
}

/* Ends in good order: hands over if it is master. The last turned() is called when ipc_member_has_left(). */
void
ipc_member_leave (IpcMember *self)
{
  self->leaving = TRUE;
  ipc_client_stop (self->client);
  if (self->campaign != NULL)
    ipc_campaign_leave (self->campaign);
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
  ipc_vigil_expect (self->vigil);
}

void
ipc_member_cancel (IpcMember *self, IpcSend *send)
{
  ipc_client_cancel (self->client, send);
}

/* What other threads post there is delivered in turns, blocking ones too. */
IpcMailbox *
ipc_member_get_mailbox (IpcMember *self)
{
  return ipc_poller_get_mailbox (self->poller);
}

/* Waits for something to do and does it, without the main loop and without turned(). */
void
ipc_member_turn_blocking (IpcMember *self)
{
  ipc_poller_turn_blocking (self->poller);
}

/* Has turned() called soon. */
void
ipc_member_want_turn (IpcMember *self)
{
  ipc_poller_want_turn (self->poller);
}

/* Whether a message would find room, and how often that has changed. */
gboolean
ipc_member_has_room (IpcMember *self, guint *n_changes)
{
  return ipc_client_has_room (self->client, n_changes);
}

IpcRole
ipc_member_get_role (IpcMember *self)
{
  gboolean running = !self->leaving || self->master != NULL;

  return ipc_role_derive (running,
                          self->campaign != NULL ? ipc_campaign_get_state (self->campaign) : IPC_CAMPAIGN_OFF,
                          ipc_member_get_master (self) != NULL);
}

/* The epoch in which this member is master, or 0. */
guint64
ipc_member_get_own_epoch (IpcMember *self)
{
  return self->self_peer != NULL ? ipc_peer_get_epoch (self->self_peer) : 0;
}

/* The present master, which may be this member, or NULL. */
IpcPeer *
ipc_member_get_master (IpcMember *self)
{
  return self->self_peer != NULL ? self->self_peer : ipc_client_get_master (self->client);
}
