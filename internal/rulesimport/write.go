// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/internal/paste"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
)

// A rule is one of networks.
type rule struct {
	name    string
	aliases []string
	vid     uint16 // of tagged; 0 for none
	entries []entry
	vlans   map[mapping.Identity]bool // for which it stands
}

// An entry is a match with what it is for.
type entry struct {
	match      string
	told       bool // by a switch, and no pin
	at, places []string
}

// maxLine bounds what stands beside a match, in characters.
const maxLine = 120

// String is what stands beside the match.
func (e *entry) String() string {
	return fit.List(e.at, maxLine) + " (" + fit.List(e.places, maxLine) + ")"
}

// group makes rules of cells: those of the same names and tag are one. A name is the one
// that most cells have, of several.
func group(cells []*cell) []*rule {
	often := map[string]int{}
	for _, c := range cells {
		for _, name := range c.names {
			often[name]++
		}
	}
	byKey := map[string]*rule{}
	for _, c := range cells {
		names := slices.SortedFunc(slices.Values(c.names), func(a, b string) int {
			return cmp.Or(often[b]-often[a], len(a)-len(b), cmp.Compare(a, b))
		})
		vid := uint16(0)
		if c.tagged {
			vid = c.vid
		}
		key := fmt.Sprintf("%s %d", strings.Join(names, " "), vid)
		r := byKey[key]
		if r == nil {
			r = &rule{name: names[0], aliases: names[1:], vid: vid, vlans: map[mapping.Identity]bool{}}
			byKey[key] = r
		}
		if c.uplink != nil {
			r.vlans[c.uplink.Identity] = true
		}
		for _, match := range c.matches {
			at := slices.IndexFunc(r.entries, func(e entry) bool { return e.match == match })
			if at < 0 {
				at = len(r.entries)
				r.entries = append(r.entries, entry{match: match, told: c.uplink != nil || c.declared})
			}
			e := &r.entries[at]
			e.at = append(e.at, c.String())
			for _, s := range c.said {
				if !slices.Contains(e.places, s.place) {
					e.places = append(e.places, s.place)
				}
			}
		}
	}
	for _, r := range byKey { // what switches tell first
		slices.SortStableFunc(r.entries, func(a, b entry) int {
			switch {
			case a.told == b.told:
				return 0
			case a.told:
				return -1
			}
			return 1
		})
	}
	return slices.SortedFunc(maps.Values(byKey), func(a, b *rule) int {
		return cmp.Or(cmp.Compare(a.name, b.name), cmp.Compare(a.vid, b.vid), slices.Compare(a.aliases, b.aliases))
	})
}

// make groups the cells that are left, and holds that by their rules, beside those in force,
// each has the names that were claimed.
func (m *importer) make(all []*cell) ([]*rule, error) {
	for {
		list := group(slices.DeleteFunc(slices.Clone(all), func(c *cell) bool { return c.dropped || c.known }))
		views, err := m.views(list)
		if err != nil {
			return nil, err
		}
		if !m.dropLost(views, all) {
			m.note(list, views, all)
			return list, nil
		}
	}
}

// views are what becomes of each node by rules beside those in force.
func (m *importer) views(list []*rule) (map[*witness]*mapping.View, error) {
	text, views := networks(list), map[*witness]*mapping.View{}
	for _, node := range slices.Sorted(maps.Keys(m.witnesses)) {
		w := m.witnesses[node]
		set, err := w.with(text)
		if err != nil {
			return nil, fmt.Errorf("rules that were made for %s are not valid: %w", node, err)
		}
		views[w] = w.resolve(set)
	}
	return views, nil
}

// dropLost drops cells that do not have their names in the views, and reports whether there
// were any.
func (m *importer) dropLost(views map[*witness]*mapping.View, all []*cell) (lost bool) {
	for _, c := range all {
		if c.dropped || c.known {
			continue
		}
		ups := c.uplinks(views[c.by], c.vid)
		for _, a := range ups {
			if slices.ContainsFunc(c.names, func(name string) bool { return !slices.Contains(a.Names(), name) }) && !c.dropped {
				m.drop(NotPinned, c, "the rule for %q does not come to count, by the other rules it is %q: please report this", c.names, a.Names())
			}
		}
		if len(ups) == 0 {
			m.drop(NotPinned, c, "the rule for %q does not come to count beside the other rules: please report this", c.names)
		}
		lost = lost || c.dropped
	}
	return lost
}

// note says where the names that were made lead beside what is claimed.
func (m *importer) note(list []*rule, views map[*witness]*mapping.View, cells []*cell) {
	made := map[string]bool{}
	for _, r := range list {
		made[r.name] = true
	}
	for _, node := range slices.Sorted(maps.Keys(m.witnesses)) {
		for _, name := range slices.Sorted(maps.Keys(made)) {
			m.noteOthers(node, name, views[m.witnesses[node]], cells)
		}
	}
}

