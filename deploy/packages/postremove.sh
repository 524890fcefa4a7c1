#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: remove, purge and others. rpm: how many versions are left; it has no purge, so what
# the agent knew stays.
set -e

[ "$1" != abort-install ] || rm -f /run/colvin.installing

case $1 in
remove | purge | 0) [ ! -d /run/systemd/system ] || systemctl daemon-reload ;;
esac
[ "$1" = purge ] || exit 0
if command -v deb-systemd-helper >/dev/null; then
  deb-systemd-helper purge colvind.service >/dev/null
fi

# Colours and history, for good; not those of an agent that runs in a pod.
if [ -e /run/colvin/agent.lock ] && ! flock --nonblock /run/colvin/agent.lock true; then
  echo "colvin: an agent runs on this node; what it knows stays in /run/colvin and /var/lib/colvin" >&2
  exit 0
fi
rm -rf /run/colvin /var/lib/colvin/agent
for dir in /var/lib/colvin/attachments /var/lib/colvin; do
  [ ! -d "$dir" ] || rmdir --ignore-fail-on-non-empty "$dir"
done
if [ -d /var/lib/colvin ]; then
  echo "colvin: /var/lib/colvin stays, because it has records of attachments or what is not Colvin's" >&2
fi
for file in /etc/colvin/*; do
  [ ! -e "$file" ] || echo "colvin: $file stays, because you wrote it" >&2
done
