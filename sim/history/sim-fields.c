/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-fields.h"

#include <ipc-kill-point.h>
#include <libipc.h>

#include "sim-fault.h"
#include "sim-phase.h"

/*
 * What a history file says of each kind of event besides what all have, in this order: the one table that writer and
 * reader go by, and that docs/history.md explains. What is not in the row of a kind is 0 in its entries.
 */

#define ERROR_OTHER -1

#define FIELDS_MAX 10

static const SimField fields[SIM_ENTRY_KIND_LAST + 1][FIELDS_MAX] = {
  [SIM_ENTRY_STARTED] = { { "pid", SIM_FIELD_PID, 0 }, { "node_id", SIM_FIELD_ID, 0 } },
  [SIM_ENTRY_ROLE] = { { "role", SIM_FIELD_ROLE, 0 }, { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_ELECTED] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_DEPOSED] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_SENT] = { { "number", SIM_FIELD_NUMBER, 0 },
                       { "at_most_once", SIM_FIELD_FLAG, SIM_ENTRY_ONCE },
                       { "poison", SIM_FIELD_FLAG, SIM_ENTRY_POISON },
                       { "deadline", SIM_FIELD_FLAG, SIM_ENTRY_DEADLINE },
                       { "cancel", SIM_FIELD_FLAG, SIM_ENTRY_CANCEL },
                       { "after_ms", SIM_FIELD_MS, 0 },
                       { "fail_fast", SIM_FIELD_FLAG, SIM_ENTRY_FAIL_FAST },
                       { "refusable", SIM_FIELD_FLAG, SIM_ENTRY_REFUSABLE } },
  [SIM_ENTRY_HANDLED] = { { "sender", SIM_FIELD_PEER, 0 },
                          { "number", SIM_FIELD_NUMBER, 0 },
                          { "epoch", SIM_FIELD_EPOCH, 0 },
                          { "delivery", SIM_FIELD_COUNT, 0 },
                          { "redelivered", SIM_FIELD_FLAG, SIM_ENTRY_REDELIVERED },
                          { "damaged", SIM_FIELD_FLAG, SIM_ENTRY_DAMAGED },
                          { "sequence", SIM_FIELD_SEQUENCE, 0 },
                          { "sender_pid", SIM_FIELD_PID, 0 },
                          { "sender_id", SIM_FIELD_ID, 0 } },
  [SIM_ENTRY_RESPONDED] = { { "sender", SIM_FIELD_PEER, 0 },
                            { "number", SIM_FIELD_NUMBER, 0 },
                            { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_WROTE] = { { "sender", SIM_FIELD_PEER, 0 },
                        { "number", SIM_FIELD_NUMBER, 0 },
                        { "epoch", SIM_FIELD_EPOCH, 0 },
                        { "place", SIM_FIELD_SEQUENCE, 0 } },
  [SIM_ENTRY_FENCED] = { { "sender", SIM_FIELD_PEER, 0 },
                         { "number", SIM_FIELD_NUMBER, 0 },
                         { "epoch", SIM_FIELD_EPOCH, 0 },
                         { "newest_epoch", SIM_FIELD_SEQUENCE, 0 } },
  [SIM_ENTRY_ABORTING] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_RESIGNING] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_RESIGNED] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_ANSWERED] = { { "number", SIM_FIELD_NUMBER, 0 },
                           { "handler", SIM_FIELD_PEER, 0 },
                           { "epoch", SIM_FIELD_EPOCH, 0 },
                           { "named_epoch", SIM_FIELD_SEQUENCE, 0 },
                           { "error", SIM_FIELD_FLAG, SIM_ENTRY_FAILURE },
                           { "damaged", SIM_FIELD_FLAG, SIM_ENTRY_DAMAGED } },
  [SIM_ENTRY_FAILED] = { { "number", SIM_FIELD_NUMBER, 0 }, { "code", SIM_FIELD_ERROR, 0 } },
  [SIM_ENTRY_CANCELLED] = { { "number", SIM_FIELD_NUMBER, 0 }, { "not_sent", SIM_FIELD_FLAG, SIM_ENTRY_UNSENT } },
  [SIM_ENTRY_CUT] = { { "connections", SIM_FIELD_NUMBER, 0 } },
  [SIM_ENTRY_ERROR] = { { "code", SIM_FIELD_ERROR, 0 } },
  [SIM_ENTRY_KILLED] = { { "fault", SIM_FIELD_FAULT, 0 },
                         { "epoch", SIM_FIELD_EPOCH, 0 },
                         { "point", SIM_FIELD_POINT, 0 } },
  [SIM_ENTRY_STOPPED] = { { "fault", SIM_FIELD_FAULT, 0 },
                          { "epoch", SIM_FIELD_EPOCH, 0 },
                          { "point", SIM_FIELD_POINT, 0 } },
  [SIM_ENTRY_CONTINUED] = { { "fault", SIM_FIELD_FAULT, 0 } },
  [SIM_ENTRY_PLANNED] = { { "fault", SIM_FIELD_FAULT, 0 } },
  [SIM_ENTRY_INJECTED] = { { "fault", SIM_FIELD_FAULT, 0 }, { "rule", SIM_FIELD_RULE, 0 } },
  [SIM_ENTRY_DISTURBED] = { { "fault", SIM_FIELD_FAULT, 0 } },
  [SIM_ENTRY_OVERTAKEN] = { { "epoch", SIM_FIELD_EPOCH, 0 } },
  [SIM_ENTRY_EFFECTIVE] = { { "fault", SIM_FIELD_FAULT, 0 } },
  [SIM_ENTRY_STRANGER] = { { "fault", SIM_FIELD_FAULT, 0 }, { "wrong", SIM_FIELD_FLAG, SIM_ENTRY_FAILURE } },
  [SIM_ENTRY_PHASE] = { { "phase", SIM_FIELD_PHASE, 0 } },
  [SIM_ENTRY_SAMPLED] = { { "moment", SIM_FIELD_MOMENT, 0 },
                          { "descriptors", SIM_FIELD_PEER, 0 },
                          { "threads", SIM_FIELD_PID, 0 },
                          { "memory_kib", SIM_FIELD_NUMBER, 0 },
                          { "cpu_ms", SIM_FIELD_EPOCH, 0 },
                          { "switches", SIM_FIELD_SEQUENCE, 0 } },
  [SIM_ENTRY_LEFT] = { { "pid", SIM_FIELD_PID, 0 } },
};