// noteOthers says where a name leads by the rules made, beside what is claimed.
func (m *importer) noteOthers(node, name string, view *mapping.View, cells []*cell) {
	ways, others, who := 0, []string{}, "the switches tell it"
	for i := range view.Uplinks {
		a := &view.Uplinks[i]
		if !slices.Contains(a.Names(), name) {
			continue
		}
		ways++
		if !slices.ContainsFunc(cells, func(c *cell) bool { return c.node == node && slices.Contains(c.uplinks(view, c.vid), a) }) {
			others = append(others, a.Through())
			if a.Identity.Kind == identity.Pin {
				who = "a rule in force pins it"
			}
		}
	}
	switch {
	case len(others) == 0:
	case len(others) < ways:
		m.find(Note, "", "%s leads on %s to %s as well, which is the same network: where a name leads to several devices, a pod attaches with \"select\": \"first\" only", name, node, strings.Join(others, ", "))
	default:
		m.find(Note, "", "%s leads on %s to %s, of which no file says anything: %s", name, node, strings.Join(others, ", "), who)
	}
}

// networks is the section of the rules, as it stands in a file.
func networks(list []*rule) string {
	if len(list) == 0 {
		return "networks: []\n"
	}
	var b strings.Builder
	b.WriteString("networks:\n")
	for _, r := range list {
		for entries := range slices.Chunk(r.entries, v1alpha1.MaxMatches) {
			fmt.Fprintf(&b, "  - name: %s\n", paste.YAML(r.name))
			if len(r.aliases) > 0 {
				quoted := make([]string, len(r.aliases))
				for i, a := range r.aliases {
					quoted[i] = paste.YAML(a)
				}
				fmt.Fprintf(&b, "    aliases: [%s]\n", strings.Join(quoted, ", "))
			}
			if r.vid != 0 {
				fmt.Fprintf(&b, "    tagged: \"%d\"\n", r.vid)
			}
			if len(r.vlans) > 1 {
				b.WriteString("    spans: true # the files say that these are one network\n")
			}
			b.WriteString("    match:\n")
			for _, e := range entries {
				fmt.Fprintf(&b, "      - %s # %s\n", e.match, fit.Printable(e.String()))
			}
		}
	}
	return b.String()
}

// write is the file, with what there is to say at its head.
func (m *importer) write(r *Report, list []*rule) string {
	var b strings.Builder
	var names []string
	for _, f := range m.Files {
		names = append(names, f.Name)
	}
	fmt.Fprintf(&b, "# Made from %s by colvin rules import.\n", fit.Printable(strings.Join(names, ", ")))
	if beside := m.inForce(); len(beside) > 0 {
		fmt.Fprintf(&b, "# They are meant beside the rules in force, and behind them: %s.\n", fit.Printable(strings.Join(beside, ", ")))
	}
	for _, k := range headings {
		if r.Count(k.Kind) == 0 {
			continue
		}
		fmt.Fprintf(&b, "#\n# %s\n", k.title)
		for _, f := range r.Findings {
			if f.Kind == k.Kind {
				fmt.Fprintf(&b, "#   %s\n", fit.Printable(f.text()))
			}
		}
	}
	if m.RuleSet == "" {
		return b.String() + networks(list)
	}
	for i, part := range parts(list) {
		name := m.RuleSet
		if i > 0 {
			name = fmt.Sprintf("%s-%d", name, i+1)
			b.WriteString("---\n")
		}
		fmt.Fprintf(&b, "apiVersion: colvin.dev/v1alpha1\nkind: RuleSet\nmetadata:\n  name: %s\nspec:\n", paste.YAML(name))
		for line := range strings.Lines(networks(part)) {
			b.WriteString("  " + line)
		}
	}
	return b.String()
}

// parts are the rules in as many as RuleSets take.
func parts(list []*rule) (all [][]*rule) {
	room := 0
	var split []*rule // as networks does, and no RuleSet takes more of one name than of several
	for _, r := range list {
		for entries := range slices.Chunk(r.entries, v1alpha1.MaxRules*v1alpha1.MaxMatches) {
			part := *r
			part.entries = entries
			split = append(split, &part)
		}
	}
	for _, r := range split {
		need := (len(r.entries) + v1alpha1.MaxMatches - 1) / v1alpha1.MaxMatches
		if need > room {
			all, room = append(all, nil), v1alpha1.MaxRules
		}
		all[len(all)-1] = append(all[len(all)-1], r)
		room -= need
	}
	if len(all) == 0 {
		return [][]*rule{nil}
	}
	return all
}

// text is a finding on one line.
func (f Finding) text() string {
	if f.Place == "" {
		return f.Message
	}
	return f.Place + ": " + f.Message
}
