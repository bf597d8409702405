/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-buddy.h"

/*
 * The allocator of blocks against the simplest one there is: an array that says of each unit who has it.
 */

typedef struct {
  guint32 unit;
  guint order;
} Block;

static guint
count_free (IpcBuddy *buddy)
{
  GArray *blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  guint n = 0;

  for (guint order = IPC_BUDDY_ORDERS; order-- > 0;) {
    guint32 unit;

    while ((unit = ipc_buddy_take (buddy, order)) != IPC_BUDDY_NONE) {
      Block block = { unit, order };

      g_array_append_val (blocks, block);
      n += 1u << order;
    }
  }
  for (guint i = 0; i < blocks->len; i++)
    ipc_buddy_give (buddy, g_array_index (blocks, Block, i).unit, g_array_index (blocks, Block, i).order);
  g_array_unref (blocks);

  return n;
}

static void
test_orders (void)
{
  g_assert_cmpuint (ipc_buddy_order_of (0), ==, 0);
  g_assert_cmpuint (ipc_buddy_order_of (1), ==, 0);
  for (guint order = 1; order < 30; order++) {
    g_assert_cmpuint (ipc_buddy_order_of (1u << order), ==, order);
    g_assert_cmpuint (ipc_buddy_order_of ((1u << order) + 1), ==, order + 1);
  }
}

static void
test_any_size (void)
{
  g_test_summary ("All units of a memory of any size can be taken, and when all are given back, all are there again");

  for (guint n_units = 1; n_units < 300; n_units++) {
    IpcBuddy buddy;

    ipc_buddy_init (&buddy, n_units);
    for (guint i = 0; i < n_units; i++)
      g_assert_cmpuint (ipc_buddy_take (&buddy, 0), !=, IPC_BUDDY_NONE);
    g_assert_cmpuint (ipc_buddy_take (&buddy, 0), ==, IPC_BUDDY_NONE);
    for (guint i = 0; i < n_units; i++)
      ipc_buddy_give (&buddy, i, 0);
    g_assert_cmpuint (count_free (&buddy), ==, n_units);
    ipc_buddy_clear (&buddy);
  }
}

static void
test_merge (void)
{
  IpcBuddy buddy;

  g_test_summary ("What was carved up for small blocks is there for the largest again, however it was given back");

  ipc_buddy_init (&buddy, 1u << (IPC_BUDDY_ORDERS - 1));
  for (guint i = 0; i < buddy.n_units; i++)
    g_assert_cmpuint (ipc_buddy_take (&buddy, 0), !=, IPC_BUDDY_NONE);
  for (guint i = 0; i < buddy.n_units; i++)
    ipc_buddy_give (&buddy, (i * 4099u) % buddy.n_units, 0); /* odd: every unit once */
  g_assert_cmpuint (ipc_buddy_take (&buddy, IPC_BUDDY_ORDERS - 1), ==, 0);
  g_assert_cmpuint (ipc_buddy_take (&buddy, IPC_BUDDY_ORDERS), ==, IPC_BUDDY_NONE);
  ipc_buddy_clear (&buddy);
}

static void
give_any (IpcBuddy *buddy, GArray *blocks, guint8 *owners)
{
  guint i = g_test_rand_int_range (0, blocks->len);
  Block block = g_array_index (blocks, Block, i);

  memset (owners + block.unit, 0, 1u << block.order);
  ipc_buddy_give (buddy, block.unit, block.order);
  g_array_remove_index_fast (blocks, i);
}

static void
test_random (void)
{
  guint n_units = 2728, n_taken = 0;
  g_autofree guint8 *owners = g_new0 (guint8, n_units);
  g_autoptr (GArray) blocks = g_array_new (FALSE, FALSE, sizeof (Block));
  IpcBuddy buddy;

  g_test_summary ("Blocks lie within the memory, at multiples of their size, and never on one another");

  ipc_buddy_init (&buddy, n_units);
  for (guint i = 0; i < 100000; i++) {
    Block block = { .order = g_test_rand_int_range (0, 9) };

    if (blocks->len > 0 && g_test_rand_int_range (0, 100) < (i / 1000 % 2 == 0 ? 40 : 60)) {
      give_any (&buddy, blocks, owners);
      continue;
    }

    block.unit = ipc_buddy_take (&buddy, block.order);
    if (block.unit == IPC_BUDDY_NONE)
      continue;
    n_taken++;
    g_assert_cmpuint (block.unit % (1u << block.order), ==, 0);
    g_assert_cmpuint (block.unit + (1u << block.order), <=, n_units);
    for (guint unit = block.unit; unit < block.unit + (1u << block.order); unit++) {
      g_assert_cmpuint (owners[unit], ==, 0);
      owners[unit] = 1;
    }
    g_array_append_val (blocks, block);
  }

  g_assert_cmpuint (n_taken, >, 10000);
  while (blocks->len > 0)
    give_any (&buddy, blocks, owners);
  g_assert_cmpuint (count_free (&buddy), ==, n_units);
  ipc_buddy_clear (&buddy);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/buddy/orders", test_orders);
  g_test_add_func ("/buddy/any-size", test_any_size);
  g_test_add_func ("/buddy/merge", test_merge);
  g_test_add_func ("/buddy/random", test_random);

  return g_test_run ();
}
