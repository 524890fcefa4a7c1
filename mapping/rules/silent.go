// SPDX-License-Identifier: Apache-2.0

package rules

import (
	"fmt"
	"net/netip"
	"regexp"
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
	// Untold is set where an address or a prefix decides it, of which others are not told.
	Untold bool
}

// silentKeys are the keys of a pin that no other match has.
var silentKeys = []string{"silent", "address", "prefix"}

// toldKeys are those about what a switch tells, of which a pin can have none.
var toldKeys = []string{"chassis", "system", "port", "portDescription", "managementAddress", "group", "vlan", "vlanName"}

// ownKeys are those about what a node knows of itself.
var ownKeys = []key{keyNode, keyInterface, keyMAC, keyPCI, keyDriver}

// readSilent reads the keys of a pin, and reports what cannot stand beside it.
func (m *parsedMatch) readSilent(keys *yamlfile.Mapping, where scope) {
	value, address, prefix := keys.Get("silent"), keys.Get("address"), keys.Get("prefix")
	m.silent = readSilent(value)
	m.address = yamlfile.Parsed(address, m.address, parseOwnAddress)
	m.prefix = yamlfile.Parsed(prefix, m.prefix, parsePrefix)
	switch {
	case where.refuses("silent"):
	case !value.Present():
		for _, v := range []yamlfile.Value{address, prefix} {
			if v.Present() {
				v.Mistake("is for ports where no switch speaks", "add silent: true to the match, or remove it")
			}
		}
	default:
		for _, name := range toldKeys {
			if v := keys.Get(name); v.Present() && !where.refuses(name) {
				v.Mistake("stands beside silent, which is about ports where no switch speaks, and only a switch tells it", silentHint(name))
			}
		}
		if !m.namesPorts() && !address.Present() {
			value.Mistake("does not say which ports, so it would pin every port of every node", "add node, interface, mac, pci, driver or address")
		}
	}
}

// readSilent reads the value, with quotes or without.
func readSilent(v yamlfile.Value) silence {
	const hint = "write silent: true to wait until the port was silent for a while, or silent: now"
	switch kind, text := v.Kind(), v.Raw(); {
	case kind == yamlfile.KindAbsent:
		return spoken
	case kind == yamlfile.KindText && text == "now":
		return now
	case kind == yamlfile.KindText && text == "true", kind == yamlfile.KindBool && v.Bool(false):
	case kind == yamlfile.KindBool:
		v.Mistake("is false, want true or now", "remove it: a match without it is about what a switch tells")
	case kind == yamlfile.KindText || kind == yamlfile.KindNumber:
		v.Mistake("is "+yamlfile.Quote(text)+", want true or now", hint)
	case kind == yamlfile.KindNone:
		v.Mistake("has no value, want true or now", hint)
	default:
		v.Mistake(fmt.Sprintf("is %s, want true or now", kind), hint)
	}
	return silent // also where the value is wrong, so that what is wrong beside it is told too
}

// silentHint says what to do about a key that stands beside silent.
func silentHint(name string) string {
	if name == "vlan" {
		return "remove it for untagged frames, or write tagged: with the VLANs beside match"
	}
	return "remove one of the two"
}

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

// pinned reports whether a pin holds for a port, but for what guards it.
func (m *match) pinned(sub Subject) bool {
	return m.means(sub) && (!m.address.IsValid() || slices.ContainsFunc(sub.Addresses, m.hasAddress))
}

// means reports whether a pin is about a port.
func (m *match) means(sub Subject) bool {
	return m.silent != spoken && m.globsHold(sub, nil) &&
		(!m.address.IsValid() || slices.ContainsFunc(sub.Addresses, m.hasAddress) || slices.ContainsFunc(sub.Leased, m.hasAddress))
}

// guarded reports whether what guards a pin is heard with a tag.
func (m *match) guarded(sub Subject, vid uint16) bool {
	return !m.prefix.IsValid() || slices.ContainsFunc(sub.Prefixes[vid], func(p netip.Prefix) bool { return within(p, m.prefix) })
}

