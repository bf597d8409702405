/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

/* What else is to be known of a fault. */
typedef enum {
  SIM_FAULT_PLAIN = 0,
  SIM_FAULT_KILLS_MASTER = 1 << 0, /* it is the end of a master's process */
  SIM_FAULT_BESIDES = 1 << 1,      /* it comes besides all others, in a stream of its own, not instead of one */
  SIM_FAULT_SAYS_SO = 1 << 2,      /* it has had an effect when a SIM_ENTRY_EFFECTIVE says so */
  SIM_FAULT_NEEDS_TRACE = 1 << 3,  /* a parent must be allowed to trace its child */
  SIM_FAULT_NEEDS_ROOT = 1 << 4,   /* CAP_SYS_ADMIN, to mount a file system */
  SIM_FAULT_NEEDS_NODE = 1 << 5,   /* the node itself has a part in it, so that it must be one of our own */
  SIM_FAULT_LOSES_LEDGER = 1 << 6, /* the next master has another group file, and with it another ledger */
} SimFaultTraits;

/* Every fault, and all that is known of it before it happens: a row here, and the function that does it, which is
 * called sim_chaos_do_<identifier> and has its place in one of the sim-chaos-*.c.
 *
 * constant, identifier, name, family (by which it can be asked for, too), weight in the mix of all, traits, what it is
 */
