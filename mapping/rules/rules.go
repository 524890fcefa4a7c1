// SPDX-License-Identifier: Apache-2.0

// Package rules holds what an admin says about networks: it parses and validates
// a rules file and answers what the rules make of one neighbour on one port. It
// does no I/O, and what an answer means for identities and uplinks is
// decided in package mapping.
//
// Words from the wire come into a name only where a rule asks for them, and
// sanitised: two texts such as "A_B" and "a-b" then give one name. Whether one
// name over two identities is accepted is decided in package mapping too.
package rules

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// A Set is the rules of one file, or of several sources. It is immutable. A nil
// Set and the zero Set have no rules.
type Set struct {
	ignore   []*match
	groups   []*group // in the order of their names: the first that matches wins
	networks []*networkRule

	names    []string // literal names and aliases, sorted
	patterns []string // the others as globs, sorted
	globs    []*glob  // the same, parsed

	// All matches of networks, in order, and which of them can be about untagged networks and
	// about tagged ones.
	matches          []ruleMatch
	untagged, tagged bitSet
}

// networkRule is one entry of networks.
type networkRule struct {
	name               *template
	aliases            []*template
	matches            []*match
	tagged             vlanSet // declared VIDs; nil without the key
	spans              bool
	staleKeep          bool
	unadvertisedSwitch bool
	cdp                bool
	silence, goodbye   Silence
}

// group is one entry of switchGroups.
type group struct {
	name               string
	ref                Ref
	matches            []*match
	vlans              []groupVLAN // sorted, without overlap
	unadvertisedSwitch bool
}

// groupVLAN is one entry of a group's vlans.
type groupVLAN struct {
	vids vlanRange
	name *template
	ref  Ref
}

// A Subject is a neighbour heard on an interface of a node.
type Subject struct {
	Node      string
	Interface string
	Neighbor  *discovery.Neighbor // nil where nobody is heard

	// MAC, PCI and Driver are the address of the interface, that of its device on the bus
	// (0000:3b:00.0), and its driver; empty where it has none.
	MAC, PCI, Driver string
	// Addresses are its own, each with the length of the prefix that is connected through
	// it. Those in Leased are of leases that may be of another wire.
	Addresses, Leased []netip.Prefix
	// Prefixes are those that routers advertise there, by the tag with which they are heard.
	Prefixes map[uint16][]netip.Prefix

	// Switch is the chassis ID by which the switch is known where that is not the
	// one heard; a rule about it holds too.
	Switch discovery.ID

	ips []netip.Addr // the management addresses, once they were read
}

// An Occurrence is one VLAN on a port: the untagged one, or a tagged one that is
// advertised or declared.
type Occurrence struct {
	VID      uint16 // 0 when the switch does not advertise it, which only untagged occurs
	VLANName string // as advertised for the VID; may be empty
	Tagged   bool
}

// A Ref is the place of a rule: of the match, or of the entry of a group's vlans,
// that decided. The zero Ref is none.
type Ref struct {
	File string `json:"file"`           // or the name of an object
	Line int    `json:"line,omitempty"` // in a file
	Path string `json:"path,omitempty"` // in an object
}

// String returns the place as file:line, as object and path, or "".
func (r Ref) String() string {
	switch {
	case r == (Ref{}):
		return ""
	case r.Path != "":
		return r.File + " " + r.Path
	default:
		return fmt.Sprintf("%s:%d", r.File, r.Line)
	}
}

// A Group is the switch group of a neighbour.
type Group struct {
	Name               string
	Ref                Ref
	UnadvertisedSwitch bool // ports that advertise no PVID are one network per group
}

// A Naming is the name that a rule gives.
type Naming struct {
	Name               string
	Aliases            []string
	Ref                Ref
	StaleKeep          bool // unverified uplinks stay usable
	Spans              bool // one name over several identities is accepted
	UnadvertisedSwitch bool // this rule's own setting; a group has one as well
	CDP                bool // a pod attaches though CDP alone says so

	// How long the switch's word counts once it is heard no more: after it fell silent,
	// and after it said goodbye.
	Silence, Goodbye Silence
}

