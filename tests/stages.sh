# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# The stages of tests/run, which sources this. A stage is a function that fails when something failed; it counts results
# with run_tests and record, and runs what may take long through within, in what is left of its budget.

# Seconds for each, on two cores. Those of --full add up to what .ci/run allows; a normal run takes six tenths of it. One
# that runs alone on a fresh tree builds first, which is the larger part of what install and idle have.
declare -A budgets=([quick]=600 [suite]=300 [asan]=360 [tsan]=360 [valgrind]=390 [docs]=90 [install]=90
                    [idle]=90 [model]=90 [sabotage]=220 [chaos]=310)
full_stages=(suite asan tsan valgrind docs install idle model sabotage chaos)

# prepare DIRECTORY [MESON_OPTION...]
prepare ()
{
  local directory=$1
  shift
  configure "$directory" . "$@"
  compile "$directory"
}

configure_full ()
{
  configure build-full . -Dwerror=true -Dintrospection=enabled -Dzeromq=enabled "--prefix=$PWD/build-full/prefix"
}

prepare_full ()
{
  configure_full
  compile build-full
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
  local status=0
  prepare_full
  REPORT_BROWSER=required run_tests build-full suite --no-suite docs || status=$?
  # Who checks the checkers: for each what it rejects, and which defects are found after how many seeds.
  python3 tests/tables.py build-full/meson-logs/suite.json sim-mutations world
  return "$status"
}

stage_asan ()
{
  prepare_sanitizer build-asan -Db_sanitize=address,undefined
  # use_sigaltstack=0: the address sanitizer reports its own alternate stack when a thread is cancelled.
  export ASAN_OPTIONS=detect_leaks=1:detect_stack_use_after_return=1:strict_string_checks=1
  # handle_sigbus=0: among the simulator's faults is one that ends processes by SIGBUS.
  ASAN_OPTIONS+=:use_sigaltstack=0:fast_unwind_on_malloc=0:handle_sigbus=0
  export LSAN_OPTIONS=print_suppressions=0:suppressions=$PWD/tests/asan/libipc.supp
  export UBSAN_OPTIONS=halt_on_error=1:print_stacktrace=1
  run_tests build-asan asan -t 4 --no-suite report
}

stage_tsan ()
{
  prepare_sanitizer build-tsan -Db_sanitize=thread "-Dc_args=-include $PWD/tests/tsan/glib-tsan.h"
  # The thread sanitizer of gcc 12 cannot map its shadow where a newer kernel randomizes addresses too widely.
  ! setarch -R true 2>/dev/null || wrapper=(setarch -R)
  export TSAN_OPTIONS=halt_on_error=1:second_deadlock_stack=1:handle_sigbus=0:suppressions=$PWD/tests/tsan/libipc.supp
  run_tests build-tsan tsan -t 4 --no-suite report
}

stage_valgrind ()
{
  prepare_full
  run_tests build-full valgrind --setup valgrind --num-processes 3 # one of them only waits, mostly
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
  for example in $(grep -l '^main (' docs/examples/*.c); do
    # shellcheck disable=SC2086
    gcc -Wall -Wextra -Werror -Wno-unused-parameter -o build-full/installed-example \
      "$example" docs/examples/simulated.c $flags # which is a part of those that the simulator may run
  done
  LD_LIBRARY_PATH=$(pkg-config --variable=libdir libipc-1) ldd build-full/installed-example | grep "$prefix"
}

# A group at rest does nothing: seen from outside, for ten seconds.
stage_idle ()
{
  prepare_full
  run_tests build-full idle idle --test-args='-m slow -p /idle/strace'
}

# Every state that the models of election and delivery can reach.
stage_model ()
{
  local log=$output/model.tap status=0
  within docs/model/check | tee "$log" || status=$?
  sed -nE 's,^ok [0-9]+ - (.*) # .*,pass model/\1,p; s,^not ok [0-9]+ - (.*) # .*,fail model/\1,p' "$log" >>"$results"
  return "$status"
}

# Each known defect of the library must be noticed by the simulator, and a sound library must not.
stage_sabotage ()
{
  local log=$output/sabotage.tap status=0
  configure_full
  compile build-full sim/ipc-sim-sabotaged sim/libsim-shim.so # and no more, if it runs alone
  within tests/sabotage/check build-full/sim/ipc-sim-sabotaged | tee "$log" || status=$?
  sed -nE 's,^ok [0-9]+ - (.*),pass sabotage/\1,p; s,^not ok [0-9]+ - (.*),fail sabotage/\1,p' "$log" >>"$results"
  return "$status"
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
