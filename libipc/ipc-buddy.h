/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* So a block has at most 4096 units, which is 256 KiB of answers. */
#define IPC_BUDDY_ORDERS 13

typedef struct {
  guint32 next;
  guint32 previous;
} IpcBuddyLink;

/* Which units of some memory are taken. Knows nothing of the memory itself. */
typedef struct {
  guint n_units;
  IpcBuddyLink *links;           /* (owned) of the free blocks, by their first unit */
  guint8 *orders;                /* (owned) by the first unit of a free block: its order + 1; else 0 */
  guint32 free[IPC_BUDDY_ORDERS]; /* the first free block of each order */
  guint32 back[IPC_BUDDY_ORDERS]; /* blocks given back and not merged yet: they are taken again first */
} IpcBuddy;

#define IPC_BUDDY_NONE G_MAXUINT32

void ipc_buddy_init (IpcBuddy *self, guint n_units);
void ipc_buddy_clear (IpcBuddy *self);

guint ipc_buddy_order_of (gsize n_units);
guint32 ipc_buddy_take (IpcBuddy *self, guint order);
void ipc_buddy_give (IpcBuddy *self, guint32 unit, guint order);
