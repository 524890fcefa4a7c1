#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0
#
# Usage: hack/generate.sh [check]
#
# Writes what is made from the types in api/v1alpha1: the deep copies beside them and
# the CRDs, for both charts. With check it writes nothing, but shows what it would
# change, and fails where that is anything.
set -euo pipefail
cd "$(dirname "$0")/.."

types=api/v1alpha1
copies=zz_generated.deepcopy.go
crds=deploy/chart/crds
upgrades=deploy/chart-crds/templates

new=$(mktemp -d)
trap 'rm -rf "$new"' EXIT
mkdir "$new/crds" "$new/upgrades"
printf '%s\n' '# SPDX-License-Identifier: Apache-2.0' '# Code generated from api/v1alpha1 by "make generate". DO NOT EDIT.' >"$new/header.yaml"
go tool -modfile=hack/tools.mod controller-gen paths="./$types" \
  object output:object:dir="$new" \
  crd:headerFile="$new/header.yaml" output:crd:dir="$new/crds"
sed -i '1i // SPDX-License-Identifier: Apache-2.0\n' "$new/$copies"

# Helm deletes with a release what is in its templates. With the kinds it would delete RuleSets.
for crd in "$new"/crds/*.yaml; do
  sed '0,/^  annotations:$/s//&\n    helm.sh\/resource-policy: keep/' "$crd" >"$new/upgrades/${crd##*/}"
done

if [ "${1-}" = check ]; then
  diff -uN "$types/$copies" "$new/$copies" && diff -ruN "$crds" "$new/crds" && diff -ruN --exclude=NOTES.txt "$upgrades" "$new/upgrades" && exit
  echo "generate: what is generated is not up to date; run make generate" >&2
  exit 1
fi
rm -f "$crds"/*.yaml "$upgrades"/*.yaml
cp "$new/$copies" "$types/"
cp "$new/crds"/*.yaml "$crds/"
cp "$new/upgrades"/*.yaml "$upgrades/"
