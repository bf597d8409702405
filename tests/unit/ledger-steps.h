/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "ipc-ledger.h"

/*
 * A master who can be stopped before each of his stores into the ledger, for the programs that do so. They have copies
 * of the ledger's sources in which ipc_ledger_step() is called before every shared store.
 *
 * The log says what a master was told: of each message what he asked for, and whether that was done or refused. From it
 * follows what a successor must know; only of a step that he was in the midst of may it be either.
 */

#define N_SENDERS 5
#define N_NUMBERS 80 /* of each sender */
#define SENDER_OF_SUCCESSORS 4

#define FOUNDER 9 /* epochs */
#define PREDECESSOR 10
#define WRITER 11

#define SLOT_OF_SUCCESSORS 7

typedef struct {
  /* What is asked for and not told yet. */
  gboolean accepting, returning, answering;
  /* What was told. */
  gboolean accepted, in_handler, answered;
  guint deliveries;
  guint deaths;
  guint64 epoch; /* of the answer */
  /* The answer that was asked for. */
  gboolean failure;
  gsize size;
} LogMessage;

typedef struct {
  guint64 acknowledged; /* asked for, or told */
  gboolean closing, closed;
  LogMessage messages[N_NUMBERS];
} LogSender;

typedef struct {
  guint64 epoch; /* of the group, as in the word of the group file */
  gboolean is_over; /* the writer has done everything */
  gboolean is_contested; /* while his successor takes over */
  LogSender senders[N_SENDERS];
} Log;

/* One master. */
typedef struct {
  Log *log;
  guint64 epoch;
  IpcLedger *ledger;
  IpcAccount *accounts[N_SENDERS];
} Master;

/* A ledger, and a log that outlives processes. */
typedef struct {
  guint8 *memory;
  Log *log;
} World;

extern World world;

/* Before its store number @step, counted from 1, whoever writes in this process calls @func, once. */
void stop_before (guint step, void (*func) (void));
gboolean stop_nowhere (void);

void master_open (Master *self, guint8 *memory, Log *log, guint64 epoch, guint slot);
void master_clear (Master *self);
void count_deaths (Log *log);

void world_begin (void);
void world_end (void);
void run_writer (guint8 *memory, Log *log);
gboolean judge_sender (Master *self, guint sender);
gboolean judge (guint8 *memory, Log *log, guint64 epoch);
guint stride (void);

/* Who is master when a writer has been replaced, and by how many, one after the other. */
extern Master successor;
extern guint n_successors;
void replace (void);
void go_on_as_successor (void);
