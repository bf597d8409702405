/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * Election and delivery in one group: candidates that queue for the lock of a slot and claim the word, a sender with
 * two messages in flight, the ledger between them. README.md beside this file says what is modelled and how a step maps
 * to the code; the file that a step stands for is named before it.
 *
 * Any process may be delayed between any two steps (SIGSTOP, a busy machine), killed there (KILLS), deposed while it
 * still runs (DEPOSE), stopped for ever with all that it holds (FREEZE), or asked to hand over (RESIGN). What is atomic
 * here is one machine instruction or one system call there; where more than that is atomic, a comment says why.
 *
 * A promise is checked with PROMISE (name, condition). The names are constants, false, so that Spin's report of a
 * violated assertion says which promise was broken.
 */

#ifndef NC
#define NC 3             /* candidates; the last is never killed nor stopped for ever, so that somebody is left */
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef DEPOSE
#define DEPOSE 0         /* depositions of a master that lives */
#endif
#ifndef FREEZE
#define FREEZE 0
#endif
#ifndef RESIGN
#define RESIGN 0         /* hand-overs */
#endif
#ifndef LATE
#define LATE 0           /* hand-overs that do not wait for all handlers: one of them is too slow */
#endif
#ifndef ONCE
#define ONCE 0           /* which messages are at most once: bit 0 the first, bit 1 the second */
#endif
#ifndef MAX_DELIVERIES
#define MAX_DELIVERIES 3
#endif

#define M 2                              /* messages of the sender */
#define SLOTS (DEPOSE + FREEZE + 2)
#define AT_MOST_ONCE(m) ((ONCE >> (m)) & 1)
#define HAS(set, m) (((set) >> (m)) & 1)
#define PUT(set, m) set = set | (1 << (m))
#define DROP(set, m) set = set & (3 - (1 << (m)))
#define ALL 3

hidden byte one_master_per_epoch, recorded_before_told, one_outcome, answered_is_over, in_order, mark_is_sound,
            repeat_flag_is_sound, at_most_once, delivery_limit, hand_over_repeats_nothing, every_message_ends;
#define PROMISE(name, condition) assert (name || (condition))

/* The word (ipc-group-file.c): epoch and slot, always read and changed together. */
byte epoch, slot;
byte newest;                             /* checker: the highest epoch that was ever claimed */

/* The kernel: who holds the lock of a slot (ipc-lock-waiter.c), whose socket the published name leads to, 0 for one
 * where nobody listens (ipc-listener.c), which connections are open and what is on the way on them. */
byte lock[SLOTS];
byte socket;
bool connected[NC + 1];
chan requests[NC + 1] = [M] of { byte, bool };    /* message, REPEAT flag */
chan answers[NC + 1] = [M + 1] of { mtype, byte, byte }; /* what, message (GOODBYE: how many were accepted), epoch */

/* The ledger (ipc-ledger.c): one entry for each message, changed by compare-and-swap of the whole entry. */
mtype = { FREE, ACCEPTED, ANSWERED, UNKNOWN, POISONED, GOODBYE };
mtype state[M] = FREE;
byte accepted_in[M];                     /* epoch */
byte deliveries[M];

/* What the checker remembers. */
byte begun[M];                           /* handlers that began on a message */
mtype told[M];                           /* what any master said about it */
byte handed_over;                        /* the epoch that ended with every handler's answer */

bool alive[NC + 1];
byte serving[NC + 1];                    /* the epoch for which a candidate says WELCOME, 0 = none */
byte kills, depositions, freezes, resignations, late;
bool over;                               /* every message has its outcome: the story ends */
chan fate[NC + 1] = [0] of { bit };      /* the end of a process: it takes no further step */

/* ---- The lock and the word: ipc-campaign.c, ipc-deposer.c, ipc-group-file.c ---- */

/* Closing the file gives up every lock of it. */
inline unlock_all (p)
{
  i = 0;
  do
  :: i < SLOTS -> if :: lock[i] == p -> lock[i] = 0 :: else fi; i++
  :: else -> i = 0; break
  od
}

/* Checker: an epoch has one claimant, and is above all that were claimed before. */
inline claimed ()
{
  PROMISE (one_master_per_epoch, newest < e);
  newest = e
}

