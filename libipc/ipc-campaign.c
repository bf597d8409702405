/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-campaign.h"

#include <errno.h>

#include "ipc-deposer.h"
#include "ipc-kill-point.h"
#include "ipc-listener.h"
#include "ipc-lock-waiter.h"
#include "ipc-priority.h"
#include "ipc-sabotage.h"

/*
 * "Am I master, and of which epoch?" Carries out what the table in ipc-roles.c decides: queue for the slot's lock, let
 * others go first (ipc-priority.c) or go past a holder that hangs (ipc-deposer.c), claim the next epoch, publish the
 * socket, and find out when all that is over.
 *
 * The lock is for liveness, the word is for safety. Holding the lock says only that it is our turn to try; the epoch
 * belongs to whoever changes the word, and it is over as soon as the word changes again, which a master sees with one
 * load.
 *
 * step() alone changes the state. Actions may raise the next event themselves (a claim is won or lost at once); it is
 * taken up when the actions of the present one are done.
 */

/* After a failure (no space, no descriptors) let other candidates have a go, and do not come back in step with them. */
#define REST_MIN_MS 100
#define REST_MAX_MS 500
/* Who gives the lock up in favour of others queues again when they have taken it, which takes a tenth of this. */
#define YIELD_US (2 * G_TIME_SPAN_MILLISECOND)
/* A master that gets no directory events looks this often whether its socket and file are still there. */
#define BLIND_LOOK_US G_TIME_SPAN_SECOND
/* Cleaning up behind dead candidates can wait until the clients have been served. */
#define SWEEP_DELAY_US (2 * G_TIME_SPAN_SECOND)

struct _IpcCampaign {
  IpcPoller *poller; /* (unowned) */
  IpcGroupDir *dir;  /* (unowned) */
  const char *node_id;
  const IpcCampaignEvents *events;
  gpointer user_data;

  IpcCampaignState state;
  IpcCampaignEvent pending; /* raised by an action; valid when has_pending */
  gboolean has_pending;
  gboolean stepping;

  IpcGroupFile *file;    /* (owned) (nullable) while a candidate */
  IpcLockWaiter *waiter; /* (owned) (nullable) while queued, and while the lock that it was granted is held */
  IpcListener *listener; /* (owned) (nullable) from the claim on */
  IpcPriority priority;
  IpcDeposer deposer;
  guint slot;            /* whose lock we wait for or hold */
  guint64 epoch;         /* ours, while serving or resigning */
  guint64 epoch_seen;    /* the newest ever met: a new file must not begin below it */
  IpcTimer rest;         /* while resting or yielding */
  IpcTimer sweep;        /* while master, once */
  IpcTimer blind;        /* while master and without directory events */
};

static void step (IpcCampaign *self, IpcCampaignEvent event);

IpcCampaign *
ipc_campaign_new (IpcPoller *poller, IpcGroupDir *dir, const char *node_id, int priority,
                  const IpcCampaignEvents *events, gpointer user_data)
{
  IpcCampaign *self = g_new0 (IpcCampaign, 1);

  self->poller = poller;
  self->dir = dir;
  self->node_id = node_id;
  self->priority.value = priority;
  self->events = events;
  self->user_data = user_data;

  return self;
}

/* To be stopped before. */
void
ipc_campaign_free (IpcCampaign *self)
{
  g_assert (self->state == IPC_CAMPAIGN_OFF);

  g_free (self);
}

static void
fail (IpcCampaign *self, const GError *error)
{
  g_debug ("campaign of %s failed: %s", self->node_id, error->message);
  step (self, IPC_CAMPAIGN_FAILED);
  self->events->failed (error, self->user_data);
}

static void
locked_cb (int saved_errno, gpointer user_data)
{
  IpcCampaign *self = user_data;

  if (saved_errno == 0) {
    IPC_KILL_POINT (LOCK_TAKEN);
    step (self, IPC_CAMPAIGN_LOCKED);
  } else {
    g_autoptr (GError) error = NULL;

    ipc_group_dir_set_error (self->dir, "group", "cannot be locked", saved_errno, &error);
    fail (self, error);
  }
}

static void
rested_cb (gpointer user_data)
{
  step (user_data, IPC_CAMPAIGN_RESTED);
}

