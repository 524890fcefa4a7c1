#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: install, also of what was removed and not purged, or upgrade. rpm: how many versions
# there will be.
set -e

case $1 in
install | 1)
  if [ -e /run/colvin/agent.lock ] && ! flock --nonblock /run/colvin/agent.lock true; then
    echo "colvin: an agent runs on this node already, as the pods of the chart do; two do not go together, so end that one first" >&2
    exit 1
  fi
  ;;
esac

# postinstall.sh cannot tell these: dpkg names a version before to it after a removal, too.
[ "$1" != install ] || : > /run/colvin.installing
