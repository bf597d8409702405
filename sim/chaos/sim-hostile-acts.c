/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hostile.h"

#include <fcntl.h>
#include <string.h>
#include <unistd.h>

/*
 * One conversation each in which a stranger breaks a rule of docs/protocol.md, or stretches one without breaking it,
 * and what the master has to make of it. The tables are data, so that a rule that is added there is a row here.
 */

#define HUGE_LENGTH 0xffffffffu
#define FAR_EPOCH ((G_GUINT64_CONSTANT (1) << 48) - 2)
#define SPAM_FDS 60
#define GARBAGE_SIZE 4096

static gboolean
send_bare (SimWire *wire, SimHeader header)
{
  return sim_wire_send (wire, &header, NULL);
}

/* Before the handshake */

static gboolean
say_garbage (SimWire *wire)
{
  guint32 garbage[GARBAGE_SIZE / sizeof (guint32)];

  for (guint i = 0; i < G_N_ELEMENTS (garbage); i++)
    garbage[i] = g_random_int ();
  garbage[1] |= 0x80; /* the type: not by chance one that there is */
  return sim_wire_write (wire, garbage, sizeof garbage);
}

static gboolean
say_huge_hello (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_HELLO, .length = HUGE_LENGTH });
}

static gboolean
say_message_first (SimWire *wire)
{
  return sim_wire_send_message (wire, 1);
}

static gboolean
say_welcome (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_WELCOME, .length = SIM_HELLO_SIZE, .number = 1 });
}

static gboolean
say_wrong_magic (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { .magic = "HTTP" });
}

static gboolean
say_far_epoch (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { .newest_epoch = FAR_EPOCH });
}

static gboolean
say_announced_fds (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_HELLO, .length = SIM_HELLO_SIZE, .n_fds = 3 });
}

static gboolean
say_hello_and_message (SimWire *wire, const SimHello *hello)
{
  return sim_wire_say_hello (wire, hello) && sim_wire_send_message (wire, 1);
}

static gboolean
say_old_epoch (SimWire *wire)
{
  return say_hello_and_message (wire, &(SimHello) { .newest_epoch = 1 });
}

/* Descriptors that no frame announces, many of them, with the bytes of a proper HELLO. */
static gboolean
say_hello_with_fds (SimWire *wire)
{
  SimHeader header = { .length = SIM_HELLO_SIZE, .type = SIM_FRAME_HELLO };
  guint8 bytes[SIM_HEADER_SIZE + SIM_HELLO_SIZE];
  int fd = open ("/dev/null", O_RDONLY | O_CLOEXEC);
  gboolean said;

  sim_wire_put_header (bytes, &header);
  sim_wire_put_hello (bytes + SIM_HEADER_SIZE, &(SimHello) { 0 });
  said = sim_wire_write_with_fds (wire, bytes, sizeof bytes, fd, SPAM_FDS) && sim_wire_send_message (wire, 1);
  close (fd);
  return said;
}

/* After it */

static gboolean
say_hello_again (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { 0 });
}

static gboolean
say_huge_message (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_MESSAGE, .length = HUGE_LENGTH, .sequence = 1 });
}

static gboolean
say_same_twice (SimWire *wire)
{
  return sim_wire_send_message (wire, 1) && sim_wire_send_message (wire, 1);
}

static gboolean
say_backwards (SimWire *wire)
{
  return sim_wire_send_message (wire, 7) && sim_wire_send_message (wire, 6);
}

static gboolean
say_beyond_window (SimWire *wire)
{
  return sim_wire_send_message (wire, G_GUINT64_CONSTANT (1) << 40);
}

static gboolean
say_response (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_RESPONSE, .sequence = 1, .number = 1 });
}

static gboolean
say_unknown_flag (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_MESSAGE, .flags = 0x40, .sequence = 1 });
}

static gboolean
say_master_goodbye (SimWire *wire)
{
  return send_bare (wire, (SimHeader) { .type = SIM_FRAME_GOODBYE, .sequence = 1 });
}

