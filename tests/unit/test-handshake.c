/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-handshake.h"

/*
 * Who may say what, and when: every combination of side, phase, type, flags, descriptors, length and fields against a
 * model that is written from docs/protocol.md sections 2 and 3, as code and not as a table.
 */

#define SIZE_MAX_OF_RECEIVER 4096

static const guint64 values[] = { 0, 1, 5, G_MAXUINT64 };
static const guint32 lengths[] = { 0, 1, 39, 40, 41, 1023, 1024, 1025, 4095, 4096, 4097, 1u << 30, G_MAXUINT32 };

static gboolean
type_may_come (IpcSide from, IpcPhase phase, guint type)
{
  gboolean from_client = from == IPC_SIDE_CLIENT;

  if (phase == IPC_PHASE_OVER)
    return FALSE;
  if (phase == IPC_PHASE_HANDSHAKE)
    return type == IPC_FRAME_REFUSED || type == (from_client ? IPC_FRAME_HELLO : IPC_FRAME_WELCOME);

  switch (type) {
  case IPC_FRAME_MESSAGE:
  case IPC_FRAME_ACK:
    return from_client;
  case IPC_FRAME_RESPONSE:
  case IPC_FRAME_FAILURE:
    return !from_client;
  case IPC_FRAME_REFUSED:
  case IPC_FRAME_PING:
  case IPC_FRAME_PONG:
  case IPC_FRAME_GOODBYE:
    return TRUE;
  default:
    return FALSE;
  }
}

static gboolean
length_is_good (guint type, guint32 length, guint32 size_max)
{
  switch (type) {
  case IPC_FRAME_HELLO:
  case IPC_FRAME_WELCOME:
    return length == 40;
  case IPC_FRAME_REFUSED:
    return length <= 1024;
  case IPC_FRAME_MESSAGE:
  case IPC_FRAME_RESPONSE:
    return length <= size_max;
  case IPC_FRAME_FAILURE:
    return length <= size_max || length <= 1024;
  default:
    return length == 0;
  }
}

static gboolean
fields_are_good (IpcSide from, guint type, guint64 sequence, guint64 number)
{
  switch (type) {
  case IPC_FRAME_HELLO:
    return sequence == 0;
  case IPC_FRAME_WELCOME:
  case IPC_FRAME_REFUSED:
    return sequence == 0 && number != 0;
  case IPC_FRAME_MESSAGE:
    return sequence != 0;
  case IPC_FRAME_RESPONSE:
  case IPC_FRAME_FAILURE:
    return sequence != 0 && number != 0;
  case IPC_FRAME_ACK:
    return sequence == 0;
  case IPC_FRAME_GOODBYE:
    return number == 0 && (sequence == 0 || from == IPC_SIDE_MASTER);
  default:
    return number == 0;
  }
}

static gboolean
is_good (IpcSide from, IpcPhase phase, const IpcFrameHeader *h, guint32 size_max)
{
  guint8 flags = h->type == IPC_FRAME_MESSAGE ? h->flags & ~3 : h->flags;

  return h->type >= 1 && h->type <= 10 && type_may_come (from, phase, h->type) && flags == 0 && h->n_fds == 0
         && length_is_good (h->type, h->length, size_max) && fields_are_good (from, h->type, h->sequence, h->number);
}

/* Returns how many were good. */
static guint
check_type (IpcSide from, IpcPhase phase, guint type, guint32 size_max)
{
  static const guint8 flags[] = { 0, 1, 2, 3, 4, 0x40, 0x80, 0xff };
  static const guint16 fds[] = { 0, 1, 0x100, 0xffff };
  const guint n_values = G_N_ELEMENTS (values);
  guint n = G_N_ELEMENTS (flags) * G_N_ELEMENTS (fds) * G_N_ELEMENTS (lengths) * n_values * n_values;
  guint n_good = 0;

  for (guint i = 0; i < n; i++) {
    guint rest = i;
    IpcFrameHeader h = { .type = type };
    const char *wrong;

    h.flags = flags[rest % G_N_ELEMENTS (flags)], rest /= G_N_ELEMENTS (flags);
    h.n_fds = fds[rest % G_N_ELEMENTS (fds)], rest /= G_N_ELEMENTS (fds);
    h.length = lengths[rest % G_N_ELEMENTS (lengths)], rest /= G_N_ELEMENTS (lengths);
    h.sequence = values[rest % n_values], rest /= n_values;
    h.number = values[rest % n_values];

    wrong = ipc_handshake_check (from, phase, &h, size_max);
    if ((wrong == NULL) != is_good (from, phase, &h, size_max))
      g_error ("from %d phase %d type %u flags %u n_fds %u length %u sequence %" G_GUINT64_FORMAT
               " number %" G_GUINT64_FORMAT ": %s", from, phase, type, h.flags, h.n_fds, h.length, h.sequence, h.number,
               wrong != NULL ? wrong : "good");
    n_good += wrong == NULL;
  }

  return n_good;
}

static void
test_every_combination (gconstpointer user_data)
{
  guint32 size_max = GPOINTER_TO_UINT (user_data);

  g_test_summary ("A header is judged by the protocol's rules alone, before anything is allocated for its payload");

  for (int from = IPC_SIDE_CLIENT; from <= IPC_SIDE_MASTER; from++) {
    for (int phase = IPC_PHASE_HANDSHAKE; phase <= IPC_PHASE_OVER; phase++) {
      for (guint type = 0; type < 256; type += type < 14 ? 1 : 11) {
        guint n_good = check_type (from, phase, type, size_max);

        g_assert_true ((n_good > 0) == (type >= 1 && type <= 10 && type_may_come (from, phase, type)));
      }
    }
  }
}

