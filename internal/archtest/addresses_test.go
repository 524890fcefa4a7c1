// SPDX-License-Identifier: Apache-2.0

package archtest

import (
	"encoding/json"
	"regexp"
	"slices"
	"strings"
	"testing"
)

var (
	oneNode      = regexp.MustCompile(`\bone\s+node\b`)
	oneContainer = regexp.MustCompile(`\bone\s+(?:container|pod)\b`)
	ipamKey      = regexp.MustCompile(`"ipam"\s*:\s*`)
	comment      = regexp.MustCompile(`(?m)^\s*#.*$`)
)

// TestAddresses holds that no example gives one address to two containers. A definition
// serves all nodes, so an IPAM plugin that knows of one node only, and an address that
// stands in the definition, are right where the words before the example say for whom.
func TestAddresses(t *testing.T) {
	walk(t, func(page string) {
		for _, wrong := range pageGivesTwice(read(t, page)) {
			t.Errorf("%s: %s", page, wrong)
		}
	}, ".md")
	deployed := 0
	walk(t, func(file string) {
		if !strings.HasPrefix(file, "deploy/") {
			return
		}
		deployed++
		text := read(t, file)
		for _, wrong := range givesTwice(text, strings.Join(comment.FindAllString(text, -1), "\n")) {
			t.Errorf("%s: %s", file, wrong)
		}
	}, ".yaml", ".yml", ".json", ".conf", ".conflist", ".tpl", ".txt")
	if deployed == 0 {
		t.Error("nothing in deploy was looked at")
	}
}

// pageGivesTwice looks at each example of a page and the paragraph before it.
func pageGivesTwice(text string) (wrong []string) {
	end := 0
	for _, at := range fence.FindAllStringIndex(text, -1) {
		paragraphs := strings.Split(strings.TrimSpace(text[end:at[0]]), "\n\n")
		wrong = append(wrong, givesTwice(text[at[0]:at[1]], paragraphs[len(paragraphs)-1])...)
		end = at[1]
	}
	return wrong
}

// givesTwice says which IPAM plugins of an example can give an address to several
// containers, unless the words about it say that it is for one.
func givesTwice(example, words string) (wrong []string) {
	example = strings.ReplaceAll(example, `\"`, `"`) // JSON in a string
	if strings.Contains(example, "host-local") && !oneNode.MatchString(words) {
		wrong = append(wrong, `host-local gives out its range on each node anew: say "one node" before the example, or use another IPAM plugin`)
	}
	if slices.ContainsFunc(ipams(example), ipam.fixed) && !oneContainer.MatchString(words) {
		wrong = append(wrong, `static gives its addresses to each container: say "one container" before the example, or have the runtime tell the address`)
	}
	return wrong
}

type ipam struct {
	Type      string
	Addresses []any
}

func (i ipam) fixed() bool { return i.Type == "static" && len(i.Addresses) > 0 }

// ipams are the values of the key "ipam"; what is no JSON has none.
func ipams(text string) (all []ipam) {
	for _, at := range ipamKey.FindAllStringIndex(text, -1) {
		var i ipam
		if json.NewDecoder(strings.NewReader(text[at[1]:])).Decode(&i) == nil {
			all = append(all, i)
		}
	}
	return all
}

// TestAddressesBite holds that each form of the mistake is found.
func TestAddressesBite(t *testing.T) {
	const fences = "```"
	page := func(words, example string) string {
		return "# Page\n\nIt is one node and one container.\n\n" + words + "\n\n" + fences + "json\n" + example + "\n" + fences + "\n"
	}
	const (
		hostLocal = `{"type": "colvin", "ipam": {"type": "host-local", "ranges": [[{"subnet": "10.10.0.0/24"}]]}}`
		inString  = `config: "{\"type\": \"colvin\", \"ipam\": {\"type\": \"static\", \"addresses\": [{\"address\": \"10.10.0.1/24\"}]}}"`
		fixed     = "{\"type\": \"macvlan\",\n \"ipam\":\n  {\"addresses\": [{}], \"type\": \"static\"}}"
	)
	for name, tt := range map[string]struct {
		text string
		want int
	}{
		"host-local":              {page("On every node:", hostLocal), 1},
		"host-local, one node":    {page("Where one\nnode is all:", hostLocal), 0},
		"host-local as YAML":      {page("On every node:", "ipam: {type: host-local}"), 1},
		"static":                  {page("On one node:", fixed), 1},
		"static in a string":      {page("Of every node:", inString), 1},
		"static, one container":   {page("For one container:", fixed), 0},
		"static by the runtime":   {page("For all:", `{"ipam": {"type": "static"}}`), 0},
		"dhcp":                    {page("For all:", `{"ipam": {"type": "dhcp"}}`), 0},
		"words of another":        {page("For one node:", hostLocal) + page("Likewise:", hostLocal), 1},
		"both in one":             {page("For all:", hostLocal+"\n"+fixed), 2},
		"prose about host-local":  {"Do not use `host-local` here.\n", 0},
		"nothing before the page": {fences + "\n" + hostLocal + "\n" + fences, 1},
	} {
		if got := pageGivesTwice(tt.text); len(got) != tt.want {
			t.Errorf("%s: found %q, want %d", name, got, tt.want)
		}
	}
}
