/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-roles.h"

/*
 * The candidate's state machine, pair by pair. The table is written by hand from what each event means (ipc-roles.h,
 * docs/election.md) as text, one line per state and one column per event, and not copied from the library's.
 */

/* off, queued, claiming, serving, resigning (x), leaving, yielding, resting (z); "." changes nothing. In the order of the events. */
static const char *const next_states[IPC_CAMPAIGN_N_STATES] = {
  /* start locked hung outranked claimed lost failed rested resign leave resigned stop */
  "q...........", /* off */
  ".cc..qz..o.o", /* queued */
  "...ysqz..o.o", /* claiming */
  ".....qz.xl.o", /* serving */
  ".....qz..lqo", /* resigning */
  ".....oo...oo", /* leaving */
  ".......q.o.o", /* yielding */
  ".......q.o.o", /* resting */
};

static const char state_letters[] = "oqcsxlyz";

/* What has to be done follows from where one comes from and where one goes. */
static IpcCampaignActions
expected_actions (IpcCampaignState from, IpcCampaignEvent event, IpcCampaignState to)
{
  gboolean drained = from == IPC_CAMPAIGN_RESIGNING || from == IPC_CAMPAIGN_LEAVING;
  gboolean had_guests = from == IPC_CAMPAIGN_SERVING || drained;
  gboolean had_file = had_guests || from == IPC_CAMPAIGN_QUEUED || from == IPC_CAMPAIGN_CLAIMING;
  gboolean had_timer = from == IPC_CAMPAIGN_RESTING || from == IPC_CAMPAIGN_YIELDING;
  gboolean drains = to == IPC_CAMPAIGN_RESIGNING || to == IPC_CAMPAIGN_LEAVING;
  gboolean keeps_file = to == IPC_CAMPAIGN_CLAIMING || to == IPC_CAMPAIGN_SERVING || drains;
  IpcCampaignActions actions = 0;

  if (had_guests && !keeps_file)
    actions |= IPC_CAMPAIGN_DO_CEASE;
  /* Who rests or yields has no file, but a timer that is given up with it. */
  if ((had_file && !keeps_file) || (had_timer && to == IPC_CAMPAIGN_OFF))
    actions |= IPC_CAMPAIGN_DO_RELEASE;
  if (to == IPC_CAMPAIGN_YIELDING)
    actions |= IPC_CAMPAIGN_DO_YIELD;
  if (to == IPC_CAMPAIGN_RESTING)
    actions |= IPC_CAMPAIGN_DO_REST;
  if (to == IPC_CAMPAIGN_QUEUED)
    actions |= IPC_CAMPAIGN_DO_QUEUE;
  if (to == IPC_CAMPAIGN_CLAIMING)
    actions |= event == IPC_CAMPAIGN_HUNG ? IPC_CAMPAIGN_DO_DEPOSE : IPC_CAMPAIGN_DO_CLAIM;
  if (to == IPC_CAMPAIGN_SERVING)
    actions |= IPC_CAMPAIGN_DO_SERVE;
  if (drains && !drained)
    actions |= IPC_CAMPAIGN_DO_DRAIN;

  return actions;
}

static void
test_every_pair (void)
{
  g_test_summary ("Each event in each state does what the table says, and an event that comes too late does nothing");

  for (guint from = 0; from < IPC_CAMPAIGN_N_STATES; from++) {
    for (guint event = 0; event < IPC_CAMPAIGN_N_EVENTS; event++) {
      char letter = next_states[from][event];
      IpcCampaignState state = from;
      IpcCampaignActions actions = ipc_campaign_step (&state, event);

      g_test_message ("%s, %s", ipc_campaign_state_to_string (from), ipc_campaign_event_to_string (event));
      if (letter == '.') {
        g_assert_cmpint (state, ==, from);
        g_assert_cmpuint (actions, ==, 0);
      } else {
        g_assert_cmpint (state_letters[state], ==, letter);
        g_assert_cmpuint (actions, ==, expected_actions (from, event, state));
      }
    }
  }
}

static void
test_stop (void)
{
  g_test_summary ("However a campaign went, it can be stopped and started again, and then nothing of it is left");

  for (guint from = 0; from < IPC_CAMPAIGN_N_STATES; from++) {
    IpcCampaignState state = from;

    ipc_campaign_step (&state, IPC_CAMPAIGN_STOP);
    g_assert_cmpint (state, ==, IPC_CAMPAIGN_OFF);
    g_assert_cmpuint (ipc_campaign_step (&state, IPC_CAMPAIGN_START), ==, IPC_CAMPAIGN_DO_QUEUE);
    g_assert_cmpint (state, ==, IPC_CAMPAIGN_QUEUED);
  }
}

static void
test_order (void)
{
  g_test_summary ("Connections close before the lock goes, and the lock goes before one queues again: the order of "
                  "the bits");

  g_assert_cmpint (IPC_CAMPAIGN_DO_CEASE, <, IPC_CAMPAIGN_DO_RELEASE);
  g_assert_cmpint (IPC_CAMPAIGN_DO_RELEASE, <, IPC_CAMPAIGN_DO_YIELD);
  g_assert_cmpint (IPC_CAMPAIGN_DO_RELEASE, <, IPC_CAMPAIGN_DO_REST);
  g_assert_cmpint (IPC_CAMPAIGN_DO_RELEASE, <, IPC_CAMPAIGN_DO_QUEUE);
}

static void
test_role (void)
{
  g_test_summary ("The role is derived from three facts, and there is one for each combination");

  for (guint i = 0; i < 2 * 2 * IPC_CAMPAIGN_N_STATES; i++) {
    gboolean running = i & 1, connected = i >> 1 & 1;
    IpcCampaignState campaign = i >> 2;
    IpcRole expected = IPC_ROLE_IDLE;

    if (running && (campaign == IPC_CAMPAIGN_SERVING || campaign == IPC_CAMPAIGN_RESIGNING
                    || campaign == IPC_CAMPAIGN_LEAVING))
      expected = IPC_ROLE_MASTER;
    else if (running && connected)
      expected = campaign == IPC_CAMPAIGN_OFF ? IPC_ROLE_CLIENT : IPC_ROLE_STANDBY;
    else if (running)
      expected = IPC_ROLE_SEARCHING;

    g_assert_cmpint (ipc_role_derive (running, campaign, connected), ==, expected);
  }
}

static void
test_names (void)
{
  static const char *const states[] = { "off", "queued", "claiming", "serving", "resigning", "leaving",
                                        "yielding", "resting" };
  static const char *const events[] = { "start", "locked", "hung", "outranked", "claimed", "lost", "failed", "rested",
                                        "resign", "leave", "resigned", "stop" };

  g_test_summary ("A log line names what has happened");

  for (guint i = 0; i < IPC_CAMPAIGN_N_STATES; i++)
    g_assert_cmpstr (ipc_campaign_state_to_string (i), ==, states[i]);
  for (guint i = 0; i < IPC_CAMPAIGN_N_EVENTS; i++)
    g_assert_cmpstr (ipc_campaign_event_to_string (i), ==, events[i]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/roles/campaign/every-pair", test_every_pair);
  g_test_add_func ("/roles/campaign/stop", test_stop);
  g_test_add_func ("/roles/campaign/order", test_order);
  g_test_add_func ("/roles/role/every-combination", test_role);
  g_test_add_func ("/roles/names", test_names);

  return g_test_run ();
}
