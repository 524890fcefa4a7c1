#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: configure and the version before, which is empty the first time; or abort-... after
# something else failed. rpm: how many versions there are now.
set -e

case $1 in
configure) first=${2:+no} ;;
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

[ -d /run/systemd/system ] || exit 0
systemctl daemon-reload
if ! command -v deb-systemd-invoke >/dev/null; then
  [ -z "$first" ] || systemctl try-restart colvind.service
elif [ -z "$first" ]; then
  deb-systemd-invoke start colvind.service || echo "colvin: colvind did not start; systemctl status colvind says why" >&2
else
  # Not one that somebody stopped: what is attached needs no agent.
  deb-systemd-invoke try-restart colvind.service || echo "colvin: colvind did not start again; systemctl status colvind says why" >&2
fi
