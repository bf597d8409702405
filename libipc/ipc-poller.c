/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-poller.h"

#include <errno.h>
#include <glib-unix.h>
#include <unistd.h>

#include "ipc-fork-guard.h"

/*
 * All of a node's I/O behind one GSource: one epoll set for its descriptors, a sorted list of timers, and work that is
 * put off to the end of a turn so that many frames go out in one write. GMainContext polls every descriptor of every
 * source at each turn; with a thousand connections that doubles the price of a round trip, and with one epoll set it
 * does not (docs/architecture.md).
 *
 * A turn: ready descriptors first (a file event may say that we are no longer master), then timers that are due, then
 * what was deferred. After a turn that the main loop makes comes the epilogue, in which applications' callbacks are
 * called; a turn that a blocking call makes has none.
 *
 * From other threads a turn is given work through the mailbox, whose descriptor is in the set like any other.
 *
 * Turns nest: a handler may make a blocking send, or run a main loop of its own. Whatever is removed meanwhile is taken
 * out of the batches of all turns that are under way. Readiness is computed in prepare() from the lists, and not kept
 * as the source's ready time, because setting that writes to the context's wake-up descriptor each time.
 */

/* Ready descriptors taken at once; more are taken in the next turn, after the main loop has looked at other sources. */
#define BATCH_SIZE 64

typedef struct _Batch Batch;

struct _Batch {
  Batch *outer; /* (unowned) (nullable) the turn within which this one runs */
  int n_events;
  struct epoll_event events[BATCH_SIZE];
};

typedef struct {
  GSource source;
  IpcPoller *poller; /* (unowned) outlives the source */
  gpointer fd_tag;
} PollerSource;

struct _IpcPoller {
  grefcount ref_count; /* one of the owner, one of each turn under way */
  GSource *source; /* (owned) (nullable) %NULL once the owner has let go */
  GThread *thread; /* (unowned) that may make turns */
  int epoll_fd;    /* (owned) */
  IpcAgenda agenda;
  Batch *batch;    /* (unowned) (nullable) of the innermost turn under way */
  gboolean turn_wanted;
  IpcMailbox *mailbox; /* (owned) */
  IpcWatch mail;       /* of its descriptor */
  IpcFunc epilogue;
  gpointer epilogue_data;
};

static void poller_dispatch (IpcPoller *self);

/* How long until something is to be done, in milliseconds as poll() wants it; -1 for ever. */
static int
time_to_next (IpcPoller *self)
{
  gint64 deadline_us, left_us;

  if (ipc_agenda_has_deferred (&self->agenda))
    return 0;
  if (!ipc_agenda_get_deadline (&self->agenda, &deadline_us))
    return -1;

  left_us = deadline_us - g_get_monotonic_time ();
  return CLAMP ((left_us + 999) / 1000, 0, G_MAXINT);
}

static gboolean
source_prepare (GSource *source, int *timeout_ms)
{
  IpcPoller *self = ((PollerSource *) source)->poller;

  *timeout_ms = self->turn_wanted ? 0 : time_to_next (self);

  return *timeout_ms == 0;
}

static gboolean
source_check (GSource *source)
{
  PollerSource *self = (PollerSource *) source;
  int timeout_ms;

  return g_source_query_unix_fd (source, self->fd_tag) != 0 || source_prepare (source, &timeout_ms);
}

static gboolean
source_dispatch (GSource *source, GSourceFunc callback, gpointer user_data)
{
  poller_dispatch (((PollerSource *) source)->poller);

  return G_SOURCE_CONTINUE;
}

static GSourceFuncs source_funcs = {
  .prepare = source_prepare,
  .check = source_check,
  .dispatch = source_dispatch,
};

static void
poller_unref (IpcPoller *self)
{
  if (g_ref_count_dec (&self->ref_count))
    g_free (self);
}

static void
mail_cb (guint32 events, gpointer user_data)
{
  IpcPoller *self = user_data;

  ipc_mailbox_empty (self->mailbox);
}

