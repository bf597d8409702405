/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <glib.h>
#include <string.h>

#include "sim-payload.h"

/*
 * What a payload says is believed because every byte of it follows from its fields. So changing any byte, or the
 * length, must be noticed.
 */

#define SIZE_MAX_BYTES 200

static GBytes *
new_message (guint64 number)
{
  SimMessage content = { 5, SIM_DEED_STOP, number };

  return sim_payload_new_message (&content, SIZE_MAX_BYTES);
}

static const SimAnswer sample = { .handler = 3, .sender = 5, .number = 77, .epoch = 1700000000123 };

static void
test_message (void)
{
  gsize smallest = G_MAXSIZE, largest = 0;

  for (guint64 number = 1; number <= 1000; number++) {
    g_autoptr (GBytes) message = new_message (number);
    gsize size = g_bytes_get_size (message);
    SimMessage read = { 0 };

    smallest = MIN (smallest, size);
    largest = MAX (largest, size);
    g_assert_true (sim_payload_read_message (g_bytes_get_data (message, NULL), size, SIZE_MAX_BYTES, &read));
    g_assert_cmpuint (read.sender, ==, 5);
    g_assert_cmpuint (read.number, ==, number);
    g_assert_cmpint (read.deed, ==, SIM_DEED_STOP);
  }
  g_assert_cmpuint (smallest, ==, SIM_PAYLOAD_SIZE_MIN);
  g_assert_cmpuint (largest, >, SIZE_MAX_BYTES - 5);
  g_assert_cmpuint (largest, <=, SIZE_MAX_BYTES);
}

/* Of a message that has a filler too. */
static GBytes *
make_long_message (void)
{
  for (guint64 number = 1;; number++) {
    g_autoptr (GBytes) message = new_message (number);

    if (g_bytes_get_size (message) > 100)
      return g_steal_pointer (&message);
  }
}

static void
test_message_damaged (void)
{
  g_autoptr (GBytes) message = make_long_message ();
  gsize size = g_bytes_get_size (message);
  g_autofree guint8 *data = g_memdup2 (g_bytes_get_data (message, NULL), size);
  SimMessage read;

  for (gsize i = 0; i < size; i++) {
    for (guint bit = 0; bit < 8; bit++) {
      data[i] ^= (guint8) (1 << bit);
      g_assert_false (sim_payload_read_message (data, size, SIZE_MAX_BYTES, &read));
      data[i] ^= (guint8) (1 << bit);
    }
  }
  g_assert_true (sim_payload_read_message (data, size, SIZE_MAX_BYTES, &read));
}

static void
test_message_cut (void)
{
  g_autoptr (GBytes) message = make_long_message ();
  SimMessage read;

  for (gsize size = 0; size < g_bytes_get_size (message); size++)
    g_assert_false (
        sim_payload_read_message (g_bytes_get_data (message, NULL), size, SIZE_MAX_BYTES, &read));
}

static void
assert_is_sample (const SimAnswer *answer)
{
  g_assert_cmpuint (answer->handler, ==, sample.handler);
  g_assert_cmpuint (answer->sender, ==, sample.sender);
  g_assert_cmpuint (answer->number, ==, sample.number);
  g_assert_cmpuint (answer->epoch, ==, sample.epoch);
}

static void
test_response (void)
{
  g_autoptr (GBytes) response = sim_payload_new_response (&sample, SIZE_MAX_BYTES);
  g_autoptr (GBytes) message = new_message (77);
  SimAnswer answer;

  g_assert_true (sim_payload_read_response (response, SIZE_MAX_BYTES, &answer));
  assert_is_sample (&answer);
  g_assert_false (sim_payload_read_response (message, SIZE_MAX_BYTES, &answer));
}

static void
test_response_damaged (void)
{
  g_autoptr (GBytes) response = sim_payload_new_response (&sample, SIZE_MAX_BYTES);
  gsize size = g_bytes_get_size (response);

  for (gsize i = 0; i < size; i++) {
    guint8 *data = g_memdup2 (g_bytes_get_data (response, NULL), size);
    g_autoptr (GBytes) damaged = g_bytes_new_take (data, size);
    SimAnswer answer;

    data[i] ^= 0x40;
    g_assert_false (sim_payload_read_response (damaged, SIZE_MAX_BYTES, &answer));
  }
}

static void
test_failure (void)
{
  g_autoptr (GError) error = sim_payload_new_failure (&sample);
  SimAnswer answer;

  g_assert_true (sim_payload_read_failure (error, &answer));
  assert_is_sample (&answer);

  error->code++;
  g_assert_false (sim_payload_read_failure (error, &answer));
  error->code--;
  error->domain = G_CONVERT_ERROR;
  g_assert_false (sim_payload_read_failure (error, &answer));
  error->domain = SIM_ERROR;
  error->message[strlen (error->message) - 1] = '4';
  g_assert_false (sim_payload_read_failure (error, &answer));
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add_func ("/sim-payload/message", test_message);
  g_test_add_func ("/sim-payload/message/any-bit", test_message_damaged);
  g_test_add_func ("/sim-payload/message/any-length", test_message_cut);
  g_test_add_func ("/sim-payload/response", test_response);
  g_test_add_func ("/sim-payload/response/any-byte", test_response_damaged);
  g_test_add_func ("/sim-payload/failure", test_failure);

  return g_test_run ();
}
