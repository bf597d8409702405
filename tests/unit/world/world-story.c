/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world-check.h"

/*
 * One seed: a small group, what is sent in it, and what is done to it. All of that is drawn first, also which kinds of
 * faults there are at all, so that each kind is met alone and with any other.
 *
 *     chaos    messages and faults; who dies is replaced after a while
 *     healing  no faults any more, all that stood still goes on: everything must end within BOUND_US
 *     probes   everybody sends once more, and must be answered within the same time
 *     rest     nobody has anything to do, and does it
 */

#define CHAOS_MIN_US (300 * 1000)
#define CHAOS_US (900 * 1000)
#define STOP_MAX_US (700 * 1000)
#define TICK_US (20 * 1000)
#define BOUND_US (5 * G_TIME_SPAN_SECOND)
#define SETTLE_US (4 * G_TIME_SPAN_SECOND) /* a new master sweeps the directory after 2 s */
#define REST_US (60 * G_TIME_SPAN_SECOND)
#define STOPPED_MAX 2 /* with three masters stopped the ledger is private (docs/ledger.md) */
#define STEPS_MAX 60
#define POISON_MAX 2
#define FAULTS_MAX 9

typedef enum {
  FAULT_KILL,
  FAULT_KILL_AT_STEP,
  FAULT_STOP,
  FAULT_STOP_AT_STEP,
  FAULT_CUT,
  FAULT_RESIGN,
  FAULT_LEAVE,
  FAULT_DELETE_FILE,
  FAULT_DELETE_SOCKET,
  N_FAULTS,
} Fault;

typedef struct {
  guint n_candidates;
  guint n_clients;
  gboolean enabled[N_FAULTS];
  guint n_poison;
  gboolean is_healing;
  gboolean is_over;
} Story;

WorldStats world_stats;

static Story story;

static guint
count_alive (gboolean candidates)
{
  guint n = 0;

  for (guint i = 0; i < world_n_hosts; i++)
    n += !world_hosts[i]->is_dead && world_hosts[i]->is_candidate == candidates;

  return n;
}

static void
start_cb (gpointer data, guint64 is_candidate)
{
  guint wanted = is_candidate ? story.n_candidates : story.n_clients;

  if (count_alive (is_candidate) < wanted && world_n_hosts < WORLD_N_HOSTS)
    node_start (host_new (is_candidate));
}

/* Replaces who has died. */
static void
tick_cb (gpointer data, guint64 argument)
{
  if (story.is_over)
    return;

  if (count_alive (TRUE) < story.n_candidates)
    world_at (world_delay (TICK_US), start_cb, NULL, TRUE);
  if (count_alive (FALSE) < story.n_clients)
    world_at (world_delay (TICK_US), start_cb, NULL, FALSE);
  world_at (TICK_US, tick_cb, NULL, 0);
}

/* (nullable) */
static Host *
find_master (void)
{
  for (guint i = world_n_hosts; i > 0; i--) {
    if (!world_hosts[i - 1]->is_dead && node_is_master (world_hosts[i - 1]))
      return world_hosts[i - 1];
  }

  return NULL;
}

/* (nullable) */
static Host *
draw_host (void)
{
  guint first = world_n_hosts > 0 ? world_chance (world_n_hosts) : 0;

  for (guint i = 0; i < world_n_hosts; i++) {
    Host *host = world_hosts[(first + i) % world_n_hosts];

    if (!host->is_dead)
      return host;
  }

  return NULL;
}

static Host *
draw_victim (void)
{
  Host *master = world_chance (3) > 0 ? find_master () : NULL;

  return master != NULL ? master : draw_host ();
}

static guint
draw_flags (void)
{
  guint flags = (world_one_in (3) ? MESSAGE_ONCE : 0) | (world_one_in (8) ? MESSAGE_DEADLINE : 0);

  if (story.n_poison < POISON_MAX && story.enabled[FAULT_KILL] && world_one_in (24)) {
    story.n_poison++;
    flags |= MESSAGE_POISON;
  }

  return flags;
}

/* So many messages of one process. */
static void
send_cb (gpointer data, guint64 n)
{
  Host *host = draw_host ();

  for (; n > 0 && host != NULL; n--)
    node_send (host, draw_flags ());
}

static gint64
draw_stop (void)
{
  return 1000 + world_chance (world_one_in (2) ? STOP_MAX_US : STOP_MAX_US / 10);
}

/* A process is hit when it comes to a step; half of the time to any, otherwise to one that has a name. */
static void
arm (Host *host, gboolean stop)
{
  host->fault = (HostFault) {
    .stop_us = stop ? draw_stop () : 0,
    .step = world_one_in (2) ? WORLD_STEP_ANY : world_chance (WORLD_STEP_ANY),
  };
  host->fault.n = 1 + world_chance (host->fault.step == WORLD_STEP_ANY ? STEPS_MAX : 3);
}

/* Half of the time the candidates are armed, too: the successor is hit on its way. */
static void
arm_victims (Host *victim, gboolean stop)
{
  arm (victim, stop);
  for (guint i = 0; i < world_n_hosts && world_one_in (2); i++) {
    if (world_hosts[i]->is_candidate)
      arm (world_hosts[i], stop);
  }
}

