/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#include "sim-entry.h"

/* How the process of a node ended. */
typedef enum {
  SIM_FATE_CLOSED,  /* it closed its node when it was told to */
  SIM_FATE_KILLED,  /* the schedule killed it */
  SIM_FATE_CRASHED, /* a signal that was not ours, a status other than 0, or an end that nobody asked for */
  SIM_FATE_HUNG,    /* it did not close in time, and was killed for that */
} SimFate;

typedef struct {
  guint32 pid;
  SimFate fate;
  gboolean candidate;
  gboolean joined; /* it was a member of the group at some time */
  char *end;       /* (owned) (nullable) how it crashed, in words */
} SimNodeInfo;

/* An entry, and where it stands. */
typedef struct {
  SimEntry entry;
  guint32 node;
  guint32 position; /* in the node's record; the supervisor's entries have G_MAXUINT32 */
} SimEvent;

/* A run as it was: who took part, and what happened in the order of the clock. */
typedef struct {
  gint64 start_ns;
  guint64 seed;
  char *command;         /* (owned) (nullable) that makes such a run again */
  guint hang_timeout_ms; /* of all candidates */
  guint max_deliveries;  /* likewise */
  gboolean foreign;      /* the nodes are somebody's program: their payloads are not ours to check */
  GArray *nodes;  /* (owned) of SimNodeInfo, by index */
  GArray *events; /* (owned) of SimEvent, by time once it is sorted */
} SimHistory;

SimHistory *sim_history_new (gint64 start_ns);
void sim_history_free (SimHistory *self);

guint32 sim_history_add_node (SimHistory *self, const SimNodeInfo *info);
void sim_history_add_events (SimHistory *self, guint32 node, const SimEntry *entries, guint n_entries);
void sim_history_add_supervisor_event (SimHistory *self, guint32 node, const SimEntry *entry);
void sim_history_sort (SimHistory *self);

const SimNodeInfo *sim_history_get_node (const SimHistory *self, guint32 node);

const char *sim_fate_to_string (SimFate fate);
char *sim_history_describe (const SimHistory *self, const SimEvent *event);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimHistory, sim_history_free)
