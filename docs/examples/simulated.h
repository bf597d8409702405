/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>

/*
 * For a program that is to be run by ipc-sim instead of its own nodes (ipc-sim --program COMMAND): it tells the simulator
 * what happens, and is told when to stop. Copy this and simulated.c into yours, and call these functions where groupecho
 * does. Outside the simulator they do nothing. The contract behind them is in docs/programs.md.
 *
 * A message is known by its sender's number in the simulation and by its own number, counted from 1 by its sender. Both
 * have to be in what is sent, because the handler has to name them.
 */

typedef void (*SimulatedFunc) (gpointer user_data);

/* What the simulator asks for. */
typedef struct {
  SimulatedFunc drain; /* send nothing more */
  SimulatedFunc close; /* close the node, and end */
  gpointer user_data;
} SimulatedOrders;

gboolean simulated_is_on (void);
guint simulated_get_node (void);
gboolean simulated_may_be_master (void);

void simulated_watch (IpcNode *node, const SimulatedOrders *orders);
void simulated_sent (guint64 number, IpcSendFlags flags);
void simulated_ended (IpcNode *node, GAsyncResult *result, guint64 number, const GError *error);
void simulated_handled (IpcMessage *message, guint sender, guint64 number);
void simulated_responded (IpcMessage *message, guint sender, guint64 number);
void simulated_closed (void);
