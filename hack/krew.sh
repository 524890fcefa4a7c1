#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: hack/krew.sh DIRECTORY VERSION
#
# Builds kubectl-colvin for each platform into an archive with what completes it, and writes
# the manifest by which krew installs them, also without a network.
set -euo pipefail

dir=$1 version=$2
url=https://github.com/colvin-net/colvin/releases/download/$version
# krew wants semantic versions.
[[ $version =~ ^v[0-9]+\.[0-9]+\.[0-9]+ ]] || version=v0.0.0-$version
mkdir -p "$dir"
stage=$(mktemp -d)
trap 'rm -rf "$stage"' EXIT
cp deploy/krew/kubectl_complete-colvin LICENSE "$stage"
sed "s|VERSION|$version|" deploy/krew/colvin.yaml > "$dir/colvin.yaml"

for platform in ${PLATFORMS:-linux/amd64 linux/arm64 darwin/amd64 darwin/arm64}; do
  os=${platform%/*} arch=${platform#*/}
  archive=kubectl-colvin_${os}_${arch}.tar.gz
  CGO_ENABLED=0 GOOS=$os GOARCH=$arch go build -trimpath -ldflags "-s -w -X main.version=$2" -o "$stage/kubectl-colvin" ./cmd/kubectl-colvin
  # The same files make the same archive.
  tar --sort=name --owner=0 --group=0 --numeric-owner --mtime=@0 -C "$stage" -cf - kubectl-colvin kubectl_complete-colvin LICENSE | gzip -n > "$dir/$archive"
  sum=$(sha256sum "$dir/$archive" | cut -d' ' -f1)
  cat >> "$dir/colvin.yaml" <<END
  - selector: {matchLabels: {os: $os, arch: $arch}}
    uri: $url/$archive
    sha256: $sum
    bin: kubectl-colvin
END
  echo "krew: $dir/$archive"
done
echo "krew: $dir/colvin.yaml; install with kubectl krew install --manifest=$dir/colvin.yaml --archive=$dir/ARCHIVE"
