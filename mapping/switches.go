// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/identity"
)

// A Switch is one switch that has borne several chassis IDs, or one that has been
// found to be another than its namesake. Most switches never need one: their chassis
// ID names them.
type Switch struct {
	// ID is the chassis ID that the switch's identities bear: the one heard first.
	ID      discovery.ID   `json:"id"`
	Name    string         `json:"name"`    // its system name
	Chassis []discovery.ID `json:"chassis"` // all its chassis IDs, ID first

	// Replacements are the chassis that took the place of others that fell silent.
	Replacements []Replacement `json:"replacements,omitempty"`

	// Several is set where more than one device bears ID, so that it names none.
	Several bool `json:"several,omitempty"`
}

// A Replacement is a chassis that took the place of another.
type Replacement struct {
	Old discovery.ID `json:"old"`
	New discovery.ID `json:"new"`
	At  time.Time    `json:"at"`
}

// Switches are the switches with several chassis IDs that a node knows.
type Switches []Switch

// maxSwitches and maxChassis bound what an inventive speaker can have remembered.
const (
	maxSwitches = 256
	maxChassis  = 1024
)

// Canonical is the chassis ID by which identities know the switch.
func (s Switches) Canonical(chassis discovery.ID) discovery.ID {
	if i := s.index(chassis); i >= 0 {
		return s[i].ID
	}
	return chassis
}

// Find returns the switch that bears a chassis ID, where more is known of it than that.
func (s Switches) Find(chassis discovery.ID) (Switch, bool) {
	i := s.index(chassis)
	if i < 0 {
		return Switch{}, false
	}
	return s[i], true
}

// identify is the identity of a neighbour's switch, without a VLAN. Devices that speak
// CDP name themselves by a host name; where that tells none from another, each port
// counts for itself.
func (s Switches) identify(n *discovery.Neighbor) Identity {
	i := s.index(n.Chassis)
	if n.Protocol == discovery.ProtocolCDP && (!isDistinctive(cdpName(n)) || i >= 0 && s[i].Several) {
		return Identity{Kind: identity.Sender, Switch: string(n.Chassis), Source: n.Source}
	}
	return Identity{Switch: string(s.Canonical(n.Chassis))}
}

func cdpName(n *discovery.Neighbor) string { return strings.TrimPrefix(string(n.Chassis), "cdp:") }

func (s Switches) index(chassis discovery.ID) int {
	return slices.IndexFunc(s, func(w Switch) bool { return slices.Contains(w.Chassis, chassis) })
}

// A sightedPort is a port: the ifindex, and where several nodes are looked at together,
// the number of the node.
type sightedPort struct{ node, index int }

// A sighting is a neighbour on a port of this node.
type sighting struct {
	port sightedPort
	live bool
	*discovery.Neighbor
}

// learn takes the switches from one set of sightings, ordered by the time they were
// first heard, to the next. It changes nothing that s shares with others.
func (s Switches) learn(all []sighting, now time.Time) Switches {
	out := s.review(all)
	for i := range all {
		switch a := &all[i]; {
		case !a.live:
		case isDistinctive(a.SystemName) && portMAC(a, all) && hasDoublePort(a, all), hasDoubleSource(a, all):
			out = out.keepApart(a.Neighbor, hasDoubleSource(a, all))
		}
	}
	out = out.joinPortMACs(all)
	for i := range all {
		for j := range all {
			if old, by := &all[j], &all[i]; replaces(by, old, all) {
				out = out.join(old.Neighbor, by.Neighbor, now)
			}
		}
	}
	return out
}

// joinPortMACs joins live speakers that are one switch though each port of it tells a
// chassis ID of its own. Each is joined once, to the first that it belongs to.
func (s Switches) joinPortMACs(all []sighting) Switches {
	var ports []*sighting
	for i := range all {
		if a := &all[i]; a.live && isDistinctive(a.SystemName) && portMAC(a, all) && !hasDoublePort(a, all) {
			ports = append(ports, a)
		}
	}
	for i, b := range ports {
		for _, a := range ports[:i] {
			if s.index(b.Chassis) < 0 && a.Chassis != b.Chassis && s.oneByName(a, b) {
				s = s.join(a.Neighbor, b.Neighbor, time.Time{})
				break
			}
		}
	}
	return s
}