/* (epoch, slot) -> (epoch + 1, to), by compare-and-swap with what was read before. */
inline claim (to)
{
#ifdef BROKEN_CLAIM_WITHOUT_SWAP
  atomic { epoch = e + 1; slot = to; e++; s = to; claimed () }
#else
  atomic {
    if
    :: epoch == e && slot == s -> epoch++; slot = to; e++; s = to; claimed ()
    :: else -> goto lost
    fi
  }
#endif
}

#ifdef BROKEN_UNPUBLISHED_IS_SPARED
#define MAY_BE_DEPOSED(p) (socket == p)
#else
#define MAY_BE_DEPOSED(p) true
#endif

/* Waits in the queue until the lock is ours, or the slot has moved, or the holder is to be deposed. */
inline queue ()
{
  atomic { e = epoch; s = slot };
  if
  :: atomic { lock[s] == 0 -> lock[s] = id }
#ifndef BROKEN_QUEUE_STAYS
  :: slot != s -> goto campaign          /* the new master's socket said so */
#endif
  :: atomic {                            /* it holds the lock and does not answer: as far as anybody can see */
       slot == s && lock[s] != 0 && lock[s] != id && MAY_BE_DEPOSED (lock[s]) &&
       (depositions < DEPOSE || !alive[lock[s]]) ->
       if :: alive[lock[s]] -> depositions++ :: else fi;
       e = epoch
     };
     if
     :: atomic { lock[(s + 1) % SLOTS] == 0 -> lock[(s + 1) % SLOTS] = id }
     :: lock[(s + 1) % SLOTS] != 0 -> goto campaign /* another deposer is at work */
     fi;
     claim ((s + 1) % SLOTS);
     goto publish
  fi;
  atomic { e = epoch; if :: slot != s -> goto lost :: else fi }; /* may be stale as soon as it is read */
  claim (s)
}

/* ---- The ledger: ipc-ledger.c ---- */

/* A handler begins. The process may stop right here for as long as it likes: nothing can be done about that, and the
 * epoch is there to fence off what such a handler writes. So the swap and the beginning are one step. */
inline begin (m, marked)
{
  PROMISE (answered_is_over, told[m] == 0);
  PROMISE (mark_is_sound, marked || begun[m] == 0);
  PROMISE (repeat_flag_is_sound, repeat || begun[m] == 0);
  PROMISE (at_most_once, !AT_MOST_ONCE (m) || begun[m] == 0);
  PROMISE (in_order, m + 1 > last && (m == 0 || begun[0] > 0));
  begun[m]++;
  PROMISE (delivery_limit, begun[m] <= MAX_DELIVERIES);
  PUT (mine, m);
  last = m + 1
}

/* Checker: an epoch that was handed over leaves nothing behind. */
#define LEFT_BEHIND(m) (accepted_in[m] == handed_over)

#ifdef BROKEN_AT_MOST_ONCE_REPEATS
#define FAILS_UNKNOWN(m) false
#else
#define FAILS_UNKNOWN(m) AT_MOST_ONCE (m)
#endif
#ifdef BROKEN_LIMIT_PER_MASTER
#define FAILS_POISONED(m) (MAX_DELIVERIES == 0)  /* each master counts its own from 0 */
#else
#define FAILS_POISONED(m) (deliveries[m] >= MAX_DELIVERIES)
#endif
#ifdef BROKEN_NO_MARK
#define MARK false
#else
#define MARK true
#endif

/* A message that a master who is gone has accepted is failed, or handed over again. `say` becomes what is to be
 * told, 0 when a handler has it. One look and one compare-and-swap, which is tried anew if the entry has changed in
 * between: the same as one atomic step. */
inline accept (m)
{
  if
  :: state[m] == FREE ->
     state[m] = ACCEPTED; accepted_in[m] = e; deliveries[m] = 1;
     begin (m, false)
  :: state[m] == ACCEPTED && accepted_in[m] < e ->
     PROMISE (hand_over_repeats_nothing, !LEFT_BEHIND (m));
     if
     :: FAILS_UNKNOWN (m) ->
#ifndef BROKEN_FAILURE_NOT_RECORDED
        state[m] = UNKNOWN;
#endif
        say = UNKNOWN
     :: else ->
        if
        :: FAILS_POISONED (m) -> state[m] = POISONED; say = POISONED
        :: else -> accepted_in[m] = e; deliveries[m]++; begin (m, MARK)
        fi
     fi
  :: state[m] == ACCEPTED && accepted_in[m] == e -> skip /* a handler has it */
  :: state[m] == ACCEPTED && accepted_in[m] > e -> goto lost
  :: else -> say = state[m]
  fi
}

