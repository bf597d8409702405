/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <sys/socket.h>

#include "sim-hostile.h"

/*
 * Strangers judge how they are treated, and so must themselves be right about it: who has to be refused and is served is
 * treated wrongly, whoever has to be served and is refused too; and a master that dies, hands over or has no room says
 * nothing. What they write on a socket is read back here, byte by byte.
 */

static const SimAct to_refuse = { .name = "bad", .code = SIM_CODE_PROTOCOL };
static const SimAct to_serve = { .name = "good", .code = SIM_CODE_NONE };

static void
test_judge (void)
{
  static const struct {
    const SimAct *act;
    SimFrameType type;
    guint64 number;
    SimTreatment treatment;
  } cases[] = {
    { &to_refuse, SIM_FRAME_REFUSED, SIM_CODE_PROTOCOL, SIM_TREATED_RIGHT },
    { &to_refuse, SIM_FRAME_REFUSED, SIM_CODE_VERSION, SIM_TREATED_WRONG },
    { &to_refuse, SIM_FRAME_REFUSED, SIM_CODE_STALE, SIM_TREATED_WRONG },
    { &to_refuse, SIM_FRAME_REFUSED, SIM_CODE_TOO_MANY, SIM_TREATED_NOT },
    { &to_refuse, SIM_FRAME_REFUSED, SIM_CODE_CLOSING, SIM_TREATED_NOT },
    { &to_refuse, SIM_FRAME_WELCOME, 100, SIM_TREATED_WRONG },
    { &to_refuse, SIM_FRAME_PONG, 0, SIM_TREATED_WRONG },
    { &to_refuse, SIM_FRAME_END, 0, SIM_TREATED_NOT },
    { &to_refuse, SIM_FRAME_NONE, 0, SIM_TREATED_NOT },
    { &to_serve, SIM_FRAME_RESPONSE, 100, SIM_TREATED_RIGHT },
    { &to_serve, SIM_FRAME_FAILURE, 100, SIM_TREATED_RIGHT },
    { &to_serve, SIM_FRAME_MESSAGE, 0, SIM_TREATED_WRONG },
    { &to_serve, SIM_FRAME_REFUSED, SIM_CODE_PROTOCOL, SIM_TREATED_WRONG },
    { &to_serve, SIM_FRAME_REFUSED, SIM_CODE_BUSY, SIM_TREATED_NOT },
    { &to_serve, SIM_FRAME_GOODBYE, 0, SIM_TREATED_NOT },
    { &to_serve, SIM_FRAME_END, 0, SIM_TREATED_NOT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_test_message ("%s, frame %d, number %u", cases[i].act->name, cases[i].type, (guint) cases[i].number);
    g_assert_cmpint (sim_act_judge (cases[i].act, cases[i].type, cases[i].number), ==, cases[i].treatment);
  }
}

/* Who says nothing is cut off when it is time, and not before; and only a master that has been seen to run can be said
 * not to have done it. */
static void
test_silence (void)
{
  static const struct {
    SimSilence silence;
    SimTreatment treatment;
  } cases[] = {
    { { SIM_FRAME_REFUSED, SIM_CODE_TIMEOUT, 1000000, 0 }, SIM_TREATED_RIGHT },
    { { SIM_FRAME_REFUSED, SIM_CODE_TIMEOUT, 9000000, 0 }, SIM_TREATED_RIGHT },
    { { SIM_FRAME_REFUSED, SIM_CODE_TIMEOUT, 999999, 0 }, SIM_TREATED_WRONG },
    { { SIM_FRAME_REFUSED, SIM_CODE_PROTOCOL, 1000000, 0 }, SIM_TREATED_WRONG },
    { { SIM_FRAME_REFUSED, SIM_CODE_TOO_MANY, 1, 0 }, SIM_TREATED_NOT },
    { { SIM_FRAME_WELCOME, 100, 1, 0 }, SIM_TREATED_WRONG },
    { { SIM_FRAME_END, 0, 1, 2 }, SIM_TREATED_NOT },
    { { SIM_FRAME_NONE, 0, 1500000, 2 }, SIM_TREATED_WRONG },
    { { SIM_FRAME_NONE, 0, 1500000, 1 }, SIM_TREATED_NOT },
  };

  for (guint i = 0; i < G_N_ELEMENTS (cases); i++) {
    g_test_message ("case %u", i);
    g_assert_cmpint (sim_silence_judge (&cases[i].silence, 1000), ==, cases[i].treatment);
  }
}

/* A refusal for want of room is no judgement, so no act may ask for one. */
static void
test_acts (void)
{
  for (int versions = 0; versions < 2; versions++) {
    guint n_acts;
    const SimAct *acts = sim_hostile_get_acts (versions, &n_acts);

    g_assert_cmpuint (n_acts, >, 0);
    for (guint i = 0; i < n_acts; i++) {
      g_assert_nonnull (acts[i].say);
      g_assert_true (acts[i].code == SIM_CODE_NONE
                     || sim_act_judge (&acts[i], SIM_FRAME_REFUSED, acts[i].code) == SIM_TREATED_RIGHT);
      g_assert_cmpint (acts[i].code, !=, SIM_CODE_TOO_MANY);
    }
  }
}

static void
make_pair (SimWire **one, SimWire **other)
{
  int fds[2];

  g_assert_cmpint (socketpair (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds), ==, 0);
  *one = sim_wire_new (fds[0]);
  *other = sim_wire_new (fds[1]);
}

/* The HELLO of docs/protocol.md, as its table says. */
static void
test_hello (void)
{
  static const guint8 expected[SIM_HEADER_SIZE + SIM_HELLO_SIZE] = {
    40, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,         /* the header */
    'L', 'I', 'P', 'C', 2, 0, 5, 0,                                                 /* versions */
    7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7,                                 /* node id */
    0, 4, 0, 0, 1, 0, 0, 0,                                                         /* size, mode */
    0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0, 0,                                       /* newest epoch */
  };
  SimHello hello = { .version_min = 2, .version_max = 5, .max_message_size = 1024, .newest_epoch = 0x334455667788 };
  g_autoptr (SimWire) one = NULL;
  g_autoptr (SimWire) other = NULL;
  guint8 bytes[sizeof expected];

  memset (hello.node_id, 7, sizeof hello.node_id);
  make_pair (&one, &other);
  g_assert_true (sim_wire_say_hello (one, &hello));
  g_assert_cmpint (recv (other->fd, bytes, sizeof bytes, MSG_WAITALL), ==, sizeof bytes);
  g_assert_cmpmem (bytes, sizeof bytes, expected, sizeof expected);
}

static void
test_read (void)
{
  g_autoptr (SimWire) one = NULL;
  g_autoptr (SimWire) other = NULL;
  SimHello hello = { .newest_epoch = 12345 };

  make_pair (&one, &other);
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_NONE);
  sim_wire_write (one, "\50", 1); /* a part of a header */
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_NONE);
  sim_wire_write (one, "\0\0\0\1\0\0\0" "\0\0\0\0\0\0\0\0" "\0\0\0\0\0\0\0\0", 23);
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_NONE);
  guint8 payload[SIM_HELLO_SIZE];
  sim_wire_put_hello (payload, &hello);
  sim_wire_write (one, payload, sizeof payload);
  sim_wire_send_message (one, 3);
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_HELLO);
  g_assert_cmpuint (other->last_newest, ==, 12345);
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_MESSAGE);
  g_clear_pointer (&one, sim_wire_free);
  g_assert_cmpint (sim_wire_read (other, 0), ==, SIM_FRAME_END);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-hostile/judge", test_judge);
  g_test_add_func ("/sim-hostile/silence", test_silence);
  g_test_add_func ("/sim-hostile/acts", test_acts);
  g_test_add_func ("/sim-hostile/hello", test_hello);
  g_test_add_func ("/sim-hostile/read", test_read);

  return g_test_run ();
}
