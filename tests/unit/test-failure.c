/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <gio/gio.h>
#include <string.h>

#include "ipc-error-private.h"
#include "ipc-error.h"

/*
 * A GError on its way to another process: into the payload of a FAILURE and out of it again. What a handler says must
 * arrive, and must never be a violation at the sender, whatever its text is: the sender would close the connection,
 * send the message again, and get the same once more.
 */

/* There and back. */
static GError *
carry (const GError *error, gsize payload_max, gsize *payload_len)
{
  g_autoptr (GBytes) bytes = ipc_wire_new_failure (error, payload_max);
  const guint8 *payload = g_bytes_get_data (bytes, payload_len);
  IpcFailure failure;

  g_assert_cmpuint (*payload_len, <=, MAX (payload_max, 1024));
  g_assert_cmpstr (ipc_wire_get_failure (payload, *payload_len, &failure), ==, NULL);
  g_assert_true (g_utf8_validate_len (failure.text, failure.text_len, NULL));

  return ipc_error_new_from_failure (&failure);
}

static void
test_round_trip (void)
{
  static const int codes[] = { 0, 1, -1, G_MAXINT32, G_MININT32, 255, 256, -256, 0x01020304 };
  static const char *const texts[] = { "", "x", "grün", "日本語", "\xf0\x9f\x98\x80", "100% %s %n" };

  g_test_summary ("Domain, code and text arrive unchanged");

  for (guint i = 0; i < G_N_ELEMENTS (codes); i++) {
    for (guint j = 0; j < G_N_ELEMENTS (texts); j++) {
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, codes[i], texts[j]);
      gsize len;
      g_autoptr (GError) got = carry (error, 1 << 20, &len);

      g_assert_error (got, G_IO_ERROR, codes[i]);
      g_assert_cmpstr (got->message, ==, texts[j]);
      g_assert_cmpuint (len, ==, 6 + strlen ("g-io-error-quark") + strlen (texts[j]));
    }
  }
}

static void
test_bytes (void)
{
  static const guint8 expected[] = { 0xfe, 0xff, 0xff, 0xff, 3, 0, 'a', '-', 'b', 't', 'x' };
  g_autoptr (GError) error = g_error_new_literal (g_quark_from_static_string ("a-b"), -2, "tx");
  g_autoptr (GBytes) bytes = ipc_wire_new_failure (error, 4096);

  g_test_summary ("The payload's layout is the protocol's");

  g_assert_cmpmem (g_bytes_get_data (bytes, NULL), g_bytes_get_size (bytes), expected, sizeof expected);
}

static void
test_cut (void)
{
  static const char *const characters[] = { "a", "ü", "€", "\xf0\x9f\x98\x80" };

  g_test_summary ("A text too long is cut between two characters, and as late as possible: half a character would be a "
                  "violation at the receiver");

  for (guint i = 0; i < G_N_ELEMENTS (characters); i++) {
    for (gsize shift = 0; shift < 4; shift++) {
      for (gsize max = 1024; max < 1024 + 8; max++) {
        gsize width = strlen (characters[i]);
        gsize room = max - 6 - strlen ("g-io-error-quark");
        g_autoptr (GString) text = g_string_new (NULL);
        g_autoptr (GError) got = NULL;
        gsize len;

        while (text->len < shift)
          g_string_append_c (text, '.');
        while (text->len <= max)
          g_string_append (text, characters[i]);

        g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, 1, text->str);
        got = carry (error, max, &len);
        g_assert_true (g_str_has_prefix (text->str, got->message));
        g_assert_cmpuint (strlen (got->message), ==, shift + (room - shift) / width * width);
      }
    }
  }
}

static void
test_exact_fit (void)
{
  g_test_summary ("A text that just fits is not cut; the smallest limit is 1024 whatever the receiver says");

  for (gsize max = 0; max <= 2048; max += 1024) {
    gsize room = MAX (max, 1024) - 6 - strlen ("g-io-error-quark");

    for (gsize extra = 0; extra < 3; extra++) {
      g_autofree char *text = g_strnfill (room - 1 + extra, 'x');
      g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, 1, text);
      gsize len;
      g_autoptr (GError) got = carry (error, max, &len);

      g_assert_cmpuint (strlen (got->message), ==, MIN (room, room - 1 + extra));
    }
  }
}

static void
test_not_utf8 (void)
{
  g_test_summary ("A text that is not UTF-8 is repaired, not passed on");

  for (guint c = 0x80; c < 0x100; c++) {
    char text[] = { 'a', c, 'b', '\0' };
    g_autoptr (GError) error = g_error_new_literal (G_IO_ERROR, 1, text);
    gsize len;
    g_autoptr (GError) got = carry (error, 4096, &len);

    g_assert_cmpint (got->message[0], ==, 'a');
    g_assert_true (g_str_has_suffix (got->message, "b"));
  }
}

