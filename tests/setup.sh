# SPDX-License-Identifier: LGPL-2.1-or-later
# shellcheck shell=bash
#
# What a fresh Debian 12 machine lacks, and how it is installed. Sourced by sim/run and tests/run, which call `setup`
# with the kinds of work they are about to do. When everything is there, nothing is installed, the network is not
# touched, and no root is needed.

# Debian's tools first: what is installed here is what is used. UTF-8 also where no locale was ever set up.
export PATH=/usr/local/sbin:/usr/sbin:/usr/bin:/sbin:/bin:$PATH
export LC_ALL=C.UTF-8

# kind of work | package | why
read -r -d '' packages <<'END' || true # that is what it says at the end
build|gcc|the C compiler, its linker and sanitizers
build|libc6-dev|headers of the C library
build|libglib2.0-dev|GLib, GObject and GIO, on which the library is built
build|pkgconf|tells Meson where GLib is
build|meson|the build system
build|ninja-build|runs what Meson plans
tests|python3|checks of the source tree, a second client (tests/interop) and a second checker (tests/checker)
full|libc6-dbg|symbols that valgrind needs
full|valgrind|memory errors and leaks
full|strace|shows that a group at rest does nothing
full|libgirepository1.0-dev|introspection data (GIR), of GLib and ours
full|python3-gi|the library used from Python
full|chromium|the browser in which the simulator's report is tested
full|chromium-driver|what the tests give it orders through
full|gi-docgen|the API reference
full|spin|searches the models of election and delivery
full|libzmq3-dev|ZeroMQ, with which the benchmark compares
END

say ()
{
  printf '%s\n' "$*"
}

die ()
{
  printf '%s: %s\n' "$0" "$*" >&2
  exit 2
}

# Prints the packages of the kinds that are given which are not installed, as `package|why`.
missing_packages ()
{
  local kind package why
  while IFS='|' read -r kind package why; do
    [[ -n $kind && " $* " == *" $kind "* ]] || continue
    [[ $(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null) == installed ]] && continue
    say "$package|$why"
  done <<<"$packages"
}

# Lays out `package|why`.
explain ()
{
  local package why
  while IFS='|' read -r package why; do
    printf '  %-24s %s\n' "$package" "$why"
  done
}

install_packages ()
{
  local as_root=() names=("$@") install
  install="apt-get install --no-install-recommends ${names[*]}"
  if [[ $(id -u) != 0 ]]; then
    command -v sudo >/dev/null || die "not root, and no sudo. As root, run: apt-get update && $install"
    # With nobody to type a password, sudo either goes through at once or not at all.
    if [[ -t 0 ]]; then sudo true; else sudo -n true 2>/dev/null; fi ||
      die "sudo does not let $(id -un) through. As root, run: apt-get update && $install"
    as_root=(sudo)
  fi
  as_root+=(env DEBIAN_FRONTEND=noninteractive apt-get -q -y -o Acquire::Retries=3
            -o Acquire::Languages=none -o DPkg::Lock::Timeout=300)
  say 'Installing them:'
  "${as_root[@]}" update </dev/null || say 'apt-get update failed; going on with the package lists that are here'
  "${as_root[@]}" install --no-install-recommends "${names[@]}" </dev/null || die "could not run: $install"
}

# A bare chroot may have no /proc, which sanitizers, descriptor counts and long socket paths need. It is mounted for
# as long as the script runs.
setup_proc ()
{
  [[ -e /proc/self/fd ]] && return
  [[ $(id -u) == 0 ]] || die 'no /proc here. As root, run: mount -t proc proc /proc'
  say 'No /proc here: mounting it until this script ends.'
  mount -t proc proc /proc || die 'cannot mount /proc. As root, run: mount -t proc proc /proc'
  trap 'umount -l /proc' EXIT
}

# setup KIND...: explains and installs what these kinds of work still need.
setup ()
{
  local missing names
  setup_proc
  command -v dpkg-query >/dev/null || {
    say 'This is not Debian: nothing is installed. Needed is what Debian calls:'
    explain <<<"$(missing_packages "$@")"
    { command -v meson && command -v ninja; } >/dev/null || die 'without meson and ninja nothing can be built'
    return
  }
  missing=$(missing_packages "$@")
  [[ -n $missing ]] || return 0
  say 'These Debian packages are missing:'
  explain <<<"$missing"
  mapfile -t names < <(cut -d'|' -f1 <<<"$missing")
  install_packages "${names[@]}"
}

# configure DIRECTORY SOURCE [MESON_OPTION...]: sets up a build directory, unless a finished one is there.
configure ()
{
  [[ -f $1/build.ninja ]] || meson setup "$@"
}

# compile DIRECTORY [TARGET...]: builds without a word, unless it fails.
compile ()
{
  local log=$1/compile.log
  ninja -C "$@" >"$log" 2>&1 || {
    cat "$log" >&2
    say "Building in $1 failed." >&2
    return 1
  }
}
