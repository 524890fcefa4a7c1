#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: lab/vm/run.sh [TEST...]
#
# Runs tests in a virtual machine with Debian's cloud kernel, which has the kinds
# of network device that a kernel may lack: bonds, VLAN devices, Open vSwitch and
# more; lldpd and iproute2 come from this machine. A TEST is a package and, after a colon, a pattern for the tests in it.
# A missing kind is a failure there, and so are a package in which nothing runs and
# a machine that does not come to its end. The kernel is kept in the user's cache.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

tests=("$@")
if [ ${#tests[@]} -eq 0 ]; then
  tests=(./discovery/link ./discovery/ether './lab:^(TestDevices|TestSwitchesPage)')
fi
modules=(8021q bonding bridge dummy ipvlan macvlan openvswitch team veth vrf)
features=netns,8021q,bonding,dummy,ipvlan,lldpd,macvlan,openvswitch,team,vlanfiltering,vrf
seconds=480 # that the machine may take

say() { echo "vm: $*"; }

die() {
  say "$*" >&2
  exit 1
}

as_root() {
  if [ "$(id -u)" -eq 0 ]; then "$@"; else sudo -n "$@"; fi
}

# update renews the list of packages.
update() { as_root apt-get -q update >/dev/null || say "apt-get update does not work"; }

# find_kernel sets package and dir: the latest kernel and where it is kept.
find_kernel() {
  local depends
  depends=$(apt-cache depends linux-image-cloud-amd64 2>/dev/null) || true # the list is missing
  package=$(sed -n 's/.*Depends: \(linux-image-[0-9]\)/\1/p' <<<"$depends")
  version=${package#linux-image-}
  dir=${XDG_CACHE_HOME:-$HOME/.cache}/colvin/vm-$version
}

# fetch_kernel unpacks the kernel and indexes its modules. Its directory is complete
# or absent, however many do this at once.
fetch_kernel() (
  say "getting $package (apt-get download)"
  mkdir -p "${dir%/*}"
  tmp=$(mktemp -d "${dir%/*}/building-XXXXXX")
  trap 'rm -rf "$tmp"' EXIT
  cd "$tmp" && apt-get -q -o APT::Sandbox::User="$(id -un)" download "$package" &&
    dpkg-deb -x ./*.deb kernel && busybox depmod -b kernel "$version" &&
    { mv -T kernel "$dir" || [ -d "$dir" ]; }
)

# kernel makes sure that there is one. The list of packages may be missing, or
# older than the archive.
kernel() {
  find_kernel
  if [ -z "$package" ]; then
    update
    find_kernel
  fi
  [ -n "$package" ] || die "apt-get knows no linux-image-cloud-amd64, which Debian for amd64 has"
  [ -d "$dir" ] || fetch_kernel || {
    update
    find_kernel
    [ -d "$dir" ] || fetch_kernel || die "no kernel"
  }
}

# add_modules ROOT: the modules, what they need, and the index of all.
add_modules() {
  local lib=lib/modules/$version name files
  mkdir -p "$1/$lib"
  cp "$dir/$lib"/modules.* "$1/$lib"
  for name in "${modules[@]}"; do
    files=$(sed -n "s,^\([^:]*/$name\.ko[^:]*\):,\1,p" "$dir/$lib/modules.dep")
    [ -n "$files" ] || die "$package has no module $name"
    (cd "$dir/$lib" && echo "$files" | xargs cp --parents -t "$1/$lib")
  done
}

# add_programs ROOT: lldpd, its user, and iproute2, with their libraries; and a shell that
# does not take busybox's ip instead.
add_programs() {
  local program path
  for program in lldpd lldpcli ip bridge sh; do
    path=$(command -v "$program") || die "there is no $program (apt-get install lldpd iproute2)"
    cp -L "$path" "$1/usr/sbin/$program" # where lldpd looks for lldpcli
    ldd "$path" | sed -n 's,^[^/]*\(/[^ ]*\) (.*,\1,p' | xargs cp -L --parents -t "$1"
  done
  ln -s /usr/sbin/ip /usr/sbin/sh "$1/bin"
  echo _lldpd:x:100:100::/run:/bin/false >>"$1/etc/passwd"
  echo _lldpd:x:100: >"$1/etc/group"
  ln -s /run "$1/var/run"
}

# add_tests ROOT: a binary for each test, and the script that runs them one by one.
add_tests() {
  local t package pattern name said
  echo "export COLVIN_REQUIRE=$features COLVIN_BINARIES=/colvin" >"$1/tests/run"
  if [[ ${tests[*]} == *./lab* ]]; then # which has its programs built by itself
    said=$(COLVIN_BINARIES=$work/colvin go test -count=1 -run '^$' ./lab 2>&1) || die "the programs cannot be built: $said"
    cp -rL "$work/colvin" "$1/colvin"
  fi
  for t in "${tests[@]}"; do
    package=${t%%:*} pattern=${t#"${t%%:*}"}
    name=${package//[.\/]/_}.test
    go test -c -ldflags '-s -w' -o "$1/tests/$name" "$package"
    echo "run $name $package '${pattern#:}'" >>"$1/tests/run"
  done
}

# image prints the initial file system: busybox, modules and tests.
image() {
  local root=$work/root
  mkdir -p "$root"/{bin,dev,etc,proc,run,sbin,sys,tests,tmp,usr/bin,usr/sbin,var/lib}
  cp "$(command -v busybox)" "$root/bin/busybox"
  install -m 755 lab/vm/init "$root/init"
  echo root:x:0:0::/:/bin/sh >"$root/etc/passwd"
  echo "${modules[*]}" >"$root/etc/modules"
  add_modules "$root"
  add_programs "$root"
  mkdir "$root/docs" && cp docs/switches.md "$root/docs" # which is tried
  add_tests "$root"
  (cd "$root" && find . | busybox cpio -o -H newc 2>/dev/null)
}

# boot prints the machine's console.
boot() {
  timeout --kill-after=5 "$seconds" qemu-system-x86_64 -accel tcg -cpu max -smp 2 -m 1024 \
    -nodefaults -no-reboot -display none -serial stdio \
    -kernel "$dir/boot/vmlinuz-$version" -initrd "$work/initramfs" \
    -append 'console=ttyS0 quiet panic=-1' </dev/null | tr -d '\r'
}

[ "$(uname -m)" = x86_64 ] || die "the machine is made for x86_64, not for $(uname -m)"
export CGO_ENABLED=0
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
kernel
say "building ${tests[*]}"
image >"$work/initramfs"
say "booting Linux $version"
boot | tee "$work/console" || true
grep -q '^vm: all tests passed$' "$work/console" || die "the tests failed, or the machine did not end within $seconds s"
