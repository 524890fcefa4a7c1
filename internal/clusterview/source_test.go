// SPDX-License-Identifier: Apache-2.0

package clusterview_test

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"sigs.k8s.io/yaml"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/clusterview"
	"github.com/colvin-net/colvin/internal/yamlfile"
	"github.com/colvin-net/colvin/mapping/rules"
	"github.com/colvin-net/colvin/mapping/rules/rulestest"
)

// ruleSpec is the spec that the document is.
func ruleSpec(t *testing.T, document string) (out v1alpha1.RuleSetSpec) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(document), &out); err != nil {
		t.Fatal(err)
	}
	return out
}

// answers are what rules make of everything, without the places of the rules.
type answers struct {
	Names, Patterns []string
	Answers         map[string]answer
}

type answer struct {
	Ignored  bool
	Group    rules.Group
	Declared rules.VIDs
	Names    map[rules.Occurrence]rules.Naming
	Pins     []rules.Pin
}

func ask(set *rules.Set) (out answers, named int) {
	out = answers{set.KnownNames(), set.KnownPatterns(), map[string]answer{}}
	for name, sub := range subjects() {
		var a answer
		_, a.Ignored = set.Ignored(sub)
		a.Group, _ = set.Read(sub).Group()
		a.Group.Ref = rules.Ref{}
		a.Declared = set.Read(sub).Declared()
		a.Names = map[rules.Occurrence]rules.Naming{}
		for _, occ := range occurrences() {
			if naming, ok, _ := set.Read(sub).Name(occ); ok {
				naming.Ref = rules.Ref{}
				a.Names[occ] = naming
				named++
			}
		}
		a.Pins, _ = set.Pins(sub)
		for i := range a.Pins {
			a.Pins[i].Naming.Ref = rules.Ref{}
		}
		out.Answers[name] = a
	}
	return out, named
}

func occurrences() []rules.Occurrence {
	out := []rules.Occurrence{{}}
	for _, vid := range []uint16{1, 7, 8, 12, 20, 30, 35, 100, 101, 102, 250, 300, 305, 311, 400, 412, 500} {
		for _, name := range []string{"", "Prod_1", "tenant-x", "Green"} {
			out = append(out, rules.Occurrence{VID: vid, VLANName: name}, rules.Occurrence{VID: vid, VLANName: name, Tagged: true})
		}
	}
	return out
}

