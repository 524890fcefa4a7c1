// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/yamlfile"
)

// silence says whether a match is a pin: about ports where no switch speaks.
type silence uint8

const (
	spoken silence = iota // it is about what a switch says
	silent                // silent: true: once a port was silent for long enough
	now                   // silent: now: from the beginning
)

// A Pin is what a rule says of a port where no switch speaks: an admin's word, which
// nobody on the wire confirms.
type Pin struct {
	VID    uint16 // the tag; 0 for none
	Naming Naming
	Now    bool // without waiting for the port to be silent
	// Literal is set where the match names this very port, with no wildcard: then it
	// counts also where a switch was heard to lead elsewhere before.
	Literal bool
}

// readSilent reads the keys of a pin, and reports what cannot stand beside it.
func (m *parsedMatch) readSilent(keys *yamlfile.Mapping) {
	value, address, prefix := keys.Get("silent"), keys.Get("address"), keys.Get("prefix")
	switch value.Raw() {
	case "true":
		m.silent = silent
	case "now":
		m.silent = now
	default:
		if value.Present() {
			value.Mistake("is "+yamlfile.Quote(value.Raw())+", want true or now", "write silent: true to wait until the port was silent for a while, or silent: now")
		}
	}
	m.address = yamlfile.Parsed(address, m.address, parseAddresses)
	m.prefix = yamlfile.Parsed(prefix, m.prefix, parseAddresses)
	if !value.Present() {
		for _, v := range []yamlfile.Value{address, prefix} {
			if v.Present() {
				v.Mistake("is for ports where no switch speaks", "add silent: true to the match, or remove it")
			}
		}
		return
	}
	for _, name := range []string{"chassis", "system", "port", "portDescription", "vlanName", "managementAddress", "group", "vlan"} {
		if v := keys.Get(name); v.Present() {
			v.Mistake("stands beside silent, which is about ports where no switch speaks, and only a switch tells it", "remove one of the two")
		}
	}
	if !m.namesPorts() && !address.Present() {
		value.Mistake("says not which ports, so it would pin every port of every node", "add node, interface, mac, pci, driver or address")
	}
}

// ownKeys are the keys about what a node knows of itself.
var ownKeys = []key{keyNode, keyInterface, keyMAC, keyPCI, keyDriver}

// namesPorts reports whether a pin says anything of the ports that it means.
func (m *parsedMatch) namesPorts() bool {
	return slices.ContainsFunc(ownKeys, func(k key) bool { return m.present[k] && (m.globs[k] == nil || m.globs[k].specific()) })
}

// literal reports whether a pin names one port of one node.
func (m *match) literal() bool {
	is := func(k key) bool { return m.globs[k] != nil && m.globs[k].literal() }
	return is(keyMAC) || is(keyNode) && (is(keyInterface) || is(keyPCI))
}

// literal reports whether a pattern fits one text only.
func (g *glob) literal() bool {
	return !slices.ContainsFunc(g.steps, func(s step) bool { return s.op == opAny || s.op == opOne })
}

// pinned reports whether a pin holds for a port.
func (m *match) pinned(sub Subject) bool {
	if m.silent == spoken || !m.globsHold(sub) {
		return false
	}
	if m.address.IsValid() && !slices.ContainsFunc(sub.Addresses, func(p netip.Prefix) bool {
		return p.Bits() >= m.address.Bits() && m.address.Contains(p.Addr())
	}) {
		return false
	}
	return !m.prefix.IsValid() || slices.ContainsFunc(sub.Prefixes, func(p netip.Prefix) bool {
		return p.Bits() >= m.prefix.Bits() && m.prefix.Contains(p.Addr())
	})
}

// Pins returns what the rules say of a port in case that no switch speaks there, untagged
// first, then in the order of the tags: for each the first rule that applies. The notes say
// why a rule that applies gives no name.
func (s *Set) Pins(sub Subject) (pins []Pin, why []string) {
	if s == nil {
		return nil, nil
	}
	sub.Neighbor = &discovery.Neighbor{} // which tells nothing
	var said notes
	seen := map[uint16]bool{}
	for _, n := range s.networks {
		i := slices.IndexFunc(n.matches, func(m *match) bool { return m.pinned(sub) })
		if i < 0 {
			continue
		}
		m := n.matches[i]
		for _, vid := range n.pinnedVIDs() {
			if seen[vid] {
				continue
			}
			seen[vid] = true
			occ := Occurrence{VID: vid, Tagged: vid != 0}
			if naming, ok := n.naming(wordValues{m, sub, occ, s.names}, &said); ok {
				pins = append(pins, Pin{VID: vid, Naming: naming, Now: m.silent == now, Literal: m.literal()})
			}
		}
	}
	slices.SortFunc(pins, func(a, b Pin) int { return int(a.VID) - int(b.VID) })
	return pins, said
}

// pinnedVIDs are the tags of the VLANs that a network pins; 0 for the untagged one.
func (n *networkRule) pinnedVIDs() []uint16 {
	if n.tagged == nil {
		return []uint16{0}
	}
	var out []uint16
	for _, r := range n.tagged {
		for vid := r.low; vid <= r.high; vid++ {
			out = append(out, vid)
		}
	}
	return out
}

// HasPins reports whether any rule is about ports where no switch speaks.
func (s *Set) HasPins() bool {
	return s != nil && slices.ContainsFunc(s.networks, func(n *networkRule) bool {
		return slices.ContainsFunc(n.matches, func(m *match) bool { return m.silent != spoken })
	})
}

// parseMAC reads the glob for the MAC address of an interface.
func parseMAC(s string) (*glob, error) {
	g, err := parseID("mac", s)
	if err != nil {
		return nil, err
	}
	return parseGlob(strings.TrimPrefix(g.source, "mac:"))
}

// parsePCI reads the glob for a PCI address, whose digits are written in lower case.
func parsePCI(s string) (*glob, error) { return parseGlob(strings.ToLower(s)) }
