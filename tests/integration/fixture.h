/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <libipc.h>
#include <sys/resource.h>
#include <sys/types.h>

/* What every test has: a directory, a context, nodes and processes that are cleared away and checked at the end. */
typedef struct {
  char *dir;             /* (owned) 0700, the nodes' runtime directory */
  GMainContext *context; /* (owned) the thread's default one during the test */
  GPtrArray *nodes;      /* (owned) of IpcNode that the test has not dropped itself */
  GPtrArray *errors;     /* (owned) of GError: what the error signals said and nobody expected yet */
  GPtrArray *members;    /* (owned) of Member, see process.h */
  guint n_alive;         /* nodes that are not finalized */
  GHashTable *fds;       /* (owned) the descriptors that were open before */
  guint n_threads;       /* before */
} Fixture;

/* The outcome of one message. */
typedef struct {
  gboolean done;
  char *text;       /* (owned) (nullable) the response, with a 0 behind */
  gsize size;       /* of it */
  GError *error;    /* (owned) (nullable) */
  guint64 epoch;    /* in which it was handled */
  guint64 position; /* how many outcomes there were before it, of all replies of the process */
} Reply;

/* A handler for fixture_node() that answers with what it gets. */
void fixture_echo (IpcNode *node, IpcMessage *message, gpointer user_data);

void fixture_set_up (Fixture *self, gconstpointer data);
void fixture_tear_down (Fixture *self, gconstpointer data);
void fixture_check_resources (Fixture *self);

/* All tests of a program are added with this. */
#define fixture_add(path, summary, func) fixture_add_data ((path), (summary), NULL, (func))
void fixture_add_data (const char *path, const char *summary, gconstpointer data,
                       void (*func) (Fixture *fixture, gconstpointer data));

IpcNode *fixture_new_node (Fixture *self, IpcMode mode, IpcHandler handler, gpointer user_data);
IpcNode *fixture_node (Fixture *self, IpcMode mode, IpcHandler handler, gpointer user_data);
IpcNode *fixture_master (Fixture *self, IpcHandler handler, gpointer user_data);
IpcNode *fixture_client (Fixture *self);
void fixture_watch (Fixture *self, IpcNode *node);
void fixture_drop (Fixture *self, IpcNode *node);
void fixture_close (Fixture *self, IpcNode *node);
void fixture_expect_error (Fixture *self, GQuark domain, int code, const char *text);
guint fixture_forget_errors (Fixture *self, GQuark domain, int code);
char *fixture_path (Fixture *self, const char *name);

Reply *reply_new (void);
void reply_free (Reply *self);
void reply_cb (GObject *source, GAsyncResult *result, gpointer user_data);
Reply *fixture_send (Fixture *self, IpcNode *node, const char *text);
Reply *fixture_send_full (Fixture *self, IpcNode *node, const char *text, IpcSendFlags flags, int timeout_ms,
                          GCancellable *cancellable);
void fixture_expect_text (Fixture *self, Reply *reply, const char *text);
void fixture_expect_failure (Fixture *self, Reply *reply, GQuark domain, int code, const char *part);
gboolean under_valgrind (void);
struct rlimit leave_descriptors (int n);

GBytes *text_bytes (const char *text);
GBytes *pattern_bytes (gsize size);
char *message_text (IpcMessage *message);
void message_respond_text (IpcMessage *message, const char *text);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (Reply, reply_free)

/* Long enough for a sanitizer on a busy machine; whoever waits for it has failed. */
#define WAIT_US (45 * G_TIME_SPAN_SECOND)

void fixture_iterate (Fixture *self);
void fixture_iterate_for (Fixture *self, gint64 time_us);

/* Runs the main context until the condition holds. */
#define fixture_wait(self, condition)                                                                                  \
  G_STMT_START {                                                                                                       \
    gint64 wait_until_us = g_get_monotonic_time () + WAIT_US;                                                          \
    while (!(condition)) {                                                                                             \
      if (g_get_monotonic_time () > wait_until_us)                                                                     \
        g_error ("%s:%d: never became true: %s", __FILE__, __LINE__, #condition);                                      \
      fixture_iterate (self);                                                                                          \
    }                                                                                                                  \
  }                                                                                                                    \
  G_STMT_END

