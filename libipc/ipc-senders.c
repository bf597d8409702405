/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-senders.h"

#include <errno.h>
#include <signal.h>

/*
 * Everybody who has a connection, or had one in this epoch, or left something in the ledger. A sender that says goodbye
 * is forgotten at once; one that just goes may come back, and is forgotten when its process has ended and there is some
 * reason to look.
 */

/* Senders that went without saying goodbye are looked through when there are this many, and each time they have
 * doubled. */
#define GONE_MIN 64
/* Senders of one process, with or without a connection: more than any program has nodes, and half of what the
 * ledger has accounts for. */
#define SENDERS_PER_PROCESS_MAX 512

struct _IpcSenders {
  IpcLedger *ledger; /* (unowned) */
  GHashTable *table; /* (owned) IpcSenderKey -> IpcSender */
  guint look_at;     /* at how many senders to look for those that have gone */
};

/* Whether the process has ended. One that cannot be seen from here (its pid is 0) may be alive. */
gboolean
ipc_senders_is_gone (const IpcSenderKey *key)
{
  return key->pid > 0 && kill (key->pid, 0) == -1 && errno == ESRCH;
}

IpcSenders *
ipc_senders_new (IpcLedger *ledger)
{
  IpcSenders *self = g_new0 (IpcSenders, 1);

  self->ledger = ledger;
  self->table = g_hash_table_new_full (ipc_sender_key_hash, ipc_sender_key_equal, g_free,
                                       (GDestroyNotify) ipc_sender_free);
  self->look_at = GONE_MIN;

  return self;
}

/* The epoch is over. The next master's ledger knows them all. */
void
ipc_senders_free (IpcSenders *self)
{
  g_hash_table_unref (self->table);
  g_free (self);
}

IpcSender *
ipc_senders_find (IpcSenders *self, const IpcSenderKey *key)
{
  return g_hash_table_lookup (self->table, key);
}

/* Whether the process has had its share of senders; it may still come back as one that it was. */
gboolean
ipc_senders_has_too_many (IpcSenders *self, const IpcSenderKey *key)
{
  GHashTableIter iter;
  gpointer other;
  guint n = 0;

  if (g_hash_table_size (self->table) < SENDERS_PER_PROCESS_MAX || g_hash_table_contains (self->table, key))
    return FALSE;

  g_hash_table_iter_init (&iter, self->table);
  while (g_hash_table_iter_next (&iter, &other, NULL))
    n += ((const IpcSenderKey *) other)->pid == key->pid;

  return n >= SENDERS_PER_PROCESS_MAX;
}

static gboolean
forget_if_gone (gpointer key, gpointer value, gpointer user_data)
{
  if (ipc_sender_get_connection (value) != NULL || !ipc_senders_is_gone (key))
    return FALSE;

  ipc_sender_forget (value);
  return TRUE;
}

/* Forgets senders whose process has ended. */
void
ipc_senders_make_room (IpcSenders *self)
{
  g_hash_table_foreach_remove (self->table, forget_if_gone, NULL);
  ipc_ledger_forget_gone (self->ledger);
}

/**
 * ipc_senders_add:
 * @key: of a sender that is not known in this epoch
 *
 * Returns: (transfer none): the sender, with what the ledger knows of it
 */
IpcSender *
ipc_senders_add (IpcSenders *self, const IpcSenderKey *key, const IpcSenderConfig *config, IpcPeer *peer,
                 const IpcSenderEvents *events, gpointer user_data)
{
  IpcSender *sender;

  if (g_hash_table_size (self->table) >= self->look_at) {
    ipc_senders_make_room (self); /* paid for by as many arrivals */
    self->look_at = MAX (GONE_MIN, 2 * g_hash_table_size (self->table));
  }

  sender = ipc_sender_new (config, peer, ipc_ledger_take_account (self->ledger, key), events, user_data);
  g_hash_table_insert (self->table, g_memdup2 (key, sizeof *key), sender);

  return sender;
}

/* The sender has said goodbye. */
void
ipc_senders_forget (IpcSenders *self, const IpcSenderKey *key)
{
  ipc_sender_forget (ipc_senders_find (self, key));
  g_hash_table_remove (self->table, key);
}

/* Whether a handler still has something to answer. */
gboolean
ipc_senders_is_any_unanswered (IpcSenders *self)
{
  GHashTableIter iter;
  gpointer sender;

  g_hash_table_iter_init (&iter, self->table);
  while (g_hash_table_iter_next (&iter, NULL, &sender)) {
    if (ipc_sender_get_n_unanswered (sender) > 0)
      return TRUE;
  }

  return FALSE;
}
