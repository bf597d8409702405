# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The stages of tests/run, which sources this. A stage is a function that fails when something failed; it counts results
# with run_tests and record, and runs what may take long through within, in what is left of its budget.

# Seconds for each, on two cores. Those of --full add up to what .ci/run allows; a normal run takes half of it.
declare -A budgets=([quick]=600 [suite]=300 [asan]=360 [tsan]=420 [valgrind]=480 [docs]=120 [install]=60
                    [idle]=60 [chaos]=360)
full_stages=(suite asan tsan valgrind docs install idle chaos)

# prepare DIRECTORY [MESON_OPTION...]
prepare ()
{
  local directory=$1
  shift
  configure "$directory" . "$@"
  compile "$directory"
}

prepare_full ()
{
  prepare build-full -Dwerror=true -Dintrospection=enabled -Dzeromq=enabled "--prefix=$PWD/build-full/prefix"
}

# The slices of GLib 2.74 hide memory errors, and their reuse looks like a race: plain malloc for the sanitizers.
prepare_sanitizer ()
{
  export G_SLICE=always-malloc
  prepare "$@" -Dwerror=true -Dintrospection=disabled -Dzeromq=disabled -Db_lundef=false
}

stage_quick ()
{
  prepare build
  run_tests build quick
}

stage_suite ()
{
  prepare_full
  run_tests build-full suite --no-suite docs
}

stage_asan ()
{
  prepare_sanitizer build-asan -Db_sanitize=address,undefined
  # use_sigaltstack=0: the address sanitizer reports its own alternate stack when a thread is cancelled.
  export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
  ASAN_OPTIONS+=:use_sigaltstack=0:fast_unwind_on_malloc=0
  export LSAN_OPTIONS=print_suppressions=0:suppressions=$PWD/tests/asan/libipc.supp
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  run_tests build-asan asan -t 4
}

stage_tsan ()
{
  prepare_sanitizer build-tsan -Db_sanitize=thread "-Dc_args=-include $PWD/tests/tsan/glib-tsan.h"
  # The thread sanitizer of gcc 12 cannot map its shadow where a newer kernel randomizes addresses too widely.
  ! setarch -R true 2>/dev/null || wrapper=(setarch -R)
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:suppressions=$PWD/tests/tsan/libipc.supp
  run_tests build-tsan tsan -t 4
}

stage_valgrind ()
{
  prepare_full
  run_tests build-full valgrind --setup valgrind
}

stage_docs ()
{
  prepare_full
  meson configure build-full -Ddocs=true
  compile build-full
  run_tests build-full docs --suite docs
}

# What a user of the installed library does: pkg-config, one header, one program.
stage_install ()
{
  local prefix=$PWD/build-full/prefix flags example
  prepare_full
  meson install -C build-full --no-rebuild --quiet
  export PKG_CONFIG_PATH
  PKG_CONFIG_PATH=$(dirname "$(find "$prefix" -name libipc-1.pc)")
  flags=$(pkg-config --cflags --libs libipc-1)
  for example in docs/examples/*.c; do
    # shellcheck disable=SC2086
    gcc -Wall -Wextra -Werror -Wno-unused-parameter -o build-full/installed-example "$example" $flags
  done
  LD_LIBRARY_PATH=$(pkg-config --variable=libdir libipc-1) ldd build-full/installed-example | grep "$prefix"
}

# A group at rest does nothing: seen from outside, for ten seconds.
stage_idle ()
{
  prepare_full
  run_tests build-full idle idle --test-args='-m slow -p /idle/strace'
}

# Long simulations: every seed is another schedule of kills.
stage_chaos ()
{
  local seed status=0
  prepare_full
  for seed in 1 2 3 4; do
    simulate --nodes 50 --candidates 10 --duration 30 --seed "$seed" || status=1
  done
  seed=5
  simulate --nodes 300 --candidates 300 --duration 20 --seed "$seed" || status=1
  return "$status"
}

simulate ()
{
  if within build-full/sim/ipc-sim "$@" --json "$output/sim-seed-$seed.json"; then
    record "pass chaos/ipc-sim $*"
  else
    record "fail chaos/ipc-sim $*"
    return 1
  fi
}
