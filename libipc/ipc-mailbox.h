/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

typedef struct _IpcMailbox IpcMailbox;

/* What is posted; embedded in what has something to say. */
typedef struct _IpcLetter IpcLetter;

struct _IpcLetter {
  GList link;
  void (*deliver) (IpcLetter *letter); /* in the thread that empties the mailbox */
  void (*free) (IpcLetter *letter);    /* after that; or in any thread, if it is not delivered */
};

IpcMailbox *ipc_mailbox_new (void);
IpcMailbox *ipc_mailbox_ref (IpcMailbox *self);
void ipc_mailbox_unref (IpcMailbox *self);

void ipc_mailbox_post (IpcMailbox *self, IpcLetter *letter);

int ipc_mailbox_get_fd (IpcMailbox *self);
void ipc_mailbox_empty (IpcMailbox *self);
void ipc_mailbox_close (IpcMailbox *self);