/* The handler has answered: accepted (mine) -> answered. */
inline record_answer (m)
{
#ifdef BROKEN_ANSWER_WITHOUT_SWAP
  state[m] = ANSWERED
#else
  if
  :: state[m] == ACCEPTED && accepted_in[m] == e -> state[m] = ANSWERED
  :: else -> goto lost
  fi
#endif
}

/* ---- The side that serves: ipc-master.c, ipc-sender.c ---- */

/* The frame goes out, unless the connection has gone. */
inline tell (what, m)
{
  PROMISE (one_outcome, told[m] == 0 || told[m] == what);
  told[m] = what;
  if :: connected[id] -> answers[id]!what,m,e :: else fi
}

inline publish_socket ()
{
  if :: epoch != e -> goto lost :: else fi; /* check, then act: a delay fits between the two */
  socket = id;
  if :: epoch != e -> goto lost :: else fi;
  serving[id] = e
}

/* A message is read; one load says whether this is still the master; the ledger says what to do with it. */
inline receive ()
{
  requests[id]?m,repeat;
#ifndef NO_SELF_CHECK
  if :: epoch != e -> goto lost :: else fi;
#endif
#ifdef BROKEN_LEDGER_WITHOUT_SWAP
  was = state[m];
  atomic { if :: was == FREE && state[m] != FREE -> state[m] = FREE :: else fi; accept (m) };
#else
  atomic { accept (m) };
#endif
  if :: say != 0 -> atomic { tell (say, m); say = 0 } :: else fi;
  repeat = false;
  m = 0
}

/* One of the handlers, no matter which began first. */
inline answer ()
{
  if :: HAS (mine, 0) -> m = 0 :: HAS (mine, 1) -> m = 1 fi;
#ifdef BROKEN_TOLD_BEFORE_RECORDED
  atomic { tell (ANSWERED, m) };
  atomic { record_answer (m) };
#else
#ifdef BROKEN_HAND_OVER_UNRECORDED
  if :: resigning -> skip :: else -> atomic { record_answer (m) } fi;
#else
  atomic { record_answer (m) };
#endif
  atomic { tell (ANSWERED, m) };
#endif
  atomic { DROP (mine, m); m = 0 }
}

/* Nothing is read any more. The handlers answer what was accepted; then GOODBYE says how far that went. */
inline hand_over ()
{
  do
#ifndef BROKEN_HAND_OVER_DROPS
  :: mine != 0 -> answer ()
  :: atomic { mine != 0 && late < LATE -> late++; break }
  :: mine == 0 -> break
#else
  :: break
#endif
  od;
  atomic {
#ifdef BROKEN_HAND_OVER_DROPS
    handed_over = e;
#else
    if :: mine == 0 -> handed_over = e :: else fi;
#endif
#ifdef BROKEN_GOODBYE_TOO_LOW
    last = 0;
#endif
    if :: connected[id] -> answers[id]!GOODBYE,last,e :: else fi
  };
  goto lost
}

/* Lost, or given up: everything of the epoch is closed, unread input with it, then the file and so the locks. */
inline cease ()
{
  atomic {
    serving[id] = 0; mine = 0; last = 0; say = 0; repeat = false; resigning = false;
#ifndef BROKEN_CONNECTION_SURVIVES
    connected[id] = false;
    do :: requests[id]?_,_ :: empty (requests[id]) -> break od
#endif
  };
  atomic { unlock_all (id); if :: socket == id -> socket = 0 :: else fi; e = 0; s = 0; m = 0 }
}

