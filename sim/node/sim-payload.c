/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-payload.h"

#include <stdio.h>
#include <string.h>

#include "sim-random.h"

/*
 * The bytes that travel. A message names its sender and number, an answer also the handler and the epoch in which it
 * was made; checksum, size and filler follow from these fields. So whoever reads a payload can check every byte of
 * it, and a verdict needs nobody's word but the payload's. An answer is a response or a GError; both carry the same.
 */

#define MESSAGE_MAGIC G_GUINT64_CONSTANT (0x6567617373656d01)
#define RESPONSE_MAGIC G_GUINT64_CONSTANT (0x65736e6f70736501)
#define FAILURE_FORMAT "node %u cannot do %u/%" G_GUINT64_FORMAT " in epoch %" G_GUINT64_FORMAT

/* What every payload begins with. */
typedef struct {
  guint64 checksum; /* of the other fields, and of what kind of payload it is */
  guint64 number;
  guint64 epoch;
  guint32 sender;
  guint32 handler; /* of a message: the SimDeed */
} Fields;

G_STATIC_ASSERT (sizeof (Fields) == SIM_PAYLOAD_SIZE_MIN);

G_DEFINE_QUARK (ipc - sim - error - quark, sim_error)

static guint64
fields_hash (const Fields *fields, guint64 magic)
{
  guint64 hash = sim_random_mix (magic ^ fields->number);

  hash = sim_random_mix (hash ^ fields->epoch);
  return sim_random_mix (hash ^ ((guint64) fields->sender << 32 | fields->handler));
}

/* Half of the payloads are as small as can be, the others anything up to the limit. */
static gsize
size_of (guint64 hash, gsize size_max)
{
  if (hash & 1)
    return SIM_PAYLOAD_SIZE_MIN;
  return SIM_PAYLOAD_SIZE_MIN + (hash >> 1) % (size_max - SIM_PAYLOAD_SIZE_MIN + 1);
}

static guint8
filler_at (guint64 hash, gsize offset)
{
  return (guint8) (hash >> (offset % 8 * 8)) + (guint8) (offset / 8);
}

static GBytes *
fields_write (Fields *fields, guint64 magic, gsize size_max)
{
  guint64 hash = fields_hash (fields, magic);
  gsize size = size_of (hash, size_max);
  guint8 *data = g_malloc (size);

  fields->checksum = hash;
  memcpy (data, fields, sizeof *fields);
  for (gsize i = sizeof *fields; i < size; i++)
    data[i] = filler_at (hash, i);
  return g_bytes_new_take (data, size);
}

static gboolean
fields_read (Fields *fields, guint64 magic, const guint8 *data, gsize size, gsize size_max)
{
  guint64 hash;

  if (size < sizeof *fields)
    return FALSE;
  memcpy (fields, data, sizeof *fields);
  hash = fields_hash (fields, magic);
  if (fields->checksum != hash || size != size_of (hash, size_max))
    return FALSE;

  for (gsize i = sizeof *fields; i < size; i++) {
    if (data[i] != filler_at (hash, i))
      return FALSE;
  }
  return TRUE;
}

GBytes *
sim_payload_new_message (const SimMessage *message, gsize size_max)
{
  Fields fields = { .sender = message->sender, .number = message->number, .handler = message->deed };

  return fields_write (&fields, MESSAGE_MAGIC, size_max);
}

/* FALSE when any byte is not as the sender wrote it. */
gboolean
sim_payload_read_message (const guint8 *data, gsize size, gsize size_max, SimMessage *message)
{
  Fields fields = { 0 };

  if (!fields_read (&fields, MESSAGE_MAGIC, data, size, size_max) || fields.epoch != 0
      || fields.handler > SIM_DEED_STOP)
    return FALSE;

  *message = (SimMessage) { .sender = fields.sender, .deed = (SimDeed) fields.handler, .number = fields.number };
  return TRUE;
}

GBytes *
sim_payload_new_response (const SimAnswer *answer, gsize size_max)
{
  Fields fields = {
    .number = answer->number,
    .epoch = answer->epoch,
    .sender = answer->sender,
    .handler = answer->handler,
  };

  return fields_write (&fields, RESPONSE_MAGIC, size_max);
}

/* FALSE when any byte is not as the handler wrote it. */
gboolean
sim_payload_read_response (GBytes *response, gsize size_max, SimAnswer *answer)
{
  Fields fields;
  gsize size;
  const guint8 *data = g_bytes_get_data (response, &size);

  if (!fields_read (&fields, RESPONSE_MAGIC, data, size, size_max))
    return FALSE;

  *answer = (SimAnswer) {
    .handler = fields.handler,
    .sender = fields.sender,
    .number = fields.number,
    .epoch = fields.epoch,
  };
  return TRUE;
}

GError *
sim_payload_new_failure (const SimAnswer *answer)
{
  int code = (int) (sim_random_mix (answer->number ^ answer->epoch) & G_MAXINT);

  return g_error_new (SIM_ERROR, code, FAILURE_FORMAT, answer->handler, answer->sender, answer->number, answer->epoch);
}

/* FALSE when domain, code or text are not as the handler gave them. */
gboolean
sim_payload_read_failure (const GError *error, SimAnswer *answer)
{
  g_autoptr (GError) expected = NULL;

  if (error->domain != SIM_ERROR)
    return FALSE;
  if (sscanf (error->message, FAILURE_FORMAT, &answer->handler, &answer->sender, &answer->number, &answer->epoch) != 4)
    return FALSE;

  expected = sim_payload_new_failure (answer);
  return error->code == expected->code && g_str_equal (error->message, expected->message);
}
