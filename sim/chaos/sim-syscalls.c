/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-syscalls.h"

#include <errno.h>
#include <string.h>

#include "sim-random.h"

/*
 * Which system calls of the library may fail, and how: a table, from which a rule for the shim is drawn. Pure.
 *
 * In it is what a kernel may really do. What the caller can only try again (EINTR, EAGAIN on a descriptor that is ready)
 * comes a few times and not for good: a kernel that says so for ever is broken. What is short (descriptors, memory,
 * room on the disk) may be so for as long as it pleases.
 *
 * Most calls are made on an occasion only, and a rule about one that nobody makes proves nothing. So each row names the
 * occasion, for whoever arms the rule to bring it about.
 */

#define AGAIN_MAX 3 /* in a row */
#define SKIP_MAX 50 /* of calls that come by the thousand */
#define SHORT_SKIP_MAX 20
#define SHORT_COUNT_MIN 50
#define SHORT_COUNT_MAX 1000 /* a few bytes at a time, for ever, would be a master that is too slow and is rightly deposed */

static const SimFailure failures[] = {
  { SIM_CALL_RECV, EINTR, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_RECV, EAGAIN, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_RECV, ECONNRESET, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_RECV, ENOMEM, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, EINTR, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, EAGAIN, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, ECONNRESET, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, EPIPE, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, ENOBUFS, 0, SIM_OCCASION_SERVING },
  { SIM_CALL_SENDMSG, ENOMEM, 0, SIM_OCCASION_SERVING },
  { SIM_CALL_EPOLL_WAIT, EINTR, AGAIN_MAX, SIM_OCCASION_SERVING },
  { SIM_CALL_ACCEPT, EINTR, AGAIN_MAX, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, EAGAIN, AGAIN_MAX, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, ECONNABORTED, AGAIN_MAX, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, EMFILE, 0, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, ENFILE, 0, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, ENOMEM, 0, SIM_OCCASION_CROWD },
  { SIM_CALL_ACCEPT, ENOBUFS, 0, SIM_OCCASION_CROWD },
  { SIM_CALL_CONNECT, EINTR, AGAIN_MAX, SIM_OCCASION_CUT },
  { SIM_CALL_CONNECT, EAGAIN, AGAIN_MAX, SIM_OCCASION_CUT },
  { SIM_CALL_CONNECT, ENOMEM, 0, SIM_OCCASION_CUT },
  { SIM_CALL_SOCKET, EMFILE, 0, SIM_OCCASION_CUT },
  { SIM_CALL_SOCKET, ENFILE, 0, SIM_OCCASION_CUT },
  { SIM_CALL_SOCKET, ENOMEM, 0, SIM_OCCASION_CUT },
  { SIM_CALL_SOCKET, ENOBUFS, 0, SIM_OCCASION_CUT },
  { SIM_CALL_BIND, ENOSPC, 0, SIM_OCCASION_SUCCESSION },
  { SIM_CALL_BIND, ENOMEM, 0, SIM_OCCASION_SUCCESSION },
  { SIM_CALL_LISTEN, EADDRINUSE, AGAIN_MAX, SIM_OCCASION_SUCCESSION },
  { SIM_CALL_EPOLL_ADD, ENOSPC, 0, SIM_OCCASION_CUT },
  { SIM_CALL_EPOLL_ADD, ENOMEM, 0, SIM_OCCASION_CUT },
  { SIM_CALL_OPEN, EINTR, AGAIN_MAX, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_OPEN, EMFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_OPEN, ENFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_OPEN, ENOMEM, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_OPEN, ENOSPC, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_MMAP, ENOMEM, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_MMAP, ENFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_MMAP, EAGAIN, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_FALLOCATE, EINTR, AGAIN_MAX, SIM_OCCASION_NEW_FILE },
  { SIM_CALL_FALLOCATE, ENOSPC, 0, SIM_OCCASION_NEW_FILE },
  { SIM_CALL_WRITE_HEADER, ENOSPC, 0, SIM_OCCASION_NEW_FILE },
  { SIM_CALL_RENAME, ENOSPC, 0, SIM_OCCASION_SUCCESSION },
  { SIM_CALL_RENAME, ENOMEM, 0, SIM_OCCASION_SUCCESSION },
  { SIM_CALL_LINK, ENOSPC, 0, SIM_OCCASION_NEW_FILE },
  { SIM_CALL_LINK, ENOMEM, 0, SIM_OCCASION_NEW_FILE },
  { SIM_CALL_LOCK_WAIT, EINTR, AGAIN_MAX, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_LOCK_WAIT, ENOLCK, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_LOCK_TRY, ENOLCK, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_DUPFD, EMFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_EVENTFD, EMFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_EVENTFD, ENFILE, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_EVENTFD, ENOMEM, 0, SIM_OCCASION_RESIGNATION },
  { SIM_CALL_INOTIFY_INIT, EMFILE, 0, SIM_OCCASION_NEW_DIRECTORY },
  { SIM_CALL_INOTIFY_INIT, ENOMEM, 0, SIM_OCCASION_NEW_DIRECTORY },
  { SIM_CALL_INOTIFY_ADD, ENOSPC, 0, SIM_OCCASION_NEW_DIRECTORY },
  { SIM_CALL_INOTIFY_ADD, ENOMEM, 0, SIM_OCCASION_NEW_DIRECTORY },
  { SIM_CALL_THREAD, EAGAIN, 0, SIM_OCCASION_RESIGNATION },
};

