/* SPDX-License-Identifier: LGPL-2.1-or-later */
/*
 * What becomes of a group when its file is deleted (DELETES), at any moment: two masters may run at once, each by a
 * file of his own, and the new file's ledger knows nothing. Epochs must have one claimant over all files, must go up
 * for whoever follows the group, and what is handled again must be marked.
 *
 * The wall clock is a counter that goes up at each look, and whenever a word is changed: its unit is that small. No
 * slots here, and no depositions; group.pml has those. README.md says more.
 */

#ifndef NC
#define NC 2             /* candidates; the last is never killed */
#endif
#ifndef KILLS
#define KILLS 0
#endif
#ifndef DELETES
#define DELETES 1
#endif

#define FILES (NC + DELETES + 1)         /* more than can be linked; 0 stands for none */

hidden byte one_master_per_epoch, epochs_increase, recorded_before_told, answered_is_over, mark_is_sound,
            every_message_ends, model_is_large_enough;
#define PROMISE(name, condition) assert (name || (condition))

byte clock = 1;
byte path;                               /* the file that has the name `group` */
byte n_files;

/* In each file: the word, its lock, the ledger with the epoch of the first master who went by it. */
byte epoch[FILES];
bool retired[FILES];
byte lock[FILES];
byte born[FILES];
mtype = { FREE, ACCEPTED, ANSWERED };
mtype state[FILES] = FREE;               /* of the one message */
byte accepted_in[FILES];

byte socket;
bool connected[NC + 1];
chan requests[NC + 1] = [1] of { byte }; /* the epoch in which the message was first sent; lower than ours: a repeat */
chan answers[NC + 1] = [1] of { byte };  /* epoch */

bool alive[NC + 1];
byte serving[NC + 1];
byte kills, deletes;
bool over;
chan fate[NC + 1] = [0] of { bit };

/* What the checker remembers. */
int claimed;                             /* a bit for each epoch that was */
byte served;                             /* the newest of which somebody was master by the file at the path */
byte lowest;                             /* the lowest epoch whose handler began */
byte answered_in;                        /* the file in which an answer is recorded */

/* ---- ipc-group-file.c ---- */

#define MAX_OF(a, b) ((a) > (b) -> (a) : (b))

/* Another file has the name, or none: whoever is still master by this one shall find out at his next look. */
inline leave_file ()
{
  atomic {
    if :: !retired[f] -> retired[f] = true; epoch[f]++; clock++ :: else fi;
    seen = MAX_OF (seen, epoch[f])
  }
}

inline open_file ()
{
  if
  :: atomic { path != 0 -> f = path }
  :: path == 0 ->
#ifdef BROKEN_EPOCHS_BEGIN_AGAIN
     n = 1;
#else
     atomic { n = MAX_OF (clock, seen + 1); clock++ };
#endif
     atomic {                            /* link() */
       if
       :: path == 0 ->
          n_files++;
          PROMISE (model_is_large_enough, n_files < FILES);
          path = n_files; epoch[path] = n
       :: else -> skip                   /* somebody was faster */
       fi;
       n = 0;
       f = path
     }
  fi
}

/* ---- ipc-campaign.c ---- */

inline claim ()
{
  atomic { if :: retired[f] -> goto lost :: else -> n = epoch[f] fi };
  if :: path != f -> leave_file (); goto lost :: else fi;
#if defined(BROKEN_CLOCK_AT_CREATION) || defined(BROKEN_EPOCHS_BEGIN_AGAIN)
  e = n + 1;
#else
  atomic { e = MAX_OF (clock, n + 1); e = MAX_OF (e, seen + 1); clock++ };
#endif
  atomic {
    if
    :: epoch[f] == n && !retired[f] ->
       epoch[f] = e;
       PROMISE (model_is_large_enough, e < 31);
       PROMISE (one_master_per_epoch, !((claimed >> e) & 1));
       claimed = claimed | (1 << e)
    :: else -> goto lost
    fi;
    n = 0
  }
}

inline publish_socket ()
{
  socket = id;
  if :: epoch[f] != e || retired[f] -> goto lost :: else fi;
#ifndef BROKEN_NO_LOOK_AT_THE_FILE
  atomic {
    if
    :: path == f -> PROMISE (epochs_increase, served < e); served = e
    :: else -> skip
    fi
  };
  if :: served != e -> leave_file (); goto lost :: else fi;
#endif
  atomic { if :: born[f] == 0 -> born[f] = e :: else fi }; /* ipc_ledger_open() */
  serving[id] = e
}

/* ---- ipc-ledger.c ---- */

/* Marked is what a handler of a lower epoch may have begun. Of a higher one a master cannot know who has not seen yet
 * that his file was deleted: until then he may begin on a message that he has read, and the application's fence, which
 * goes by the epoch, has to stop him. */