/* Returns FALSE with errno set. */
static gboolean
open_descriptors (IpcPoller *self)
{
  self->epoll_fd = epoll_create1 (EPOLL_CLOEXEC);
  if (self->epoll_fd == -1)
    return FALSE;

  ipc_fork_guard_add (self->epoll_fd);
  self->mailbox = ipc_mailbox_new ();

  return self->mailbox != NULL
         && ipc_poller_watch (self, &self->mail, ipc_mailbox_get_fd (self->mailbox), EPOLLIN, mail_cb, self);
}

static void
close_descriptors (IpcPoller *self)
{
  ipc_poller_unwatch (self, &self->mail);
  if (self->mailbox != NULL)
    ipc_mailbox_close (self->mailbox);
  g_clear_pointer (&self->mailbox, ipc_mailbox_unref);
  if (self->epoll_fd != -1)
    ipc_fork_guard_close (self->epoll_fd);
}

/**
 * ipc_poller_new:
 * @context: (nullable): where the turns are made
 * @name: of the source, for debuggers
 *
 * Returns: (transfer full) (nullable): a poller, or %NULL with @error set
 */
IpcPoller *
ipc_poller_new (GMainContext *context, const char *name, GError **error)
{
  IpcPoller *self = g_new0 (IpcPoller, 1);

  g_ref_count_init (&self->ref_count);
  self->thread = g_thread_self ();
  if (!open_descriptors (self)) {
    int saved_errno = errno;

    g_set_error (error, G_IO_ERROR, g_io_error_from_errno (saved_errno), "cannot make an epoll set: %s",
                 g_strerror (saved_errno));
    close_descriptors (self);
    poller_unref (self);
    return NULL;
  }

  self->source = g_source_new (&source_funcs, sizeof (PollerSource));
  ((PollerSource *) self->source)->poller = self;
  ((PollerSource *) self->source)->fd_tag = g_source_add_unix_fd (self->source, self->epoll_fd, G_IO_IN);
  g_source_set_name (self->source, name);
  g_source_set_can_recurse (self->source, TRUE);
  g_source_attach (self->source, context);

  return self;
}

/* No watch may be left. May be called within a turn, which then ends early. */
void
ipc_poller_free (IpcPoller *self)
{
  ipc_agenda_clear (&self->agenda);
  g_source_destroy (self->source);
  g_clear_pointer (&self->source, g_source_unref);
  close_descriptors (self);
  poller_unref (self);
}

/**
 * ipc_poller_watch:
 * @watch: not in use
 * @events: as for epoll, level-triggered
 *
 * Returns: %FALSE with errno set if the kernel has no room for the watch
 */
gboolean
ipc_poller_watch (IpcPoller *self, IpcWatch *watch, int fd, guint32 events, IpcWatchFunc func, gpointer user_data)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_ADD, fd, &event) == -1)
    return FALSE;

  *watch = (IpcWatch) { fd, events, func, user_data };
  return TRUE;
}

void
ipc_poller_change (IpcPoller *self, IpcWatch *watch, guint32 events)
{
  struct epoll_event event = { .events = events, .data.ptr = watch };

  if (watch->events == events)
    return;
  if (epoll_ctl (self->epoll_fd, EPOLL_CTL_MOD, watch->fd, &event) == -1)
    g_assert_not_reached (); /* needs no memory; the descriptor is in the set */

  watch->events = events;
}

/* To be called before the descriptor is closed. */
void
ipc_poller_unwatch (IpcPoller *self, IpcWatch *watch)
{
  if (watch->func == NULL)
    return;

  for (Batch *batch = self->batch; batch != NULL; batch = batch->outer) {
    for (int i = 0; i < batch->n_events; i++) {
      if (batch->events[i].data.ptr == watch)
        batch->events[i].data.ptr = NULL;
    }
  }

  epoll_ctl (self->epoll_fd, EPOLL_CTL_DEL, watch->fd, NULL);
  *watch = (IpcWatch) { .fd = -1 };
}

