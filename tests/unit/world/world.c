/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "world.h"

#include <stdarg.h>

#include "world-system.h"

/*
 * The clock, and what is to happen: a heap of events, the next one on top, and of two at the same time the one that was
 * asked for first. Nothing else makes anything happen, and chance comes from one generator that the seed starts; so a
 * seed is one history, on every machine.
 */

typedef struct {
  gint64 time;
  guint64 order; /* decides between events of the same time */
  WorldFunc func;
  gpointer data;
  guint64 argument;
} Event;

gint64 world_now;
gboolean world_is_tracing;
guint64 world_fingerprint;
guint64 world_n_events;

static GArray *heap; /* of Event */
static guint64 random_state;
static guint64 n_asked;

void
world_begin (guint64 seed)
{
  if (heap == NULL)
    heap = g_array_new (FALSE, FALSE, sizeof (Event));

  g_array_set_size (heap, 0);
  random_state = seed;
  world_now = n_asked = world_n_events = world_fingerprint = 0;
}

/* SplitMix64: whatever the seed, its numbers look random. */
static guint64
next_random (void)
{
  guint64 z = (random_state += G_GUINT64_CONSTANT (0x9e3779b97f4a7c15));

  z = (z ^ z >> 30) * G_GUINT64_CONSTANT (0xbf58476d1ce4e5b9);
  z = (z ^ z >> 27) * G_GUINT64_CONSTANT (0x94d049bb133111eb);
  return z ^ z >> 31;
}

/* 0 to @limit - 1. */
guint
world_chance (guint limit)
{
  return (guint) ((next_random () >> 32) * limit >> 32);
}

gboolean
world_one_in (guint n)
{
  return world_chance (n) == 0;
}

/* Most delays are short against what is possible, and a few are not. */
gint64
world_delay (gint64 most_us)
{
  gint64 usual_us = MAX (most_us / 16, 1);

  return 1 + world_chance (world_one_in (16) ? most_us : usual_us);
}

static gboolean
is_before (const Event *a, const Event *b)
{
  return a->time < b->time || (a->time == b->time && a->order < b->order);
}

void
world_at (gint64 delay_us, WorldFunc func, gpointer data, guint64 argument)
{
  Event event = { world_now + delay_us, n_asked++, func, data, argument };
  Event *events;
  guint i = heap->len;

  g_array_append_val (heap, event);
  events = (Event *) (gpointer) heap->data;
  for (; i > 0 && is_before (&event, &events[(i - 1) / 2]); i = (i - 1) / 2)
    events[i] = events[(i - 1) / 2];
  events[i] = event;
}

static Event
take_first (void)
{
  Event *events = (Event *) (gpointer) heap->data;
  Event first = events[0], last = events[heap->len - 1];
  guint n = heap->len - 1, i = 0;

  for (guint child = 1; child < n; child = 2 * i + 1) {
    if (child + 1 < n && is_before (&events[child + 1], &events[child]))
      child++;
    if (!is_before (&events[child], &last))
      break;
    events[i] = events[child];
    i = child;
  }
  events[i] = last;
  g_array_set_size (heap, n);

  return first;
}

/* One event. Returns FALSE when nothing will ever happen again. */
gboolean
world_go_on (void)
{
  Event event;

  if (heap->len == 0)
    return FALSE;

  event = take_first ();
  world_now = event.time;
  world_n_events++;
  world_fingerprint = (world_fingerprint ^ (guint64) world_now ^ random_state) * G_GUINT64_CONSTANT (0x100000001b3);
  event.func (event.data, event.argument);

  return TRUE;
}

/* One line of the trace: when, who, what. */
void
world_print (const char *format, ...)
{
  g_autofree char *text = NULL;
  g_autofree char *who = world_self != NULL ? g_strdup_printf ("%u", world_self->index) : g_strdup ("-");
  va_list arguments;

  va_start (arguments, format);
  text = g_strdup_vprintf (format, arguments);
  va_end (arguments);
  g_print ("# %9.3f ms %3s%s  %s\n", world_now / 1000.0, who, world_self != NULL && world_self->is_dead ? "+" : " ",
           text);
}

/* What the library asks the system for. */

gint64
world_get_monotonic_time (void)
{
  return world_now;
}

int
world_clock_gettime (clockid_t clock, struct timespec *now)
{
  *now = (struct timespec) { world_now / G_TIME_SPAN_SECOND, world_now % G_TIME_SPAN_SECOND * 1000 };
  return 0;
}

int
world_random_range (int begin, int end)
{
  return begin + (int) world_chance (end - begin);
}