/* clang-format off: a table */
#define SIM_FAULTS(X)                                                                                                  \
  X (KILL, kill, "kill", "kill", 34, SIM_FAULT_KILLS_MASTER,                                                           \
     "SIGKILL of the master")                                                                                          \
  X (CUT, cut, "cut", "cut", 1, SIM_FAULT_BESIDES | SIM_FAULT_NEEDS_NODE,                                              \
     "connections break while both ends live")                                                                         \
  X (DELETE_SOCKET, delete_socket, "delete-socket", "unlink", 2, SIM_FAULT_PLAIN,                                      \
     "the published socket is deleted")                                                                                \
  X (DELETE_FILE, delete_file, "delete-file", "unlink", 2, SIM_FAULT_LOSES_LEDGER,                                     \
     "the group file is deleted")                                                                                      \
  X (DELETE_DIRECTORY, delete_directory, "delete-directory", "unlink", 2, SIM_FAULT_LOSES_LEDGER,                      \
     "the group's directory is deleted, with all that is in it")                                                       \
  X (HOLD_DELETE, hold_delete, "hold-delete", "hold", 5,                                                               \
     SIM_FAULT_KILLS_MASTER | SIM_FAULT_NEEDS_TRACE | SIM_FAULT_NEEDS_NODE | SIM_FAULT_LOSES_LEDGER,                   \
     "a kill; its successor is held as it takes over, and the group file deleted")                                     \
  X (HOLD_UNLOCK, hold_unlock, "hold-unlock", "hold", 10,                                                              \
     SIM_FAULT_KILLS_MASTER | SIM_FAULT_NEEDS_TRACE | SIM_FAULT_NEEDS_NODE,                                            \
     "a kill; its successor is held as it takes over, and its lock given up")                                          \
  X (KILL_AT, kill_at, "kill-at", "kill-at", 15, SIM_FAULT_KILLS_MASTER | SIM_FAULT_NEEDS_NODE,                        \
     "a master, or a standby on its way to be one, dies at a kill point of the library; kill-at=POINT: only there")    \
  X (CASCADE, cascade, "cascade", "cascade", 3, SIM_FAULT_KILLS_MASTER,                                                \
     "a kill, and its successors die within a millisecond of their election")                                          \
  X (KILL_ALL, kill_all, "kill-all", "kill-all", 2, SIM_FAULT_KILLS_MASTER,                                            \
     "SIGKILL of all candidates at once")                                                                              \
  X (KILL_STANDBY, kill_standby, "kill-standby", "kill-standby", 4, SIM_FAULT_PLAIN,                                   \
     "SIGKILL of a candidate that waits")                                                                              \
  X (KILL_CLIENT, kill_client, "kill-client", "kill-client", 4, SIM_FAULT_PLAIN,                                       \
     "SIGKILL of a node that is no candidate")                                                                         \
  X (STOP, stop, "stop", "stop", 4, SIM_FAULT_PLAIN,                                                                   \
     "the master stands still for longer than the hang timeout, half of the times within a handler")                   \
  X (HALT, halt, "halt", "halt", 2, SIM_FAULT_NEEDS_NODE,                                                              \
     "the same between its last look at who is master and what it writes down of a message")                           \
  X (HICCUP, hiccup, "hiccup", "hiccup", 5, SIM_FAULT_PLAIN,                                                           \
     "the master or some nodes stand still for a moment")                                                              \
  X (POISON, poison, "poison", "poison", 3, SIM_FAULT_KILLS_MASTER | SIM_FAULT_NEEDS_NODE,                             \
     "a message that ends the process of whoever handles it")                                                          \
  X (RESIGN, resign, "resign", "resign", 5, SIM_FAULT_PLAIN,                                                           \
     "the master is asked to resign")                                                                                  \
  X (RESTART, restart, "restart", "restart", 3, SIM_FAULT_SAYS_SO,                                                     \
     "the oldest process is told to send no more and then to close, and another comes in its place")                   \
  X (SWIZZLE, swizzle, "swizzle", "swizzle", 2, SIM_FAULT_PLAIN,                                                       \
     "half of all nodes are stopped, and go on in another order")                                                      \
  X (SLOW_HANDLERS, slow_handlers, "slow-handlers", "slow-handlers", 2, SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,      \
     "for a second, handlers answer tens to hundreds of milliseconds late")                                            \
  X (SLOW_READERS, slow_readers, "slow-readers", "slow-readers", 2, SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,          \
     "some nodes send a lot, and then do not run their main loop for a while")                                         \
  X (FORK_CHILD, fork_child, "fork-child", "fork-child", 2,                                                            \
     SIM_FAULT_KILLS_MASTER | SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,                                                \
     "the master forks a child, and is killed while the child lives on")                                               \
  X (CLONE_CHILD, clone_child, "clone-child", "clone-child", 1,                                                        \
     SIM_FAULT_KILLS_MASTER | SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,                                                \
     "the same behind the back of the library: the child keeps its lock and its connections")                          \
  X (FOREIGN_SLOT, foreign_slot, "foreign-slot", "foreign-lock", 2, SIM_FAULT_KILLS_MASTER | SIM_FAULT_SAYS_SO,        \
     "the master is killed, and a process that is no node takes its lock before any standby")                          \
  X (FOREIGN_NEXT, foreign_next, "foreign-next", "foreign-lock", 1, SIM_FAULT_SAYS_SO,                                 \
     "such a process takes the lock that a deposer needs, and the master stands still")                                \
  X (CLOCK_STEP, clock_step, "clock-step", "clock-step", 2, SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,                  \
     "the wall clock steps by minutes to days, back only where no group file is deleted")                              \
  X (REPLACE_FILE, replace_file, "replace-file", "replace-file", 1, SIM_FAULT_SAYS_SO | SIM_FAULT_LOSES_LEDGER,        \
     "the group file is replaced by garbage, by one of another version, or by an older copy of itself")                \
  X (TRUNCATE_FILE, truncate_file, "truncate-file", "truncate-file", 1, SIM_FAULT_SAYS_SO | SIM_FAULT_LOSES_LEDGER,    \
     "the group file is cut off: whoever has it mapped ends with SIGBUS")                                              \
  X (FLIP_BITS, flip_bits, "flip-bits", "flip", 1, SIM_FAULT_SAYS_SO,                                                  \
     "bits are flipped in the answers that the ledger keeps")                                                          \
  X (FLIP_WORD, flip_word, "flip-word", "flip", 1, SIM_FAULT_SAYS_SO,                                                  \
     "a bit of the word is flipped: another epoch, or another slot")                                                   \
  X (STARVE, starve, "starve", "starve", 1, SIM_FAULT_SAYS_SO,                                                         \
     "busy processes compete with the nodes, and some of these or all get what is left")                               \
  X (FULL_DISK, full_disk, "full-disk", "full-disk", 1,                                                                \
     SIM_FAULT_SAYS_SO | SIM_FAULT_LOSES_LEDGER | SIM_FAULT_NEEDS_ROOT,                                                \
     "the group file is deleted and the master killed when there is no room for a new file")                           \
  X (HOSTILE, hostile, "hostile", "hostile", 3, SIM_FAULT_SAYS_SO,                                                     \
     "strangers that break the protocol, never finish a handshake, take another's name or the master's place")         \
  X (SILENT, silent, "silent", "silent", 2, SIM_FAULT_SAYS_SO | SIM_FAULT_NEEDS_NODE,                                  \
     "strangers that connect, say nothing or half of a HELLO, and stay")                                               \
  X (VERSIONS, versions, "versions", "versions", 2, SIM_FAULT_SAYS_SO,                                                 \
     "strangers that speak other versions of the protocol, or this one among others")                                  \
  X (FLOOD, flood, "flood", "flood", 2, SIM_FAULT_SAYS_SO,                                                             \
     "the master has next to no descriptors left, and many come who want one")                                         \
  X (FULL_BUFFERS, full_buffers, "full-buffers", "full-buffers", 2, SIM_FAULT_SAYS_SO,                                 \
     "the buffers of all connections are tiny, and a stranger does not read its answers for a while")                  \
  X (SYSCALL_ERRORS, syscall_errors, "syscall-errors", "syscalls", 6, SIM_FAULT_SAYS_SO,                               \
     "system calls of a process fail, a few times or for a while")                                                     \
  X (SHORT_IO, short_io, "short-io", "syscalls", 3, SIM_FAULT_SAYS_SO,                                                 \
     "reads or writes of a process carry a few bytes at a time")
/* clang-format on */

#define SIM_FAULT_CONSTANT(constant, ...) SIM_FAULT_##constant,

/* What can be done to a group. */
typedef enum {
  SIM_FAULTS (SIM_FAULT_CONSTANT) SIM_N_FAULTS
} SimFault;

#undef SIM_FAULT_CONSTANT

/* How often each fault is to come, compared with the others; by SimFault. */
typedef struct {
  guint of[SIM_N_FAULTS];
} SimWeights;

gboolean sim_fault_has (SimFault fault, SimFaultTraits trait);
const char *sim_fault_to_string (SimFault fault);
const char *sim_fault_get_family (SimFault fault);
const char *sim_fault_get_summary (SimFault fault);

void sim_weights_init (SimWeights *self);
gboolean sim_weights_are_none (const SimWeights *self);
gboolean sim_weights_set (SimWeights *self, const char *name, guint weight);
guint sim_weights_sum (const SimWeights *self, SimFaultTraits with);