// join notes that two chassis are one switch, and when one replaced the other.
func (s Switches) join(first, second *discovery.Neighbor, replaced time.Time) Switches {
	if s.index(second.Chassis) >= 0 { // what is part of a switch, or apart, stays so
		return s
	}
	s = slices.Clone(s)
	i := s.index(first.Chassis)
	if i < 0 {
		if len(s) >= maxSwitches {
			return s
		}
		s = append(s, Switch{ID: first.Chassis, Name: first.SystemName, Chassis: []discovery.ID{first.Chassis}})
		i = len(s) - 1
	}
	if len(s[i].Chassis) >= maxChassis {
		return s
	}
	s[i].Chassis = append(slices.Clone(s[i].Chassis), second.Chassis)
	if !replaced.IsZero() {
		s[i].Replacements = append(slices.Clone(s[i].Replacements), Replacement{first.Chassis, second.Chassis, replaced})
	}
	return s
}

// keepApart notes that a chassis is a switch of its own, whatever its name: what once
// was known to be apart must not be joined when the evidence has gone.
func (s Switches) keepApart(n *discovery.Neighbor, several bool) Switches {
	i := s.index(n.Chassis)
	switch {
	case i >= 0 && (s[i].Several || !several):
		return s
	case i >= 0:
		s = slices.Clone(s)
		s[i].Several = true
		return s
	case len(s) >= maxSwitches:
		return s
	}
	return append(slices.Clone(s), Switch{ID: n.Chassis, Name: n.SystemName, Chassis: []discovery.ID{n.Chassis}, Several: several})
}

// review gives up what the sightings contradict. A switch that is renamed as a whole
// stays one.
func (s Switches) review(all []sighting) Switches {
	var out Switches
	for _, w := range s {
		var live []*sighting
		for i := range all {
			if all[i].live && slices.Contains(w.Chassis, all[i].Chassis) {
				live = append(live, &all[i])
			}
		}
		switch {
		case len(w.Chassis) > 1 && !w.holds(live, all):
			for _, a := range live { // from now on they are different
				out = out.keepApart(a.Neighbor, false)
			}
		case len(live) > 0 && isDistinctive(live[0].SystemName):
			w.Name = live[0].SystemName
			out = append(out, w)
		default:
			out = append(out, w)
		}
	}
	return out
}

// holds reports whether the live chassis of a switch can still be one switch.
func (w *Switch) holds(live []*sighting, all []sighting) bool {
	for i, a := range live {
		if a.SystemName != live[0].SystemName || !sameManagement(a.Neighbor, live[0].Neighbor, sameMACBlock(a.Source, live[0].Source)) {
			return false
		}
		// Without management addresses the name alone joined them, and it is borne
		// by another switch too.
		if len(managementIPs(a.Neighbor)) == 0 && hasDoublePort(a, all) {
			return false
		}
		// What was replaced comes back under another name: it is used for something else.
		if a.SystemName != w.Name && slices.ContainsFunc(w.Replacements, func(r Replacement) bool { return r.Old == a.Chassis }) {
			return false
		}
		for _, b := range live[:i] {
			if w.replaced(a.Chassis, b.Chassis) || w.replaced(b.Chassis, a.Chassis) {
				return false
			}
		}
	}
	return true
}

func (w *Switch) replaced(old, by discovery.ID) bool {
	return slices.ContainsFunc(w.Replacements, func(r Replacement) bool { return r.Old == old && r.New == by })
}

// oneByName reports whether two live speakers are one switch that tells the MAC address
// of each port as its chassis ID, as NX-OS, ACI and old IOS do. The system name joins
// them, unless anything speaks against it.
func (s Switches) oneByName(a, b *sighting) bool {
	return a.SystemName == b.SystemName && sameManagement(a.Neighbor, b.Neighbor, sameMACBlock(a.Source, b.Source) && !s.ambiguous(a.SystemName))
}

// ambiguous reports whether two switches are known by the name.
func (s Switches) ambiguous(name string) bool {
	n := 0
	for _, w := range s {
		if w.Name == name {
			n++
		}
	}
	return n > 1
}

