/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_NODE_ID_LEN 16

/* What can be written down. Nodes write the first group, the supervisor the second. */
typedef enum {
  SIM_ENTRY_STARTED = 1, /* node_id and pid are its own */
  SIM_ENTRY_ROLE,        /* code: the role it has now; epoch as it sees it */
  SIM_ENTRY_ELECTED,     /* it is master of epoch */
  SIM_ENTRY_SENT,        /* number; written before the library is called */
  SIM_ENTRY_HANDLED,     /* peer: the sender; written before anything else in the handler */
  SIM_ENTRY_ANSWERED,    /* peer: the handler; epoch: as the answer says; result_epoch: as the library says */
  SIM_ENTRY_FAILED,      /* number; code: the IpcError, or -1 for another domain */
  SIM_ENTRY_CUT,         /* it broke its own connection to the master */
  SIM_ENTRY_ERROR,       /* the error signal; code */
  SIM_ENTRY_DRAINED,     /* told to stop sending, and every send has ended */
  SIM_ENTRY_CLOSED,      /* the node is closed */

  SIM_ENTRY_KILLED,    /* the node is about to be killed; epoch: of which it was known to be master */
  SIM_ENTRY_DISTURBED, /* something is about to be done to the group besides; code: the SimFault */
  SIM_ENTRY_OVERTAKEN, /* the node was stopped before it could publish, and another was elected meanwhile; epoch: the
                          * other's, whose node had fenced off the group file that this one goes by */
} SimEntryKind;

#define SIM_ENTRY_KIND_LAST SIM_ENTRY_OVERTAKEN

enum {
  SIM_ENTRY_REDELIVERED = 1 << 0, /* handled: the library marked it */
  SIM_ENTRY_DAMAGED = 1 << 1,     /* handled, answered: not the bytes that were given to the library */
  SIM_ENTRY_FAILURE = 1 << 2,     /* answered: by a GError */
};

/* One thing that happened, as one cache line. What a kind does not use is 0. */
typedef struct {
  gint64 time_ns; /* CLOCK_MONOTONIC */
  guint16 kind;   /* SimEntryKind */
  guint16 flags;
  guint32 peer;
  guint64 number;
  guint64 epoch;
  union {
    guint64 sequence;     /* handled: the message's, as the library says */
    guint64 result_epoch; /* answered */
  };
  guint8 node_id[SIM_NODE_ID_LEN]; /* handled: the sender's, as the library says */
  guint32 pid;                     /* handled: the sender's, as the kernel says */
  gint32 code;
} SimEntry;

G_STATIC_ASSERT (sizeof (SimEntry) == 64);

gint64 sim_entry_now_ns (void);
void sim_entry_set_node_id (SimEntry *self, const char *text);
const char *sim_entry_kind_to_string (SimEntryKind kind);
