/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-hostile.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "sim-notice.h"

/*
 * A stranger: a process that is no node, and that the supervisor starts to be a nuisance. It finds the group's socket as
 * anybody can, behaves as its kind does, and reports how it was treated. It does not outlive its supervisor.
 */

#define FIND_TIMEOUT_US (500 * G_TIME_SPAN_MILLISECOND) /* a fail-over that is disturbed takes less */
#define REPLY_TIMEOUT_US (2 * G_TIME_SPAN_SECOND)       /* a master that is stopped takes longer, and says nothing */

void
sim_hostile_tell (SimTreatment treatment, const char *name, const char *detail)
{
  static const char signs[] = {
    [SIM_TREATED_RIGHT] = SIM_STRANGER_RIGHT,
    [SIM_TREATED_WRONG] = SIM_STRANGER_WRONG,
    [SIM_TREATED_NOT] = SIM_STRANGER_NOT,
  };

  printf ("%c %s%s%s\n", signs[treatment], name, detail != NULL ? ": " : "", detail != NULL ? detail : "");
  fflush (stdout);
}

/* Skips what says nothing yet. Behind what has to be refused comes a PING: if that is answered, it was not. */
static SimFrameType
listen_to (SimWire *wire, const SimAct *act)
{
  gint64 deadline_us = g_get_monotonic_time () + REPLY_TIMEOUT_US;
  gboolean refused = act->code != SIM_CODE_NONE;
  SimFrameType type;

  do
    type = sim_wire_read (wire, deadline_us);
  while ((type == SIM_FRAME_WELCOME && !refused) || (sim_frame_is_answer (type) && refused));
  return type;
}

static SimTreatment
act_out (const SimAct *act, const char *path, SimFrameType *type, guint64 *number)
{
  g_autoptr (SimWire) wire = sim_wire_connect (path, g_get_monotonic_time () + FIND_TIMEOUT_US);
  const SimHeader ping = { .type = SIM_FRAME_PING };

  *type = SIM_FRAME_NONE;
  if (wire == NULL)
    return SIM_TREATED_NOT;
  if (act->after_welcome
      && (!sim_wire_say_hello (wire, &(SimHello) { 0 })
          || sim_wire_read (wire, g_get_monotonic_time () + REPLY_TIMEOUT_US) != SIM_FRAME_WELCOME))
    return SIM_TREATED_NOT;

  if (act->say (wire) && act->after_welcome && act->code != SIM_CODE_NONE)
    sim_wire_send (wire, &ping, NULL);
  *type = listen_to (wire, act);
  *number = wire->last_number;
  return sim_act_judge (act, *type, *number);
}

static void
act_out_all (const char *path, gboolean versions)
{
  guint n_acts;
  const SimAct *acts = sim_hostile_get_acts (versions, &n_acts);

  for (guint i = 0; i < n_acts; i++) {
    SimFrameType type;
    guint64 number = 0;
    SimTreatment treatment = act_out (&acts[i], path, &type, &number);
    g_autofree char *detail = g_strdup_printf ("got frame %d, number %" G_GUINT64_FORMAT ", and refusal %d was due", type,
                                               number, acts[i].code);

    sim_hostile_tell (treatment, acts[i].name, treatment == SIM_TREATED_WRONG ? detail : NULL);
  }
}

static gboolean
prepare_process (const SimOptions *options)
{
  signal (SIGPIPE, SIG_IGN); /* the supervisor may have closed its end */
  prctl (PR_SET_PDEATHSIG, SIGKILL);
  return getppid () == options->parent;
}

/* Returns the exit status. */
int
sim_hostile_run (const SimOptions *options)
{
  static const struct {
    const char *kind;
    void (*run) (const char *path);
  } kinds[] = {
    { "slow", sim_hostile_be_slow },     { "identity", sim_hostile_be_somebody_else },
    { "master", sim_hostile_be_master }, { "flood", sim_hostile_flood },
    { "deaf", sim_hostile_be_deaf },
  };
  g_autofree char *path = g_build_filename (options->runtime_dir, SIM_GROUP, "socket", NULL);

  if (!prepare_process (options))
    return EXIT_FAILURE;
  if (g_str_equal (options->hostile, "acts") || g_str_equal (options->hostile, "versions")) {
    act_out_all (path, g_str_equal (options->hostile, "versions"));
    return EXIT_SUCCESS;
  }
  if (g_str_equal (options->hostile, "silent")) {
    sim_hostile_be_silent (path, sim_options_get_handshake_timeout_ms (options));
    return EXIT_SUCCESS;
  }
  for (guint i = 0; i < G_N_ELEMENTS (kinds); i++) {
    if (g_str_equal (options->hostile, kinds[i].kind)) {
      kinds[i].run (path);
      return EXIT_SUCCESS;
    }
  }
  g_printerr ("--hostile: there is no kind “%s”\n", options->hostile);
  return SIM_EXIT_CANNOT_RUN;
}
