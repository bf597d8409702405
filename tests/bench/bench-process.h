/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <gio/gio.h>
#include <sys/types.h>

/* Which processors the children may use. */
typedef enum {
  BENCH_FREE,   /* all: the scheduler decides, and may decide otherwise each time */
  BENCH_PINNED, /* one and the same */
  BENCH_APART,  /* servers one, the client another */
} BenchPlacement;

/* What a child is to do. All but the placement are the words on its command line after --child. */
typedef struct {
  const char *case_name;
  const char *contender;
  const char *side; /* "server" or "client" */
  const char *dir;  /* empty at first, 0700, removed by the parent */
  guint n_warmup;
  guint n_messages;
  guint n_in_flight;
  BenchPlacement placement;
} BenchTask;

#define BENCH_TASK_N_WORDS 7

typedef struct {
  pid_t pid;     /* 0 when it was killed */
  int report_fd; /* (owned) */
  char *name;    /* (owned) for error texts */
} BenchProcess;

BenchProcess *bench_process_start (const BenchTask *task, GError **error);
gboolean bench_process_read (BenchProcess *self, gint64 *values, gsize n_values, GError **error);
void bench_process_kill (BenchProcess *self);
void bench_process_free (BenchProcess *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (BenchProcess, bench_process_free)

void bench_interrupt_init (void);
gboolean bench_interrupt_check (GError **error);

gboolean bench_task_parse (BenchTask *task, char **words, int n_words);
void bench_report (const gint64 *values, gsize n_values);
void bench_report_ready (void);
void bench_fail (const char *format, ...) G_GNUC_PRINTF (1, 2) G_GNUC_NORETURN;