/* Follows the path, when the directory that is open has gone. */
static gboolean
follow_dir (IpcCampaign *self, GError **error)
{
  return ipc_group_dir_is_current (self->dir) || ipc_group_dir_reopen (self->dir, error);
}

static void
do_queue (IpcCampaign *self)
{
  g_autoptr (GError) error = NULL;

  if (follow_dir (self, &error))
    self->file = ipc_group_file_open (self->dir, self->node_id, self->epoch_seen + 1, &error);
  if (self->file != NULL) {
    ipc_group_file_revive (self->file);
    ipc_group_file_raise (self->file, self->epoch_seen);
    ipc_priority_show (&self->priority, self->file);
    self->slot = ipc_word_get_slot (ipc_group_file_get_word (self->file));
    self->waiter = ipc_lock_waiter_new (self->poller, ipc_group_file_get_fd (self->file), self->slot, locked_cb, self,
                                        &error);
  }

  if (self->waiter == NULL)
    fail (self, error);
}

/* The file that we go by is no longer the group's: fence off whoever is master by it, and never go below its epochs. */
static void
leave_file (IpcCampaign *self)
{
  g_debug ("campaign of %s: the group file has been replaced", self->node_id);
  ipc_group_file_retire (self->file);
  ipc_campaign_saw_epoch (self, ipc_word_get_epoch (ipc_group_file_get_word (self->file)));
}

/* The directory that we go by may have gone at any moment: then that is what happened, and there is a place to go
 * to. */
static void
fail_unless_lost (IpcCampaign *self, const GError *error)
{
  if (ipc_group_file_is_current (self->file, self->dir)) {
    fail (self, error);
  } else {
    leave_file (self);
    step (self, IPC_CAMPAIGN_LOST);
  }
}

/* With the slot's lock held: take the next epoch. Returns FALSE when somebody else has changed the word, or the
 * file. */
static gboolean
claim_epoch (IpcCampaign *self, IpcWord word)
{
  if (!ipc_group_file_is_current (self->file, self->dir)) {
    leave_file (self);
    return FALSE;
  }

  self->epoch = IPC_SABOTAGE (EPOCH_REUSED) ? ipc_word_get_epoch (word)
                                            : MAX (ipc_group_file_next_epoch (word), self->epoch_seen + 1);
  return ipc_group_file_claim (self->file, word, ipc_word_make (self->epoch, self->slot));
}

/* A stop of any length fits between the claim and here: somebody may be master by the word, or by another file. */
static gboolean
is_still_ours (IpcCampaign *self)
{
  return ipc_campaign_is_master (self) && ipc_group_file_is_current (self->file, self->dir);
}

/* With the slot's lock held. @word: that must not have changed. */
static void
become_master (IpcCampaign *self, IpcWord word)
{
  g_autoptr (GError) error = NULL;

  ipc_priority_hide (&self->priority, self->file);
  self->listener = ipc_listener_new (self->dir, self->node_id, &error);
  if (self->listener == NULL) {
    fail_unless_lost (self, error);
    return;
  }
  IPC_KILL_POINT (LISTENING);
  if (!claim_epoch (self, word)) {
    step (self, IPC_CAMPAIGN_LOST);
    return;
  }
  IPC_KILL_POINT (CLAIMED);
  if (!ipc_listener_publish (self->listener, &error)) {
    fail_unless_lost (self, error);
    return;
  }
  IPC_KILL_POINT (RENAMED);

  step (self, is_still_ours (self) ? IPC_CAMPAIGN_CLAIMED : IPC_CAMPAIGN_LOST);
}

static void
do_claim (IpcCampaign *self)
{
  IpcWord word = ipc_group_file_get_word (self->file);

  if (ipc_word_get_slot (word) != self->slot && !IPC_SABOTAGE (QUEUE_STAYS))
    step (self, IPC_CAMPAIGN_LOST);
  else if (ipc_priority_must_yield (&self->priority, self->file, g_get_monotonic_time ()))
    step (self, IPC_CAMPAIGN_OUTRANKED);
  else
    become_master (self, word);
}

