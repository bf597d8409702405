/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* A process that is a member of the group (member.c, streamer.c), and what it has reported. */
typedef struct {
  Fixture *fixture; /* (unowned) */
  char *name;       /* (owned) */
  GPid pid;         /* 0 once it was waited for */
  int in_fd;        /* (owned) */
  int out_fd;       /* (owned) -1 when it has ended */
  GSource *source;  /* (owned) (nullable) */
  GString *buffer;  /* (owned) a part of a line */
  GPtrArray *lines; /* (owned) of char * */
  int role;         /* IpcRole, as last reported */
  guint64 epoch;    /* in which it was or is master */
  guint64 handled;  /* how many messages its handler was given */
  guint64 answered; /* how many of its own messages have an outcome */
  GPid child;       /* that it has forked */
} Member;

/* What a handler was given. */
typedef struct {
  char sender[33];
  guint64 sequence;
  guint64 epoch;
  gboolean redelivered;
  guint count; /* of deliveries, this one included */
} Handled;

Member *member_spawn_program (Fixture *fixture, const char *program, const char *name, const char *options);
Member *member_spawn (Fixture *fixture, const char *name, const char *options);
void member_free (Member *self);
void member_tell (Member *self, const char *command);
void member_kill (Member *self);
void member_stop (Member *self);
void member_continue (Member *self);
void member_read_to_end (Member *self);
int member_wait_end (Member *self);
gboolean member_has (Member *self, const char *line);
guint members_count_role (Fixture *fixture, IpcRole role);
Member *members_find_master (Fixture *fixture);
GArray *members_handled (Fixture *fixture);
