/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-cancel.h"

/*
 * A cancellable that ends a call. Any thread may cancel; the mailbox carries it to the node's thread, where the call is
 * ended in a turn, also one of a blocking call.
 *
 * GLib has two ways for this. A source of the main context is not seen by blocking calls; and in GLib 2.74 it is lost
 * when it is destroyed while another thread cancels. A descriptor costs one for each cancellable, and GLib ends the
 * process when none is left.
 */

struct _IpcCancel {
  IpcLetter letter;
  gatomicrefcount ref_count; /* the call's, the signal handler's, and the letter's while it is on its way */
  IpcMailbox *mailbox;       /* (owned) */
  GCancellable *cancellable; /* (owned) (nullable) until the call has ended */
  gulong handler;            /* 0 if it was cancelled before */
  IpcFunc func;              /* (nullable) the same; in the node's thread only */
  gpointer user_data;
  gint posted; /* atomic */
};

static void
cancel_unref (IpcCancel *self)
{
  if (!g_atomic_ref_count_dec (&self->ref_count))
    return;

  ipc_mailbox_unref (self->mailbox);
  g_free (self);
}

static void
deliver (IpcLetter *letter)
{
  IpcCancel *self = (IpcCancel *) letter;

  if (self->func != NULL)
    self->func (self->user_data);
}

static void
free_letter (IpcLetter *letter)
{
  cancel_unref ((IpcCancel *) letter);
}

/* In the thread that cancels; more than once if the cancellable is reset and used again. */
static void
post_cancellation (GCancellable *cancellable, gpointer user_data)
{
  IpcCancel *self = user_data;

  if (!g_atomic_int_compare_and_exchange (&self->posted, FALSE, TRUE))
    return;

  g_atomic_ref_count_inc (&self->ref_count);
  ipc_mailbox_post (self->mailbox, &self->letter);
}

/**
 * ipc_cancel_new:
 * @mailbox: of the node
 * @func: ends the call; called in a turn of the node, at most once, and not from here
 *
 * Returns: (transfer full): to be freed when the call ends
 */
IpcCancel *
ipc_cancel_new (GCancellable *cancellable, IpcMailbox *mailbox, IpcFunc func, gpointer user_data)
{
  IpcCancel *self = g_new0 (IpcCancel, 1);

  self->letter.deliver = deliver;
  self->letter.free = free_letter;
  self->mailbox = ipc_mailbox_ref (mailbox);
  self->cancellable = g_object_ref (cancellable);
  self->func = func;
  self->user_data = user_data;
  g_atomic_ref_count_init (&self->ref_count);
  g_atomic_ref_count_inc (&self->ref_count);
  self->handler = g_cancellable_connect (cancellable, G_CALLBACK (post_cancellation), self,
                                         (GDestroyNotify) cancel_unref);

  return self;
}

/* The call has ended: the function is not called from now on. It does not wait for a thread that is just cancelling, so
 * that it may be called in a handler of GCancellable::cancelled itself. */
void
ipc_cancel_free (IpcCancel *self)
{
  self->func = NULL;
  if (self->handler != 0)
    g_signal_handler_disconnect (self->cancellable, self->handler);
  g_clear_object (&self->cancellable);
  cancel_unref (self);
}
