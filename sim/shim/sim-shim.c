/* SPDX-License-Identifier: LGPL-2.1-or-later */

/* Both names of a function that has a 64-bit twin are defined here, and the headers shall not make one of the two. */
#undef _FILE_OFFSET_BITS

#include "sim-shim.h"

#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <link.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/inotify.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * Stands between a node and the C library (LD_PRELOAD), and makes system calls fail as the rule in its page says.
 *
 * Only the library's own calls are meant. So a call counts when it comes from the program itself (into which the
 * library is linked) or from libipc, and not from GLib or the C library; and when its descriptor or name is one of the
 * library's: the simulator's records are files, too. What is done keeps to what a system may do:
 *
 * - a call that fails has not happened, and nothing of it is left,
 * - a connection that is said to be reset is shut down, so that both sides see its end,
 * - what is shortened is a read or a write that may be short at any time.
 */

#define VECTORS_MAX 64 /* of one sendmsg(): as many as the library ever gives */

typedef struct {
  uintptr_t begin;
  uintptr_t end;
} Code;

static SimShimPage *page;
static Code program, library; /* where their instructions are */

/* The function of this name that would be called without us. Looked up at its first use, which may come before our
 * constructor. */
#define NEXT(name)                                                                                                     \
  ({                                                                                                                   \
    static __typeof__ (&name) function;                                                                                \
                                                                                                                       \
    if (function == NULL)                                                                                              \
      function = (__typeof__ (&name)) dlsym (RTLD_NEXT, #name);                                                        \
    function;                                                                                                          \
  })

static int
find_code (struct dl_phdr_info *info, size_t size, void *user_data)
{
  const char *name = strrchr (info->dlpi_name, '/');
  Code *code = info->dlpi_name[0] == '\0'                                   ? &program
               : name != NULL && strncmp (name, "/libipc-1.so", 12) == 0 ? &library
                                                                            : NULL;

  for (int i = 0; code != NULL && i < info->dlpi_phnum; i++) {
    const ElfW (Phdr) *segment = &info->dlpi_phdr[i];

    if (segment->p_type == PT_LOAD && (segment->p_flags & PF_X) != 0 && code->begin == 0)
      *code = (Code) { info->dlpi_addr + segment->p_vaddr, info->dlpi_addr + segment->p_vaddr + segment->p_memsz };
  }
  return 0;
}

__attribute__ ((constructor)) static void
load (void)
{
  const char *path = getenv (SIM_SHIM_ENV);
  int fd = path != NULL ? NEXT (open) (path, O_RDWR | O_CLOEXEC) : -1;
  void *mapping = fd >= 0 ? NEXT (mmap) (NULL, SIM_SHIM_PAGE_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0)
                          : MAP_FAILED;

  if (fd >= 0)
    close (fd);
  dl_iterate_phdr (find_code, NULL);
  page = mapping != MAP_FAILED ? mapping : NULL;
}

static bool
is_in (const Code *code, const void *caller)
{
  return (uintptr_t) caller >= code->begin && (uintptr_t) caller < code->end;
}

/* Whether there is a rule about this call of this caller; it does not count yet. */
static bool
is_wanted (SimCall call, const void *caller)
{
  return page != NULL && (uint8_t) __atomic_load_n (&page->rule, __ATOMIC_ACQUIRE) == call
         && (is_in (&program, caller) || is_in (&library, caller));
}

/* Counts the call, and says whether it is hit. */
static bool
is_hit (SimCall call, const void *caller, SimRule *rule)
{
  uint32_t n_before;

  if (!is_wanted (call, caller))
    return false;
  *rule = sim_rule_unpack (__atomic_load_n (&page->rule, __ATOMIC_ACQUIRE));
  n_before = __atomic_fetch_add (&page->n_seen, 1, __ATOMIC_ACQ_REL);
  if (rule->call != call || !sim_rule_hits (rule, n_before))
    return false;
  __atomic_fetch_add (&page->n_hit, 1, __ATOMIC_ACQ_REL);
  return true;
}

/* The same for calls that fail and do nothing besides; sets errno. */
static bool
fails (SimCall call, const void *caller)
{
  SimRule rule;

  if (!is_hit (call, caller, &rule))
    return false;
  errno = rule.code;
  return true;
}

/* Whether the descriptor is that of a group file, or of one that is to be. */
static bool
is_group_file (int fd)
{
  char link[64], target[PATH_MAX];
  const char *name;
  ssize_t len;

  snprintf (link, sizeof link, "/proc/self/fd/%d", fd);
  len = readlink (link, target, sizeof target - 1);
  if (len <= 0)
    return false;
  target[len] = '\0';
  name = strrchr (target, '/');
  return name != NULL && (strncmp (name, "/group", 6) == 0 || strncmp (name, "/.group-", 8) == 0);
}

#define CALLER __builtin_return_address (0)
#define SHIM __attribute__ ((visibility ("default")))

/* Connections */

static void
break_if_reset (int fd, int code)
{
  if (code == ECONNRESET || code == EPIPE)
    shutdown (fd, SHUT_RDWR);
  errno = code;
}

SHIM ssize_t
recv (int fd, void *buffer, size_t len, int flags)
{
  SimRule rule;

  if (is_hit (SIM_CALL_RECV, CALLER, &rule)) {
    if (rule.code != 0) {
      break_if_reset (fd, rule.code);
      return -1;
    }
    len = len < rule.size ? len : rule.size;
  }
  return NEXT (recv) (fd, buffer, len, flags);
}

/* The first bytes of the message, so many at most. */
static ssize_t
send_short (int fd, const struct msghdr *message, size_t size, int flags)
{
  struct iovec vectors[VECTORS_MAX];
  struct msghdr shorter = *message;
  size_t n_vectors = 0;

  while (n_vectors < message->msg_iovlen && n_vectors < VECTORS_MAX && size > 0) {
    vectors[n_vectors] = message->msg_iov[n_vectors];
    if (vectors[n_vectors].iov_len > size)
      vectors[n_vectors].iov_len = size;
    size -= vectors[n_vectors++].iov_len;
  }
  shorter.msg_iov = vectors;
  shorter.msg_iovlen = n_vectors;
  return NEXT (sendmsg) (fd, &shorter, flags);
}

SHIM ssize_t
sendmsg (int fd, const struct msghdr *message, int flags)
{
  SimRule rule;

  if (!is_hit (SIM_CALL_SENDMSG, CALLER, &rule))
    return NEXT (sendmsg) (fd, message, flags);
  if (rule.code == 0)
    return send_short (fd, message, rule.size, flags);
  break_if_reset (fd, rule.code);
  return -1;
}

SHIM int
accept4 (int fd, struct sockaddr *address, socklen_t *len, int flags)
{
  return fails (SIM_CALL_ACCEPT, CALLER) ? -1 : NEXT (accept4) (fd, address, len, flags);
}

SHIM int
connect (int fd, const struct sockaddr *address, socklen_t len)
{
  return fails (SIM_CALL_CONNECT, CALLER) ? -1 : NEXT (connect) (fd, address, len);
}

SHIM int
socket (int domain, int type, int protocol)
{
  return fails (SIM_CALL_SOCKET, CALLER) ? -1 : NEXT (socket) (domain, type, protocol);
}

SHIM int
bind (int fd, const struct sockaddr *address, socklen_t len)
{
  return fails (SIM_CALL_BIND, CALLER) ? -1 : NEXT (bind) (fd, address, len);
}

SHIM int
listen (int fd, int backlog)
{
  return fails (SIM_CALL_LISTEN, CALLER) ? -1 : NEXT (listen) (fd, backlog);
}

/* Waiting */

SHIM int
epoll_wait (int fd, struct epoll_event *events, int n_events, int timeout)
{
  return fails (SIM_CALL_EPOLL_WAIT, CALLER) ? -1 : NEXT (epoll_wait) (fd, events, n_events, timeout);
}

/* Changing and taking out need no memory. */
SHIM int
epoll_ctl (int epoll_fd, int operation, int fd, struct epoll_event *event)
{
  return operation == EPOLL_CTL_ADD && fails (SIM_CALL_EPOLL_ADD, CALLER)
             ? -1
             : NEXT (epoll_ctl) (epoll_fd, operation, fd, event);
}

SHIM int
eventfd (unsigned int count, int flags)
{
  return fails (SIM_CALL_EVENTFD, CALLER) ? -1 : NEXT (eventfd) (count, flags);
}

SHIM int
inotify_init1 (int flags)
{
  return fails (SIM_CALL_INOTIFY_INIT, CALLER) ? -1 : NEXT (inotify_init1) (flags);
}

SHIM int
inotify_add_watch (int fd, const char *path, uint32_t mask)
{
  return fails (SIM_CALL_INOTIFY_ADD, CALLER) ? -1 : NEXT (inotify_add_watch) (fd, path, mask);
}

SHIM int
pthread_create (pthread_t *thread, const pthread_attr_t *attributes, void *(*run) (void *), void *argument)
{
  SimRule rule;

  return is_hit (SIM_CALL_THREAD, CALLER, &rule) ? rule.code
                                                 : NEXT (pthread_create) (thread, attributes, run, argument);
}

/* Files: the library opens all but one relative to a directory, and the simulator nothing. */

static mode_t
take_mode (int flags, va_list arguments)
{
  return (flags & (O_CREAT | __O_TMPFILE)) != 0 ? va_arg (arguments, mode_t) : 0;
}

#define DEFINE_OPEN(name)                                                                                              \
  SHIM int name (const char *path, int flags, ...)                                                                     \
  {                                                                                                                    \
    va_list arguments;                                                                                                 \
    mode_t mode;                                                                                                       \
                                                                                                                       \
    va_start (arguments, flags);                                                                                       \
    mode = take_mode (flags, arguments);                                                                               \
    va_end (arguments);                                                                                                \
    return strcmp (path, "/dev/null") == 0 && fails (SIM_CALL_OPEN, CALLER) ? -1 : NEXT (name) (path, flags, mode);    \
  }

DEFINE_OPEN (open)
DEFINE_OPEN (open64)

#define DEFINE_OPENAT(name)                                                                                            \
  SHIM int name (int dir_fd, const char *path, int flags, ...)                                                         \
  {                                                                                                                    \
    va_list arguments;                                                                                                 \
    mode_t mode;                                                                                                       \
                                                                                                                       \
    va_start (arguments, flags);                                                                                       \
    mode = take_mode (flags, arguments);                                                                               \
    va_end (arguments);                                                                                                \
    return fails (SIM_CALL_OPEN, CALLER) ? -1 : NEXT (name) (dir_fd, path, flags, mode);                               \
  }

DEFINE_OPENAT (openat)
DEFINE_OPENAT (openat64)

#define DEFINE_MMAP(name, Offset)                                                                                      \
  SHIM void *name (void *address, size_t len, int protection, int flags, int fd, Offset offset)                        \
  {                                                                                                                    \
    return fd >= 0 && is_wanted (SIM_CALL_MMAP, CALLER) && is_group_file (fd) && fails (SIM_CALL_MMAP, CALLER)         \
               ? MAP_FAILED                                                                                            \
               : NEXT (name) (address, len, protection, flags, fd, offset);                                            \
  }

DEFINE_MMAP (mmap, off_t)
DEFINE_MMAP (mmap64, off64_t)

#define DEFINE_FALLOCATE(name, Offset)                                                                                 \
  SHIM int name (int fd, Offset offset, Offset len)                                                                    \
  {                                                                                                                    \
    SimRule rule;                                                                                                      \
                                                                                                                       \
    return is_wanted (SIM_CALL_FALLOCATE, CALLER) && is_group_file (fd)                                                \
                   && is_hit (SIM_CALL_FALLOCATE, CALLER, &rule)                                                       \
               ? rule.code                                                                                             \
               : NEXT (name) (fd, offset, len);                                                                        \
  }

DEFINE_FALLOCATE (posix_fallocate, off_t)
DEFINE_FALLOCATE (posix_fallocate64, off64_t)

#define DEFINE_PWRITE(name, Offset)                                                                                    \
  SHIM ssize_t name (int fd, const void *data, size_t len, Offset offset)                                              \
  {                                                                                                                    \
    return fails (SIM_CALL_WRITE_HEADER, CALLER) ? -1 : NEXT (name) (fd, data, len, offset);                           \
  }

DEFINE_PWRITE (pwrite, off_t)
DEFINE_PWRITE (pwrite64, off64_t)

SHIM int
renameat (int old_dir, const char *old, int new_dir, const char *new)
{
  return fails (SIM_CALL_RENAME, CALLER) ? -1 : NEXT (renameat) (old_dir, old, new_dir, new);
}

SHIM int
linkat (int old_dir, const char *old, int new_dir, const char *new, int flags)
{
  return fails (SIM_CALL_LINK, CALLER) ? -1 : NEXT (linkat) (old_dir, old, new_dir, new, flags);
}

/* Giving up a lock cannot fail. */
static SimCall
find_lock_call (int command, const struct flock *lock)
{
  if (command == F_OFD_SETLKW)
    return SIM_CALL_LOCK_WAIT;
  if (command == F_OFD_SETLK && lock->l_type != F_UNLCK)
    return SIM_CALL_LOCK_TRY;
  return command == F_DUPFD_CLOEXEC ? SIM_CALL_DUPFD : SIM_CALL_NONE;
}

#define DEFINE_FCNTL(name)                                                                                             \
  SHIM int name (int fd, int command, ...)                                                                             \
  {                                                                                                                    \
    va_list arguments;                                                                                                 \
    void *argument;                                                                                                    \
    SimCall call;                                                                                                      \
                                                                                                                       \
    va_start (arguments, command);                                                                                     \
    argument = va_arg (arguments, void *);                                                                             \
    va_end (arguments);                                                                                                \
    call = find_lock_call (command, argument);                                                                         \
    return call != SIM_CALL_NONE && fails (call, CALLER) ? -1 : NEXT (name) (fd, command, argument);                   \
  }

DEFINE_FCNTL (fcntl)
DEFINE_FCNTL (fcntl64)