// Ignored reports whether the neighbour is a speaker that is never a network,
// and which rule says so.
func (s *Set) Ignored(sub Subject) (Ref, bool) {
	if s == nil || sub.Neighbor == nil {
		return Ref{}, false
	}
	groupName := s.groupName(sub)
	for _, m := range s.ignore {
		if m.holds(sub, groupName) {
			return m.ref, true
		}
	}
	return Ref{}, false
}

func (s *Set) group(sub Subject) (*group, *match) {
	if s == nil || sub.Neighbor == nil {
		return nil, nil
	}
	for _, g := range s.groups {
		for _, m := range g.matches {
			if m.holds(sub, "") {
				return g, m
			}
		}
	}
	return nil, nil
}

func (s *Set) groupName(sub Subject) string {
	if g, _ := s.group(sub); g != nil {
		return g.name
	}
	return ""
}

func (n *networkRule) first(sub Subject, g *group) *match {
	for _, m := range n.matches {
		if m.holds(sub, g.label()) {
			return m
		}
	}
	return nil
}

// label is the name of a group, or "" of none.
func (g *group) label() string {
	if g == nil {
		return ""
	}
	return g.name
}

// trunk reports whether a port carries tagged VLANs by what the switch tells:
// some VLAN Name with a VID other than the PVID.
func trunk(n *discovery.Neighbor) bool {
	return slices.ContainsFunc(n.VLANs, func(v discovery.VLANName) bool { return v.ID != n.PVID })
}

// KnownNames returns the literal names and aliases of the rules, sorted.
func (s *Set) KnownNames() []string {
	if s == nil {
		return nil
	}
	return slices.Clone(s.names)
}

// KnownPatterns returns the names and aliases that hold words from the wire as
// globs such as "rail-*", sorted.
func (s *Set) KnownPatterns() []string {
	if s == nil {
		return nil
	}
	return slices.Clone(s.patterns)
}

// Covers reports whether the rules could give a name: it is literally among
// them, or one of their patterns matches it.
func (s *Set) Covers(name string) bool {
	if s == nil {
		return false
	}
	if _, literal := slices.BinarySearch(s.names, name); literal {
		return true
	}
	return slices.ContainsFunc(s.globs, func(g *glob) bool {
		_, ok := g.match(name)
		return ok
	})
}

// collectMatches fills matches. Patterns that are the same are one, so that a text is held
// against each of them once.
func (s *Set) collectMatches() {
	known := map[pattern]*glob{}
	for _, n := range s.networks {
		for _, m := range n.matches {
			for k, g := range m.globs {
				of := pattern{key(k), m.barePort && key(k) == keyPort, ""}
				if g == nil {
					continue
				}
				if of.source = g.source; known[of] == nil {
					known[of] = g
				}
				m.globs[k] = known[of]
			}
			s.matches = append(s.matches, ruleMatch{n, m})
		}
	}
	s.untagged, s.tagged = newBitSet(len(s.matches)), newBitSet(len(s.matches))
	for i, c := range s.matches {
		named := c.match.vlans != nil || c.match.globs[keyVLANName] != nil
		if c.tagged == nil {
			s.untagged.add(i)
		}
		if c.tagged != nil || named && !c.match.untagged {
			s.tagged.add(i)
		}
	}
}

// A pattern is one that is held against one text of a subject.
type pattern struct {
	key    key
	bare   bool
	source string
}

// collectNames fills names, patterns and globs.
func (s *Set) collectNames() {
	var all []*template
	for _, n := range s.networks {
		all = append(append(all, n.name), n.aliases...)
	}
	for _, g := range s.groups {
		for _, v := range g.vlans {
			all = append(all, v.name)
		}
	}
	for _, t := range all {
		if t.literal() {
			s.names = append(s.names, t.source)
		} else {
			s.patterns = append(s.patterns, t.pattern())
		}
	}
	slices.Sort(s.names)
	slices.Sort(s.patterns)
	s.names, s.patterns = slices.Compact(s.names), slices.Compact(s.patterns)
	for _, p := range s.patterns {
		if g, err := parseGlob(p); err == nil {
			s.globs = append(s.globs, g)
		}
	}
}
