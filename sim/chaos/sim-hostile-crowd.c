/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hostile.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/*
 * Strangers that are a nuisance by their number or by their patience: many handshakes that are never finished, many
 * connections, one that does not read, and one that puts a socket of its own in the master's place.
 *
 * The last one welcomes only those who have seen a newer epoch than its own. A node that has just started has seen
 * none, so it cannot know better, and would rightly count what it sends there as perhaps begun.
 */

#define FIND_TIMEOUT_US (500 * G_TIME_SPAN_MILLISECOND)
#define REPLY_TIMEOUT_US (2 * G_TIME_SPAN_SECOND)
#define SLOW_CONNECTIONS 100 /* a process may have 64 unfinished handshakes */
#define SLOW_US (600 * G_TIME_SPAN_MILLISECOND)
#define FLOOD_CONNECTIONS 200 /* more than the lowered limit of the master leaves room for */
#define FLOOD_US (700 * G_TIME_SPAN_MILLISECOND)
#define MASTER_US (120 * G_TIME_SPAN_MILLISECOND) /* below the shortest hang timeout, which it is not to be about */
#define MASTER_EPOCH 1
#define DEAF_MESSAGES 100
#define DEAF_SIZE (64 * 1024) /* so that all of them are more than any buffer holds, and less than a window */
#define DEAF_US (250 * G_TIME_SPAN_MILLISECOND)

static gint64
after (gint64 delay_us)
{
  return g_get_monotonic_time () + delay_us;
}

/* Half of a HELLO on each, and then nothing more. */
static GPtrArray *
begin_handshakes (const char *path, guint n_connections)
{
  GPtrArray *wires = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_wire_free);
  SimHeader header = { .type = SIM_FRAME_HELLO, .length = SIM_HELLO_SIZE };
  guint8 bytes[SIM_HEADER_SIZE];

  sim_wire_put_header (bytes, &header);
  for (guint i = 0; i < n_connections; i++) {
    SimWire *wire = sim_wire_connect (path, after (FIND_TIMEOUT_US));

    if (wire == NULL)
      break;
    g_ptr_array_add (wires, wire);
    sim_wire_write (wire, bytes, i % sizeof bytes);
  }
  return wires;
}

/* Those above the share of one process are refused at once. Who takes a single one for a HELLO is wrong. */
void
sim_hostile_be_slow (const char *path)
{
  g_autoptr (GPtrArray) wires = begin_handshakes (path, SLOW_CONNECTIONS);
  gint64 deadline_us = after (SLOW_US);

  for (guint i = 0; i < wires->len; i++) {
    SimWire *wire = g_ptr_array_index (wires, i);
    SimFrameType type = sim_wire_read (wire, deadline_us);

    if (type == SIM_FRAME_REFUSED && (wire->last_number == SIM_CODE_TOO_MANY || wire->last_number == SIM_CODE_TIMEOUT))
      sim_hostile_tell (SIM_TREATED_RIGHT, "half a HELLO", NULL);
    else if (type == SIM_FRAME_WELCOME)
      sim_hostile_tell (SIM_TREATED_WRONG, "half a HELLO", "it was welcomed");
  }
}

/* As a node whose id is known: the master's own, who is a client of itself, too. What counts is (node id, process), so
 * this is merely another sender, and takes nobody's place. */
void
sim_hostile_be_somebody_else (const char *path)
{
  g_autoptr (SimWire) first = sim_wire_connect (path, after (FIND_TIMEOUT_US));
  g_autoptr (SimWire) second = NULL;
  const SimAct served = { .name = "false identity" };
  SimHello hello = { 0 };
  SimFrameType type;

  if (first == NULL || !sim_wire_say_hello (first, &hello)
      || sim_wire_read (first, after (REPLY_TIMEOUT_US)) != SIM_FRAME_WELCOME)
    return;
  memcpy (hello.node_id, first->last_id, sizeof hello.node_id);
  second = sim_wire_connect (path, after (FIND_TIMEOUT_US));
  if (second == NULL || !sim_wire_say_hello (second, &hello) || !sim_wire_send_message (second, 1))
    return;

  do
    type = sim_wire_read (second, after (REPLY_TIMEOUT_US));
  while (type == SIM_FRAME_WELCOME);
  sim_hostile_tell (sim_act_judge (&served, type, second->last_number), served.name, NULL);
}

/* A false master */

