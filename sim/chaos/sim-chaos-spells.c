/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "sim-chaos-private.h"

/*
 * Faults that last for a while: a spell lies on the group until its time is up, somebody new is elected, or the chaos
 * is over, and then all that it did is undone. There is one of each fault at a time.
 */

static gboolean
spell_cb (gpointer user_data)
{
  SimSpell *spell = user_data;
  SimChaos *self = spell->chaos;
  guint again_ms = spell->funcs->advance != NULL ? spell->funcs->advance (self, spell->data) : 0;

  spell->source = 0;
  if (again_ms > 0)
    spell->source = g_timeout_add (again_ms, spell_cb, spell);
  else
    sim_chaos_end_spell (self, spell->fault);
  sim_chaos_update (self);
  return G_SOURCE_REMOVE;
}

/* Takes data over, for end() to free. */
void
sim_chaos_begin_spell (SimChaos *self, SimFault fault, guint duration_ms, const SimSpellFuncs *funcs, gpointer data)
{
  SimSpell *spell = &self->spells[fault];

  g_assert (spell->funcs == NULL);

  *spell = (SimSpell) {
    .chaos = self,
    .fault = fault,
    .funcs = funcs,
    .data = data,
    .epoch = sim_fleet_get_epoch (self->fleet),
  };
  spell->source = g_timeout_add (duration_ms, spell_cb, spell);
}

gboolean
sim_chaos_has_spell (SimChaos *self, SimFault fault)
{
  return self->spells[fault].funcs != NULL;
}

void
sim_chaos_end_spell (SimChaos *self, SimFault fault)
{
  SimSpell *spell = &self->spells[fault];
  const SimSpellFuncs *funcs = spell->funcs;

  if (funcs == NULL)
    return;
  g_clear_handle_id (&spell->source, g_source_remove);
  spell->funcs = NULL;
  funcs->end (self, spell->data);
}

void
sim_chaos_end_spells (SimChaos *self)
{
  for (guint i = 0; i < SIM_N_FAULTS; i++)
    sim_chaos_end_spell (self, (SimFault) i);
}

/* To be called when somebody may have been elected. */
void
sim_chaos_tell_spells (SimChaos *self)
{
  guint64 epoch = sim_fleet_get_epoch (self->fleet);

  for (guint i = 0; i < SIM_N_FAULTS; i++) {
    SimSpell *spell = &self->spells[i];

    if (spell->funcs == NULL || spell->epoch == epoch)
      continue;
    spell->epoch = epoch;
    if (spell->funcs->elected != NULL)
      spell->funcs->elected (self, spell->data);
  }
}
