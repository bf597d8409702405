/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>

#include "ipc-error-private.h"
#include "ipc-wire.h"

/*
 * Bytes <-> values. The expected bytes are written down by hand from docs/protocol.md, not made by the functions under
 * test, so an offset that is wrong on both ways is found too.
 */

static const guint8 good_hello[IPC_WIRE_HELLO_SIZE] = {
  'L', 'I', 'P', 'C', 1, 0, 1, 0, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b,
  0x1c, 0x1d, 0x1e, 0x1f, 0x00, 0x00, 0x00, 0x01, 1, 0, 0, 0, 0x08, 0x07, 0x06, 0x05, 0x04, 0x03, 0x02, 0x01,
};

static const guint8 good_welcome[IPC_WIRE_WELCOME_SIZE] = {
  1, 0, 0, 0, 0x04, 0x03, 0x02, 0x01, 0x18, 0x17, 0x16, 0x15, 0x14, 0x13, 0x12, 0x11, 0x00, 0x00, 0x00, 0x01,
  0, 0, 0, 0, 0x10, 0x11, 0x12, 0x13, 0x14, 0x15, 0x16, 0x17, 0x18, 0x19, 0x1a, 0x1b, 0x1c, 0x1d, 0x1e, 0x1f,
};

static guint64
little_endian (const guint8 *bytes, guint n)
{
  guint64 value = 0;

  while (n-- > 0)
    value = value << 8 | bytes[n];

  return value;
}

static void
test_header (void)
{
  static const guint64 values[] = { 0, 1, 0x7f, 0x80, 0xff, 0x100, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000,
                                    0x0102030405060708, G_MAXINT64, G_MAXUINT64 };
  guint8 bytes[IPC_WIRE_HEADER_SIZE];
  IpcFrameHeader got;

  g_test_summary ("Each field of the header stands where the protocol puts it, whatever its value");

  for (guint i = 0; i < G_N_ELEMENTS (values); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (values); j++) {
      guint64 a = values[i], b = values[j];
      IpcFrameHeader header = { a, b, a, b, a, b };

      ipc_wire_put_header (bytes, &header);
      g_assert_cmpuint (little_endian (bytes, 4), ==, (guint32) a);
      g_assert_cmpuint (bytes[4], ==, (guint8) b);
      g_assert_cmpuint (bytes[5], ==, (guint8) a);
      g_assert_cmpuint (little_endian (bytes + 6, 2), ==, (guint16) b);
      g_assert_cmpuint (little_endian (bytes + 8, 8), ==, a);
      g_assert_cmpuint (little_endian (bytes + 16, 8), ==, b);

      ipc_wire_get_header (bytes, &got);
      g_assert_cmpuint (got.length, ==, header.length);
      g_assert_cmpuint (got.type, ==, header.type);
      g_assert_cmpuint (got.flags, ==, header.flags);
      g_assert_cmpuint (got.n_fds, ==, header.n_fds);
      g_assert_cmpuint (got.sequence, ==, header.sequence);
      g_assert_cmpuint (got.number, ==, header.number);
    }
  }
}

static void
test_hello_bytes (void)
{
  IpcHello hello;
  guint8 bytes[IPC_WIRE_HELLO_SIZE];

  g_test_summary ("HELLO is what the protocol's table says, in both directions");

  g_assert_null (ipc_wire_get_hello (good_hello, sizeof good_hello, &hello));
  g_assert_cmpuint (hello.version_min, ==, 1);
  g_assert_cmpuint (hello.version_max, ==, 1);
  g_assert_cmpmem (hello.node_id, IPC_NODE_ID_SIZE, good_hello + 8, IPC_NODE_ID_SIZE);
  g_assert_cmpuint (hello.max_message_size, ==, 16 * 1024 * 1024);
  g_assert_cmpuint (hello.mode, ==, 1);
  g_assert_cmpuint (hello.newest_epoch, ==, 0x0102030405060708);

  memset (bytes, 0xee, sizeof bytes);
  ipc_wire_put_hello (bytes, &hello);
  g_assert_cmpmem (bytes, sizeof bytes, good_hello, sizeof good_hello);
}

static void
test_welcome_bytes (void)
{
  IpcWelcome welcome;
  guint8 bytes[IPC_WIRE_WELCOME_SIZE];

  g_test_summary ("WELCOME is what the protocol's table says, in both directions");

  g_assert_null (ipc_wire_get_welcome (good_welcome, sizeof good_welcome, &welcome));
  g_assert_cmpuint (welcome.version, ==, 1);
  g_assert_cmpuint (welcome.window_messages, ==, 0x01020304);
  g_assert_cmpuint (welcome.window_bytes, ==, 0x1112131415161718);
  g_assert_cmpuint (welcome.max_message_size, ==, 16 * 1024 * 1024);
  g_assert_cmpmem (welcome.node_id, IPC_NODE_ID_SIZE, good_welcome + 24, IPC_NODE_ID_SIZE);

  memset (bytes, 0xee, sizeof bytes);
  ipc_wire_put_welcome (bytes, &welcome);
  g_assert_cmpmem (bytes, sizeof bytes, good_welcome, sizeof good_welcome);
}