// pinning is the first match of a network by which it pins a VLAN of a port. The notes say
// what one that is about the port lacks.
func (n *networkRule) pinning(sub Subject, vid uint16, said *notes) *match {
	for _, m := range n.matches {
		switch {
		case !m.means(sub):
		case !m.pinned(sub):
			said.add("%s would pin it, but the lease of its address was not renewed since the link came up, or colvind does not know when that was", m.ref)
		case !m.guarded(sub, vid):
			said.add("%s would pin it, but no router announces %s%s", m.ref, m.prefix, withTag(vid))
		default:
			return m
		}
	}
	return nil
}

func withTag(vid uint16) string {
	if vid == 0 {
		return " there"
	}
	return fmt.Sprintf(" there with tag %d, in a VLAN device", vid)
}

// hasAddress reports whether an address with its prefix is one that a pin means: the very
// one, or one whose prefix is within the pin's. A longer prefix is another network.
func (m *match) hasAddress(p netip.Prefix) bool {
	return m.address.IsSingleIP() && m.address.Addr() == p.Addr() || within(p, m.address)
}

func within(p, in netip.Prefix) bool { return p.Bits() >= in.Bits() && in.Contains(p.Addr()) }

// Pins returns what the rules say of a port in case that no switch speaks there, untagged
// first, then in the order of the tags: for each the first rule that applies. The notes say
// why a rule that applies gives no name, and what one lacks that is about the port.
func (s *Set) Pins(sub Subject) (pins []Pin, why []string) {
	if s == nil {
		return nil, nil
	}
	sub.Neighbor = &discovery.Neighbor{} // which tells nothing
	var said notes
	seen := map[uint16]bool{}
	for _, n := range s.networks {
		if !slices.ContainsFunc(n.matches, func(m *match) bool { return m.means(sub) }) {
			continue
		}
		for _, vid := range n.pinnedVIDs() {
			m := n.pinning(sub, vid, &said)
			if m == nil || seen[vid] {
				continue
			}
			seen[vid] = true
			occ := Occurrence{VID: vid, Tagged: vid != 0}
			if naming, ok := n.naming(wordValues{m, sub, occ, s.names}, &said); ok {
				pins = append(pins, Pin{VID: vid, Naming: naming, Now: m.silent == now, Literal: m.literal(), Untold: m.address.IsValid() || m.prefix.IsValid()})
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
	const hint = `write six octets, such as "00:1b:21:aa:bb:cc", or a pattern such as "00:1b:21:*"`
	pattern := strings.ContainsAny(s, `*?(\`)
	g, err := parseID("mac", s)
	if err != nil && !pattern || pattern && strings.Trim(strings.ToLower(s), `0123456789abcdef:-*?(\)`) != "" {
		return nil, yamlfile.Problem{Message: yamlfile.Quote(s) + " is not a MAC address", Hint: hint}
	}
	if err != nil {
		return nil, err
	}
	return parseGlob(strings.TrimPrefix(g.source, "mac:"))
}

// shortPCI is an address without its domain, as lspci prints it.
var shortPCI = regexp.MustCompile(`^[0-9a-f?]{2}:[0-9a-f?*]{1,2}\.`)

// parsePCI reads the glob for a PCI address, whose digits are written in lower case.
func parsePCI(s string) (*glob, error) {
	s = strings.ToLower(s)
	if shortPCI.MatchString(s) {
		s = "0000:" + s
	}
	return parseGlob(s)
}

// parseOwnAddress reads an address of the node's, or the network that it is in.
func parseOwnAddress(s string) (netip.Prefix, error) {
	p, err := parseAddresses(s)
	if err == nil && !p.Addr().IsGlobalUnicast() {
		return netip.Prefix{}, yamlfile.Problem{Message: yamlfile.Quote(s) + " tells no port from another", Hint: "write a network that only they are in, such as 192.0.2.0/24 or 2001:db8::/64"}
	}
	return p, err
}

// parsePrefix reads a prefix of router advertisements.
func parsePrefix(s string) (netip.Prefix, error) {
	p, err := parseAddresses(s)
	if err == nil && (p.Addr().Is4() || p.IsSingleIP()) {
		return netip.Prefix{}, yamlfile.Problem{Message: yamlfile.Quote(s) + " is no prefix that routers advertise", Hint: "write an IPv6 network such as 2001:db8::/64; for the node's own addresses there is address"}
	}
	return p, err
}
