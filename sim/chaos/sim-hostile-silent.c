/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hostile.h"

#include <sys/socket.h>

/*
 * A stranger that connects, says nothing or not all of a HELLO, and stays: it has to be cut off when the handshake timeout
 * is over, and not before.
 *
 * That it is still there later proves nothing yet: a master that is stopped, starved or gone cuts nobody off. So
 * another connection, whose handshake is finished, is the witness: it was made last, so those before it have been
 * accepted, too; and if the same master answers its PINGs when the time is over, it has looked at its timers since.
 */

#define FIND_TIMEOUT_US (500 * G_TIME_SPAN_MILLISECOND)
#define REPLY_TIMEOUT_US (2 * G_TIME_SPAN_SECOND)
#define EARLY_US (50 * G_TIME_SPAN_MILLISECOND)   /* so long before its time it is looked whether it was cut off already */
#define MARGIN_US (500 * G_TIME_SPAN_MILLISECOND) /* so long after it a master that runs has done it */
#define PONGS 2 /* so far apart that it has made a whole turn between them, which looks at all timers */
#define PONG_INTERVAL_US (100 * G_TIME_SPAN_MILLISECOND) /* a turn reads for 20 ms at most */
#define TRIES 5 /* masters that die before the time is over say nothing */
#define HELLO_FRAME_SIZE (SIM_HEADER_SIZE + SIM_HELLO_SIZE)

/* How much of a HELLO they say: nothing, a part of the header, the header alone, and all but the last byte. */
static const gsize lengths[] = { 0, 1, SIM_HEADER_SIZE - 1, SIM_HEADER_SIZE, HELLO_FRAME_SIZE - 1 };

typedef struct {
  SimWire *wire; /* (owned) (nullable) */
  gint64 made_us;
  SimSilence silence;
} Mute;

static void
make_hello (guint8 out[HELLO_FRAME_SIZE])
{
  SimHeader header = { .type = SIM_FRAME_HELLO, .length = SIM_HELLO_SIZE };

  sim_wire_put_header (out, &header);
  sim_wire_put_hello (out + SIM_HEADER_SIZE, &(SimHello) { 0 });
}

static void
begin (Mute *self, const char *path, gsize length)
{
  guint8 hello[HELLO_FRAME_SIZE];

  make_hello (hello);
  self->made_us = g_get_monotonic_time ();
  self->wire = sim_wire_connect (path, self->made_us + FIND_TIMEOUT_US);
  if (self->wire != NULL)
    sim_wire_write (self->wire, hello, length);
}

/* Waits for what comes first, if nothing has come. */
static void
listen_until (Mute mutes[], gint64 deadline_us)
{
  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    SimSilence *silence = &mutes[i].silence;

    if (mutes[i].wire == NULL || silence->type != SIM_FRAME_NONE)
      continue;
    silence->type = sim_wire_read (mutes[i].wire, deadline_us);
    silence->number = mutes[i].wire->last_number;
    silence->after_us = g_get_monotonic_time () - mutes[i].made_us;
  }
}

static gboolean
have_same_master (const SimWire *one, const SimWire *other)
{
  struct ucred masters[2] = { { 0 } };
  socklen_t size = sizeof masters[0];

  return getsockopt (one->fd, SOL_SOCKET, SO_PEERCRED, &masters[0], &size) == 0
         && getsockopt (other->fd, SOL_SOCKET, SO_PEERCRED, &masters[1], &size) == 0 && masters[0].pid == masters[1].pid;
}

static SimWire *
find_witness (const char *path)
{
  g_autoptr (SimWire) witness = sim_wire_connect (path, g_get_monotonic_time () + FIND_TIMEOUT_US);

  if (witness == NULL || !sim_wire_say_hello (witness, &(SimHello) { 0 })
      || sim_wire_read (witness, g_get_monotonic_time () + REPLY_TIMEOUT_US) != SIM_FRAME_WELCOME)
    return NULL;
  return g_steal_pointer (&witness);
}

/* Listens to the others meanwhile. */
static guint
count_pongs (SimWire *witness, Mute mutes[])
{
  const SimHeader ping = { .type = SIM_FRAME_PING };
  guint n = 0;

  while (n < PONGS && sim_wire_send (witness, &ping, NULL)
         && sim_wire_read (witness, g_get_monotonic_time () + REPLY_TIMEOUT_US) == SIM_FRAME_PONG) {
    listen_until (mutes, g_get_monotonic_time () + PONG_INTERVAL_US);
    n++;
  }
  return n;
}

SimTreatment
sim_silence_judge (const SimSilence *silence, guint timeout_ms)
{
  static const SimAct act = { .name = "silence", .code = SIM_CODE_TIMEOUT };

  if (silence->type == SIM_FRAME_NONE)
    return silence->n_pongs >= PONGS ? SIM_TREATED_WRONG : SIM_TREATED_NOT;
  if (silence->number == SIM_CODE_TIMEOUT && silence->after_us < timeout_ms * G_TIME_SPAN_MILLISECOND)
    return SIM_TREATED_WRONG;
  return sim_act_judge (&act, silence->type, silence->number);
}

/* Returns whether it says anything. */
static gboolean
tell (const Mute *self, gsize length, guint timeout_ms)
{
  SimTreatment treatment = sim_silence_judge (&self->silence, timeout_ms);
  g_autofree char *name = g_strdup_printf ("%u bytes of a HELLO", (guint) length);
  g_autofree char *detail =
      g_strdup_printf ("after %.3f s: frame %d, number %u; it was to be cut off after %.3f s",
                       (double) self->silence.after_us / G_USEC_PER_SEC, self->silence.type,
                       (guint) self->silence.number, timeout_ms / 1000.0);

  sim_hostile_tell (treatment, name, treatment == SIM_TREATED_WRONG ? detail : NULL);
  return treatment != SIM_TREATED_NOT;
}

/* Returns FALSE if nothing is to be learned from it: the master has ended meanwhile, or did not run. */
static gboolean
be_silent (const char *path, guint timeout_ms)
{
  gint64 timeout_us = timeout_ms * G_TIME_SPAN_MILLISECOND;
  Mute mutes[G_N_ELEMENTS (lengths)] = { 0 };
  g_autoptr (SimWire) witness = NULL;
  guint n_pongs = 0;
  gboolean told = FALSE;

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++)
    begin (&mutes[i], path, lengths[i]);
  witness = find_witness (path);
  listen_until (mutes, mutes[0].made_us + timeout_us - EARLY_US);
  listen_until (mutes, g_get_monotonic_time () + EARLY_US + MARGIN_US);
  if (witness != NULL)
    n_pongs = count_pongs (witness, mutes);

  for (guint i = 0; i < G_N_ELEMENTS (lengths); i++) {
    if (mutes[i].wire == NULL)
      continue;
    if (witness != NULL && have_same_master (mutes[i].wire, witness))
      mutes[i].silence.n_pongs = n_pongs;
    told |= tell (&mutes[i], lengths[i], timeout_ms);
    sim_wire_free (mutes[i].wire);
  }
  return told;
}

void
sim_hostile_be_silent (const char *path, guint timeout_ms)
{
  for (guint i = 0; i < TRIES && !be_silent (path, timeout_ms); i++)
    continue;
}