/* The rules of docs/protocol.md section 3, written independently of the parsers. */
static gboolean
hello_is_good (const guint8 *b)
{
  guint64 version_min = little_endian (b + 4, 2), version_max = little_endian (b + 6, 2);

  return memcmp (b, "LIPC", 4) == 0 && version_min >= 1 && version_min <= version_max
         && (little_endian (b + 8, 8) | little_endian (b + 16, 8)) != 0 && little_endian (b + 24, 4) >= 1024
         && b[28] <= 2 && little_endian (b + 29, 3) == 0;
}

static gboolean
welcome_is_good (const guint8 *b)
{
  return little_endian (b, 2) == 1 && little_endian (b + 2, 2) == 0 && little_endian (b + 4, 4) != 0
         && little_endian (b + 8, 8) != 0 && little_endian (b + 16, 4) >= 1024 && little_endian (b + 20, 4) == 0
         && (little_endian (b + 24, 8) | little_endian (b + 32, 8)) != 0;
}

/* @zero_first: all fields that may be anything hold 0, so that each single byte decides. */
static void
mutate_every_byte (const guint8 *good, gsize node_id_at, gboolean (*is_good) (const guint8 *), gboolean is_hello)
{
  for (int variant = 0; variant < 2; variant++) {
    guint8 bytes[40];
    guint n_good = 0;

    memcpy (bytes, good, sizeof bytes);
    if (variant == 1)
      memset (bytes + node_id_at, 0, IPC_NODE_ID_SIZE);
    for (guint at = 0; at < sizeof bytes; at++) {
      guint8 before = bytes[at];

      for (guint value = 0; value < 256; value++) {
        IpcHello hello;
        IpcWelcome welcome;
        const char *wrong;

        bytes[at] = value;
        wrong = is_hello ? ipc_wire_get_hello (bytes, sizeof bytes, &hello)
                         : ipc_wire_get_welcome (bytes, sizeof bytes, &welcome);
        if ((wrong == NULL) != is_good (bytes))
          g_error ("byte %u set to %u: got “%s”", at, value, wrong != NULL ? wrong : "good");
        n_good += wrong == NULL;
      }
      bytes[at] = before;
    }
    g_assert_cmpuint (n_good, >, 0);
    g_assert_cmpuint (n_good, <, 40 * 256);
  }
}

static void
test_hello_mutated (void)
{
  g_test_summary ("Each byte of HELLO set to each value: refused exactly when the protocol says so");

  mutate_every_byte (good_hello, 8, hello_is_good, TRUE);
}

static void
test_welcome_mutated (void)
{
  g_test_summary ("Each byte of WELCOME set to each value: refused exactly when the protocol says so");

  mutate_every_byte (good_welcome, 24, welcome_is_good, FALSE);
}

static void
test_boundaries (void)
{
  static const struct {
    guint at;
    guint n;
    guint64 value;
    gboolean good;
  } rows[] = {
    { 24, 4, 1023, FALSE }, { 24, 4, 1024, TRUE }, { 24, 4, G_MAXUINT32, TRUE }, { 24, 4, 0, FALSE },
    { 4, 2, 0, FALSE },     { 4, 2, 2, FALSE },    { 6, 2, 0, FALSE },           { 6, 2, 0xffff, TRUE },
    { 28, 1, 2, TRUE },     { 28, 1, 3, FALSE },   { 32, 8, G_MAXUINT64, TRUE }, { 32, 8, 0, TRUE },
  };

  g_test_summary ("The limits of HELLO's fields, one below, at, and one above");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    guint8 bytes[IPC_WIRE_HELLO_SIZE];
    IpcHello hello;

    memcpy (bytes, good_hello, sizeof bytes);
    for (guint j = 0; j < rows[i].n; j++)
      bytes[rows[i].at + j] = rows[i].value >> (8 * j);
    g_test_message ("offset %u value %" G_GUINT64_FORMAT, rows[i].at, rows[i].value);
    g_assert_true ((ipc_wire_get_hello (bytes, sizeof bytes, &hello) == NULL) == rows[i].good);
  }
}

static void
test_lengths (void)
{
  g_test_summary ("HELLO and WELCOME have exactly 40 bytes; nothing outside the given bytes is looked at");

  for (gsize len = 0; len < 80; len++) {
    g_autofree guint8 *bytes = g_malloc0 (len + 1);
    IpcHello hello;
    IpcWelcome welcome;

    memcpy (bytes, good_hello, MIN (len, sizeof good_hello));
    g_assert_true ((ipc_wire_get_hello (bytes, len, &hello) == NULL) == (len == 40));
    memcpy (bytes, good_welcome, MIN (len, sizeof good_welcome));
    g_assert_true ((ipc_wire_get_welcome (bytes, len, &welcome) == NULL) == (len == 40));
  }
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/wire/header/every-field", test_header);
  g_test_add_func ("/wire/hello/bytes", test_hello_bytes);
  g_test_add_func ("/wire/hello/every-byte-mutated", test_hello_mutated);
  g_test_add_func ("/wire/hello/boundaries", test_boundaries);
  g_test_add_func ("/wire/welcome/bytes", test_welcome_bytes);
  g_test_add_func ("/wire/welcome/every-byte-mutated", test_welcome_mutated);
  g_test_add_func ("/wire/lengths", test_lengths);

  return g_test_run ();
}
