/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-wire.h"

#include <string.h>

/*
 * Bytes <-> values, and nothing else: no state, no I/O, no limits that depend on who speaks (ipc-handshake.c has
 * those). docs/protocol.md is the specification; each offset below is one of its table rows.
 *
 * Integers are put together byte by byte: never a struct cast onto bytes, so alignment and byte order of the machine do
 * not matter. The parsers return NULL, or a sentence that says what was wrong with the bytes; it goes to the peer as it
 * is.
 */

static const guint8 hello_magic[4] = { 'L', 'I', 'P', 'C' };

static void
put_u16 (guint8 *out, guint16 value)
{
  value = GUINT16_TO_LE (value);
  memcpy (out, &value, sizeof value);
}

static void
put_u32 (guint8 *out, guint32 value)
{
  value = GUINT32_TO_LE (value);
  memcpy (out, &value, sizeof value);
}

static void
put_u64 (guint8 *out, guint64 value)
{
  value = GUINT64_TO_LE (value);
  memcpy (out, &value, sizeof value);
}

static guint16
get_u16 (const guint8 *in)
{
  guint16 value;

  memcpy (&value, in, sizeof value);
  return GUINT16_FROM_LE (value);
}

static guint32
get_u32 (const guint8 *in)
{
  guint32 value;

  memcpy (&value, in, sizeof value);
  return GUINT32_FROM_LE (value);
}

static guint64
get_u64 (const guint8 *in)
{
  guint64 value;

  memcpy (&value, in, sizeof value);
  return GUINT64_FROM_LE (value);
}

static gboolean
is_zero (const guint8 *bytes, gsize len)
{
  for (gsize i = 0; i < len; i++) {
    if (bytes[i] != 0)
      return FALSE;
  }

  return TRUE;
}

void
ipc_wire_put_header (guint8 out[IPC_WIRE_HEADER_SIZE], const IpcFrameHeader *header)
{
  put_u32 (out, header->length);
  out[4] = header->type;
  out[5] = header->flags;
  put_u16 (out + 6, header->n_fds);
  put_u64 (out + 8, header->sequence);
  put_u64 (out + 16, header->number);
}

void
ipc_wire_get_header (const guint8 in[IPC_WIRE_HEADER_SIZE], IpcFrameHeader *header)
{
  header->length = get_u32 (in);
  header->type = in[4];
  header->flags = in[5];
  header->n_fds = get_u16 (in + 6);
  header->sequence = get_u64 (in + 8);
  header->number = get_u64 (in + 16);
}

void
ipc_wire_put_hello (guint8 out[IPC_WIRE_HELLO_SIZE], const IpcHello *hello)
{
  memset (out, 0, IPC_WIRE_HELLO_SIZE);
  memcpy (out, hello_magic, sizeof hello_magic);
  put_u16 (out + 4, hello->version_min);
  put_u16 (out + 6, hello->version_max);
  memcpy (out + 8, hello->node_id, IPC_NODE_ID_SIZE);
  put_u32 (out + 24, hello->max_message_size);
  out[28] = hello->mode;
  put_u64 (out + 32, hello->newest_epoch);
}

const char *
ipc_wire_get_hello (const guint8 *payload, gsize payload_len, IpcHello *hello)
{
  if (payload_len != IPC_WIRE_HELLO_SIZE)
    return "HELLO must have 40 bytes";
  if (memcmp (payload, hello_magic, sizeof hello_magic) != 0)
    return "HELLO does not begin with the magic bytes LIPC";

  hello->version_min = get_u16 (payload + 4);
  hello->version_max = get_u16 (payload + 6);
  memcpy (hello->node_id, payload + 8, IPC_NODE_ID_SIZE);
  hello->max_message_size = get_u32 (payload + 24);
  hello->mode = payload[28];
  hello->newest_epoch = get_u64 (payload + 32);

  if (hello->version_min < 1 || hello->version_min > hello->version_max)
    return "HELLO names an empty range of versions";
  if (is_zero (hello->node_id, IPC_NODE_ID_SIZE))
    return "HELLO names no node";
  if (hello->max_message_size < IPC_MESSAGE_SIZE_MIN_LIMIT)
    return "HELLO accepts responses of less than 1024 bytes only";
  if (hello->mode > 2)
    return "HELLO names an unknown mode";
  if (!is_zero (payload + 29, 3))
    return "reserved bytes of HELLO must be 0";

  return NULL;
}

