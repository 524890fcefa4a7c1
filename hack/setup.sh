#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: hack/setup.sh PACKAGE...
#
# Gets a Debian or Ubuntu machine ready: Go is checked for, and those of the named
# packages that are missing are installed. What cannot be installed is named in one
# line and no failure: tests that need it say that they are skipped, and the lab
# speaks LLDP itself.
set -euo pipefail
cd "$(dirname "$0")/.."
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin

say() { echo "setup: $*"; }

# present PACKAGE: is what we want of it here, wherever it came from?
present() {
  case $1 in
    lldpd) command -v lldpd && command -v lldpcli ;;
    iproute2) command -v ip ;;
    util-linux) command -v nsenter && command -v unshare ;;
    iputils-ping) command -v ping ;;
    python3-scapy) python3 -c "import scapy" 2>/dev/null || /usr/bin/python3 -c "import scapy" 2>/dev/null ;;
    gcc) command -v gcc ;;
    libc6-dev) [ -e /usr/include/stdlib.h ] ;;
    qemu-system-x86) command -v qemu-system-x86_64 ;;
    prometheus) command -v promtool ;;
    graphviz) command -v dot ;;
    procps) command -v pgrep ;;
    nodejs) command -v node ;;
    busybox-static) command -v busybox && ! ldd "$(command -v busybox)" 2>&1 ;;
    *) command -v "$1" ;;
  esac >/dev/null
}

missing() {
  for p in "$@"; do
    present "$p" || printf '%s ' "$p"
  done
}

# as_root COMMAND...: without asking for a password where nobody can type one.
as_root() {
  if [ "$(id -u)" -eq 0 ]; then
    "$@"
  elif [ -t 0 ]; then
    sudo "$@"
  else
    sudo -n "$@"
  fi
}

# obstacle says why nothing can be installed, or nothing.
obstacle() {
  if ! command -v apt-get >/dev/null; then
    echo "there is no apt-get; install it with this system's package manager"
  elif [ "$(id -u)" -ne 0 ] && ! command -v sudo >/dev/null; then
    echo "not root, and there is no sudo"
  elif [ "$(id -u)" -ne 0 ] && [ ! -t 0 ] && ! sudo -n true 2>/dev/null; then
    echo "not root, and sudo wants a password but there is no terminal"
  fi
}

# In runlevel 1 no init script starts what is installed.
apt_get() {
  as_root env DEBIAN_FRONTEND=noninteractive RUNLEVEL=1 apt-get -q -y -o Dpkg::Use-Pty=0 "$@" </dev/null
}

install_all() {
  say "installing $* (apt-get), which takes a minute or two"
  log=$(mktemp)
  trap 'rm -f "$log"' EXIT
  apt_get update >"$log" 2>&1 || true # old lists may do
  for p in "$@"; do
    apt_get install --no-install-recommends "$p" >>"$log" 2>&1 || tail -n 3 "$log" | sed 's/^/setup:   /'
  done
  # Debian starts what it installs, and the host's own NICs are none of our business.
  for daemon in lldpd ladvd radvd prometheus; do
    case " $* " in
      *" $daemon "*)
        if [ -d /run/systemd/system ]; then
          say "switching off the $daemon service that came with the package; only namespaces of the lab run one"
          as_root systemctl disable --now "$daemon" >/dev/null 2>&1 || true
        fi
        ;;
    esac
  done
}

check_go() {
  if ! command -v go >/dev/null; then
    say "Go is missing: Colvin needs Go 1.26 or later, see go.dev/doc/install"
    exit 1
  fi
  # Also where an older Go fetches the one that go.mod asks for.
  have=$(go env GOVERSION 2>&1) || true
  minor=$(sed -n 's/^go1\.\([0-9]*\).*/\1/p' <<<"$have")
  if [ "${minor:-0}" -lt 26 ]; then
    say "Go is too old (${have##*$'\n'}): Colvin needs Go 1.26 or later, see go.dev/doc/install"
    exit 1
  fi
}

check_go
read -r -a want <<<"$(missing "$@")"
if [ ${#want[@]} -eq 0 ]; then
  say "everything is here: $have${*:+, $*}"
  exit
fi
why=$(obstacle)
if [ -z "$why" ]; then
  install_all "${want[@]}"
  why="see above"
fi
left=$(missing "${want[@]}")
if [ -n "$left" ]; then
  say "cannot install ${left% }: $why"
else
  say "done"
fi
