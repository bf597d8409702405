/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-handshake.h"

/*
 * Who may say what, and when. One table row per frame type; a header is judged by it before anything is allocated for
 * the payload. The same table serves both sides: each judges what comes from the other.
 *
 *   phase       from client            from master
 *   HANDSHAKE   HELLO -> OPEN, REFUSED WELCOME -> OPEN, REFUSED
 *   OPEN        all but HELLO          all but WELCOME
 *   OVER        nothing                nothing (GOODBYE or REFUSED was the last word)
 */

#define FROM_CLIENT (1u << IPC_SIDE_CLIENT)
#define FROM_MASTER (1u << IPC_SIDE_MASTER)
#define FROM_BOTH (FROM_CLIENT | FROM_MASTER)
#define IN_HANDSHAKE (1u << IPC_PHASE_HANDSHAKE)
#define IN_OPEN (1u << IPC_PHASE_OPEN)

/* Lengths that are not one fixed number. */
#define LENGTH_MESSAGE G_MAXUINT32
#define LENGTH_FAILURE (G_MAXUINT32 - 1)
#define LENGTH_TEXT (G_MAXUINT32 - 2)

typedef enum {
  FIELD_ZERO,
  FIELD_NOT_ZERO,
  FIELD_ANY,
} FieldRule;

static const struct {
  const char *name;
  guint8 from;
  guint8 phases;
  guint8 flags;
  guint32 length;
  FieldRule sequence;
  FieldRule number;
} rules[IPC_FRAME_LAST + 1] = {
  [IPC_FRAME_HELLO] = { "HELLO", FROM_CLIENT, IN_HANDSHAKE, 0, IPC_WIRE_HELLO_SIZE, FIELD_ZERO, FIELD_ANY },
  [IPC_FRAME_WELCOME] = { "WELCOME", FROM_MASTER, IN_HANDSHAKE, 0, IPC_WIRE_WELCOME_SIZE, FIELD_ZERO, FIELD_NOT_ZERO },
  [IPC_FRAME_REFUSED] = { "REFUSED", FROM_BOTH, IN_HANDSHAKE | IN_OPEN, 0, LENGTH_TEXT, FIELD_ZERO, FIELD_NOT_ZERO },
  [IPC_FRAME_MESSAGE] = { "MESSAGE", FROM_CLIENT, IN_OPEN, IPC_FRAME_FLAG_REPEAT | IPC_FRAME_FLAG_ONCE, LENGTH_MESSAGE,
                          FIELD_NOT_ZERO, FIELD_ANY },
  [IPC_FRAME_RESPONSE] = { "RESPONSE", FROM_MASTER, IN_OPEN, 0, LENGTH_MESSAGE, FIELD_NOT_ZERO, FIELD_NOT_ZERO },
  [IPC_FRAME_FAILURE] = { "FAILURE", FROM_MASTER, IN_OPEN, 0, LENGTH_FAILURE, FIELD_NOT_ZERO, FIELD_NOT_ZERO },
  [IPC_FRAME_PING] = { "PING", FROM_BOTH, IN_OPEN, 0, 0, FIELD_ANY, FIELD_ZERO },
  [IPC_FRAME_PONG] = { "PONG", FROM_BOTH, IN_OPEN, 0, 0, FIELD_ANY, FIELD_ZERO },
  [IPC_FRAME_GOODBYE] = { "GOODBYE", FROM_BOTH, IN_OPEN, 0, 0, FIELD_ANY, FIELD_ZERO },
  [IPC_FRAME_ACK] = { "ACK", FROM_CLIENT, IN_OPEN, 0, 0, FIELD_ZERO, FIELD_ANY },
};

static const char *
wrong_phase_text (IpcPhase phase)
{
  switch (phase) {
  case IPC_PHASE_HANDSHAKE:
    return "this frame type may not come before the handshake is done";
  case IPC_PHASE_OPEN:
    return "this frame type may not come after the handshake";
  case IPC_PHASE_OVER:
    return "nothing may come after GOODBYE";
  default:
    g_assert_not_reached ();
  }
}

