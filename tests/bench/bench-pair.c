/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "bench-case.h"

/*
 * One round of a case with one server and one client: start the server, wait until it is reachable, start the client,
 * and take what its stop-watch saw.
 */

static gboolean
read_times (BenchProcess *client, BenchRound *round, GError **error)
{
  gint64 head[3];

  if (!bench_process_read (client, head, G_N_ELEMENTS (head), error))
    return FALSE;

  round->n_messages = head[0];
  round->elapsed_ns = head[1];
  g_array_set_size (round->times_ns, (guint) head[2]);
  return bench_process_read (client, (gint64 *) round->times_ns->data, round->times_ns->len, error);
}

gboolean
bench_run_pair (const BenchTask *task, BenchRound *round, GError **error)
{
  BenchTask server_task = *task;
  BenchTask client_task = *task;
  g_autoptr (BenchProcess) server = NULL;
  g_autoptr (BenchProcess) client = NULL;
  gint64 pid;

  server_task.side = "server";
  client_task.side = "client";

  server = bench_process_start (&server_task, error);
  if (server == NULL || !bench_process_read (server, &pid, 1, error))
    return FALSE;
  client = bench_process_start (&client_task, error);
  return client != NULL && read_times (client, round, error);
}