static void
strike (Fault fault, Host *victim)
{
  switch (fault) {
  case FAULT_KILL:
    world_stats.n_kills++;
    host_kill (victim, "it is killed");
    break;
  case FAULT_KILL_AT_STEP:
    arm_victims (victim, FALSE);
    break;
  case FAULT_STOP:
    if (world_n_stopped () < STOPPED_MAX) {
      world_stats.n_stops++;
      host_stop (victim, draw_stop ());
    }
    break;
  case FAULT_STOP_AT_STEP:
    arm_victims (victim, TRUE);
    break;
  case FAULT_CUT:
    world_stats.n_cuts += socket_cut_one (victim);
    break;
  case FAULT_RESIGN:
    world_stats.n_resignations += node_is_master (victim);
    node_resign (victim);
    break;
  case FAULT_LEAVE:
    world_stats.n_departures++;
    node_leave (victim);
    break;
  case FAULT_DELETE_FILE:
    if (group_is_any_file () && group_n_files () < GROUP_FILES_MAX - 1) {
      world_stats.n_deletions++;
      check_ledger_lost ();
      group_delete_file ();
    }
    break;
  case FAULT_DELETE_SOCKET:
    world_stats.n_deletions++;
    group_delete_socket ();
    break;
  case N_FAULTS:
  default:
    g_assert_not_reached ();
  }
}

static void
fault_cb (gpointer data, guint64 fault)
{
  Host *victim = draw_victim ();

  /* So many are left for those that poison kills. */
  if (!story.is_healing && victim != NULL && world_n_hosts + 10 < WORLD_N_HOSTS)
    strike (fault, victim);
}

/* One of those that are enabled; there is always one. */
static Fault
draw_fault (void)
{
  guint fault = world_chance (N_FAULTS);

  while (!story.enabled[fault])
    fault = (fault + 1) % N_FAULTS;

  return fault;
}

static void
draw (void)
{
  gint64 chaos_us = CHAOS_MIN_US + world_chance (CHAOS_US);
  guint n_bursts = 3 + world_chance (6), n_faults = 2 + world_chance (FAULTS_MAX);

  story = (Story) { .n_candidates = 2 + world_chance (3), .n_clients = 1 + world_chance (2) };
  for (guint i = 0; i < N_FAULTS; i++)
    story.enabled[i] = world_one_in (i == FAULT_DELETE_FILE ? 6 : 2);
  story.enabled[world_chance (FAULT_DELETE_FILE)] = TRUE;

  for (guint i = 0; i < story.n_candidates; i++)
    world_at (world_delay (chaos_us), start_cb, NULL, TRUE);
  for (guint i = 0; i < story.n_clients; i++)
    world_at (world_delay (chaos_us), start_cb, NULL, FALSE);
  for (guint i = 0; i < n_bursts; i++)
    world_at (world_chance (chaos_us), send_cb, NULL, 1 + world_chance (world_one_in (8) ? 12 : 4));
  for (guint i = 0; i < n_faults; i++)
    world_at (world_chance (chaos_us), fault_cb, NULL, draw_fault ());
  world_at (TICK_US, tick_cb, NULL, 0);
  while (world_now < chaos_us && check_get_violation () == NULL)
    world_go_on ();
}

static void
heal (void)
{
  WORLD_TRACE ("no more faults");
  story.is_healing = TRUE;
  for (guint i = 0; i < world_n_hosts; i++) {
    world_hosts[i]->fault.n = 0;
    host_go_on (world_hosts[i]);
  }
}

/* Everything has its outcome, and who died has been replaced. */
static gboolean
is_settled (void)
{
  return check_is_all_ended () && count_alive (TRUE) >= story.n_candidates && count_alive (FALSE) >= story.n_clients;
}

static void
converge (void)
{
  gint64 began = world_now;

  while (!is_settled () && world_now < began + BOUND_US && check_get_violation () == NULL)
    world_go_on ();
  check_all_ended ();
  world_stats.longest_us = MAX (world_stats.longest_us, world_now - began);
}

static void
probe (void)
{
  for (guint i = 0; i < world_n_hosts; i++) {
    if (!world_hosts[i]->is_dead)
      node_send (world_hosts[i], 0);
  }
}

static guint64
count_turns (void)
{
  guint64 n = 0;

  for (guint i = 0; i < world_n_hosts; i++)
    n += world_hosts[i]->n_all_turns;

  return n;
}

static void
wait_for (gint64 duration_us)
{
  gint64 end = world_now + duration_us;

  while (world_now < end && world_go_on ())
    continue;
}

static void
rest (void)
{
  guint64 n_turns;

  if (check_get_violation () != NULL)
    return;

  story.is_over = TRUE;
  wait_for (SETTLE_US);
  n_turns = count_turns ();
  wait_for (REST_US);
  if (count_turns () > n_turns)
    check_fail ("nothing-polls", "a group at rest wakes up %" G_GUINT64_FORMAT " times in %d s",
                count_turns () - n_turns, (int) (REST_US / G_TIME_SPAN_SECOND));
}

/**
 * story_tell:
 *
 * Returns: (transfer full) (nullable): %NULL, or which promise was broken, and how
 */
char *
story_tell (guint64 seed)
{
  char *violation;

  world_begin (seed);
  check_begin ();
  fds_begin ();
  sockets_begin ();
  locks_begin ();
  group_begin ();

  draw ();
  heal ();
  converge ();
  probe ();
  converge ();
  rest ();

  world_stats.n_events += world_n_events;
  world_stats.n_messages += check_get_n_messages ();
  world_stats.n_repeats += check_get_n_repeats ();
  violation = g_strdup (check_get_violation ());
  world_hosts_end ();
  group_end ();

  return violation;
}
