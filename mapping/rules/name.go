// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// maxNotes bounds the near misses of one answer.
const maxNotes = 5

// Name returns the name that the rules give to an occurrence. The notes say in
// sentences which rules would have named it but for one reason, and why a rule
// that applies gives no name; they come with a name too. A rule that applies but
// gives no valid name ends the search: a later rule was not meant.
func (r *Reading) Name(occ Occurrence) (Naming, bool, []string) {
	if r.set == nil || r.sub.Neighbor == nil || !occ.possible(r.sub) {
		return Naming{}, false, nil
	}
	var notes notes
	n, m := r.decide(occ, nil, func(n *networkRule, m *match, miss string) {
		notes.add("%s would name it %s, but %s", m.ref, n.name.source, miss)
	})
	if n != nil {
		naming, ok := n.naming(wordValues{m, r.sub, occ, r.set.names}, &notes)
		return naming, ok, notes
	}
	if r.group == nil {
		return Naming{}, false, notes
	}
	naming, ok := r.group.naming(wordValues{r.groupMatch, r.sub, occ, r.set.names}, &notes)
	return naming, ok, notes
}

// decide is the rule that decides what an occurrence is called, with its match, if any
// does: of all rules, or of one. The function is told of those that would but for one reason.
func (r *Reading) decide(occ Occurrence, only *networkRule, missed func(n *networkRule, m *match, miss string)) (*networkRule, *match) {
	about := r.set.untagged
	if occ.Tagged {
		about = r.set.tagged
	}
	for i := range r.held.both(about) {
		c := &r.set.matches[i]
		if only != nil && c.networkRule != only {
			continue
		}
		applies, miss := c.applies(c.match, occ, r.group)
		if miss != "" {
			missed(c.networkRule, c.match, miss)
		}
		if applies {
			return c.networkRule, c.match
		}
	}
	return nil, nil
}

// possible refuses what no port can have. A VID equal to the PVID is untagged
// only, whatever the caller heard.
func (o Occurrence) possible(sub Subject) bool {
	if o.Tagged && (o.VID == 0 || o.VID == sub.Neighbor.PVID) {
		return false
	}
	return o.VID <= discovery.MaxVID
}

// unadvertised reports whether nobody says which VLAN this is.
func (o Occurrence) unadvertised() bool { return !o.Tagged && o.VID == 0 }

const (
	missPin = "the switch does not advertise the VLAN of this port: name the port in the rule (port, portDescription or interface) or set unadvertised: switch"
	missVID = "the switch does not advertise the VLAN of this port: write vlan: untagged and name the port in the rule"
)

// applies reports whether a match whose subject holds names the occurrence, or
// in a miss the one reason why it does not.
func (n *networkRule) applies(m *match, occ Occurrence, g *group) (ok bool, miss string) {
	if n.tagged != nil {
		return occ.Tagged && n.tagged.has(occ.VID), ""
	}
	name := m.globs[keyVLANName]
	switch {
	case m.untagged && occ.Tagged,
		m.vlans == nil && name == nil && occ.Tagged: // without a VLAN it means the untagged one
		return false, ""
	case occ.unadvertised() && (m.vlans != nil || name != nil):
		return false, missVID
	case m.vlans != nil && !m.vlans.has(occ.VID):
		return false, ""
	case name != nil:
		if _, found := name.match(occ.VLANName); !found || occ.VLANName == "" {
			return false, ""
		}
	}
	// Two ports that advertise no VLAN may be two networks, so one rule for a whole
	// switch may not name them unless it says that they are one.
	if occ.unadvertised() && !m.pins && !n.unadvertisedSwitch && (g == nil || !g.unadvertisedSwitch) {
		return false, missPin
	}
	return true, ""
}

func (n *networkRule) naming(src wordValues, notes *notes) (Naming, bool) {
	name, err := n.name.expand(src)
	if err != nil {
		notes.add("%s applies, but gives no name: %v", src.match.ref, err)
		return Naming{}, false
	}
	naming := Naming{
		Name: name, Ref: src.match.ref, StaleKeep: n.staleKeep, Spans: n.spans, UnadvertisedSwitch: n.unadvertisedSwitch,
		CDP: n.cdp, Silence: n.silence, Goodbye: n.goodbye,
	}
	for _, t := range n.aliases {
		alias, err := t.expand(src)
		if err != nil {
			notes.add("%s gives no alias: %v", src.match.ref, err)
			continue
		}
		if alias != name && !slices.Contains(naming.Aliases, alias) {
			naming.Aliases = append(naming.Aliases, alias)
		}
	}
	return naming, true
}

func (g *group) naming(src wordValues, notes *notes) (Naming, bool) {
	if src.occ.unadvertised() {
		if len(g.vlans) > 0 {
			notes.add("%s names the VLANs of group %s, but the switch does not advertise the VLAN of this port: add a network rule that names the port", g.ref, g.name)
		}
		return Naming{}, false
	}
	for _, v := range g.vlans {
		if !v.vids.has(src.occ.VID) {
			continue
		}
		name, err := v.name.expand(src)
		if err != nil {
			notes.add("%s applies, but gives no name: %v", v.ref, err)
			return Naming{}, false
		}
		return Naming{Name: name, Ref: v.ref}, true
	}
	return Naming{}, false
}

// notes are sentences, each once.
type notes []string

func (n *notes) add(format string, args ...any) {
	s := fmt.Sprintf(format, args...)
	if len(*n) < maxNotes && !slices.Contains(*n, s) {
		*n = append(*n, s)
	}
}
