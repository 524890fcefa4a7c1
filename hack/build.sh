#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: hack/build.sh PROGRAM PACKAGE [VERSION]
#
# Builds a program, or all of PACKAGE into the directory PROGRAM/, and tells every 10 seconds how far that is, which the go command
# does not. What it complains of is shown.
set -euo pipefail

what=${2#./}
say() { echo "build: $*"; }

# follow counts what go build -v prints, packages and modules that it downloads, and
# tells how far that is though nothing comes.
follow() {
  local line part='' status modules=0 packages=0 told=$SECONDS
  while true; do
    status=0
    IFS= read -r -t 1 line || status=$?
    if ((status == 0)); then
      line=$part$line part=''
      case $line in
        'go: downloading '*) ((++modules)) ;;
        *[!a-zA-Z0-9/._~-]* | '') printf '%s\n' "$line" ;;
        *) ((++packages)) ;;
      esac
    elif ((status > 128)); then # the time is over
      part+=$line
    else
      return 0
    fi
    if ((SECONDS - told >= 10)); then
      told=$SECONDS
      say "$what, after $SECONDS s: $modules modules to download, $packages packages built"
    fi
  done
}

flags=(-ldflags '-s -w' -buildvcs=false)
if [[ -n ${3-} ]]; then
  flags=(-ldflags "-s -w -X main.version=$3")
fi
CGO_ENABLED=0 go build -v -trimpath "${flags[@]}" -o "$1" "$2" 2>&1 | follow
say "$what: built in $SECONDS s"
