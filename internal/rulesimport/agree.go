// SPDX-License-Identifier: Apache-2.0

package rulesimport

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/rules"
)

// oneName holds that one network has one name, and the same aliases, wherever it is claimed.
func (m *importer) oneName(all []*cell) {
	byIdentity := map[mapping.Identity][]*cell{}
	for _, c := range all {
		if c.uplink != nil && !c.dropped && !c.known {
			byIdentity[c.uplink.Identity] = append(byIdentity[c.uplink.Identity], c)
		}
	}
	for _, cells := range inOrder(byIdentity) {
		if !slices.ContainsFunc(cells, func(c *cell) bool { return !slices.Equal(c.names, cells[0].names) }) {
			continue
		}
		m.contradict(cells, fmt.Sprintf("%s is one network, and has several names: ", told(cells[0].uplink)), "; check the cables, or say which name is meant by --name")
	}
}

// oneNetwork holds that what one name stands for is one VLAN: more can be meant, but a
// wrong cable looks the same.
func (m *importer) oneNetwork(all []*cell) {
	byName := map[string][]*cell{}
	for _, c := range all {
		if !c.dropped && c.vlan() != 0 {
			for _, name := range c.names {
				byName[name] = append(byName[name], c)
			}
		}
	}
	for _, cells := range inOrder(byName) {
		if slices.ContainsFunc(cells, func(c *cell) bool { return c.vlan() != cells[0].vlan() }) {
			m.contradict(cells, "one name stands for several VLANs: ", "; check the cables, or give them different names by --name; a rule with spans: true says that it is meant")
		}
	}
	given := m.inForceVLANs()
	for _, c := range all {
		for _, name := range c.names {
			for _, g := range given[name] {
				if c.dropped || c.known || c.vlan() == 0 || g.Identity.VLAN == c.vlan() {
					continue
				}
				c.dropped = true
				m.find(Contradicted, c.placeOf(name), "%s: the files say that it is %s, and it is VLAN %d, but on %s %s is %s (%s, named by %s); check the cables, or give it another name by --name; spans: true in that rule says that it is meant",
					c, name, c.vlan(), g.node, g.Through(), g.Name, told(g.Uplink), g.Rule)
			}
		}
	}
}

// A given is an uplink of a node.
type given struct {
	*mapping.Uplink
	node string
}

// inForceVLANs are, by the names that rules in force give, the first of each VLAN that has it.
func (m *importer) inForceVLANs() map[string][]given {
	out := map[string][]given{}
	for _, node := range slices.Sorted(maps.Keys(m.witnesses)) {
		view := m.witnesses[node].view()
		for i := range view.Uplinks {
			a := &view.Uplinks[i]
			if a.Spans || !a.Identity.HasVLAN() {
				continue
			}
			for _, name := range a.Names() {
				if !slices.ContainsFunc(out[name], func(g given) bool { return g.Identity.VLAN == a.Identity.VLAN }) {
					out[name] = append(out[name], given{a, node})
				}
			}
		}
	}
	return out
}

// oneDevice holds that a name leads to one device of a node.
func (m *importer) oneDevice(all []*cell) {
	type at struct{ node, name string }
	byName := map[at][]*cell{}
	for _, c := range all {
		if !c.dropped {
			for _, name := range c.names {
				byName[at{c.node, name}] = append(byName[at{c.node, name}], c)
			}
		}
	}
	for _, cells := range inOrder(byName) {
		if len(cells) > 1 {
			m.contradict(cells, "one name leads to several devices of one node, and a pod could not tell which: ", "; give them different names by --name")
		}
	}
}

// noOther holds that no name comes to lead to another network of a node than is claimed:
// pods that attach there by it now could not tell which any more.
func (m *importer) noOther(all []*cell) {
	stands := map[string]map[mapping.Identity]bool{} // for what the names will
	for _, c := range all {
		for _, name := range c.names {
			if c.uplink != nil && !c.dropped {
				if stands[name] == nil {
					stands[name] = map[mapping.Identity]bool{}
				}
				stands[name][c.uplink.Identity] = true
			}
		}
	}
	for _, c := range all {
		own := c.uplinks(c.by.view(), c.vid)
		for i := range c.by.view().Uplinks {
			a := &c.by.view().Uplinks[i]
			same := c.uplink != nil && c.uplink.Identity == a.Identity
			for _, name := range c.names {
				if c.dropped || c.known || same || slices.Contains(own, a) || !slices.Contains(a.Names(), name) && !stands[name][a.Identity] {
					continue
				}
				c.dropped = true
				m.find(Contradicted, c.placeOf(name), "%s: the files say that it is %s, but %s leads there too (%s), and a pod could not tell which; check the cables, or give it another name by --name", c, name, a.Through(), told(a))
			}
		}
	}
}

