#!/bin/sh
# SPDX-License-Identifier: Apache-2.0
#
# dpkg: install, also of what was removed and not purged, or upgrade. rpm: how many versions
# there will be.
set -e

# postinstall.sh cannot tell these: dpkg names a version before to it after a removal, too.
[ "$1" != install ] || : > /run/colvin.installing
