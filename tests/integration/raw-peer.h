/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include "fixture.h"

/* One end of a connection that says whatever it is told to; written from docs/protocol.md alone. */
typedef struct {
  Fixture *fixture;   /* (unowned) */
  int fd;             /* (owned) */
  GByteArray *input;  /* (owned) what has come and was not looked at */
  gboolean at_end;    /* the other side has closed */
} RawPeer;

typedef struct {
  guint32 length;
  guint8 type;
  guint8 flags;
  guint16 n_fds;
  guint64 sequence;
  guint64 number;
} RawHeader;

typedef struct {
  RawHeader header;
  guint8 *payload; /* (owned) with a 0 behind */
} RawFrame;

/* A HELLO; what is 0 gets its proper value in raw_hello(). */
typedef struct {
  const char *magic;
  guint16 version_min;
  guint16 version_max;
  guint8 node_id[16];
  guint32 max_message_size;
  guint8 mode;
  guint8 reserved;
  guint64 newest_epoch;
} RawHello;

enum { HELLO = 1, WELCOME, REFUSED, MESSAGE, RESPONSE, FAILURE, PING, PONG, GOODBYE, ACK };
enum { PROTOCOL = 1, VERSION, NOT_ALLOWED, TOO_MANY, BUSY, STALE, TIMEOUT, CLOSING };

RawPeer *raw_connect (Fixture *fixture);
RawPeer *raw_join (Fixture *fixture);
RawPeer *raw_accept (Fixture *fixture, int listener);
int raw_listen (Fixture *fixture, gboolean listening);
void raw_free (RawPeer *self);
void raw_write (RawPeer *self, gconstpointer data, gsize len);
gssize raw_try_write (RawPeer *self, gconstpointer data, gsize len);
void raw_put_header (guint8 out[24], const RawHeader *header);
void raw_send (RawPeer *self, guint8 type, guint64 sequence, guint64 number, gconstpointer payload, guint32 length);
void raw_hello (RawPeer *self, const RawHello *hello);
void raw_welcome (RawPeer *self, guint64 epoch);
void raw_refuse (RawPeer *self, guint64 code, const char *text);
void raw_read (RawPeer *self, RawFrame *frame);
gboolean raw_has_frame (RawPeer *self);
void raw_expect (RawPeer *self, guint8 type, RawFrame *frame);
void raw_expect_refused (RawPeer *self, guint64 code, const char *part);
void raw_expect_end (RawPeer *self);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (RawPeer, raw_free)