// subjects are switch ports as the documents mean them, and others.
func subjects() map[string]rules.Subject {
	out := map[string]rules.Subject{}
	ports := []discovery.Neighbor{
		{MSAP: discovery.MSAP{Chassis: "mac:00:1b:21:aa:bb:cc", Port: "ifname:Ethernet1/12"}, PVID: 7, ManagementAddresses: []string{"192.0.2.7"}},
		{MSAP: discovery.MSAP{Chassis: "local:x", Port: "mac:00:00:5e:00:53:01"}, PortDescription: "IP phone", VLANs: []discovery.VLANName{{ID: 101, Name: "Blue"}}},
		{MSAP: discovery.MSAP{Chassis: "mac:00:1b:21:00:00:01", Port: "ifname:Ethernet1/4"}, PVID: 30, PortDescription: "uplink to rack 7", ManagementAddresses: []string{"2001:db8:7::1"}},
		{MSAP: discovery.MSAP{Chassis: "cdp:x", Port: "ifname:Ethernet1/1"}, PVID: 8, PortDescription: `(x) <&> "Y" é\`, ManagementAddresses: []string{"192.0.2.9"}},
		{MSAP: discovery.MSAP{Chassis: "mac:00:1b:22:00:00:01", Port: "local:x"}, PortDescription: "to spine (left)", VLANs: []discovery.VLANName{{ID: 100, Name: "Green"}}},
	}
	systems := []string{"leaf-1", "spine-2", "rail-leaf-7", "old-3com-7", "desk-switch-2", "bmc-1", "core-1", "edge-1", "edge-3", "edge-5", ""}
	for _, p := range ports {
		for _, system := range systems {
			for _, at := range []rules.Subject{
				{Node: "node-3", Interface: "ens4", Addresses: []netip.Prefix{netip.MustParsePrefix("10.20.0.7/24")}},
				{
					Node: "node-9", Interface: "eno2", MAC: "00:1b:21:00:00:02", Driver: "ice",
					Addresses: []netip.Prefix{netip.MustParsePrefix("2001:db8:7::7/64")}, Prefixes: map[uint16][]netip.Prefix{0: {netip.MustParsePrefix("2001:db8:7::/64")}},
				},
				{Node: "node-1", Interface: "lom1"},
				{Node: "edge-7", Interface: "eth1", MAC: "00:1b:21:aa:bb:cc", PCI: "0000:3b:00.1", Driver: "mlx5_core"},
			} {
				p.SystemName = system
				at.Neighbor = new(p)
				out[strings.Join([]string{string(p.Chassis), system, at.Node}, " ")] = at
			}
		}
	}
	return out
}

// The same rules in a file and in a RuleSet give the same names.
func TestRuleSourceIsTheFile(t *testing.T) {
	total, pinned := 0, 0
	for name, document := range rulestest.Documents(t, "../..") {
		t.Run(name, func(t *testing.T) {
			file, fileWarnings, err := rules.Parse("r.yaml", []byte(document))
			if err != nil {
				t.Fatal(err)
			}
			source, err := clusterview.RuleSource("x", ruleSpec(t, document))
			if err != nil {
				t.Fatal(err)
			}
			object, warnings, err := rules.Merge(source)
			if err != nil {
				t.Fatal(err)
			}
			want, named := ask(file)
			got, _ := ask(object)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("answers (-file +RuleSet):\n%s", diff)
			}
			if len(fileWarnings) != len(warnings) {
				t.Errorf("warnings %v, want %v", warnings, fileWarnings)
			}
			total += named
			for _, a := range got.Answers {
				pinned += len(a.Pins)
			}
		})
	}
	if pinned < 100 {
		t.Errorf("%d pins were told, want 100 at least", pinned)
	}
	if total < 1000 {
		t.Errorf("%d names were given, want 1000 at least", total)
	}
}

// What is wrong with a RuleSet is told in its own words: by the path that the API
// server uses, and without a line that nobody wrote.
func TestRuleSourceMistakes(t *testing.T) {
	vlan := intstr.FromString("untagged")
	r := &v1alpha1.RuleSet{ObjectMeta: metav1.ObjectMeta{Name: "x"}, Spec: v1alpha1.RuleSetSpec{
		Networks: []v1alpha1.NetworkRule{{Name: "a-{system.2}", Match: []v1alpha1.Match{{System: "(*)", VLAN: &vlan}, {Group: "none"}}}},
	}}
	source, err := clusterview.RuleSource(r.Name, r.Spec)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = rules.Merge(source)
	want := yamlfile.Mistakes{
		{
			File: "ruleset/x", Path: "spec.networks[0].name", Hint: "put parentheses around what is to be caught, such as (*)",
			Message: "{system.2} asks for what is not caught: the match at spec.networks[0].match[0] has no (...) number 2 in system",
		},
		{
			File: "ruleset/x", Path: "spec.networks[0].name", Hint: "put parentheses around what is to be caught, such as (*)",
			Message: "{system.2} asks for what is not caught: the match at spec.networks[0].match[1] has no (...) number 2 in system",
		},
		{File: "ruleset/x", Path: "spec.networks[0].match[1].group", Message: `there is no group "none"`, Hint: "define it under switchGroups"},
	}
	got, _ := errors.AsType[yamlfile.Mistakes](err)
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("mistakes (-want +got):\n%s", diff)
	}
}

// A key that a later version brought is a mistake, where the spec comes as it is.
func TestRuleSourceOfLaterVersion(t *testing.T) {
	spec := map[string]any{"networks": []any{map[string]any{"name": "a", "match": []any{map[string]any{"vlan": 5, "rack": "7"}}}}}
	source, err := clusterview.RuleSource("x", spec)
	if err != nil {
		t.Fatal(err)
	}
	_, _, err = rules.Merge(source)
	want := "ruleset/x: spec.networks[0].match[0].rack: unknown key; did you mean \"mac\"?"
	if err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// RuleSets count in the order of their names, in whatever order they come.
func TestSortRuleSources(t *testing.T) {
	var all []rules.Source
	for _, name := range []string{"b", "a-b", "a"} {
		source, err := clusterview.RuleSource(name, ruleSpec(t, `networks: [{name: x, match: [{system: "*", vlan: 100}]}]`))
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, source)
	}
	clusterview.SortRuleSources(all)
	data := []byte(`{"networks":[{"name":"x","match":[{"system":"*","vlan":100}]}]}`)
	want := []rules.Source{
		{Name: "ruleset/a", Root: "spec", Data: data}, {Name: "ruleset/a-b", Root: "spec", Data: data}, {Name: "ruleset/b", Root: "spec", Data: data},
	}
	if diff := cmp.Diff(want, all); diff != "" {
		t.Errorf("sources (-want +got):\n%s", diff)
	}
}
