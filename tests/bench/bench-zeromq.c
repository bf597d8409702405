/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include <string.h>
#include <zmq.h>

#include "bench-case.h"
#include "bench-meter.h"
#include "bench-payload.h"

/*
 * ZeroMQ as its guide uses it for this job: a DEALER that sends, a ROUTER that answers, over ipc://, without limits on
 * its queues. The server hands each message's own memory back instead of copying it. ZeroMQ batches by itself, in a
 * thread of its own.
 */

static void *
make_socket (void *context, int type)
{
  void *socket = zmq_socket (context, type);
  int none = 0;

  if (socket == NULL)
    bench_fail ("zeromq: %s", zmq_strerror (zmq_errno ()));
  zmq_setsockopt (socket, ZMQ_SNDHWM, &none, sizeof none);
  zmq_setsockopt (socket, ZMQ_RCVHWM, &none, sizeof none);
  zmq_setsockopt (socket, ZMQ_LINGER, &none, sizeof none);
  return socket;
}

void
bench_zeromq_serve (const BenchTask *task)
{
  g_autofree char *address = g_strdup_printf ("ipc://%s/socket", task->dir);
  void *context = zmq_ctx_new ();
  void *socket = make_socket (context, ZMQ_ROUTER);
  zmq_msg_t sender, payload;

  if (zmq_bind (socket, address) < 0)
    bench_fail ("zeromq: cannot listen at %s: %s", address, zmq_strerror (zmq_errno ()));
  bench_report_ready ();

  zmq_msg_init (&sender);
  zmq_msg_init (&payload);
  while (TRUE) {
    if (zmq_msg_recv (&sender, socket, 0) < 0 || zmq_msg_recv (&payload, socket, 0) < 0)
      bench_fail ("zeromq: %s", zmq_strerror (zmq_errno ()));
    if (zmq_msg_send (&sender, socket, ZMQ_SNDMORE) < 0 || zmq_msg_send (&payload, socket, 0) < 0)
      bench_fail ("zeromq: %s", zmq_strerror (zmq_errno ()));
  }
}

static void
send_next (void *socket, BenchMeter *meter)
{
  guint8 payload[BENCH_PAYLOAD_SIZE];

  bench_payload_fill (payload, meter->n_sent);
  bench_meter_sent (meter);
  if (zmq_send (socket, payload, sizeof payload, 0) < 0)
    bench_fail ("zeromq: %s", zmq_strerror (zmq_errno ()));
}

static void
take_answer (void *socket, BenchMeter *meter)
{
  guint8 payload[BENCH_PAYLOAD_SIZE];
  int size = zmq_recv (socket, payload, sizeof payload, 0);

  if (size < 0 || !bench_payload_check (payload, (gsize) size, meter->n_answered))
    bench_fail ("zeromq: answer %u is wrong", meter->n_answered);
  bench_meter_answered (meter);
}

void
bench_zeromq_send (const BenchTask *task)
{
  g_autofree char *address = g_strdup_printf ("ipc://%s/socket", task->dir);
  g_autoptr (BenchMeter) meter = bench_meter_new (task->n_warmup, task->n_messages, task->n_in_flight > 1 ? 6 : 0);
  void *context = zmq_ctx_new ();
  void *socket = make_socket (context, ZMQ_DEALER);

  if (zmq_connect (socket, address) < 0)
    bench_fail ("zeromq: cannot connect to %s: %s", address, zmq_strerror (zmq_errno ()));

  while (meter->n_sent < task->n_in_flight)
    send_next (socket, meter);
  while (!bench_meter_is_done (meter)) {
    take_answer (socket, meter);
    if (bench_meter_has_more (meter))
      send_next (socket, meter);
  }
  bench_meter_report (meter);
  zmq_close (socket);
  zmq_ctx_term (context);
}
