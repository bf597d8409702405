/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

#include <glib.h>

#define IPC_WIRE_VERSION 1
#define IPC_WIRE_HEADER_SIZE 24
#define IPC_WIRE_HELLO_SIZE 40
#define IPC_WIRE_WELCOME_SIZE 40
#define IPC_NODE_ID_SIZE 16
/* The word of the group file has 48 bits for it. */
#define IPC_EPOCH_MAX ((G_GUINT64_CONSTANT (1) << 48) - 1)

/* The ledger keeps a bit beside them. */
#define IPC_SEQUENCE_END (G_GUINT64_CONSTANT (1) << 63)

/* What a stranger may make us buffer before the handshake is done: HELLO and WELCOME have 40 bytes, REFUSED a
 * sentence. */
#define IPC_WIRE_HANDSHAKE_PAYLOAD_MAX 1024
/* Any FAILURE of this size is accepted, whatever the size limit of messages: an error must always get through. */
#define IPC_WIRE_FAILURE_MIN_LIMIT 1024
#define IPC_WIRE_DOMAIN_MAX 255

/* Limits of `max_message_size`: below 1 KiB errors would not fit, above 1 GiB the 32-bit length comes near. */
#define IPC_MESSAGE_SIZE_MIN_LIMIT 1024u
#define IPC_MESSAGE_SIZE_MAX_LIMIT (1024u * 1024u * 1024u)

typedef enum {
  IPC_FRAME_HELLO = 1,
  IPC_FRAME_WELCOME,
  IPC_FRAME_REFUSED,
  IPC_FRAME_MESSAGE,
  IPC_FRAME_RESPONSE,
  IPC_FRAME_FAILURE,
  IPC_FRAME_PING,
  IPC_FRAME_PONG,
  IPC_FRAME_GOODBYE,
  IPC_FRAME_ACK,
} IpcFrameType;

#define IPC_FRAME_LAST IPC_FRAME_ACK

/* On MESSAGE: it was sent before, on a connection that ended. */
#define IPC_FRAME_FLAG_REPEAT 1
/* On MESSAGE: it must not be handed over again once a handler may have begun on it. */
#define IPC_FRAME_FLAG_ONCE 2

typedef enum {
  IPC_REFUSAL_PROTOCOL = 1,
  IPC_REFUSAL_VERSION,
  IPC_REFUSAL_NOT_ALLOWED,
  IPC_REFUSAL_TOO_MANY,
  IPC_REFUSAL_BUSY,
  IPC_REFUSAL_STALE,
  IPC_REFUSAL_TIMEOUT,
  IPC_REFUSAL_CLOSING,
} IpcRefusal;

typedef struct {
  guint32 length; /* of the payload */
  guint8 type;    /* IpcFrameType, once checked */
  guint8 flags;
  guint16 n_fds;
  guint64 sequence;
  guint64 number;
} IpcFrameHeader;

typedef struct {
  IpcFrameHeader header;
  const guint8 *payload; /* (unowned) into the reader's buffer */
} IpcFrame;

typedef struct {
  guint16 version_min;
  guint16 version_max;
  guint8 node_id[IPC_NODE_ID_SIZE];
  guint32 max_message_size;
  guint8 mode;
  guint64 newest_epoch;
} IpcHello;

typedef struct {
  guint16 version;
  guint32 window_messages;
  guint64 window_bytes;
  guint32 max_message_size;
  guint8 node_id[IPC_NODE_ID_SIZE];
} IpcWelcome;

/* A GError on its way. The strings point into the frame and are not terminated. */
typedef struct {
  gint32 code;
  const char *domain;
  gsize domain_len;
  const char *text;
  gsize text_len;
} IpcFailure;

void ipc_wire_put_header (guint8 out[IPC_WIRE_HEADER_SIZE], const IpcFrameHeader *header);
void ipc_wire_get_header (const guint8 in[IPC_WIRE_HEADER_SIZE], IpcFrameHeader *header);

void ipc_wire_put_hello (guint8 out[IPC_WIRE_HELLO_SIZE], const IpcHello *hello);
const char *ipc_wire_get_hello (const guint8 *payload, gsize payload_len, IpcHello *hello);

void ipc_wire_put_welcome (guint8 out[IPC_WIRE_WELCOME_SIZE], const IpcWelcome *welcome);
const char *ipc_wire_get_welcome (const guint8 *payload, gsize payload_len, IpcWelcome *welcome);

GBytes *ipc_wire_new_failure (const GError *error, gsize payload_max);
const char *ipc_wire_get_failure (const guint8 *payload, gsize payload_len, IpcFailure *failure);
