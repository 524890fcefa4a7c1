// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"os"
	"testing"
)

func TestLooksCut(t *testing.T) {
	const (
		group = "switchGroups:\n  dc1:\n    match: [{system: \"sw-*\"}]\n    vlans:\n      100: green\n"
		blue  = "networks:\n  - name: blue\n    match:\n      - system: sw-blue\n        vlan: 100\n"
		red   = "  - name: red\n    match: [{system: sw-red, vlan: 7}]\n"
	)
	for name, tt := range map[string]struct {
		data, whole string
		want        bool
	}{
		"the same":                        {group + blue, group + blue, false},
		"longer":                          {group + blue + red, group + blue, false},
		"a rule less":                     {group + blue, group + blue + red, true},
		"a section less":                  {group, group + blue, true},
		"within a key":                    {group + "netw", group + blue, true},
		"nothing":                         {"", group, true},
		"nothing of nothing":              {"", "", false},
		"another comment":                 {group + "# " + "xxx", "# old\n" + group + blue, true},
		"another comment within a word":   {"# new\n" + group + "networks:\n  - name: bl", group + blue, true},
		"another comment within a number": {"# new\n" + group + blue[:len(blue)-2], group + blue, true},
		"another number":                  {group + blue[:len(blue)-2] + "\n", group + blue, false},
		"another rule":                    {"networks:\n  - name: white\n    match: [{vlan: 5}]\n", group + blue, false},
		"without the first":               {blue, group + blue, false},
		"without the second":              {group + "networks:\n" + red, group + blue + red, false},
		"none, and said so":               {"networks: []\n", group + blue, false},
		"none, by comments":               {"# none\n", group + blue, false},
		"first of all":                    {group, "", false},
		"not YAML":                        {"networks: [{name", group, false},
		"other spaces":                    {"switchGroups: {dc1: {match: [{system: 'sw-*'}], vlans: {100: green}}}\n", group + blue, true},
	} {
		if got := LooksCut([]byte(tt.data), []byte(tt.whole)); got != tt.want {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// Wherever a file is cut, with another comment before it or not, it looks cut or is no
// file of rules.
func TestLooksCutAnywhere(t *testing.T) {
	whole, err := os.ReadFile("testdata/everything.yaml")
	if err != nil {
		t.Fatal(err)
	}
	for n := range len(whole) {
		if !LooksCut(whole[:n], whole) {
			t.Errorf("the first %d octets do not look cut", n)
		}
		other := append([]byte("# new\n"), whole[:n]...)
		if set, _, err := Parse("r.yaml", other); err == nil && len(set.networks) > 0 && !LooksCut(other, whole) && len(sayings(other)) < len(sayings(whole)) {
			t.Errorf("the first %d octets under another comment are rules, and do not look cut", n)
		}
	}
}
