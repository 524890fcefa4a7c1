// SPDX-License-Identifier: Apache-2.0

package cabling

import (
	"net/netip"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// A likeness is whether two names mean the same.
type likeness int

const (
	unclear likeness = iota // they cannot be compared
	alike
	unlike
)

// either is the likeness of what has several names: one that is alike is enough.
func either(all ...likeness) likeness {
	switch {
	case slices.Contains(all, alike):
		return alike
	case slices.Contains(all, unlike):
		return unlike
	}
	return unclear
}

// fold is a name without what people write in several ways: case, blanks around it, and the
// dot that ends a whole domain name.
func fold(name string) string {
	return strings.TrimSuffix(strings.ToLower(strings.TrimSpace(name)), ".")
}

// firstLabel is the part of a folded name before its first dot, unless it is an address.
func firstLabel(name string) string {
	if _, err := netip.ParseAddr(name); err == nil {
		return name
	}
	label, _, _ := strings.Cut(name, ".")
	return label
}

// sameName reports whether two folded names are one, with or without a domain: one of them
// goes on with a dot where the other ends. Two that have different domains are two.
func sameName(a, b string) bool {
	if a == b {
		return a != ""
	}
	if len(a) > len(b) {
		a, b = b, a
	}
	if _, err := netip.ParseAddr(b); err == nil || a == "" {
		return false
	}
	return strings.HasPrefix(b, a+".")
}

// idKinds begin the chassis and port IDs as Colvin writes them.
var idKinds = []string{"mac:", "ip:", "ifname:", "ifalias:", "portcomponent:", "local:", "circuit:", "cdp:"}

func isID(text string) bool {
	return slices.ContainsFunc(idKinds, func(kind string) bool { return strings.HasPrefix(text, kind) })
}

// callsItself are the names that a peer says of its system. Cisco's NX-OS puts its serial
// number in parentheses behind the name in CDP's device ID.
func (p *peer) callsItself() (names []string) {
	if p.SystemName != "" {
		names = append(names, fold(p.SystemName))
	}
	kind, text, _ := strings.Cut(string(p.Chassis), ":")
	if kind != "cdp" && kind != "local" {
		return names
	}
	names = append(names, fold(text))
	if at := strings.LastIndexByte(text, '('); at > 0 && strings.HasSuffix(text, ")") {
		names = append(names, fold(text[:at]))
	}
	return names
}

// likeDevice compares a plan's name of a device with who is heard: by chassis ID, MAC address,
// management address or name.
func (p *peer) likeDevice(name string) likeness {
	if isID(name) {
		return either(sameID(name, p.Chassis), sameID(name, p.chassis))
	}
	if mac, err := discovery.ParseMAC(strings.TrimSpace(name)); err == nil {
		id := "mac:" + mac.String()
		return either(sameID(id, p.Chassis), sameID(id, p.chassis))
	}
	if ip, err := netip.ParseAddr(fold(name)); err == nil {
		return p.likeAddress(ip)
	}
	said := p.callsItself()
	if len(said) == 0 {
		return unclear // it says no name
	}
	folded := fold(name)
	if slices.ContainsFunc(said, func(s string) bool { return sameName(folded, s) }) {
		return alike
	}
	return unlike
}

// sameID compares an ID with that of a peer: two of different kinds may be of one device.
func sameID(text string, id discovery.ID) likeness {
	kind, value, _ := strings.Cut(text, ":")
	if mac, err := discovery.ParseMAC(value); kind == "mac" && err == nil {
		text = "mac:" + mac.String()
	}
	switch {
	case strings.EqualFold(text, string(id)):
		return alike
	case strings.HasPrefix(string(id), kind+":"):
		return unlike
	}
	return unclear
}

// likeAddress compares an address: a switch has more of them than it tells.
func (p *peer) likeAddress(ip netip.Addr) likeness {
	for _, text := range append([]string{strings.TrimPrefix(string(p.Chassis), "ip:"), p.SystemName}, p.ManagementAddresses...) {
		if is, err := netip.ParseAddr(text); err == nil && is.Unmap() == ip.Unmap() {
			return alike
		}
	}
	return unclear
}

// named are the nodes that a plan's name of a device may mean.
func (h *Heard) named(device string) (out []*node) {
	name := fold(device)
	for _, n := range h.byName[firstLabel(name)] {
		if fold(n.name) == name {
			return []*node{n}
		}
		if sameName(name, fold(n.name)) {
			out = append(out, n)
		}
	}
	return out
}

// port finds a port of a node by its name, an alternative name or its MAC address. Case counts
// only where there are two that differ in nothing else.
func (n *node) port(name string) (found []*port) {
	name = strings.TrimSpace(name)
	same := func(is func(string) bool) (out []*port) {
		for _, p := range n.ports {
			if is(p.name) || slices.ContainsFunc(p.names, is) {
				out = append(out, p)
			}
		}
		return out
	}
	if found = same(func(s string) bool { return s == name }); len(found) > 0 {
		return found
	}
	if found = same(func(s string) bool { return strings.EqualFold(s, name) }); len(found) > 0 {
		return found
	}
	mac, err := discovery.ParseMAC(strings.TrimPrefix(name, "mac:"))
	if err != nil {
		return nil
	}
	for _, p := range n.ports {
		if p.mac == mac && mac != (discovery.MAC{}) {
			found = append(found, p)
		}
	}
	return found
}