static void
test_every_type_byte (void)
{
  g_test_summary ("No byte but 1 to 10 is a type");

  for (guint type = 0; type < 256; type++) {
    for (int from = IPC_SIDE_CLIENT; from <= IPC_SIDE_MASTER; from++) {
      IpcFrameHeader h = { .type = type };

      if (type < 1 || type > 10)
        g_assert_cmpstr (ipc_handshake_check (from, IPC_PHASE_OPEN, &h, 4096), ==, "unknown frame type");
    }
  }
}

static void
test_texts (void)
{
  g_test_summary ("What is wrong is told in words, that go to the peer: short enough for a REFUSED");

  for (guint type = 0; type < 12; type++) {
    for (int phase = IPC_PHASE_HANDSHAKE; phase <= IPC_PHASE_OVER; phase++) {
      for (guint bits = 0; bits < 32; bits++) {
        IpcFrameHeader h = { .type = type, .flags = (bits & 1) * 8, .n_fds = bits >> 1 & 1,
                             .length = (bits >> 2 & 1) * 9999, .sequence = bits >> 3 & 1, .number = bits >> 4 & 1 };
        const char *text = ipc_handshake_check (IPC_SIDE_CLIENT, phase, &h, 4096);

        if (text != NULL) {
          g_assert_cmpuint (strlen (text), >, 10);
          g_assert_cmpuint (strlen (text), <=, 1024);
          g_assert_true (g_utf8_validate (text, -1, NULL));
        }
      }
    }
  }
}

static void
test_next (void)
{
  g_test_summary ("HELLO and WELCOME open a connection, GOODBYE and REFUSED end it, nothing else changes the phase");

  for (int phase = IPC_PHASE_HANDSHAKE; phase <= IPC_PHASE_OPEN; phase++) {
    for (guint type = 1; type <= 10; type++) {
      IpcPhase expected = phase;

      if (type == 1 || type == 2)
        expected = IPC_PHASE_OPEN;
      if (type == 3 || type == 9)
        expected = IPC_PHASE_OVER;
      g_assert_cmpint (ipc_handshake_next (phase, type), ==, expected);
    }
  }
}

static void
test_judge (void)
{
  static const guint16 versions[][2] = { { 1, 1 }, { 1, 9 }, { 2, 9 }, { 2, 2 }, { 1, 0xffff } };
  static const guint64 epochs[] = { 0, 9, 10, 11, G_MAXUINT64 };

  g_test_summary ("Strangers first, then the version, then who has seen a newer master; everybody else is let in");

  for (guint i = 0; i < G_N_ELEMENTS (versions) * G_N_ELEMENTS (epochs) * 4; i++) {
    const guint16 *version = versions[i / 4 % G_N_ELEMENTS (versions)];
    guint64 newest = epochs[i / 4 / G_N_ELEMENTS (versions)];
    gboolean stranger = i & 1, allowed = i >> 1 & 1;
    IpcHello hello = { .version_min = version[0], .version_max = version[1], .newest_epoch = newest };
    IpcAdmission admission = { 1000, allowed, 10 };
    const char *text = NULL;
    IpcRefusal expected = 0;

    if (stranger && !allowed)
      expected = IPC_REFUSAL_NOT_ALLOWED;
    else if (version[0] != 1)
      expected = IPC_REFUSAL_VERSION;
    else if (newest > 10)
      expected = IPC_REFUSAL_STALE;

    g_assert_cmpint (ipc_handshake_judge (&hello, stranger ? 0 : 1000, &admission, &text), ==, expected);
    g_assert_true ((text != NULL) == (expected != 0));
  }
}

static void
test_names (void)
{
  static const char *const names[] = { "HELLO", "WELCOME", "REFUSED", "MESSAGE", "RESPONSE", "FAILURE", "PING", "PONG",
                                       "GOODBYE", "ACK" };

  g_test_summary ("Frames have the protocol's names in logs");

  for (guint type = 1; type <= 10; type++)
    g_assert_cmpstr (ipc_frame_type_to_string (type), ==, names[type - 1]);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_data_func ("/handshake/check/every-combination", GUINT_TO_POINTER (SIZE_MAX_OF_RECEIVER),
                        test_every_combination);
  g_test_add_data_func ("/handshake/check/every-combination/smallest-receiver", GUINT_TO_POINTER (1024),
                        test_every_combination);
  g_test_add_data_func ("/handshake/check/every-combination/largest-receiver", GUINT_TO_POINTER (1u << 30),
                        test_every_combination);
  g_test_add_data_func ("/handshake/check/every-combination/tiny-receiver", GUINT_TO_POINTER (100),
                        test_every_combination);
  g_test_add_func ("/handshake/check/every-type-byte", test_every_type_byte);
  g_test_add_func ("/handshake/check/texts", test_texts);
  g_test_add_func ("/handshake/next", test_next);
  g_test_add_func ("/handshake/judge", test_judge);
  g_test_add_func ("/handshake/names", test_names);

  return g_test_run ();
}
