// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
)

// floors are the house from the top: a package imports what is on its own floor or
// below it. A package is on the floor of the longest pattern that it matches.
var floors = [][]string{
	{"./cmd/..."},
	{"./cli/...", "./lab/...", "./hack/..."}, // which developers run, and nothing that ships
	{"./agent/..."},
	{"./cniplugin/...", "./controller/..."},
	{"./api/...", "./internal/clusterview", "./internal/rulesimport"}, // which convert between api and mapping
	{"./mapping/..."},
	{"./discovery/...", "./internal/netnstest/..."}, // namespaces whose switches speak in the words of discovery
	{"./internal/..."},
}

// floorOf is the index in floors, or false for a package that no pattern matches.
func floorOf(path string) (floor int, ok bool) {
	longest := ""
	for i, patterns := range floors {
		for _, p := range patterns {
			if match(p, path) && len(p) > len(longest) {
				floor, longest = i, p
			}
		}
	}
	return floor, longest != ""
}

// upward lists the imports that lead up, and the packages that are on no floor.
func (i imports) upward() []string {
	var wrong []string
	for _, pkg := range slices.Sorted(maps.Keys(i)) {
		if !match("./...", pkg) {
			continue
		}
		from, ok := floorOf(pkg)
		if !ok {
			wrong = append(wrong, fmt.Sprintf("%s is on no floor: name it in floors", pkg))
			continue
		}
		for _, to := range i[pkg].Imports {
			if floor, ok := floorOf(to); ok && floor < from {
				wrong = append(wrong, fmt.Sprintf("%s imports %s, which is %d floors above it", pkg, to, from-floor))
			}
		}
	}
	return wrong
}

// TestFloors holds that imports go down.
func TestFloors(t *testing.T) {
	for _, wrong := range loadImports(t).upward() {
		t.Error(wrong)
	}
}

// TestFloorsBite holds that an import which leads up is found.
func TestFloorsBite(t *testing.T) {
	ours := func(paths ...string) []string {
		for i := range paths {
			paths[i] = module + paths[i]
		}
		return paths
	}
	deps := imports{
		module + "/agent":                {Imports: append(ours("/agent/history", "/cniplugin/record", "/mapping", "/internal/fit"), "os")},
		module + "/agent/history":        {Imports: ours("/agent")},
		module + "/cniplugin/record":     {Imports: ours("/internal/fit", "/controller")},
		module + "/discovery":            {Imports: ours("/internal/netnstest", "/internal/clusterview")},
		module + "/internal/clusterview": {Imports: ours("/api/v1alpha1", "/mapping/rules")},
		module + "/internal/fit":         {Imports: ours("/discovery")},
		module + "/mapping":              {Imports: ours("/agent", "/discovery")},
		module + "/topology":             {},
		"example.org/other":              {Imports: ours("/cmd/colvin")},
	}
	want := []string{
		module + "/discovery imports " + module + "/internal/clusterview, which is 2 floors above it",
		module + "/internal/fit imports " + module + "/discovery, which is 1 floors above it",
		module + "/mapping imports " + module + "/agent, which is 3 floors above it",
		module + "/topology is on no floor: name it in floors",
	}
	if got := deps.upward(); !slices.Equal(got, want) {
		t.Errorf("got:\n%s\nwant:\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
