#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: hack/generate.sh [check]
#
# Writes what is made from the types in api/v1alpha1: the deep copies beside them and
# the CRDs in deploy/crds. With check it writes nothing, but shows what it would
# change, and fails where that is anything.
set -euo pipefail
cd "$(dirname "$0")/.."

types=api/v1alpha1
copies=zz_generated.deepcopy.go
crds=deploy/crds

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir "$new/crds"
printf '%s\n' '# SPDX-License-Identifier: Apache-2.0' '# Code generated from api/v1alpha1 by "make generate". DO NOT EDIT.' >"$new/header.yaml"
go tool -modfile=hack/tools.mod controller-gen paths="./$types" \
  object output:object:dir="$new" \
  crd:headerFile="$new/header.yaml" output:crd:dir="$new/crds"
sed -i '1i // SPDX-License-Identifier: Apache-2.0\n' "$new/$copies"

if [ "${1-}" = check ]; then
  diff -uN "$types/$copies" "$new/$copies" && diff -ruN "$crds" "$new/crds" && exit
  echo "generate: what is generated is not up to date; run make generate" >&2
  exit 1
fi
mkdir -p "$crds"
rm -f "$crds"/*.yaml
cp "$new/$copies" "$types/"
cp "$new/crds"/*.yaml "$crds/"
