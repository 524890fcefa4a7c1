// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"strings"
	"testing"
)

// TestWarnings counts what is said about the networks of a file: that a match never
// applies, and that one name is for several VLANs.
func TestWarnings(t *testing.T) {
	for _, tt := range []struct {
		name            string
		networks        string
		covered, shared int
	}{
		{"three the same", `{name: a, match: [{system: x, vlan: 1}]}, {name: b, match: [{system: x, vlan: 1}]}, {name: c, match: [{system: x, vlan: 1}]}`, 2, 0},
		{"the same bare port", `{name: a, match: [{port: "Ethernet1/1", vlan: 1}]}, {name: b, match: [{port: "Ethernet1/1", vlan: 1}]}`, 1, 0},
		{"the same port of a kind", `{name: a, match: [{port: "ifname:1", vlan: 1}]}, {name: b, match: [{port: "ifname:1", vlan: 1}]}`, 1, 0},
		{"a port and a port of a kind", `{name: a, match: [{port: "1", vlan: 1}]}, {name: b, match: [{port: "ifname:1", vlan: 1}]}`, 0, 0},
		{"addresses within others", `{name: a, match: [{managementAddress: 192.0.2.0/24, vlan: 1}]}, {name: b, match: [{managementAddress: 192.0.2.7, vlan: 1}]}`, 1, 0},
		{"addresses beside others", `{name: a, match: [{managementAddress: 10.0.0.0/8, vlan: 1}]}, {name: b, match: [{managementAddress: 192.0.2.7, vlan: 1}]}`, 0, 0},
		{"wider addresses", `{name: a, match: [{managementAddress: 192.0.2.7, vlan: 1}]}, {name: b, match: [{managementAddress: 192.0.2.0/24, vlan: 1}]}`, 0, 0},
		{"VLANs within others", `{name: "a-{vlan}", match: [{system: x, vlan: "1-3,4-5"}]}, {name: "b-{vlan}", match: [{system: x, vlan: "2-5"}]}`, 1, 0},
		{"VLANs that begin before", `{name: "a-{vlan}", match: [{system: x, vlan: "4-9"}]}, {name: "b-{vlan}", match: [{system: x, vlan: "3-9"}]}`, 0, 0},
		{"VLANs that end after", `{name: "a-{vlan}", match: [{system: x, vlan: "4-9"}]}, {name: "b-{vlan}", match: [{system: x, vlan: "4-10"}]}`, 0, 0},
		{"the same tagged VLAN", `{name: a, tagged: 4, match: [{system: x}]}, {name: b, tagged: 4, match: [{system: x}]}`, 1, 0},
		{"another tagged VLAN", `{name: a, tagged: 4, match: [{system: x}]}, {name: b, tagged: 5, match: [{system: x}]}`, 0, 0},
		{"untagged at the same port", `{name: a, match: [{port: p1}]}, {name: b, match: [{port: p1}]}`, 1, 0},
		{"two tagged VLANs", `{name: a, tagged: "4-5", match: [{system: x}]}`, 0, 1},
		{"two VLANs", `{name: a, match: [{system: x, vlan: "4-5"}]}`, 0, 1},
		{"a range of one", `{name: a, match: [{system: x, vlan: "5-5"}]}`, 0, 0},
		{"two ranges that are one VLAN", `{name: a, match: [{system: x, vlan: "5,5"}]}`, 0, 0},
		{"two VLANs, which the name tells", `{name: "{vlanName.1}", wireNames: true, match: [{vlanName: "(*)", vlan: "4-5"}]}`, 0, 0},
		{"untagged, whatever it is", `{name: a, match: [{system: x, vlan: untagged}]}`, 0, 0},
	} {
		_, warnings, err := Parse("r.yaml", []byte("networks: ["+tt.networks+"]"))
		covered, shared := 0, 0
		for _, w := range warnings {
			if strings.Contains(w.Message, "never applies") {
				covered++
			}
			if strings.Contains(w.Message, "one name for") {
				shared++
			}
		}
		if err != nil || covered != tt.covered || shared != tt.shared {
			t.Errorf("%s: %v, %d never apply, %d share a name; want %d and %d", tt.name, err, covered, shared, tt.covered, tt.shared)
		}
	}
}

// TestMistakesInTheirPlace counts mistakes: one is told once, and hides no other.
func TestMistakesInTheirPlace(t *testing.T) {
	for _, tt := range []struct {
		file string
		want []string // begins so
	}{
		{`networks: [{name: a, aliases: [Not Valid, "b-{bogus}", c], match: [{vlan: 1}]}]`, []string{"networks[0].aliases[0]", "networks[0].aliases[1]"}},
		{`networks: [{name: a, aliases: [a], match: [{vlan: 1}]}]`, []string{"networks[0].aliases[0]"}},
		{`networks: [{name: a, match: [{port: "mac:00:1b"}]}]`, []string{"networks[0].match[0].port"}},
		{`networks: [{name: a, match: }]`, []string{"networks[0].match"}},
		{`networks: [{name: a, match: []}]`, []string{"networks[0].match"}},
		{`networks: [{name: a, match: 7}]`, []string{"networks[0].match"}},
		{`switchGroups: {g: [{system: a}]}`, []string{"switchGroups.g"}},
		{`networks: [a, {name: b, match: [[c], d]}]`, []string{"networks[0]", "networks[1].match[0]", "networks[1].match[1]"}},
		{`networks: [{name: "a-{system.1}", match: [{system: "(", vlan: 1}]}]`, []string{"networks[0].match[0].system"}},
		{`networks: [{name: a, tagged: x, match: [{system: x}]}]`, []string{"networks[0].tagged"}},
		{`switchGroups: {g: {match: [{system: x}], vlans: {x: a, 1: b, "1": c}}}`, []string{"switchGroups.g.vlans.x", "switchGroups.g.vlans.1"}},
	} {
		_, _, err := Merge(Source{Name: "r", Data: []byte(tt.file), Root: "spec"})
		var got []string
		if err != nil {
			for line := range strings.Lines(err.Error()) {
				got = append(got, strings.TrimPrefix(line, "r: spec."))
			}
		}
		same := len(got) == len(tt.want)
		for i := 0; same && i < len(got); i++ {
			same = strings.HasPrefix(got[i], tt.want[i]+": ")
		}
		if !same {
			t.Errorf("%s: mistakes\n%swant %v", tt.file, strings.Join(got, ""), tt.want)
		}
	}
}
