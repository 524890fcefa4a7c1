#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: configure and the version before, which is empty the first time; or abort-... after
# something else failed. rpm: how many versions there are now.
set -e

installing=/run/colvin.installing # preinstall.sh wrote it

case $1 in
configure)
  first=${2:+no}
  [ ! -e $installing ] || first=
  ;;
1) first= ;;
[2-9]) first=no ;;
*) exit 0 ;;
esac

systemd-sysusers colvin.conf

# dpkg has what keeps an admin's word: a unit that somebody disabled stays so, and a policy
# may forbid to start anything. Elsewhere the presets of the distribution decide, once.
if command -v deb-systemd-helper >/dev/null; then
  if deb-systemd-helper --quiet was-enabled colvind.service; then
    deb-systemd-helper enable colvind.service >/dev/null
  else
    deb-systemd-helper update-state colvind.service >/dev/null
  fi
elif [ -z "$first" ]; then
  systemctl --no-reload preset colvind.service || :
fi

[ ! -e $installing ] || rm $installing

# manage does something to the agent, and goes on where that fails or the agent is not ready,
# as where /run is full: systemd waits for it without end, and nothing else could be installed.
manage() {
  timeout 30 "$@" colvind.service || echo "colvin: colvind does not run yet; systemctl status colvind says why" >&2
}

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
# An upgrade starts no agent that somebody stopped: what is attached needs none.
if ! command -v deb-systemd-invoke >/dev/null; then
  [ -z "$first" ] || manage systemctl try-restart
elif [ -z "$first" ]; then
  manage deb-systemd-invoke start
else
  manage deb-systemd-invoke try-restart
fi