// oneMeaning holds that a name is made from one: definitions of two namespaces may have one
// name by chance, and so may two names of which only letters and digits are left. Where
// they are of one interface, or the switches tell that it is one network, it is.
func (m *importer) oneMeaning(all []*cell) {
	byName := map[string][]*cell{}
	for _, c := range all {
		for _, name := range c.names {
			if !c.dropped {
				byName[name] = append(byName[name], c)
			}
		}
	}
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		if cells := byName[name]; fallsApart(name, cells) {
			m.contradict(cells, fmt.Sprintf("%s is made from %s, and nothing tells that they are one network: ", name, strings.Join(meanings(name, cells), ", ")),
				"; say what each is called by --name, as often as needed, such as --name "+example(cells)+"="+name)
		}
	}
}

// example is one of the definitions of cells, with its namespace where one has it: a name
// without would be that of all namespaces.
func example(cells []*cell) string {
	for _, c := range cells {
		for _, d := range c.claims {
			if d.namespace != "" {
				return d.names[0]
			}
		}
	}
	return cells[0].claims[0].names[0]
}

// meanings are what a name is made from.
func meanings(name string, cells []*cell) []string {
	all := map[string]bool{}
	for _, c := range cells {
		for _, s := range c.said {
			if s.name == name && s.meant != (meaning{}) {
				all[s.meant.String()] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(all))
}

// fallsApart reports whether what a name is made from falls into parts that have nothing in common.
func fallsApart(name string, cells []*cell) bool {
	var parts []map[any]bool
	for _, c := range cells {
		part := map[any]bool{}
		for _, s := range c.said {
			if s.name == name && s.meant != (meaning{}) {
				part[s.meant] = true
			}
		}
		if len(part) == 0 {
			continue
		}
		if c.uplink != nil {
			part[c.uplink.Identity] = true
		}
		parts = slices.DeleteFunc(parts, func(other map[any]bool) bool {
			for key := range other {
				if part[key] {
					maps.Copy(part, other)
					return true
				}
			}
			return false
		})
		parts = append(parts, part)
	}
	texts := map[string]int{} // in how many parts definitions have it
	for _, part := range parts {
		for text := range textsOf(part, true) {
			texts[text]++
		}
	}
	count := 0
	for _, part := range parts {
		defined := textsOf(part, true)
		joins := func(text string) bool { return texts[text] > 0 }
		if len(defined) > 0 || !slices.ContainsFunc(slices.Collect(maps.Keys(textsOf(part, false))), joins) {
			count++
		}
	}
	return count > 1
}

// textsOf are the texts in a part: of definitions with a namespace, or of all.
func textsOf(part map[any]bool, defined bool) map[string]bool {
	out := map[string]bool{}
	for key := range part {
		if of, ok := key.(meaning); ok && (of.namespace != "" || !defined) {
			out[of.text] = true
		}
	}
	return out
}

// unusedNames says which names of --name are none: what they were to keep apart is not.
func (m *importer) unusedNames(claims []claim) {
	for _, from := range slices.Sorted(maps.Keys(m.Names)) {
		within := func(name string) bool { return strings.Contains(rules.Label(name), rules.Label(from)) }
		if rules.Label(from) == "" || !slices.ContainsFunc(claims, func(d claim) bool { return slices.ContainsFunc(d.names, within) }) {
			m.find(NotRead, "", "--name %s=%s: nothing in the files is called so", from, m.Names[from])
		}
	}
}

// inOrder are the values of a map in the order of their first cells.
func inOrder[K comparable](in map[K][]*cell) [][]*cell {
	return slices.SortedFunc(maps.Values(in), func(a, b []*cell) int {
		return cmp.Or(cmp.Compare(a[0].node, b[0].node), cmp.Compare(a[0].device, b[0].device), cmp.Compare(a[0].vid, b[0].vid))
	})
}

// maxTold bounds how many cells a finding names.
const maxTold = 6

// contradict drops cells that do not fit together. What rules name already stays.
func (m *importer) contradict(cells []*cell, what, remedy string) {
	var list []string
	for _, c := range cells {
		wire := "silent"
		if c.uplink != nil {
			wire = told(c.uplink)
		}
		list = append(list, fmt.Sprintf("%s (%s) is called %s", c, wire, c.called()))
	}
	if len(list) > maxTold {
		list = append(list[:maxTold], fmt.Sprintf("and %d more", len(list)-maxTold))
	}
	if slices.ContainsFunc(cells, func(c *cell) bool { return !c.dropped }) {
		m.find(Contradicted, cells[0].claims[0].place, "%s%s%s", what, strings.Join(list, "; "), remedy)
	}
	for _, c := range cells {
		c.dropped = c.dropped || !c.known
	}
}