static gboolean
field_is_wrong (FieldRule rule, guint64 value)
{
  return (rule == FIELD_ZERO && value != 0) || (rule == FIELD_NOT_ZERO && value == 0);
}

static gboolean
length_is_wrong (guint32 rule, guint32 length, guint32 message_size_max)
{
  if (rule == LENGTH_MESSAGE)
    return length > message_size_max;
  if (rule == LENGTH_FAILURE)
    return length > MAX (message_size_max, IPC_WIRE_FAILURE_MIN_LIMIT);
  if (rule == LENGTH_TEXT)
    return length > IPC_WIRE_HANDSHAKE_PAYLOAD_MAX;

  return length != rule;
}

/**
 * ipc_handshake_check:
 * @from: the side the frame comes from
 * @phase: how far the connection is
 * @header: of the frame
 * @message_size_max: the largest message (or response) that the receiver accepts
 *
 * Returns: (nullable): %NULL, or what is wrong with the frame
 */
const char *
ipc_handshake_check (IpcSide from, IpcPhase phase, const IpcFrameHeader *header, guint32 message_size_max)
{
  if (header->type < IPC_FRAME_HELLO || header->type > IPC_FRAME_LAST)
    return "unknown frame type";
  if (!(rules[header->type].from & (1u << from)))
    return "this frame type may not come from this side";
  if (!(rules[header->type].phases & (1u << phase)))
    return wrong_phase_text (phase);
  if (header->flags & ~rules[header->type].flags)
    return "unknown flag";
  if (header->n_fds != 0)
    return "descriptors are not allowed in this version";
  if (field_is_wrong (rules[header->type].sequence, header->sequence))
    return header->sequence != 0 ? "the sequence number must be 0" : "the sequence number is missing";
  if (header->type == IPC_FRAME_GOODBYE && from == IPC_SIDE_CLIENT && header->sequence != 0)
    return "the sequence number of a client's GOODBYE must be 0";
  if (field_is_wrong (rules[header->type].number, header->number))
    return header->number != 0 ? "the header's number must be 0" : "the header's number is missing";
  if (length_is_wrong (rules[header->type].length, header->length, message_size_max))
    return rules[header->type].length == LENGTH_MESSAGE ? "the message is larger than this node accepts"
                                                        : "wrong length for this frame type";

  return NULL;
}

/**
 * ipc_handshake_next:
 * @phase: the phase in which the frame was allowed
 * @type: of the frame
 *
 * Returns: the phase after the frame
 */
IpcPhase
ipc_handshake_next (IpcPhase phase, IpcFrameType type)
{
  if (type == IPC_FRAME_HELLO || type == IPC_FRAME_WELCOME)
    return IPC_PHASE_OPEN;
  if (type == IPC_FRAME_GOODBYE || type == IPC_FRAME_REFUSED)
    return IPC_PHASE_OVER;

  return phase;
}

/**
 * ipc_handshake_judge:
 * @hello: what the peer says of itself; parsed, so it is well-formed
 * @peer_uid: what the kernel says of it
 * @admission: what the master goes by
 * @text: (out): the reason, when refused
 *
 * Returns: 0 to admit the peer, or the code to refuse it with
 */
IpcRefusal
ipc_handshake_judge (const IpcHello *hello, uid_t peer_uid, const IpcAdmission *admission, const char **text)
{
  if (peer_uid != admission->own_uid && !admission->allow_other_users) {
    *text = "this master serves its own user only";
    return IPC_REFUSAL_NOT_ALLOWED;
  }
  if (hello->version_min > IPC_WIRE_VERSION || hello->version_max < IPC_WIRE_VERSION) {
    *text = "this master speaks version 1 only";
    return IPC_REFUSAL_VERSION;
  }
  if (hello->newest_epoch > admission->epoch) {
    *text = "a newer master has been seen";
    return IPC_REFUSAL_STALE;
  }

  return 0;
}

const char *
ipc_frame_type_to_string (IpcFrameType type)
{
  g_assert (type >= IPC_FRAME_HELLO && type <= IPC_FRAME_LAST);

  return rules[type].name;
}