void
ipc_wire_put_welcome (guint8 out[IPC_WIRE_WELCOME_SIZE], const IpcWelcome *welcome)
{
  memset (out, 0, IPC_WIRE_WELCOME_SIZE);
  put_u16 (out, welcome->version);
  put_u32 (out + 4, welcome->window_messages);
  put_u64 (out + 8, welcome->window_bytes);
  put_u32 (out + 16, welcome->max_message_size);
  memcpy (out + 24, welcome->node_id, IPC_NODE_ID_SIZE);
}

const char *
ipc_wire_get_welcome (const guint8 *payload, gsize payload_len, IpcWelcome *welcome)
{
  if (payload_len != IPC_WIRE_WELCOME_SIZE)
    return "WELCOME must have 40 bytes";

  welcome->version = get_u16 (payload);
  welcome->window_messages = get_u32 (payload + 4);
  welcome->window_bytes = get_u64 (payload + 8);
  welcome->max_message_size = get_u32 (payload + 16);
  memcpy (welcome->node_id, payload + 24, IPC_NODE_ID_SIZE);

  if (welcome->version != IPC_WIRE_VERSION)
    return "WELCOME chooses a version that was not offered";
  if (welcome->window_messages < 1 || welcome->window_bytes < 1)
    return "WELCOME grants an empty window";
  if (welcome->max_message_size < IPC_MESSAGE_SIZE_MIN_LIMIT)
    return "WELCOME accepts messages of less than 1024 bytes only";
  if (is_zero (welcome->node_id, IPC_NODE_ID_SIZE))
    return "WELCOME names no node";
  if (!is_zero (payload + 2, 2) || !is_zero (payload + 20, 4))
    return "reserved bytes of WELCOME must be 0";

  return NULL;
}

/* Cuts a string to at most @max bytes without splitting a character. */
static gsize
utf8_prefix_len (const char *string, gsize max)
{
  gsize len = strlen (string);
  const char *end = NULL;

  if (len <= max)
    return len;

  g_utf8_validate_len (string, max, &end);
  return end - string;
}

static const char *
domain_name (GQuark domain)
{
  const char *name = g_quark_to_string (domain);
  gsize len = name != NULL ? strlen (name) : 0;

  return len >= 1 && len <= IPC_WIRE_DOMAIN_MAX && g_utf8_validate (name, len, NULL) ? name : "unknown";
}

/**
 * ipc_wire_new_failure:
 * @error: what to tell the sender
 * @payload_max: the most bytes the receiver takes
 *
 * The text is cut to fit and made valid UTF-8; domain and code are not changed. Only a domain whose name cannot be sent
 * (empty, not UTF-8, or too long) becomes "unknown": the receiver would take it for a violation, or for another domain.
 *
 * Returns: (transfer full): the payload of a FAILURE
 */
GBytes *
ipc_wire_new_failure (const GError *error, gsize payload_max)
{
  const char *domain = domain_name (error->domain);
  g_autofree char *text = g_utf8_make_valid (error->message, -1);
  gsize domain_len = strlen (domain);
  gsize text_len = utf8_prefix_len (text, MAX (payload_max, IPC_WIRE_FAILURE_MIN_LIMIT) - 6 - domain_len);
  guint8 *payload = g_malloc (6 + domain_len + text_len);

  put_u32 (payload, (guint32) error->code);
  put_u16 (payload + 4, domain_len);
  memcpy (payload + 6, domain, domain_len);
  memcpy (payload + 6 + domain_len, text, text_len);

  return g_bytes_new_take (payload, 6 + domain_len + text_len);
}

const char *
ipc_wire_get_failure (const guint8 *payload, gsize payload_len, IpcFailure *failure)
{
  if (payload_len < 6)
    return "FAILURE is shorter than 6 bytes";

  failure->code = (gint32) get_u32 (payload);
  failure->domain_len = get_u16 (payload + 4);
  if (failure->domain_len < 1 || failure->domain_len > IPC_WIRE_DOMAIN_MAX)
    return "the domain of FAILURE must have 1 to 255 bytes";
  if (failure->domain_len > payload_len - 6)
    return "the domain of FAILURE is longer than the frame";

  failure->domain = (const char *) payload + 6;
  failure->text = failure->domain + failure->domain_len;
  failure->text_len = payload_len - 6 - failure->domain_len;
  if (!g_utf8_validate_len (failure->domain, failure->domain_len, NULL)
      || !g_utf8_validate_len (failure->text, failure->text_len, NULL))
    return "domain and text of FAILURE must be UTF-8 without NUL";

  return NULL;
}
