/* SPDX-License-Identifier: LGPL-2.1-or-later */
#include "ipc-agenda.h"

/* Each item writes its letter into the log when it runs, and then does what the test wants. */
typedef struct _Item Item;

typedef struct {
  IpcAgenda agenda;
  GString *log;
} Fixture;

struct _Item {
  Fixture *fixture;
  char letter;
  IpcTimer timer;
  IpcDefer defer;
  Item *other; /* (nullable) */
  void (*then) (Item *self);
};

static void
set_up (Fixture *fixture, gconstpointer user_data)
{
  fixture->agenda = (IpcAgenda) { 0 };
  fixture->log = g_string_new (NULL);
}

static void
tear_down (Fixture *fixture, gconstpointer user_data)
{
  ipc_agenda_clear (&fixture->agenda);
  g_assert_false (ipc_agenda_has_deferred (&fixture->agenda));
  g_string_free (fixture->log, TRUE);
}

static void
item_cb (gpointer user_data)
{
  Item *self = user_data;

  g_string_append_c (self->fixture->log, self->letter);
  if (self->then != NULL)
    self->then (self);
}

static void
start (Item *item, gint64 deadline_us)
{
  ipc_agenda_start_timer (&item->fixture->agenda, &item->timer, deadline_us, item_cb, item);
}

static void
defer (Item *item)
{
  ipc_agenda_defer (&item->fixture->agenda, &item->defer, item_cb, item);
}

static void
stop_other (Item *self)
{
  ipc_agenda_stop_timer (&self->fixture->agenda, &self->other->timer);
  ipc_agenda_cancel_defer (&self->fixture->agenda, &self->other->defer);
}

static void
start_other_now (Item *self)
{
  start (self->other, self->timer.deadline_us);
}

static void
defer_other (Item *self)
{
  defer (self->other);
}

static void
test_timers_in_order (Fixture *fixture, gconstpointer user_data)
{
  Item a = { .fixture = fixture, .letter = 'a' };
  Item b = { .fixture = fixture, .letter = 'b' };
  Item c = { .fixture = fixture, .letter = 'c' };
  Item d = { .fixture = fixture, .letter = 'd' };
  gint64 deadline_us;

  g_test_summary ("Timers run by their deadlines, equal ones as they were started, and not before");

  g_assert_false (ipc_agenda_get_deadline (&fixture->agenda, &deadline_us));
  start (&c, 30);
  start (&a, 10);
  start (&b, 20);
  start (&d, 30);
  g_assert_true (ipc_agenda_get_deadline (&fixture->agenda, &deadline_us));
  g_assert_cmpint (deadline_us, ==, 10);

  ipc_agenda_run_timers (&fixture->agenda, 9);
  g_assert_cmpstr (fixture->log->str, ==, "");
  ipc_agenda_run_timers (&fixture->agenda, 20);
  g_assert_cmpstr (fixture->log->str, ==, "ab");
  ipc_agenda_run_timers (&fixture->agenda, 30);
  g_assert_cmpstr (fixture->log->str, ==, "abcd");
  g_assert_false (ipc_agenda_get_deadline (&fixture->agenda, &deadline_us));
}

static void
test_timers_anew (Fixture *fixture, gconstpointer user_data)
{
  Item a = { .fixture = fixture, .letter = 'a' };
  Item b = { .fixture = fixture, .letter = 'b' };

  g_test_summary ("A timer that is started again has the new deadline only, and runs once");

  start (&a, 10);
  start (&b, 20);
  start (&a, 30);
  ipc_agenda_run_timers (&fixture->agenda, 25);
  g_assert_cmpstr (fixture->log->str, ==, "b");
  ipc_agenda_run_timers (&fixture->agenda, 100);
  ipc_agenda_run_timers (&fixture->agenda, 100);
  g_assert_cmpstr (fixture->log->str, ==, "ba");
}

static void
test_timers_within (Fixture *fixture, gconstpointer user_data)
{
  Item d = { .fixture = fixture, .letter = 'd' };
  Item c = { .fixture = fixture, .letter = 'c', .other = &d, .then = start_other_now };
  Item b = { .fixture = fixture, .letter = 'b' };
  Item a = { .fixture = fixture, .letter = 'a', .other = &b, .then = stop_other };

  g_test_summary ("What a timer stops does not run, and what it starts runs if it is due");

  start (&a, 10);
  start (&b, 10);
  start (&c, 10);
  ipc_agenda_run_timers (&fixture->agenda, 10);
  g_assert_cmpstr (fixture->log->str, ==, "acd");
}

static void
test_deferred (Fixture *fixture, gconstpointer user_data)
{
  Item d = { .fixture = fixture, .letter = 'd' };
  Item c = { .fixture = fixture, .letter = 'c' };
  Item b = { .fixture = fixture, .letter = 'b', .other = &d, .then = defer_other };
  Item a = { .fixture = fixture, .letter = 'a', .other = &c, .then = stop_other };

  g_test_summary ("Deferred work runs once and in order, with what is deferred meanwhile");

  defer (&a);
  defer (&b);
  defer (&c);
  defer (&a);
  g_assert_true (ipc_agenda_has_deferred (&fixture->agenda));
  ipc_agenda_run_deferred (&fixture->agenda);
  g_assert_cmpstr (fixture->log->str, ==, "abd");
  g_assert_false (ipc_agenda_has_deferred (&fixture->agenda));
}

static void
test_clear (Fixture *fixture, gconstpointer user_data)
{
  Item a = { .fixture = fixture, .letter = 'a' };
  Item b = { .fixture = fixture, .letter = 'b' };

  g_test_summary ("What is cleared does not run, and its owners may use it again");

  start (&a, 10);
  defer (&b);
  ipc_agenda_clear (&fixture->agenda);
  g_assert_false (a.timer.running);
  g_assert_false (b.defer.queued);
  ipc_agenda_run_timers (&fixture->agenda, 10);
  ipc_agenda_run_deferred (&fixture->agenda);
  g_assert_cmpstr (fixture->log->str, ==, "");

  defer (&b);
  ipc_agenda_run_deferred (&fixture->agenda);
  g_assert_cmpstr (fixture->log->str, ==, "b");
}

int
main (int argc, char **argv)
{
  g_test_init (&argc, &argv, NULL);

  g_test_add ("/agenda/timers/in-order", Fixture, NULL, set_up, test_timers_in_order, tear_down);
  g_test_add ("/agenda/timers/anew", Fixture, NULL, set_up, test_timers_anew, tear_down);
  g_test_add ("/agenda/timers/within", Fixture, NULL, set_up, test_timers_within, tear_down);
  g_test_add ("/agenda/deferred", Fixture, NULL, set_up, test_deferred, tear_down);
  g_test_add ("/agenda/clear", Fixture, NULL, set_up, test_clear, tear_down);

  return g_test_run ();
}
