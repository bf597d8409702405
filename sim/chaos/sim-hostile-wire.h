/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define SIM_HELLO_SIZE 40
#define SIM_HEADER_SIZE 24

/* What a message of a stranger begins with. */
#define SIM_STRANGER_MAGIC "STRANGER"

/* docs/protocol.md, written down a second time. */
typedef enum {
  SIM_FRAME_NONE, /* nothing came in time */
  SIM_FRAME_HELLO,
  SIM_FRAME_WELCOME,
  SIM_FRAME_REFUSED,
  SIM_FRAME_MESSAGE,
  SIM_FRAME_RESPONSE,
  SIM_FRAME_FAILURE,
  SIM_FRAME_PING,
  SIM_FRAME_PONG,
  SIM_FRAME_GOODBYE,
  SIM_FRAME_ACK,
  SIM_FRAME_END = 256, /* of the stream */
} SimFrameType;

typedef enum {
  SIM_CODE_NONE,
  SIM_CODE_PROTOCOL,
  SIM_CODE_VERSION,
  SIM_CODE_NOT_ALLOWED,
  SIM_CODE_TOO_MANY,
  SIM_CODE_BUSY,
  SIM_CODE_STALE,
  SIM_CODE_TIMEOUT,
  SIM_CODE_CLOSING,
} SimRefusalCode;

typedef struct {
  guint32 length;
  guint8 type;
  guint8 flags;
  guint16 n_fds;
  guint64 sequence;
  guint64 number;
} SimHeader;

/* What is 0 gets its proper value. */
typedef struct {
  const char *magic;
  guint16 version_min;
  guint16 version_max;
  guint8 node_id[16];
  guint32 max_message_size;
  guint64 newest_epoch;
} SimHello;

typedef struct {
  int fd;              /* (owned) */
  GByteArray *input;   /* (owned) what has come and was not looked at */
  guint64 last_number; /* of the last frame */
  guint8 last_id[16];  /* of the last WELCOME: the master's */
  guint32 window;      /* of the last WELCOME: in messages */
  guint64 last_newest; /* of the last HELLO: the newest epoch that its node has seen */
} SimWire;

SimWire *sim_wire_new (int fd);
SimWire *sim_wire_connect (const char *path, gint64 deadline_us);
void sim_wire_free (SimWire *self);

void sim_wire_put_header (guint8 out[SIM_HEADER_SIZE], const SimHeader *header);
void sim_wire_put_hello (guint8 out[SIM_HELLO_SIZE], const SimHello *hello);
void sim_wire_put_welcome (guint8 out[SIM_HELLO_SIZE]);
void sim_wire_wait (SimWire *self, gboolean to_write, gint64 deadline_us);
gssize sim_wire_try_write (SimWire *self, gconstpointer data, gsize len);
gboolean sim_wire_write (SimWire *self, gconstpointer data, gsize len);
gboolean sim_wire_write_with_fds (SimWire *self, gconstpointer data, gsize len, int fd, guint n_fds);
gboolean sim_wire_send (SimWire *self, const SimHeader *header, gconstpointer payload);
gboolean sim_wire_send_message (SimWire *self, guint64 sequence);
gboolean sim_wire_say_hello (SimWire *self, const SimHello *hello);

gboolean sim_frame_is_answer (SimFrameType type);
SimFrameType sim_wire_read (SimWire *self, gint64 deadline_us);

G_DEFINE_AUTOPTR_CLEANUP_FUNC (SimWire, sim_wire_free)