// portMAC reports whether a chassis ID is the MAC address of the port that sent
// it, and of no other port.
func portMAC(s *sighting, all []sighting) bool {
	return s.Protocol == discovery.ProtocolLLDP && discovery.SpeakerOf(s.Neighbor) == discovery.SpeakerSwitch &&
		s.Chassis == discovery.ID("mac:"+s.Source.String()) &&
		!slices.ContainsFunc(all, func(o sighting) bool { return o.Chassis == s.Chassis && o.Port != s.Port })
}

// hasDoublePort reports whether a port of that name is heard from another chassis of the
// same name: no switch has two. Who was there before on the same cable is no other.
func hasDoublePort(s *sighting, all []sighting) bool {
	return slices.ContainsFunc(all, func(o sighting) bool {
		return (o.live || o.port != s.port) && o.SystemName == s.SystemName && o.Port == s.Port && o.Chassis != s.Chassis
	})
}

// hasDoubleSource reports whether one port of a device that speaks CDP is heard from two MAC
// addresses: then two devices bear its name.
func hasDoubleSource(s *sighting, all []sighting) bool {
	return s.Protocol == discovery.ProtocolCDP && slices.ContainsFunc(all, func(o sighting) bool {
		return o.live && o.MSAP == s.MSAP && o.Source != s.Source
	})
}

// replaces reports whether one switch stands in the place of another: at the
// other end of the same cable, with the same name, port and management address,
// while the other is silent on all ports. A name alone may come from the factory.
func replaces(by, old *sighting, all []sighting) bool {
	return by.live && !old.live && by.port == old.port && by.Chassis != old.Chassis &&
		by.Protocol == old.Protocol && by.Port == old.Port &&
		isDistinctive(by.SystemName) && by.SystemName == old.SystemName &&
		discovery.SpeakerOf(by.Neighbor) == discovery.SpeakerSwitch && sameManagement(by.Neighbor, old.Neighbor, false) &&
		!slices.ContainsFunc(all, func(o sighting) bool { return o.live && o.Chassis == old.Chassis })
}

// sameManagement reports whether two speakers share a management address; without
// any on both sides, otherwise is the answer.
func sameManagement(a, b *discovery.Neighbor, otherwise bool) bool {
	x, y := managementIPs(a), managementIPs(b)
	if len(x) == 0 && len(y) == 0 {
		return otherwise
	}
	return slices.ContainsFunc(x, func(ip netip.Addr) bool { return slices.Contains(y, ip) })
}

// managementIPs are the management addresses that can tell one switch from another.
func managementIPs(n *discovery.Neighbor) []netip.Addr {
	return slices.DeleteFunc(n.ManagementIPs(), func(ip netip.Addr) bool { return !ip.IsGlobalUnicast() })
}

// sameMACBlock reports whether two MAC addresses can be of one device: makers number the
// ports of a device one after the other.
func sameMACBlock(a, b discovery.MAC) bool { return [4]byte(a[:]) == [4]byte(b[:]) }

// factoryNames are system names that switches bear before anybody names them.
var factoryNames = []string{
	"", "(none)", "access point", "arista", "bridge", "cumulus", "default", "debian", "dell", "host", "hp", "huawei", "juniper",
	"localhost", "mikrotik", "none", "not set", "openwrt", "quanta", "router", "sonic", "switch", "ubnt", "unknown", "vyos",
}

// isDistinctive reports whether a system name tells one switch from another.
func isDistinctive(name string) bool {
	return !slices.Contains(factoryNames, strings.ToLower(strings.TrimSpace(name)))
}

// maxNamesakes bounds the pairs that are told: an inventive speaker makes a great many.
const maxNamesakes = 64

// namesakes are pairs of live chassis that bear one name and are not one switch.
func (s Switches) namesakes(all []sighting) [][2]*discovery.Neighbor {
	var out [][2]*discovery.Neighbor
	for i := range all {
		for j := range i {
			a, b := all[j].Neighbor, all[i].Neighbor
			if all[i].live && all[j].live && a.SystemName == b.SystemName && isDistinctive(a.SystemName) && a.Protocol == b.Protocol &&
				discovery.SpeakerOf(a) == discovery.SpeakerSwitch && discovery.SpeakerOf(b) == discovery.SpeakerSwitch && s.identify(a) != s.identify(b) {
				out = append(out, [2]*discovery.Neighbor{a, b})
			}
			if len(out) == maxNamesakes {
				return out
			}
		}
	}
	return out
}