static int
listen_in_its_place (const char *path)
{
  g_autofree char *temp_path = g_strdup_printf ("%s-of-a-stranger", path);
  struct sockaddr_un address = { .sun_family = AF_UNIX };
  int fd = socket (AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

  g_strlcpy (address.sun_path, temp_path, sizeof address.sun_path);
  unlink (temp_path);
  if (fd >= 0 && bind (fd, (struct sockaddr *) &address, sizeof address) == 0 && listen (fd, SOMAXCONN) == 0
      && rename (temp_path, path) == 0)
    return fd;
  if (fd >= 0)
    close (fd);
  unlink (temp_path);
  return -1;
}

static gboolean
knows_better (SimWire *wire)
{
  return sim_wire_read (wire, after (MASTER_US)) == SIM_FRAME_HELLO && wire->last_newest > MASTER_EPOCH;
}

static void
welcome (SimWire *wire)
{
  SimHeader header = { .type = SIM_FRAME_WELCOME, .length = SIM_HELLO_SIZE, .number = MASTER_EPOCH };
  guint8 payload[SIM_HELLO_SIZE];

  sim_wire_put_welcome (payload);
  sim_wire_send (wire, &header, payload);
}

/* Whoever is welcomed in an epoch that is over has to leave without a message. */
static void
receive_guest (int fd)
{
  g_autoptr (SimWire) wire = sim_wire_new (fd);
  SimFrameType type;

  if (!knows_better (wire))
    return;
  welcome (wire);
  type = sim_wire_read (wire, after (MASTER_US));
  if (type == SIM_FRAME_END)
    sim_hostile_tell (SIM_TREATED_RIGHT, "WELCOME of an epoch that is over", NULL);
  else if (type == SIM_FRAME_MESSAGE)
    sim_hostile_tell (SIM_TREATED_WRONG, "WELCOME of an epoch that is over", "it was sent a message");
}

void
sim_hostile_be_master (const char *path)
{
  gint64 deadline_us = after (MASTER_US);
  int fd = listen_in_its_place (path);
  struct pollfd pfd = { .fd = fd, .events = POLLIN };
  int guest;

  while (fd >= 0 && g_get_monotonic_time () < deadline_us) {
    if (poll (&pfd, 1, 10) == 1 && (guest = accept4 (fd, NULL, NULL, SOCK_CLOEXEC)) >= 0)
      receive_guest (guest);
  }
  if (fd >= 0)
    close (fd);
}

/* A flood */

/* A connection that is closed without a word was shed: the master had no descriptor for it. */
void
sim_hostile_flood (const char *path)
{
  g_autoptr (GPtrArray) wires = g_ptr_array_new_with_free_func ((GDestroyNotify) sim_wire_free);
  gint64 deadline_us = after (FLOOD_US);
  guint n_shed = 0;

  while (g_get_monotonic_time () < deadline_us) {
    SimWire *wire = sim_wire_connect (path, deadline_us);

    if (wire == NULL)
      return;
    sim_wire_say_hello (wire, &(SimHello) { 0 });
    if (sim_wire_read (wire, after (FLOOD_US / 10)) == SIM_FRAME_END) {
      sim_wire_free (wire);
      n_shed++;
    } else {
      g_ptr_array_add (wires, wire);
    }
    if (wires->len > FLOOD_CONNECTIONS)
      g_usleep (G_USEC_PER_SEC / 100);
  }
  if (n_shed > 0)
    sim_hostile_tell (SIM_TREATED_RIGHT, "flood", NULL);
}

/* One that does not read */

/* (transfer full): so many messages, one behind the other. */
static GByteArray *
write_messages (guint n_messages)
{
  g_autofree guint8 *payload = g_malloc0 (DEAF_SIZE);
  SimHeader header = { .type = SIM_FRAME_MESSAGE, .length = DEAF_SIZE };
  GByteArray *bytes = g_byte_array_new ();
  guint8 head[SIM_HEADER_SIZE];

  memcpy (payload, SIM_STRANGER_MAGIC, sizeof SIM_STRANGER_MAGIC - 1);
  for (guint i = 0; i < n_messages; i++) {
    header.sequence = i + 1;
    sim_wire_put_header (head, &header);
    g_byte_array_append (bytes, head, sizeof head);
    g_byte_array_append (bytes, payload, DEAF_SIZE);
  }
  return bytes;
}

/* Writes on until the other side takes no more. Returns how much was written. */
static gsize
write_until_full (SimWire *wire, const GByteArray *bytes)
{
  gint64 deadline_us = after (DEAF_US);
  gsize offset = 0;

  while (offset < bytes->len && g_get_monotonic_time () < deadline_us) {
    gssize n = sim_wire_try_write (wire, bytes->data + offset, bytes->len - offset);

    if (n < 0)
      break;
    offset += (gsize) n;
    g_usleep (n == 0 ? G_USEC_PER_SEC / 1000 : 0);
  }
  return offset;
}

/* Reads, and writes the rest beside it. Returns how many answers have come when nothing more does. */
static guint
catch_up (SimWire *wire, const GByteArray *bytes, gsize offset, guint n_messages)
{
  guint n_answered = 0;
  SimFrameType type = SIM_FRAME_NONE;
  gint64 deadline_us = after (REPLY_TIMEOUT_US);

  while (n_answered < n_messages && type != SIM_FRAME_END && g_get_monotonic_time () < deadline_us) {
    gssize n = sim_wire_try_write (wire, bytes->data + offset, bytes->len - offset);

    offset += (gsize) MAX (n, 0);
    sim_wire_wait (wire, offset < bytes->len, deadline_us);
    while (sim_frame_is_answer (type = sim_wire_read (wire, 0)))
      n_answered++;
  }
  return n_answered;
}

/* Many messages, and for a while no ear for their answers: the master keeps a bounded number of them and reads no
 * further, so that at last nothing more can be written. Then all of them have to come. */
void
sim_hostile_be_deaf (const char *path)
{
  g_autoptr (SimWire) wire = sim_wire_connect (path, after (FIND_TIMEOUT_US));
  g_autoptr (GByteArray) bytes = NULL;
  guint n_messages;
  gsize offset;

  if (wire == NULL || !sim_wire_say_hello (wire, &(SimHello) { 0 })
      || sim_wire_read (wire, after (REPLY_TIMEOUT_US)) != SIM_FRAME_WELCOME)
    return;
  n_messages = MIN (DEAF_MESSAGES, wire->window);
  bytes = write_messages (n_messages);
  offset = write_until_full (wire, bytes);
  if (offset < bytes->len && catch_up (wire, bytes, offset, n_messages) == n_messages)
    sim_hostile_tell (SIM_TREATED_RIGHT, "answers that were not read for a while", NULL);
}
