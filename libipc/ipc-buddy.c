/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-buddy.h"

#include <string.h>

/*
 * The buddy system (Knuth, The Art of Computer Programming, volume 1, 2.5): blocks of 2^n units, each at a multiple of
 * its size. A block is split in two to serve a smaller one, and two halves that are free are one block again. So what
 * was carved up for small answers is there for large ones later.
 *
 * A block that is given back is not merged at once: in a busy group another of the same size is wanted in a moment, and
 * the memory is warm. Everything is merged when otherwise nothing would be left to take.
 */

void
ipc_buddy_init (IpcBuddy *self, guint n_units)
{
  guint32 unit = 0;

  self->n_units = n_units;
  self->links = g_new (IpcBuddyLink, n_units);
  self->orders = g_new0 (guint8, n_units);
  memset (self->free, 0xff, sizeof self->free);
  memset (self->back, 0xff, sizeof self->back);

  while (unit < n_units) {
    guint order = IPC_BUDDY_ORDERS - 1;

    while ((unit & ((1u << order) - 1)) != 0 || unit + (1u << order) > n_units)
      order--;
    ipc_buddy_give (self, unit, order);
    unit += 1u << order;
  }
}

void
ipc_buddy_clear (IpcBuddy *self)
{
  g_clear_pointer (&self->links, g_free);
  g_clear_pointer (&self->orders, g_free);
}

/* The order of the smallest block that has so many units. */
guint
ipc_buddy_order_of (gsize n_units)
{
  return n_units <= 1 ? 0 : g_bit_storage (n_units - 1);
}

static void
insert (IpcBuddy *self, guint32 unit, guint order)
{
  guint32 next = self->free[order];

  self->links[unit] = (IpcBuddyLink) { next, IPC_BUDDY_NONE };
  if (next != IPC_BUDDY_NONE)
    self->links[next].previous = unit;
  self->free[order] = unit;
  self->orders[unit] = order + 1;
}

static void
withdraw (IpcBuddy *self, guint32 unit)
{
  IpcBuddyLink link = self->links[unit];
  guint order = self->orders[unit] - 1;

  if (link.previous != IPC_BUDDY_NONE)
    self->links[link.previous].next = link.next;
  else
    self->free[order] = link.next;
  if (link.next != IPC_BUDDY_NONE)
    self->links[link.next].previous = link.previous;
  self->orders[unit] = 0;
}

static void
merge (IpcBuddy *self, guint32 unit, guint order)
{
  for (; order < IPC_BUDDY_ORDERS - 1; order++) {
    guint32 buddy = unit ^ (1u << order);

    if (buddy >= self->n_units || self->orders[buddy] != order + 1)
      break;

    withdraw (self, buddy);
    unit = MIN (unit, buddy);
  }

  insert (self, unit, order);
}

static void
merge_all (IpcBuddy *self)
{
  for (guint order = 0; order < IPC_BUDDY_ORDERS; order++) {
    while (self->back[order] != IPC_BUDDY_NONE) {
      guint32 unit = self->back[order];

      self->back[order] = self->links[unit].next;
      merge (self, unit, order);
    }
  }
}

/* Takes a block out of the merged ones; the rest of a larger one stays free. */
static guint32
split (IpcBuddy *self, guint order)
{
  guint from = order;
  guint32 unit;

  while (from < IPC_BUDDY_ORDERS && self->free[from] == IPC_BUDDY_NONE)
    from++;
  if (from == IPC_BUDDY_ORDERS)
    return IPC_BUDDY_NONE;

  unit = self->free[from];
  withdraw (self, unit);
  while (from > order) {
    from--;
    insert (self, unit + (1u << from), from);
  }

  return unit;
}

/* Returns the first unit of a block of 2^order units, or IPC_BUDDY_NONE. */
guint32
ipc_buddy_take (IpcBuddy *self, guint order)
{
  guint32 unit;

  if (order >= IPC_BUDDY_ORDERS)
    return IPC_BUDDY_NONE;

  unit = self->back[order];
  if (unit != IPC_BUDDY_NONE) {
    self->back[order] = self->links[unit].next;
    return unit;
  }

  unit = split (self, order);
  if (unit == IPC_BUDDY_NONE) {
    merge_all (self);
    unit = split (self, order);
  }

  return unit;
}

/* Gives back what was taken with the same order. */
void
ipc_buddy_give (IpcBuddy *self, guint32 unit, guint order)
{
  g_assert (unit + (1u << order) <= self->n_units && order < IPC_BUDDY_ORDERS);

  self->links[unit].next = self->back[order];
  self->back[order] = unit;
}