inline begin (marked)
{
  PROMISE (mark_is_sound, marked || lowest == 0 || e < lowest);
  PROMISE (answered_is_over, answered_in != f);
  if :: lowest == 0 || e < lowest -> lowest = e :: else fi;
  mine = true
}

/* The ledger knows of a message that was first sent since it was born; one that is older may have begun. */
#ifdef BROKEN_KNOWN_IS_NEW
#define MAY_HAVE_BEGUN false
#else
#define MAY_HAVE_BEGUN (first < born[f])
#endif

inline receive ()
{
  requests[id]?first;
  if :: epoch[f] != e || retired[f] -> goto lost :: else fi;
  atomic {
    if
    :: state[f] == FREE -> state[f] = ACCEPTED; accepted_in[f] = e; begin (MAY_HAVE_BEGUN)
    :: state[f] == ACCEPTED && accepted_in[f] < e -> accepted_in[f] = e; begin (true)
    :: state[f] == ACCEPTED && accepted_in[f] > e -> goto lost
    :: state[f] == ACCEPTED && accepted_in[f] == e -> skip
    :: else -> if :: connected[id] -> answers[id]!e :: else fi
    fi;
    first = 0
  }
}

inline answer ()
{
  atomic {
    mine = false;
    if
    :: state[f] == ACCEPTED && accepted_in[f] == e -> state[f] = ANSWERED; answered_in = f
    :: else -> goto lost
    fi
  };
  atomic { if :: connected[id] -> answers[id]!e :: else fi }
}

proctype candidate (byte id) provided (!over)
{
  byte f, e, n, seen, first;
  bool mine;

  {
    skip;
campaign:
    open_file ();
    if
    :: atomic { lock[f] == 0 -> lock[f] = id }
    :: path != f -> leave_file (); goto lost
    fi;
    claim ();
    publish_socket ();
    do
    :: epoch[f] != e || retired[f] -> goto lost
    :: path != f -> leave_file (); goto lost
    :: socket != id && path == f && epoch[f] == e -> socket = id
    :: receive ()
    :: mine -> answer ()
    od;
lost:
    atomic {
      serving[id] = 0; connected[id] = false; mine = false; first = 0;
      do :: requests[id]?_ :: empty (requests[id]) -> break od;
      if :: lock[f] == id -> lock[f] = 0 :: else fi;
      if :: socket == id -> socket = 0 :: else fi;
      f = 0; e = 0; n = 0
    };
    goto campaign
  } unless { atomic { fate[id]?_ -> f = 0; e = 0; n = 0; seen = 0; first = 0; mine = false } }
}

/* ---- What happens to processes and files ---- */

proctype chaos () provided (!over)
{
  byte v, i;

  do
  :: atomic { deletes < DELETES && path != 0 -> deletes++; path = 0 }
  :: atomic { kills < KILLS -> v = 1; do :: v < NC - 1 -> v++ :: break od;
       if
       :: alive[v] ->
          kills++; alive[v] = false; serving[v] = 0; connected[v] = false;
          do :: requests[v]?_ :: empty (requests[v]) -> break od;
          i = 1; do :: i < FILES -> if :: lock[i] == v -> lock[i] = 0 :: else fi; i++ :: else -> i = 0; break od;
          if :: socket == v -> socket = 0 :: else fi;
          fate[v]!0
       :: else
       fi;
       v = 0 }
  :: break
  od
}

/* ---- The sender: ipc-link.c, ipc-outbox.c ---- */

inline connect ()
{
  do :: answers[socket]?_ :: empty (answers[socket]) -> break od;
  c = socket; seen = serving[c]; connected[c] = true;
  if :: first == 0 -> first = seen :: else fi;
  requests[c]!first
}

inline leave ()
{
  connected[c] = false;
  do :: requests[c]?_ :: empty (requests[c]) -> break od;
  c = 0
}

proctype sender ()
{
  byte c, seen, first;

  do
  :: timeout -> PROMISE (every_message_ends, false)
  :: atomic { c == 0 && socket != 0 && alive[socket] && serving[socket] != 0 && serving[socket] >= seen -> connect () }
  :: atomic { c != 0 && nempty (answers[c]) ->
       PROMISE (recorded_before_told, answered_in != 0);
       over = true; break }
  :: atomic { c != 0 && empty (answers[c]) && !connected[c] -> leave () }
  :: atomic { c != 0 && empty (answers[c]) && socket != 0 && socket != c && alive[socket] && serving[socket] > seen ->
       leave (); connect () }
  od
}

init {
  atomic {
    byte i = 1;
    do :: i <= NC -> alive[i] = true; run candidate (i); i++ :: else -> break od;
    run chaos (); run sender ()
  }
}
