// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
)

// TestReadManifest finds RuleSets wherever kubectl would.
func TestReadManifest(t *testing.T) {
	const one = "apiVersion: colvin.dev/v1alpha1\nkind: RuleSet\nmetadata: {name: NAME}\nspec: {networks: [{name: green, match: [{vlan: 100}]}]}\n"
	named := func(name string) string { return strings.Replace(one, "NAME", name, 1) }
	const pod = "apiVersion: v1\nkind: Pod\nmetadata: {name: web}\n"
	for name, tt := range map[string]struct {
		file   string
		no     bool
		names  []string
		others []string
		lines  []int // on which the rules stand
	}{
		"rules":           {file: "networks: []\n", no: true},
		"nothing":         {file: "# nothing\n", no: true},
		"no YAML":         {file: "kind: RuleSet\nspec: [\n", no: true},
		"rules with kind": {file: "kind: x\nnetworks: []\n", no: true},
		"one":             {file: named("a"), names: []string{"a"}, lines: []int{4}},
		"documents":       {file: "---\n" + named("a") + "---\n---\n" + pod + "---\n" + named("b"), names: []string{"a", "b"}, others: []string{"Pod web"}, lines: []int{5, 15}},
		"list":            {file: "kind: List\napiVersion: v1\nitems:\n- " + strings.ReplaceAll(strings.TrimSpace(named("a")), "\n", "\n  ") + "\n- " + strings.ReplaceAll(pod, "\n", "\n  "), names: []string{"a"}, others: []string{"Pod web"}, lines: []int{7}},
		"JSON":            {file: `{"kind": "RuleSetList", "items": [{"kind": "RuleSet", "apiVersion": "colvin.dev/v1alpha1", "metadata": {"name": "a"}, "spec": {"networks": [{"name": "green", "match": [{"vlan": 100}]}]}}]}`, names: []string{"a"}, lines: []int{1}},
		"no items":        {file: "kind: List\nitems: []\n"},
		"odd items":       {file: "kind: List\nitems: [5, {}, {kind: [x]}]\n", others: []string{"an object without a kind", "an object without a kind", "["}},
		"of others":       {file: "kind: RuleSet\napiVersion: example.org/v1\n", others: []string{"RuleSet"}},
	} {
		m, ok := ReadManifest("m.yaml", []byte(tt.file))
		if ok == tt.no {
			t.Errorf("%s: %t", name, ok)
		}
		var names []string
		var lines []int
		for _, r := range m.RuleSets {
			names = append(names, r.Name)
			set, _, err := Merge(r.Source)
			if err != nil {
				t.Errorf("%s: %v", name, err)
				continue
			}
			lines = append(lines, set.networks[0].matches[0].ref.Line)
		}
		if !slices.Equal(names, tt.names) || !slices.Equal(m.Others, tt.others) || !slices.Equal(lines, tt.lines) {
			t.Errorf("%s: RuleSets %q on lines %d, others %q", name, names, lines, m.Others)
		}
	}
}

func FuzzReadManifest(f *testing.F) {
	f.Add([]byte("kind: List\nitems: [{kind: RuleSet}, 5]\n---\nkind: RuleSet\nspec: {}\n"))
	f.Fuzz(func(_ *testing.T, data []byte) {
		m, _ := ReadManifest("m.yaml", data)
		for _, r := range m.RuleSets {
			_, _, _ = MergePart(r.Source)
		}
	})
}

// TestIdle tells why rules are without effect.
func TestIdle(t *testing.T) {
	const file = `ignore:
  - system: "bmc-*"
  - system: "phone-*"
switchGroups:
  a: {match: [{system: "leaf-*"}]}
  b: {match: [{system: "leaf-1"}, {system: "spine"}]}
  c: {match: [{system: "x"}]}
networks:
  - {name: green, match: [{system: "leaf-*", vlan: 100}]}
  - {name: late, match: [{system: "leaf-1", vlan: "100,101"}], spans: true}
  - {name: other, match: [{system: "leaf-*", vlan: 300}]}
  - {name: elsewhere, match: [{system: "rack-*"}], spans: true}
  - {name: vague, match: [{system: "flat"}], spans: true}
  - {name: tags, tagged: "200", match: [{group: a}]}
  - {name: host, match: [{system: "host"}], spans: true}
  - {name: one-of-two, match: [{system: "rack-*", vlan: 1}, {system: "leaf-2", vlan: 7}]}
  - {name: storage, match: [{interface: "eth7", silent: true}]}
  - {name: too-late, match: [{interface: "eth7", silent: now}]}
  - {name: spoken, match: [{interface: "eth8", silent: true}]}
  - {name: nowhere, match: [{interface: "eth9", silent: true}]}
`
	set, _, err := Parse("r.yaml", []byte(file))
	if err != nil {
		t.Fatal(err)
	}
	heard := func(system string, pvid uint16, occurrences ...Occurrence) Heard {
		n := &discovery.Neighbor{MSAP: discovery.MSAP{Chassis: "mac:00:00:5e:00:53:01", Port: "ifname:1"}, SystemName: system, PVID: pvid}
		return Heard{Subject{Interface: "eth1", Neighbor: n}, system != "host", occurrences}
	}
	var got []string
	for _, i := range set.Idle([]Heard{
		heard("bmc-1", 0), heard("leaf-1", 100, Occurrence{VID: 100}, Occurrence{VID: 200, Tagged: true}),
		heard("leaf-2", 7, Occurrence{VID: 7}), heard("flat", 0, Occurrence{}), heard("host", 0),
	}, []Subject{{Interface: "eth7"}, {Interface: "eth8"}}, []Ref{{File: "r.yaml", Line: 17}}) {
		got = append(got, i.Ref.String()+" "+i.Rule+": "+i.Why)
	}
	want := []string{
		"r.yaml:3 ignore: nobody who is heard here fits it",
		"r.yaml:6 group b: group a at r.yaml:5 comes first, by its name, and has all that fits it",
		"r.yaml:7 group c: nobody who is heard here fits it",
		"r.yaml:10 late: the rule at r.yaml:9 comes first for what fits it",
		"r.yaml:11 other: who fits it tells no VLAN that it names",
		"r.yaml:12 elsewhere: nobody who is heard here fits it",
		"r.yaml:13 vague: " + missPin,
		"r.yaml:15 host: who fits it does not count as a switch",
		"r.yaml:18 too-late: another rule comes first for eth7",
		"r.yaml:19 spoken: a switch speaks, or spoke, on eth8, which it pins",
		"r.yaml:20 nowhere: nobody who is heard here fits it",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got := new(Set).Idle(nil, nil, nil); got != nil || set.Len() != 17 || (*Set)(nil).Len() != 0 || (*Set)(nil).Idle(nil, nil, nil) != nil {
		t.Errorf("%v, %d rules", got, set.Len())
	}
}