static void
do_depose (IpcCampaign *self)
{
  int fd = ipc_group_file_get_fd (self->file);
  guint old_slot = self->slot;

  if (!ipc_deposer_take_slot (&self->deposer, self->file, &self->slot)) {
    step (self, IPC_CAMPAIGN_LOST);
    return;
  }
  IPC_KILL_POINT (SLOT_TAKEN);

  g_info ("campaign of %s: the master of epoch %" G_GUINT64_FORMAT " does not answer and is deposed", self->node_id,
          ipc_word_get_epoch (self->deposer.suspected));
  g_clear_pointer (&self->waiter, ipc_lock_waiter_free);
  ipc_byte_lock_release (fd, IPC_BYTE_OF_SLOT (old_slot)); /* granted in this moment, perhaps */
  become_master (self, self->deposer.suspected);
}

static void
accepted_cb (int fd, gpointer user_data)
{
  IpcCampaign *self = user_data;

  self->events->connected (fd, self->user_data);
}

static void
start_listening (IpcCampaign *self)
{
  g_autoptr (GError) error = NULL;

  if (ipc_listener_start (self->listener, self->poller, accepted_cb, self))
    return;

  ipc_group_dir_set_error (self->dir, "socket", "cannot be watched", errno, &error);
  fail (self, error);
}

/* Nobody needs to hear of changes as much as the master. Without an inotify instance it has to look by itself. */
static void
look_blindly_cb (gpointer user_data)
{
  IpcCampaign *self = user_data;

  if (ipc_group_dir_try_watch (self->dir))
    return;

  ipc_poller_start_timer (self->poller, &self->blind, BLIND_LOOK_US, look_blindly_cb, self);
  ipc_campaign_look (self);
}

static void
sweep_cb (gpointer user_data)
{
  IpcCampaign *self = user_data;

  ipc_group_dir_sweep (self->dir);
}

static void
do_serve (IpcCampaign *self)
{
  self->priority.served = self->epoch;
  ipc_campaign_saw_epoch (self, self->epoch);
  self->events->elected (self->file, ipc_word_make (self->epoch, self->slot), self->user_data);
  start_listening (self);
  look_blindly_cb (self);
  ipc_poller_start_timer (self->poller, &self->sweep, SWEEP_DELAY_US, sweep_cb, self);
  IPC_KILL_POINT (SERVING);
}

static void
do_release (IpcCampaign *self)
{
  self->epoch = 0;
  g_clear_pointer (&self->waiter, ipc_lock_waiter_free);
  g_clear_pointer (&self->listener, ipc_listener_free);
  g_clear_pointer (&self->file, ipc_group_file_free);
  ipc_poller_stop_timer (self->poller, &self->rest);
  ipc_poller_stop_timer (self->poller, &self->sweep);
  ipc_poller_stop_timer (self->poller, &self->blind);
}

static void
act (IpcCampaign *self, IpcCampaignActions actions)
{
  if (actions & IPC_CAMPAIGN_DO_CEASE)
    self->events->ceased (self->user_data);
  if (actions & IPC_CAMPAIGN_DO_RELEASE)
    do_release (self);
  if (actions & IPC_CAMPAIGN_DO_YIELD)
    ipc_poller_start_timer (self->poller, &self->rest, YIELD_US, rested_cb, self);
  if (actions & IPC_CAMPAIGN_DO_REST)
    ipc_poller_start_timer (self->poller, &self->rest,
                            g_random_int_range (REST_MIN_MS, REST_MAX_MS) * G_TIME_SPAN_MILLISECOND, rested_cb, self);
  if (actions & IPC_CAMPAIGN_DO_QUEUE)
    do_queue (self);
  if (actions & IPC_CAMPAIGN_DO_CLAIM)
    do_claim (self);
  if (actions & IPC_CAMPAIGN_DO_DEPOSE)
    do_depose (self);
  if (actions & IPC_CAMPAIGN_DO_SERVE)
    do_serve (self);
  if (actions & IPC_CAMPAIGN_DO_DRAIN)
    self->events->resign (self->user_data);
}

/* The one place where the state changes. */
static void
step (IpcCampaign *self, IpcCampaignEvent event)
{
  if (self->stepping) {
    self->pending = event;
    self->has_pending = TRUE;
    return;
  }

  self->stepping = TRUE;
  do {
    IpcCampaignState before = self->state;
    IpcCampaignActions actions = ipc_campaign_step (&self->state, event);

    self->has_pending = FALSE;
    if (before != self->state)
      g_debug ("campaign of %s: %s -> %s (%s)", self->node_id, ipc_campaign_state_to_string (before),
               ipc_campaign_state_to_string (self->state), ipc_campaign_event_to_string (event));
    act (self, actions);
    event = self->pending;
  } while (self->has_pending);
  self->stepping = FALSE;

  self->events->state_changed (self->user_data);
}