static const SimAct hostile_acts[] = {
  { "garbage", FALSE, say_garbage, SIM_CODE_PROTOCOL },
  { "huge length before HELLO", FALSE, say_huge_hello, SIM_CODE_PROTOCOL },
  { "MESSAGE before HELLO", FALSE, say_message_first, SIM_CODE_PROTOCOL },
  { "WELCOME from a client", FALSE, say_welcome, SIM_CODE_PROTOCOL },
  { "HELLO of another protocol", FALSE, say_wrong_magic, SIM_CODE_PROTOCOL },
  { "HELLO from a far newer epoch", FALSE, say_far_epoch, SIM_CODE_STALE },
  { "HELLO that announces descriptors", FALSE, say_announced_fds, SIM_CODE_PROTOCOL },
  { "HELLO from a far older epoch", FALSE, say_old_epoch, SIM_CODE_NONE },
  { "descriptors that nobody announced", FALSE, say_hello_with_fds, SIM_CODE_NONE },
  { "HELLO twice", TRUE, say_hello_again, SIM_CODE_PROTOCOL },
  { "huge length of a MESSAGE", TRUE, say_huge_message, SIM_CODE_PROTOCOL },
  { "one sequence number twice", TRUE, say_same_twice, SIM_CODE_PROTOCOL },
  { "sequence numbers that go back", TRUE, say_backwards, SIM_CODE_PROTOCOL },
  { "sequence number beyond the window", TRUE, say_beyond_window, SIM_CODE_PROTOCOL },
  { "RESPONSE from a client", TRUE, say_response, SIM_CODE_PROTOCOL },
  { "unknown flag", TRUE, say_unknown_flag, SIM_CODE_PROTOCOL },
  { "GOODBYE of a master", TRUE, say_master_goodbye, SIM_CODE_PROTOCOL },
};

/* Versions. There is none below 1, so the earlier range is one that is none. */

static gboolean
say_later_versions (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { .version_min = 2, .version_max = 5 });
}

static gboolean
say_last_version (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { .version_min = G_MAXUINT16, .version_max = G_MAXUINT16 });
}

static gboolean
say_empty_range (SimWire *wire)
{
  return sim_wire_say_hello (wire, &(SimHello) { .version_min = 5, .version_max = 2 });
}

static gboolean
say_overlapping_range (SimWire *wire)
{
  return say_hello_and_message (wire, &(SimHello) { .version_min = 1, .version_max = 9 });
}

static gboolean
say_version_0 (SimWire *wire)
{
  SimHeader header = { .length = SIM_HELLO_SIZE, .type = SIM_FRAME_HELLO };
  guint8 payload[SIM_HELLO_SIZE];

  sim_wire_put_hello (payload, &(SimHello) { 0 });
  memset (payload + 4, 0, 4);
  return sim_wire_send (wire, &header, payload);
}

static const SimAct version_acts[] = {
  { "later versions only", FALSE, say_later_versions, SIM_CODE_VERSION },
  { "the last version only", FALSE, say_last_version, SIM_CODE_VERSION },
  { "an empty range of versions", FALSE, say_empty_range, SIM_CODE_PROTOCOL },
  { "version 0", FALSE, say_version_0, SIM_CODE_PROTOCOL },
  { "later versions, too", FALSE, say_overlapping_range, SIM_CODE_NONE },
};

const SimAct *
sim_hostile_get_acts (gboolean versions, guint *n_acts)
{
  *n_acts = versions ? G_N_ELEMENTS (version_acts) : G_N_ELEMENTS (hostile_acts);
  return versions ? version_acts : hostile_acts;
}

/* A master may have no room or no time, hand over, or end; that says nothing of how it keeps the rules. */
static gboolean
is_no_judgement (SimFrameType type, guint64 number)
{
  return type == SIM_FRAME_NONE || type == SIM_FRAME_END || type == SIM_FRAME_GOODBYE
         || (type == SIM_FRAME_REFUSED
             && (number == SIM_CODE_TOO_MANY || number == SIM_CODE_BUSY || number == SIM_CODE_TIMEOUT
                 || number == SIM_CODE_CLOSING));
}

/* Of the frame that ended the conversation; number: of its header. */
SimTreatment
sim_act_judge (const SimAct *act, SimFrameType type, guint64 number)
{
  if (type == SIM_FRAME_REFUSED && act->code != SIM_CODE_NONE && number == act->code)
    return SIM_TREATED_RIGHT;
  if (is_no_judgement (type, number))
    return SIM_TREATED_NOT;
  return act->code == SIM_CODE_NONE && sim_frame_is_answer (type) ? SIM_TREATED_RIGHT : SIM_TREATED_WRONG;
}
