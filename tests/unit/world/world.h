/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>
#include <sys/epoll.h>

#include "ipc-kill-point.h"

/*
 * A world in one process: a clock that jumps from event to event, processes, the sockets between them, and the one file
 * that they share. Everything that happens follows from the seed. There is one world at a time.
 *
 *   world.c         the clock and the events, chance, the trace
 *   world-host.c    processes: they make turns, and can be stopped or killed at any step
 *   world-fd.c      descriptors, and which of them are ready
 *   world-socket.c  connected sockets: bytes that are split and late, and connections that break
 *   world-lock.c    locks on bytes of the group file, and who waits for them
 *   world-group.c   the group's directory, its file, and the socket that is published there
 *   world-poller.c  the turns of a process
 *   world-node.c    the application: what is sent, and what handlers do
 *   world-check.c   the promises
 *   world-story.c   what is done to a group, and when
 *
 * The files from world-fd.c to world-poller.c stand in place of the sources of the library that do nothing but system
 * calls; all the others are the library's own.
 */

/* world.c */

typedef void (*WorldFunc) (gpointer data, guint64 argument);

extern gint64 world_now; /* us */
extern gboolean world_is_tracing;
extern guint64 world_fingerprint; /* of all that has happened */
extern guint64 world_n_events;

void world_begin (guint64 seed);
void world_at (gint64 delay_us, WorldFunc func, gpointer data, guint64 argument);
gboolean world_go_on (void);
guint world_chance (guint limit);
gboolean world_one_in (guint n);
gint64 world_delay (gint64 most_us);
void world_print (const char *format, ...) G_GNUC_PRINTF (1, 2);

#define WORLD_TRACE(...)                                                                                               \
  G_STMT_START {                                                                                                       \
    if (world_is_tracing)                                                                                              \
      world_print (__VA_ARGS__);                                                                                       \
  }                                                                                                                    \
  G_STMT_END

/* world-host.c */

/* One process after another may have the same place; each is a host of its own. */
typedef struct _Host Host;

#define WORLD_N_HOSTS 40 /* in one life of the world */

/* Places at which a process can be hit, besides the library's kill points. */
enum {
  WORLD_STEP_LEDGER = IPC_KILL_POINT_N_POINTS, /* before a store */
  WORLD_STEP_SYSTEM,                           /* before a system call */
  WORLD_STEP_HANDLER,                          /* in the middle of a handler */
  WORLD_STEP_ANY,
};

typedef struct {
  gint64 stop_us; /* 0: it is killed */
  guint step;     /* at such a step */
  guint n;        /* the n-th of them from now; 0: nothing is to happen */
} HostFault;

struct _Host {
  guint index;
  gboolean is_candidate;
  gboolean is_dead;
  gboolean is_stopped;
  gboolean is_held;  /* stopped in the midst of a turn, which is on the stack */
  guint n_turns;     /* on the stack */
  gboolean turn_due; /* an event is queued for it */
  guint64 n_all_turns;
  HostFault fault;
  gpointer poller;   /* (unowned) (nullable) of the library */
  gpointer dir;      /* (unowned) (nullable) */
  gpointer node;     /* (owned) the application */
};

extern Host *world_self; /* (nullable) whose code is running */
extern Host *world_hosts[WORLD_N_HOSTS];
extern guint world_n_hosts;

Host *host_new (gboolean is_candidate);
void host_enter (Host *self, Host **before);
void host_leave (Host *self, Host *before);
void host_wake (Host *self);
void host_end (Host *self, const char *why);
void host_kill (Host *self, const char *why);
void host_stop (Host *self, gint64 duration_us);
void host_go_on (Host *self);
gboolean host_can_run (const Host *self);
gboolean world_is_real (void);
void world_step (guint step);
const char *world_step_name (guint step);
void world_hosts_end (void);
guint world_n_stopped (void);

/* world-fd.c */

int fd_new (Host *host);
void fd_free (int fd);
Host *fd_host (int fd);
guint32 fd_ready (int fd);
void fd_set_ready (int fd, guint32 events);
void fds_begin (void);

/* world-socket.c */

void sockets_begin (void);
void sockets_close_of (Host *host);
gboolean socket_cut_one (Host *host);

/* world-lock.c */

void locks_begin (void);
void locks_add_file (int fd, gpointer file);
void locks_drop (int fd);
void locks_drop_of (Host *host);
void locks_grant (void);

/* world-group.c */

#define GROUP_FILES_MAX 4 /* in one life of the world */

void group_begin (void);
void group_end (void);
int group_connect (Host *host, int *server_fd, Host **server);
void group_put_in_backlog (int server_fd);
gboolean group_is_any_file (void);
guint group_n_files (void);
guint64 group_get_epoch (void);
gboolean group_has_book (guint64 epoch);
void group_delete_file (void);
void group_delete_socket (void);
void group_close_of (Host *host);

/* world-poller.c */

void poller_turn (gpointer poller);
gboolean poller_has_more (gpointer poller);

/* world-node.c */

void node_start (Host *host);
void node_send (Host *host, guint flags);
void node_leave (Host *host);
void node_resign (Host *host);
gboolean node_is_master (Host *host);
void node_free (Host *host);
void nodes_end (void);

/* world-story.c */

/* What happened in all the stories told so far. */
typedef struct {
  guint64 n_events;
  guint n_messages;
  guint n_repeats;
  guint n_elections;
  guint n_private; /* of masters for whom there was no book */
  guint n_hits[WORLD_STEP_ANY]; /* of processes killed or stopped at each kind of step */
  guint n_kills;                /* at any instant */
  guint n_kills_at_steps;
  guint n_stops;
  guint n_stops_at_steps;
  guint n_cuts;
  guint n_resignations;
  guint n_departures;
  guint n_deletions; /* of the file, or the socket */
  gint64 longest_us; /* from the end of all faults until everything had its outcome */
} WorldStats;

extern WorldStats world_stats;

char *story_tell (guint64 seed);
