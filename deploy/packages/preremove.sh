#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: remove, or upgrade and so on. rpm: how many versions will be left.
set -e

case $1 in
remove | 0) ;;
*) exit 0 ;;
esac

# A runtime cannot end what is attached without the plugin, so the package stays as long as
# anything is, or nobody can know. It comes first: where it refuses, the agent goes on, too.
if ! /usr/bin/colvin uninstall-cni --cni-path /opt/cni/bin; then
  echo "colvin: the package stays, because the plugin does; the line above says why, and what to do" >&2
  exit 1
fi

if [ -d /run/systemd/system ]; then
  if command -v deb-systemd-invoke >/dev/null; then
    deb-systemd-invoke stop colvind.service
  else
    systemctl --no-reload disable --now colvind.service
  fi
fi
# Names that a killed agent left lead pods to where nobody looks any more. The plugin is gone
# by now, so the package goes, too, where they cannot be removed.
/usr/bin/colvin gc --alt-names-only || echo "colvin: alternative names of devices may be left; ip link shows them" >&2
