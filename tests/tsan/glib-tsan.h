/* SPDX-License-Identifier: LGPL-2.1-or-later */
#pragma once

/*
 * GLib for builds with the thread sanitizer, which includes this into every source (tests/run). Debian's GLib is not
 * instrumented: the sanitizer does not see what orders two threads inside of it, and would take correct code for a race.
 * So what our code relies on is done here in our own objects, where it is seen, with the meaning it has in GLib.
 */

#if __has_include(<gio/gio.h>) /* it is not there when Meson tries the compiler */
#include <gio/gio.h>
#include <sanitizer/tsan_interface.h>

/* GLib's own definitions for G_DISABLE_CHECKS. */
#define g_atomic_ref_count_inc(count) ((void) g_atomic_int_add ((count), 1))
#define g_atomic_ref_count_dec(count) (g_atomic_int_dec_and_test ((count)))

/* The macro reads the class, which GObject has made under a lock of its own, in whichever thread came first. This is
 * what it is with other compilers: a function call. */
#undef _G_TYPE_CIT
#define _G_TYPE_CIT(instance, type) (g_type_check_instance_is_a ((GTypeInstance *) (instance), (type)))

/* GMutex is a futex inside of GLib. */
#define g_mutex_lock(mutex) (g_mutex_lock (mutex), __tsan_acquire (mutex))
#define g_mutex_unlock(mutex) (__tsan_release (mutex), g_mutex_unlock (mutex))

#define g_cond_wait(cond, mutex) (__tsan_release (mutex), g_cond_wait (cond, mutex), __tsan_acquire (mutex))
#endif