void
ipc_campaign_start (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_START);
}

/* A master hands over, and queues again: resign() is called first. Nothing happens if it is not master. */
void
ipc_campaign_resign (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_RESIGN);
}

/* The campaign is over. A master hands over before that: resign() is called, unless it is resigning already. */
void
ipc_campaign_leave (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_LEAVE);
}

/* Everything that was accepted is answered, and the answers are written. */
void
ipc_campaign_resigned (IpcCampaign *self)
{
  IPC_KILL_POINT (RESIGNED);
  step (self, IPC_CAMPAIGN_RESIGNED);
}

void
ipc_campaign_stop (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_STOP);
}

/* Our name has been taken: put a socket there again. Clients that are connected notice nothing. */
static void
publish_again (IpcCampaign *self)
{
  g_autoptr (GError) error = NULL;
  IpcListener *listener = ipc_listener_new (self->dir, self->node_id, &error);

  g_debug ("campaign of %s: the socket has been replaced; publishing again", self->node_id);
  if (listener == NULL || !ipc_listener_publish (listener, &error)) {
    g_clear_pointer (&listener, ipc_listener_free);
    fail_unless_lost (self, error);
    return;
  }

  ipc_listener_free (self->listener);
  self->listener = listener;
  start_listening (self);
}

/**
 * ipc_campaign_look:
 *
 * Looks at the group's files again, because the directory has changed. All of them, whatever the event was about: of a
 * directory that is being deleted the socket may be the first to go.
 */
void
ipc_campaign_look (IpcCampaign *self)
{
  if (self->file == NULL)
    return;

  if (!ipc_group_file_is_current (self->file, self->dir)) {
    leave_file (self);
    step (self, IPC_CAMPAIGN_LOST);
  } else if (self->state == IPC_CAMPAIGN_QUEUED) {
    ipc_group_file_raise (self->file, self->epoch_seen);
    if (ipc_word_get_slot (ipc_group_file_get_word (self->file)) != self->slot && !IPC_SABOTAGE (QUEUE_STAYS))
      step (self, IPC_CAMPAIGN_LOST);
  } else if (self->epoch != 0) {
    if (!ipc_campaign_is_master (self))
      step (self, IPC_CAMPAIGN_LOST);
    else if (self->state == IPC_CAMPAIGN_SERVING && !ipc_listener_is_published (self->listener)
             && !IPC_SABOTAGE (NOT_REPUBLISHED))
      publish_again (self);
  }
}

/* Whoever is master by now has been asked for a sign of life. */
void
ipc_campaign_suspect (IpcCampaign *self)
{
  if (self->file != NULL)
    ipc_deposer_suspect (&self->deposer, self->file);
}

/* He has not given one. */
void
ipc_campaign_depose (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_HUNG);
}

/**
 * ipc_campaign_is_master:
 *
 * The one-load self-check, to be made before each message.
 *
 * Returns: whether the epoch is still ours. If not, the campaign has to be told with ipc_campaign_look() or a step
 * soon.
 */
gboolean
ipc_campaign_is_master (IpcCampaign *self)
{
  return self->epoch != 0
         && (ipc_word_get_epoch (ipc_group_file_get_word (self->file)) == self->epoch || IPC_SABOTAGE (NO_SELF_CHECK));
}

/* The self-check has failed: steps down and queues again. */
void
ipc_campaign_step_down (IpcCampaign *self)
{
  step (self, IPC_CAMPAIGN_LOST);
}

/* While not accepting, connections wait in the kernel's queue. */
void
ipc_campaign_set_accepting (IpcCampaign *self, gboolean accepting)
{
  if (self->listener != NULL)
    ipc_listener_set_paused (self->listener, !accepting);
}

void
ipc_campaign_saw_epoch (IpcCampaign *self, guint64 epoch)
{
  self->epoch_seen = MAX (self->epoch_seen, epoch);
}

IpcCampaignState
ipc_campaign_get_state (IpcCampaign *self)
{
  return self->state;
}