proctype candidate (byte id) provided (!over)
{
  byte e, s;                             /* epoch and slot, as they were read; e is ours from the claim on */
  byte mine, last;                       /* which messages our handlers have; one more than the newest accepted */
  byte m, i;
  mtype say = 0;
  bool repeat, resigning;
#ifdef BROKEN_LEDGER_WITHOUT_SWAP
  mtype was = 0;
#endif

  {
    skip;
campaign:
    queue ();
publish:
    publish_socket ();
    do
    :: epoch != e -> goto lost
#ifndef BROKEN_NOT_PUBLISHED_AGAIN
    :: socket != id && epoch == e -> socket = id /* somebody stale renamed over it */
#endif
    :: receive ()
    :: mine != 0 -> answer ()
    :: atomic { resignations < RESIGN -> resignations++; resigning = true; serving[id] = 0 }; hand_over ()
    od;
lost:
    cease ();
    goto campaign
  } unless { atomic { fate[id]?_ -> e = 0; s = 0; mine = 0; last = 0; m = 0; i = 0; say = 0; repeat = false;
                      resigning = false } }
}

/* ---- What happens to processes ---- */

proctype chaos () provided (!over)
{
  byte v, i;

  do
  :: atomic { kills < KILLS || freezes < FREEZE -> v = 1; do :: v < NC - 1 -> v++ :: break od };
     atomic {
       if
       :: alive[v] && kills < KILLS ->   /* the kernel closes everything; who reads finds what was written before */
          kills++; alive[v] = false; serving[v] = 0; connected[v] = false;
          do :: requests[v]?_,_ :: empty (requests[v]) -> break od;
          unlock_all (v);
          if :: socket == v -> socket = 0 :: else fi;
          fate[v]!0
       :: alive[v] && freezes < FREEZE -> freezes++; alive[v] = false; fate[v]!0
       :: !alive[v] -> skip
       fi;
       v = 0
     }
  :: break
  od
}

/* ---- The sender: ipc-link.c, ipc-outbox.c, ipc-client.c ---- */

/* What is unanswered goes out again on the new connection, oldest first; begun or not is what the REPEAT flag says. */
inline connect (c, to)
{
  do :: requests[to]?_,_ :: empty (requests[to]) -> break od;
  do :: answers[to]?_,_,_ :: empty (answers[to]) -> break od;
  c = to; seen = serving[to]; connected[to] = true;
  m = 0;
  do
  :: m < M -> if :: !HAS (done, m) -> requests[to]!m,HAS (may_be_begun, m) :: else fi; m++
  :: else -> m = 0; break
  od
}

/* The connection has ended and was read to its end, or it is left for a newer master. What was sent may have begun. */
inline leave (c)
{
  connected[c] = false;
  do :: requests[c]?_,_ :: empty (requests[c]) -> break od;
  do :: answers[c]?_,_,_ :: empty (answers[c]) -> break od;
  may_be_begun = ALL;
  c = 0
}

/* A master hands over: what it did not accept was not begun by it. */
inline handed_over_by (c, n)
{
  i = 0;
  do
  :: i < n -> PUT (may_be_begun, i); i++
  :: else -> i = 0; break
  od;
  connected[c] = false;
  c = 0
}

inline outcome (what, m)
{
  PROMISE (recorded_before_told, state[m] == what);
  PUT (done, m)
}

proctype sender ()
{
  byte c, seen, m, e, i, done, may_be_begun;
  mtype what = 0;

  do
  :: done == ALL -> over = true; break
  :: timeout -> PROMISE (every_message_ends, false)    /* nobody can do anything any more */
  :: atomic { c == 0 && socket != 0 && alive[socket] && serving[socket] != 0 && serving[socket] >= seen ->
       connect (c, socket) }
  :: atomic { c != 0 && nempty (answers[c]) ->
       answers[c]?what,m,e;
       if
       :: e < seen -> skip               /* of an older epoch: refused */
       :: e >= seen && what == GOODBYE -> handed_over_by (c, m)
       :: else -> outcome (what, m)
       fi;
       what = 0; m = 0; e = 0 }
  :: atomic { c != 0 && empty (answers[c]) && !connected[c] -> leave (c) }
  :: atomic { c != 0 && empty (answers[c]) && socket != 0 && socket != c && alive[socket] && serving[socket] > seen ->
       leave (c); connect (c, socket) }  /* there is a newer master: WELCOME first, then the old connection is left */
  od
}

init {
  atomic {
    byte i = 1;
    do :: i <= NC -> alive[i] = true; run candidate (i); i++ :: else -> break od;
    run chaos (); run sender ()
  }
}