/* Up to one of type SIM_FIELD_END. */
const SimField *
sim_fields_of (SimEntryKind kind)
{
  g_assert (kind > 0 && kind <= SIM_ENTRY_KIND_LAST);

  return fields[kind];
}

/* (nullable): of the role or error of this number */
static const char *
find_nick (GType type, gint32 value)
{
  g_autoptr (GEnumClass) enums = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value (enums, value);

  return found != NULL ? found->value_nick : NULL;
}

static gboolean
find_value (GType type, const char *nick, gint32 *value)
{
  g_autoptr (GEnumClass) enums = g_type_class_ref (type);
  const GEnumValue *found = g_enum_get_value_by_nick (enums, nick);

  if (found != NULL)
    *value = found->value;
  return found != NULL;
}

/* Of the types that have names. What has none is “unknown”, which the reader refuses; an error is “other”. */
const char *
sim_field_code_to_string (SimFieldType type, gint32 code)
{
  const char *name = NULL;

  if (type == SIM_FIELD_FAULT)
    name = sim_fault_to_string ((SimFault) code);
  else if (type == SIM_FIELD_ROLE)
    name = find_nick (IPC_TYPE_ROLE, code);
  else if (type == SIM_FIELD_PHASE)
    name = sim_phase_to_string ((SimPhase) code);
  else if (type == SIM_FIELD_MOMENT)
    name = sim_moment_to_string ((SimMoment) code);
  else if (type == SIM_FIELD_POINT && code >= 0 && code < IPC_KILL_POINT_N_POINTS)
    name = ipc_kill_point_to_string ((IpcKillPoint) code);
  else if (type == SIM_FIELD_ERROR)
    name = find_nick (IPC_TYPE_ERROR, code);

  if (name != NULL)
    return name;
  return type == SIM_FIELD_ERROR ? "other" : "unknown";
}

/* Of a type whose codes count from 0. */
static gboolean
find_code (SimFieldType type, const char *name, gint32 n_codes, gint32 *code)
{
  for (*code = 0; *code < n_codes; ++*code) {
    if (g_str_equal (name, sim_field_code_to_string (type, *code)))
      return TRUE;
  }
  return FALSE;
}

/* FALSE if nothing is called that. */
gboolean
sim_field_code_from_string (SimFieldType type, const char *name, gint32 *code)
{
  if (type == SIM_FIELD_ROLE)
    return find_value (IPC_TYPE_ROLE, name, code);
  if (type == SIM_FIELD_FAULT)
    return find_code (type, name, SIM_N_FAULTS, code);
  if (type == SIM_FIELD_PHASE)
    return find_code (type, name, SIM_PHASE_END + 1, code);
  if (type == SIM_FIELD_MOMENT)
    return find_code (type, name, SIM_MOMENT_RESTED + 1, code);
  if (type == SIM_FIELD_POINT)
    return find_code (type, name, IPC_KILL_POINT_N_POINTS, code);

  *code = ERROR_OTHER;
  return g_str_equal (name, "other") || find_value (IPC_TYPE_ERROR, name, code);
}
