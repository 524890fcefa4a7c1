// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/internal/yamlfile"
)

// The sources of one node: its own file, then two objects.
func sources(file, first, second string) []Source {
	return []Source{
		{Name: "r.yaml", Data: []byte(file)},
		{Name: "ruleset/a", Root: "spec", Data: []byte(first)},
		{Name: "ruleset/b", Root: "spec", Data: []byte(second)},
	}
}

func TestMerge(t *testing.T) {
	set, warnings, err := Merge(sources(
		`{networks: [{name: local, match: [{system: "leaf-*", vlan: 1}]}], ignore: [{system: "bmc-*"}]}`,
		`{networks: [{name: a, match: [{system: "leaf-*", vlan: "1-2"}], spans: true}, {name: a-dc, match: [{group: dc, vlan: 4}]}], switchGroups: {z: {match: [{system: "*"}]}}}`,
		`{networks: [{name: b, match: [{system: "leaf-*", vlan: "1-3"}], spans: true}], switchGroups: {dc: {match: [{system: "leaf-*"}], vlans: {5: five}}}, ignore: [{system: "ups-*"}]}`,
	)...)
	if err != nil || warnings != nil {
		t.Fatalf("error %v, warnings %v", err, warnings)
	}
	named := map[uint16]Naming{}
	for vid := range uint16(6) {
		if n, ok, _ := set.Read(subject(leaf1())).Name(Occurrence{VID: vid}); ok {
			named[vid] = n
		}
	}
	if diff := cmp.Diff(map[uint16]Naming{
		1: {Name: "local", Ref: Ref{File: "r.yaml", Line: 1}},
		2: {Name: "a", Spans: true, Ref: Ref{File: "ruleset/a", Path: "spec.networks[0].match[0]"}},
		3: {Name: "b", Spans: true, Ref: Ref{File: "ruleset/b", Path: "spec.networks[0].match[0]"}},
		4: {Name: "a-dc", Ref: Ref{File: "ruleset/a", Path: "spec.networks[1].match[0]"}},
		5: {Name: "five", Ref: Ref{File: "ruleset/b", Path: "spec.switchGroups.dc.vlans.5"}},
	}, named); diff != "" {
		t.Errorf("names (-want +got):\n%s", diff)
	}
	for system, want := range map[string]string{"bmc-1": "r.yaml:1", "ups-1": "ruleset/b spec.ignore[0]", "leaf-1": ""} {
		n := leaf1()
		n.SystemName = system
		if ref, _ := set.Ignored(subject(n)); ref.String() != want {
			t.Errorf("%s is ignored by %q, want %q", system, ref, want)
		}
	}
	if diff := cmp.Diff([]string{"a", "a-dc", "b", "five", "local"}, set.KnownNames()); diff != "" {
		t.Errorf("known names (-want +got):\n%s", diff)
	}
}

// Groups are tried in the order of their names, wherever they are defined.
func TestMergeOrdersGroups(t *testing.T) {
	const every, leaf = `{switchGroups: {b: {match: [{system: "*"}]}}}`, `{switchGroups: {a: {match: [{system: "leaf-*"}]}}}`
	for _, all := range [][]Source{sources(every, leaf, ""), sources("", leaf, every), sources("", every, leaf)} {
		set, _, err := Merge(all...)
		if err != nil {
			t.Fatal(err)
		}
		if g, _ := set.Read(subject(leaf1())).Group(); g.Name != "a" {
			t.Errorf("leaf-1 is in group %q, want a", g.Name)
		}
	}
}

// Every mistake of every source, each told in the words of its source, and no set.
func TestMergeMistakes(t *testing.T) {
	for name, tt := range map[string]struct {
		sources []Source
		want    string
	}{
		"one source": {sources(`networks: [{name: a, match: [{vlan: 1}]}]`, `{networks: [{name: b}, {name: C, match: [{vlan: 4095}]}]}`, ``), `
			ruleset/a: spec.networks[0].match: is missing; add match: with at least one entry, such as {system: "leaf-*", vlan: 100}
			ruleset/a: spec.networks[1].name: "C" is not a name; use at most 63 lower-case letters, digits and dashes, with a letter or digit at both ends
			ruleset/a: spec.networks[1].match[0].vlan: "4095" is not a VLAN; write a number from 1 to 4094, a range such as 200-299, or a list of them in quotes`},
		"file and source": {sources("\nnetworks: 5", `{ignore: [{group: dc}]}`, ``), `
			r.yaml:2:11: networks: is a number, where a list belongs; write [a, b], or one line per entry that begins with a dash
			ruleset/a: spec.ignore[0].group: there is no group "dc"; define it under switchGroups`},
		"group twice": {sources("switchGroups:\n  dc: {match: [{system: a}]}", `{switchGroups: {ab: {match: [{system: b}]}}}`, `{switchGroups: {dc: {match: [{system: c}]}, ab: {match: [{system: d}]}}}`), `
			ruleset/b: spec.switchGroups.dc: group dc is defined already at r.yaml:2; define it in one place
			ruleset/b: spec.switchGroups.ab: group ab is defined already at ruleset/a spec.switchGroups.ab; define it in one place`},
		"places in messages": {sources(``, `{networks: [{name: "a-{system.1}", match: [{vlan: 1}]}], switchGroups: {g: {match: [{system: a}], vlans: {"1-9": a, "5": b}}}}`, ``), `
			ruleset/a: spec.networks[0].name: {system.1} asks for what is not caught: the match at spec.networks[0].match[0] has no (...) number 1 in system; put parentheses around what is to be caught, such as (*)
			ruleset/a: spec.switchGroups.g.vlans.5: VLAN 5 is named already at spec.switchGroups.g.vlans.1-9; name each VLAN of a group once`},
		"no object": {sources(``, `[]`, ``), `
			ruleset/a: spec: is a list, where a mapping belongs; write key: value`},
	} {
		t.Run(name, func(t *testing.T) {
			set, warnings, err := Merge(tt.sources...)
			mistakes, _ := errors.AsType[yamlfile.Mistakes](err)
			want := strings.ReplaceAll(strings.TrimSpace(tt.want), "\n\t\t\t", "\n")
			if diff := cmp.Diff(want, mistakes.Error()); diff != "" || set != nil || warnings != nil {
				t.Errorf("set %v, warnings %v, mistakes (-want +got):\n%s", set, warnings, diff)
			}
		})
	}
}

func TestMergeWarnings(t *testing.T) {
	_, warnings, err := Merge(sources(
		"networks:\n- {name: a, match: [{system: leaf-1, vlan: 1}]}",
		`{networks: [{name: b, match: [{system: leaf-1, vlan: 1}]}, {name: c, match: [{system: leaf-2, vlan: 2}]}, {name: d, match: [{system: leaf-2, vlan: 2}]}]}`, ``)...)
	if err != nil {
		t.Fatal(err)
	}
	want := yamlfile.Mistakes{
		{File: "ruleset/a", Path: "spec.networks[0].match[0]", Message: "this never applies: the match at r.yaml:2 comes first and matches the same", Hint: "remove one of the two, or put the more specific one first"},
		{File: "ruleset/a", Path: "spec.networks[2].match[0]", Message: "this never applies: the match at spec.networks[1].match[0] comes first and matches the same", Hint: "remove one of the two, or put the more specific one first"},
	}
	if diff := cmp.Diff(want, yamlfile.Mistakes(warnings)); diff != "" {
		t.Errorf("warnings (-want +got):\n%s", diff)
	}
}