const SimFailure *
sim_syscalls_get_failures (guint *n_failures)
{
  *n_failures = G_N_ELEMENTS (failures);
  return failures;
}

/* Half of what may be for good is. */
static guint
draw_count (const SimFailure *failure, guint64 pick)
{
  if (failure->count_max == 0 && pick % 2 == 0)
    return 0;
  return 1 + (guint) (pick / 2) % AGAIN_MAX;
}

/* occasion: (out): what has to happen for it to be hit */
SimRule
sim_syscalls_draw_failure (guint64 pick, SimOccasion *occasion)
{
  const SimFailure *failure = &failures[pick % G_N_ELEMENTS (failures)];
  gboolean often = failure->occasion == SIM_OCCASION_SERVING;

  pick = sim_random_mix (pick);
  *occasion = failure->occasion;
  return (SimRule) {
    .call = (guint8) failure->call,
    .code = (guint8) failure->code,
    .skip = (guint16) (often ? pick % SKIP_MAX : 0),
    .count = (guint16) draw_count (failure, pick >> 32),
  };
}

/* Reads or writes of one byte, of a few, or of about a frame. */
SimRule
sim_syscalls_draw_short (guint64 pick)
{
  static const guint16 sizes[] = { 1, 1, 2, 7, 24, 100 };

  return (SimRule) {
    .call = pick % 2 > 0 ? SIM_CALL_RECV : SIM_CALL_SENDMSG,
    .size = sizes[pick / 2 % G_N_ELEMENTS (sizes)],
    .skip = (guint16) ((pick >> 16) % SHORT_SKIP_MAX),
    .count = (guint16) (SHORT_COUNT_MIN + (pick >> 32) % (SHORT_COUNT_MAX - SHORT_COUNT_MIN + 1)),
  };
}

/* Also of what is none: the number may come from a file. */
const char *
sim_call_to_string (SimCall call)
{
  static const char *const names[SIM_N_CALLS] = {
    [SIM_CALL_NONE] = "none",
    [SIM_CALL_RECV] = "recv",
    [SIM_CALL_SENDMSG] = "sendmsg",
    [SIM_CALL_ACCEPT] = "accept4",
    [SIM_CALL_CONNECT] = "connect",
    [SIM_CALL_SOCKET] = "socket",
    [SIM_CALL_BIND] = "bind",
    [SIM_CALL_LISTEN] = "listen",
    [SIM_CALL_EPOLL_WAIT] = "epoll_wait",
    [SIM_CALL_EPOLL_ADD] = "epoll_ctl",
    [SIM_CALL_OPEN] = "openat",
    [SIM_CALL_MMAP] = "mmap",
    [SIM_CALL_FALLOCATE] = "posix_fallocate",
    [SIM_CALL_WRITE_HEADER] = "pwrite",
    [SIM_CALL_RENAME] = "renameat",
    [SIM_CALL_LINK] = "linkat",
    [SIM_CALL_LOCK_WAIT] = "fcntl (F_OFD_SETLKW)",
    [SIM_CALL_LOCK_TRY] = "fcntl (F_OFD_SETLK)",
    [SIM_CALL_DUPFD] = "fcntl (F_DUPFD_CLOEXEC)",
    [SIM_CALL_EVENTFD] = "eventfd",
    [SIM_CALL_INOTIFY_INIT] = "inotify_init1",
    [SIM_CALL_INOTIFY_ADD] = "inotify_add_watch",
    [SIM_CALL_THREAD] = "pthread_create",
  };

  return call < SIM_N_CALLS ? names[call] : "unknown";
}

/* (transfer full): in words. */
char *
sim_rule_describe (const SimRule *rule)
{
  g_autofree char *often = rule->count == 0 ? g_strdup ("from then on") : g_strdup_printf ("%u times", rule->count);
  const char *code = strerrorname_np (rule->code);

  if (rule->code == 0)
    return g_strdup_printf ("after %u calls %s carries %u bytes at most, %s", rule->skip, sim_call_to_string (rule->call),
                            rule->size, often);
  return g_strdup_printf ("after %u calls %s fails with %s, %s", rule->skip, sim_call_to_string (rule->call),
                          code != NULL ? code : "an unknown code", often);
}