static void
test_domain (void)
{
  g_test_summary ("Every domain that a program may use arrives as something its sender can read: an answer that is a "
                  "violation would end the connection and come back for ever");

  for (gsize n = 1; n <= 300; n += n < 250 ? 83 : 1) {
    g_autofree char *domain = g_strnfill (n, 'd');
    g_autoptr (GError) error = g_error_new_literal (g_quark_from_string (domain), 7, "text");
    gsize len;
    g_autoptr (GError) got = carry (error, 1024, &len);

    if (n <= IPC_WIRE_DOMAIN_MAX) {
      g_assert_true (got->domain == error->domain);
      g_assert_cmpint (got->code, ==, 7);
    } else {
      g_assert_false (g_str_has_prefix (g_quark_to_string (got->domain), "d")); /* never a part of it */
    }
  }
}

static void
test_odd_domain (void)
{
  static const char *const domains[] = { "", "\xff", "a\xff", "\xc3" };

  g_test_summary ("A domain that is empty or no UTF-8 is a programmer's mistake, but must not become a violation");

  for (guint i = 0; i < G_N_ELEMENTS (domains); i++) {
    g_autoptr (GError) error = g_error_new_literal (g_quark_from_string (domains[i]), 7, "text");
    gsize len;
    g_autoptr (GError) got = carry (error, 1024, &len);

    g_assert_nonnull (got);
  }
}

static void
test_parser (void)
{
#define ROW(bytes, good) { bytes, sizeof bytes - 1, good }
  static const struct {
    const char *bytes;
    gsize len;
    gboolean good;
  } rows[] = {
    ROW ("", FALSE), ROW ("\1\0\0\0\1", FALSE), ROW ("\1\0\0\0\0\0", FALSE), ROW ("\1\0\0\0\1\0", FALSE),
    ROW ("\1\0\0\0\1\0d", TRUE), ROW ("\1\0\0\0\1\0dt", TRUE), ROW ("\1\0\0\0\2\0dt", TRUE),
    ROW ("\1\0\0\0\3\0dt", FALSE), ROW ("\1\0\0\0\0\0dt", FALSE), ROW ("\1\0\0\0\0\1dt", FALSE),
    ROW ("\1\0\0\0\1\0\0t", FALSE), ROW ("\1\0\0\0\1\0d\0", FALSE), ROW ("\1\0\0\0\1\0dt\0", FALSE),
    ROW ("\1\0\0\0\1\0\xfft", FALSE), ROW ("\1\0\0\0\1\0d\xff", FALSE), ROW ("\1\0\0\0\1\0d\xc3", FALSE),
    ROW ("\1\0\0\0\1\0\xc3\xa4", FALSE), ROW ("\1\0\0\0\2\0\xc3\xa4", TRUE), ROW ("\1\0\0\0\1\0d\xc3\xa4", TRUE),
  };

  g_test_summary ("Each rule of FAILURE, and nothing outside the frame is looked at");

  for (guint i = 0; i < G_N_ELEMENTS (rows); i++) {
    g_autofree guint8 *bytes = g_memdup2 (rows[i].bytes, rows[i].len);
    IpcFailure failure;

    g_test_message ("row %u", i);
    g_assert_true ((ipc_wire_get_failure (bytes, rows[i].len, &failure) == NULL) == rows[i].good);
  }
}

static void
test_domain_length (void)
{
  g_test_summary ("A domain has 1 to 255 bytes");

  for (guint n = 0; n < 600; n++) {
    g_autofree guint8 *bytes = g_malloc0 (6 + 600);
    IpcFailure failure;

    memset (bytes + 6, 'd', 600);
    bytes[4] = n & 0xff;
    bytes[5] = n >> 8;
    g_assert_true ((ipc_wire_get_failure (bytes, 606, &failure) == NULL) == (n >= 1 && n <= 255));
    if (n >= 1 && n <= 255) {
      g_assert_cmpuint (failure.domain_len, ==, n);
      g_assert_cmpuint (failure.text_len, ==, 600 - n);
      g_assert_true (failure.text == failure.domain + n);
    }
  }
}

static void
test_foreign_domains (void)
{
  guint n_known = 0;

  g_test_summary ("A peer that invents domains without end costs a bounded amount of memory; what it says is still "
                  "told");

  for (guint i = 0; i < 3000; i++) {
    g_autofree char *domain = g_strdup_printf ("invented-%u", i);
    IpcFailure failure = { 5, domain, strlen (domain), "text", 4 };
    g_autoptr (GError) error = ipc_error_new_from_failure (&failure);

    if (error->domain == IPC_ERROR)
      g_assert_nonnull (strstr (error->message, domain));
    else
      g_assert_cmpstr (g_quark_to_string (error->domain), ==, domain);
    g_assert_nonnull (strstr (error->message, "text"));
    n_known += g_quark_try_string (domain) != 0;
  }

  g_assert_cmpuint (n_known, ==, 1024);
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/failure/round-trip", test_round_trip);
  g_test_add_func ("/failure/bytes", test_bytes);
  g_test_add_func ("/failure/cut/between-characters", test_cut);
  g_test_add_func ("/failure/cut/exact-fit", test_exact_fit);
  g_test_add_func ("/failure/text/not-utf8", test_not_utf8);
  g_test_add_func ("/failure/domain/every-length", test_domain);
  g_test_add_func ("/failure/domain/odd", test_odd_domain);
  g_test_add_func ("/failure/parser/table", test_parser);
  g_test_add_func ("/failure/parser/domain-length", test_domain_length);
  g_test_add_func ("/failure/foreign-domains", test_foreign_domains);

  return g_test_run ();
}
