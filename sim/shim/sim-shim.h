/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <stdint.h>

/*
 * What the supervisor and the shim in a node's process share: a page with one rule and two counters. Plain C, because
 * the shim is loaded into programs before anything else is.
 *
 * A rule is one word, so that it is armed and disarmed at once. It applies to the calls of one kind, from the moment it
 * is armed: so many go through, then so many fail, or all of them until it is disarmed.
 */

#define SIM_SHIM_ENV "SIM_SHIM_PAGE" /* the path of the page */
#define SIM_SHIM_PAGE_SIZE 4096

/* The system calls that the library makes and that may fail. */
typedef enum {
  SIM_CALL_NONE,
  SIM_CALL_RECV,
  SIM_CALL_SENDMSG,
  SIM_CALL_ACCEPT,
  SIM_CALL_CONNECT,
  SIM_CALL_SOCKET,
  SIM_CALL_BIND,
  SIM_CALL_LISTEN,
  SIM_CALL_EPOLL_WAIT,
  SIM_CALL_EPOLL_ADD,
  SIM_CALL_OPEN,
  SIM_CALL_MMAP,
  SIM_CALL_FALLOCATE,
  SIM_CALL_WRITE_HEADER,
  SIM_CALL_RENAME,
  SIM_CALL_LINK,
  SIM_CALL_LOCK_WAIT,
  SIM_CALL_LOCK_TRY,
  SIM_CALL_DUPFD,
  SIM_CALL_EVENTFD,
  SIM_CALL_INOTIFY_INIT,
  SIM_CALL_INOTIFY_ADD,
  SIM_CALL_THREAD,
  SIM_N_CALLS,
} SimCall;

typedef struct {
  uint8_t call;  /* SimCall */
  uint8_t code;  /* the errno to fail with, or 0: it is not to fail but to be short */
  uint16_t size; /* then: of so many bytes at most */
  uint16_t skip; /* so many calls go through first */
  uint16_t count; /* then so many are hit; 0: all */
} SimRule;

typedef struct {
  uint64_t rule;   /* atomic: a SimRule, or 0 */
  uint32_t n_seen; /* atomic: calls that it was about */
  uint32_t n_hit;  /* atomic: of these, those that it hit */
} SimShimPage;

static inline uint64_t
sim_rule_pack (const SimRule *rule)
{
  return (uint64_t) rule->call | (uint64_t) rule->code << 8 | (uint64_t) rule->size << 16 | (uint64_t) rule->skip << 32
         | (uint64_t) rule->count << 48;
}

static inline SimRule
sim_rule_unpack (uint64_t word)
{
  return (SimRule) {
    .call = (uint8_t) word,
    .code = (uint8_t) (word >> 8),
    .size = (uint16_t) (word >> 16),
    .skip = (uint16_t) (word >> 32),
    .count = (uint16_t) (word >> 48),
  };
}

/* Whether the rule hits the call that comes after so many others of its kind. */
static inline int
sim_rule_hits (const SimRule *rule, uint32_t n_before)
{
  return n_before >= rule->skip && (rule->count == 0 || n_before - rule->skip < rule->count);
}
