/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_NODE_ID_LEN 16

/* What can be written down. Nodes write the first group, the supervisor the second. */
typedef enum {
  SIM_ENTRY_STARTED = 1, /* node_id and pid are its own */
  SIM_ENTRY_ROLE,        /* code: the role it has now; epoch as it sees it */
  SIM_ENTRY_ELECTED,     /* it is master of epoch */
  SIM_ENTRY_DEPOSED,     /* it finds out that it is master of epoch no more, though it neither resigned nor closed */
  SIM_ENTRY_SENT,        /* number; code: the time that it has, in ms, with DEADLINE or CANCEL; written before the
                          * library is called */
  SIM_ENTRY_HANDLED,     /* peer: the sender; code: the delivery count; written before anything else in the handler */
  SIM_ENTRY_RESPONDED,   /* peer, number, epoch as handled; the library was told the answer, and has returned */
  SIM_ENTRY_WROTE,       /* the same; the fenced resource took a write; sequence: its place there */
  SIM_ENTRY_FENCED,      /* the same; the resource refused it, as older than what it has; result_epoch: of that */
  SIM_ENTRY_ABORTING,    /* the handler of a poisonous message is about to end its process; epoch */
  SIM_ENTRY_RESIGNING,   /* about to resign; epoch */
  SIM_ENTRY_RESIGNED,    /* and the library says that it is done; epoch: the same */
  SIM_ENTRY_ANSWERED,    /* peer: the handler; epoch: as the answer says; result_epoch: as the library says */
  SIM_ENTRY_FAILED,      /* number; code: the IpcError, or -1 for another domain */
  SIM_ENTRY_CANCELLED,   /* number; its sender cancelled it, and the library says that it was sent, or not (UNSENT) */
  SIM_ENTRY_CUT,         /* it broke its own connection to the master */
  SIM_ENTRY_ERROR,       /* the error signal; code: as for failed */
  SIM_ENTRY_DRAINED,     /* told to stop sending, and every send has ended */
  SIM_ENTRY_CLOSED,      /* the node is closed */

  SIM_ENTRY_KILLED,    /* the node is about to be killed; epoch: of which it was known to be master, or 0; code: the
                          * SimFault; number: 1 + the IpcKillPoint at which it died by itself, and this is written
                          * when that is known */
  SIM_ENTRY_STOPPED,   /* the node is about to be stopped, or, in its own record, to stop itself; epoch: of which it
                          * was master, or 0; code: the SimFault; number: 0 in a handler, or 1 + the IpcKillPoint */
  SIM_ENTRY_CONTINUED, /* it is about to go on */
  SIM_ENTRY_PLANNED,   /* the schedule wants this; code: the SimFault */
  SIM_ENTRY_INJECTED,  /* it is about to be done, to the node; code: the SimFault */
  SIM_ENTRY_DISTURBED, /* something is about to be done to the group besides; code: the SimFault */
  SIM_ENTRY_OVERTAKEN, /* the node was stopped before it could publish, and another was elected meanwhile; epoch: the
                          * other's, whose node had fenced off the group file that this one goes by */
  SIM_ENTRY_EFFECTIVE, /* a fault has had an effect, on the node; code: the SimFault; also in a node's own record */
  SIM_ENTRY_STRANGER,  /* a stranger broke the protocol or kept to it, and was refused or served as it should; or not
                        * (FAILURE); code: the SimFault */
  SIM_ENTRY_PHASE,     /* the run enters a phase; code: the SimPhase */
  SIM_ENTRY_SAMPLED,   /* what the node's process holds and has used; code: the SimMoment */
  SIM_ENTRY_LEFT,      /* a process was left over when all had ended; pid */
} SimEntryKind;

#define SIM_ENTRY_KIND_LAST SIM_ENTRY_LEFT

/* When a process is looked at. */
typedef enum {
  SIM_MOMENT_JOINED = 1, /* it has just become a member */
  SIM_MOMENT_RESTING,    /* nothing is sent any more */
  SIM_MOMENT_RESTED,     /* nor was since then */
} SimMoment;

enum {
  SIM_ENTRY_REDELIVERED = 1 << 0, /* handled: the library marked it */
  SIM_ENTRY_DAMAGED = 1 << 1,     /* handled, answered: not the bytes that were given to the library */
  SIM_ENTRY_FAILURE = 1 << 2,     /* answered: by a GError; stranger: treated wrongly */
  SIM_ENTRY_ONCE = 1 << 3,        /* sent: at most once */
  SIM_ENTRY_POISON = 1 << 4,      /* sent: its handlers end their processes */
  SIM_ENTRY_DEADLINE = 1 << 5,    /* sent: with a deadline */
  SIM_ENTRY_CANCEL = 1 << 6,      /* sent: to be cancelled */
  SIM_ENTRY_FAIL_FAST = 1 << 7,   /* sent: not to wait for a master */
  SIM_ENTRY_REFUSABLE = 1 << 8,   /* sent: not to wait for room, though there may be none */
  SIM_ENTRY_UNSENT = 1 << 9,      /* cancelled: and it was not sent */
};

/* What makes a message one that may end without an answer; see sim-terms.c. */
#define SIM_ENTRY_GIVES_UP (SIM_ENTRY_DEADLINE | SIM_ENTRY_CANCEL | SIM_ENTRY_FAIL_FAST | SIM_ENTRY_REFUSABLE)

/* One thing that happened, as one cache line. What a kind does not use is 0. */
typedef struct {
  gint64 time_ns; /* CLOCK_MONOTONIC */
  guint16 kind;   /* SimEntryKind */
  guint16 flags;
  union {
    guint32 peer;
    guint32 n_descriptors; /* sampled */
  };
  union {
    guint64 number;
    guint64 memory_kib; /* sampled: that no file is behind */
  };
  union {
    guint64 epoch;
    guint64 cpu_ms; /* sampled: that it has had */
  };
  union {
    guint64 sequence;     /* handled: the message's, as the library says; injected: the SimRule of the shim, or 0 */
    guint64 result_epoch; /* answered, fenced */
    guint64 n_switches;   /* sampled: how often its threads were put to sleep or interrupted */
  };
  guint8 node_id[SIM_NODE_ID_LEN]; /* handled: the sender's, as the library says */
  union {
    guint32 pid;       /* handled: the sender's, as the kernel says */
    guint32 n_threads; /* sampled */
  };
  gint32 code;
} SimEntry;

G_STATIC_ASSERT (sizeof (SimEntry) == 64);

gint64 sim_entry_now_ns (void);
void sim_entry_set_node_id (SimEntry *self, const char *text);
gboolean sim_entry_is_outcome (const SimEntry *self);
const char *sim_entry_kind_to_string (SimEntryKind kind);
const char *sim_moment_to_string (SimMoment moment);