/* Starts a timer, or starts it anew. It runs once. */
void
ipc_poller_start_timer (IpcPoller *self, IpcTimer *timer, gint64 delay_us, IpcFunc func, gpointer user_data)
{
  ipc_agenda_start_timer (&self->agenda, timer, g_get_monotonic_time () + MIN (delay_us, G_MAXINT64 / 2), func,
                          user_data);
}

void
ipc_poller_stop_timer (IpcPoller *self, IpcTimer *timer)
{
  ipc_agenda_stop_timer (&self->agenda, timer);
}

/* Has @func called at the end of this turn, or of a turn soon; once, however often it is asked for until then. */
void
ipc_poller_defer (IpcPoller *self, IpcDefer *defer, IpcFunc func, gpointer user_data)
{
  ipc_agenda_defer (&self->agenda, defer, func, user_data);
}

void
ipc_poller_cancel_defer (IpcPoller *self, IpcDefer *defer)
{
  ipc_agenda_cancel_defer (&self->agenda, defer);
}

/* @func is called after each turn that the main loop makes. */
void
ipc_poller_set_epilogue (IpcPoller *self, IpcFunc func, gpointer user_data)
{
  self->epilogue = func;
  self->epilogue_data = user_data;
}

/* Makes sure that a turn, and so the epilogue, comes soon. */
void
ipc_poller_want_turn (IpcPoller *self)
{
  self->turn_wanted = TRUE;
}

static void
run_ready (IpcPoller *self)
{
  Batch batch = { .outer = self->batch };

  batch.n_events = epoll_wait (self->epoll_fd, batch.events, BATCH_SIZE, 0);
  self->batch = &batch;
  for (int i = 0; i < batch.n_events; i++) {
    IpcWatch *watch = batch.events[i].data.ptr;

    if (watch != NULL)
      watch->func (batch.events[i].events, watch->user_data);
  }
  self->batch = batch.outer;
}

static void
run_timers (IpcPoller *self)
{
  gint64 deadline_us;

  if (ipc_agenda_get_deadline (&self->agenda, &deadline_us)) /* otherwise the clock need not be read */
    ipc_agenda_run_timers (&self->agenda, g_get_monotonic_time ());
}

static void
turn (IpcPoller *self)
{
  run_ready (self);
  run_timers (self);
  ipc_agenda_run_deferred (&self->agenda);
}

/* A node in a thread without a context of its own hangs on the default one, which another thread may be running. */
static gboolean
is_right_thread (IpcPoller *self)
{
  if (self->thread == g_thread_self ())
    return TRUE;

  g_critical ("%s: its main context runs in another thread than the one that made the node; push a thread-default "
              "context before making a node in a thread. The node gets no more input.",
              g_source_get_name (self->source));
  g_source_destroy (self->source);
  return FALSE;
}

static void
poller_dispatch (IpcPoller *self)
{
  if (!is_right_thread (self))
    return;

  g_ref_count_inc (&self->ref_count);

  turn (self);

  /* Who wanted a turn until now gets the rest of this one; who wants one from now on gets the next. */
  self->turn_wanted = FALSE;
  if (self->source != NULL && self->epilogue != NULL) {
    self->epilogue (self->epilogue_data);
    ipc_agenda_run_deferred (&self->agenda); /* what the callbacks have sent */
  }

  poller_unref (self);
}

/* Letters that any thread posts there are delivered in turns, also in those of blocking calls. */
IpcMailbox *
ipc_poller_get_mailbox (IpcPoller *self)
{
  return self->mailbox;
}

/* Waits until something is to be done and does it, without the main loop: no other source runs, nor the epilogue. */
void
ipc_poller_turn_blocking (IpcPoller *self)
{
  GPollFD fd = { .fd = self->epoll_fd, .events = G_IO_IN };

  g_poll (&fd, 1, time_to_next (self));

  g_ref_count_inc (&self->ref_count);
  turn (self);
  poller_unref (self);
}
