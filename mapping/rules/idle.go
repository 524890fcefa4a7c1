// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"slices"
)

// A Heard is a neighbour with the VLANs on its port. Who does not count as a switch has none.
type Heard struct {
	Subject
	Switch      bool
	Occurrences []Occurrence
}

// An Idle rule is without effect on what is heard.
type Idle struct {
	Ref  Ref    `json:"ref"`  // of the rule's first match, or of the group
	Rule string `json:"rule"` // such as "green", the name that it gives, "group dc1" or "ignore"
	Why  string `json:"why"`
}

// Len is the number of rules: of networks, groups, and entries of ignore.
func (s *Set) Len() int {
	if s == nil {
		return 0
	}
	return len(s.ignore) + len(s.groups) + len(s.networks)
}

// Idle returns the rules that are without effect on all that is heard, and on all ports, in
// the order of a file's sections. The matches by which something leads anywhere, or is
// remembered to, are not among them.
func (s *Set) Idle(all []Heard, ports []Subject, leading []Ref) []Idle {
	if s == nil {
		return nil
	}
	var out []Idle
	for _, m := range s.ignore {
		if !slices.ContainsFunc(all, func(h Heard) bool { return m.holds(h.Subject, s.groupName(h.Subject)) }) {
			out = append(out, Idle{m.ref, "ignore", "nobody who is heard here fits it"})
		}
	}
	for _, g := range s.groups {
		if why := s.idleGroup(g, all); why != "" {
			out = append(out, Idle{g.ref, "group " + g.name, why})
		}
	}
	for _, n := range s.networks {
		if slices.ContainsFunc(n.matches, func(m *match) bool { return slices.Contains(leading, m.ref) }) {
			continue
		}
		if why := s.idleNetwork(n, all, ports); why != "" {
			out = append(out, Idle{n.matches[0].ref, n.name.source, why})
		}
	}
	return out
}

func (s *Set) idleGroup(g *group, all []Heard) string {
	why := "nobody who is heard here fits it"
	for _, h := range all {
		switch in, _ := s.group(h.Subject); {
		case in == g:
			return ""
		case in != nil && slices.ContainsFunc(g.matches, func(m *match) bool { return m.holds(h.Subject, "") }):
			why = fmt.Sprintf("group %s at %s comes first, by its name, and has all that fits it", in.name, in.ref)
		}
	}
	return why
}

// idleNetwork prefers the reason of what the rule nearly named.
func (s *Set) idleNetwork(n *networkRule, all []Heard, ports []Subject) string {
	why, rank := "nobody who is heard here fits it", 0
	because := func(r int, reason string) {
		if r > rank {
			why, rank = reason, r
		}
	}
	for _, h := range all {
		reading := s.Read(h.Subject)
		if n.first(h.Subject, reading.group) == nil {
			continue
		}
		if !h.Switch {
			because(1, "who fits it does not count as a switch")
			continue
		}
		because(2, "who fits it tells no VLAN that it names")
		for _, occ := range h.Occurrences {
			missed := func(*networkRule, *match, string) {}
			by, m := reading.decide(occ, nil, missed)
			if by == n {
				return ""
			}
			mine, _ := reading.decide(occ, n, func(_ *networkRule, _ *match, miss string) { because(3, miss) })
			if mine != nil && by != nil {
				because(4, "the rule at "+m.ref.String()+" comes first for what fits it")
			}
		}
	}
	for _, p := range ports {
		if reason, pins := s.idlePin(n, p); pins {
			because(4, reason)
		}
	}
	return why
}

// idlePin says why a rule that means a port as one where no switch speaks does not pin it.
func (s *Set) idlePin(n *networkRule, port Subject) (why string, pins bool) {
	alone := &Set{networks: []*networkRule{n}, names: s.names}
	mine, notes := alone.Pins(port)
	switch {
	case len(mine) == 0 && len(notes) == 0:
		return "", false
	case len(mine) == 0:
		return port.Interface + ": " + notes[0], true
	}
	of := func(pin Pin) bool { return pin.Naming.Ref == mine[0].Naming.Ref }
	if all, _ := s.Pins(port); !slices.ContainsFunc(all, of) {
		return "another rule comes first for " + port.Interface, true
	}
	return "a switch speaks, or spoke, on " + port.Interface + ", which it pins", true
}
