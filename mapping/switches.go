// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
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

// identifySwitch is the identity of a port's switch, without a VLAN. Where the chassis
// ID does not say which device it is, each port of such devices counts for itself.
func identifySwitch(s Switches, b Bearers, ifname string, n *discovery.Neighbor) Identity {
	if !namesDevice(n) || b.Apart(ifname, n.Chassis) {
		return Identity{Kind: identity.Sender, Switch: string(n.Chassis), Source: n.Source, Says: says(n)}
	}
	return Identity{Switch: string(s.Canonical(n.Chassis))}
}

// says is what tells a device from others of one chassis ID: they can even share the
// source address of their frames, as clones do.
func says(n *discovery.Neighbor) string {
	words := []string{string(n.Port)}
	if n.SystemName != "" {
		words = append(words, n.SystemName)
	}
	if ips := managementIPs(n); len(ips) > 0 {
		words = append(words, ips[0].String())
	}
	return strings.Join(words, " ")
}

// namesDevice reports whether a chassis ID can tell one device from all others.
func namesDevice(n *discovery.Neighbor) bool {
	kind, text, _ := strings.Cut(string(n.Chassis), ":")
	_, port, _ := strings.Cut(string(n.Port), ":")
	switch mac, err := discovery.ParseMAC(text); {
	case kind == "ifname", kind == "ifalias", kind == "portcomponent":
		return false // of a port: other devices have an eth0, too
	case err == nil && (mac == discovery.MAC{} || mac[0]&1 != 0):
		return false // never programmed; of a group, which no device is
	case kind == "mac":
		return true
	}
	if ip, err := netip.ParseAddr(text); err == nil {
		return ip.IsGlobalUnicast() // not unspecified, of this host or of this link
	}
	return isDistinctive(text) && strings.Trim(text, "0.:-") != "" && text != port
}

func (s Switches) index(chassis discovery.ID) int {
	return slices.IndexFunc(s, func(w Switch) bool { return slices.Contains(w.Chassis, chassis) })
}

// A sightedPort is a port: the ifindex, and where several nodes are looked at together,
// the number of the node.
type sightedPort struct{ node, index int }

// A sighting is a neighbour on a port of this node.
type sighting struct {
	port     sightedPort
	live     bool
	disputed bool // somebody else is heard on the port
	*discovery.Neighbor
}

// learn takes the switches from one set of sightings, ordered by the time they were
// first heard, to the next. It changes nothing that s shares with others.
func (s Switches) learn(all []sighting) Switches {
	c := newCrowd(all)
	out := s.review(c)
	for i := range all {
		if a := &all[i]; a.live && isDistinctive(a.SystemName) && c.portMAC(a) && c.hasDoublePort(a) {
			out = out.keepApart(a.Neighbor)
		}
	}
	return out.joinPortMACs(c)
}

// A crowd are sightings of which some are found without a look at each.
type crowd struct {
	all     []sighting
	named   map[portName][]*sighting
	chassis map[discovery.ID]ported
}

// A portName is a port as a switch of some name calls it.
type portName struct {
	system string
	port   discovery.ID
}

// ported says of a chassis ID that it is heard from a port, and whether from others too.
type ported struct {
	port    discovery.ID
	several bool
}

func newCrowd(all []sighting) *crowd {
	c := &crowd{all: all, named: make(map[portName][]*sighting, len(all)), chassis: make(map[discovery.ID]ported, len(all))}
	for i := range all {
		a := &all[i]
		at := portName{a.SystemName, a.Port}
		c.named[at] = append(c.named[at], a)
		known, heard := c.chassis[a.Chassis]
		if !heard {
			known.port = a.Port
		}
		known.several = known.several || known.port != a.Port
		c.chassis[a.Chassis] = known
	}
	return c
}

// joinPortMACs joins live speakers that are one switch though each port of it tells a
// chassis ID of its own. Each is joined once, to the first that it belongs to.
func (s Switches) joinPortMACs(c *crowd) Switches {
	before := map[string][]*sighting{} // by system name, which joins them
	for i := range c.all {
		b := &c.all[i]
		if !b.live || !isDistinctive(b.SystemName) || !c.portMAC(b) || c.hasDoublePort(b) {
			continue
		}
		for _, a := range before[b.SystemName] {
			if s.index(b.Chassis) < 0 && a.Chassis != b.Chassis && s.oneByName(a, b) {
				s = s.join(a.Neighbor, b.Neighbor)
				break
			}
		}
		before[b.SystemName] = append(before[b.SystemName], b)
	}
	return s
}

// join notes that two chassis are one switch.
func (s Switches) join(first, second *discovery.Neighbor) Switches {
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
	return s
}

// keepApart notes that a chassis is a switch of its own, whatever its name: what once
// was known to be apart must not be joined when the evidence has gone.
func (s Switches) keepApart(n *discovery.Neighbor) Switches {
	if s.index(n.Chassis) >= 0 || len(s) >= maxSwitches {
		return s
	}
	return append(slices.Clone(s), Switch{ID: n.Chassis, Name: n.SystemName, Chassis: []discovery.ID{n.Chassis}})
}

// review gives up what the sightings contradict. A switch that is renamed as a whole
// stays one.
func (s Switches) review(c *crowd) Switches {
	all := c.all
	var out Switches
	for _, w := range s {
		var live []*sighting
		for i := range all {
			if all[i].live && slices.Contains(w.Chassis, all[i].Chassis) {
				live = append(live, &all[i])
			}
		}
		switch {
		case len(w.Chassis) > 1 && !c.holds(live):
			for _, a := range live { // from now on they are different
				out = out.keepApart(a.Neighbor)
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
func (c *crowd) holds(live []*sighting) bool {
	return !slices.ContainsFunc(live, func(a *sighting) bool {
		return a.SystemName != live[0].SystemName || !sameManagement(a.Neighbor, live[0].Neighbor, sameMACBlock(a.Source, live[0].Source)) ||
			// Without management addresses the name alone joined them, and it is borne
			// by another switch too.
			len(managementIPs(a.Neighbor)) == 0 && c.hasDoublePort(a)
	})
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
func (c *crowd) portMAC(s *sighting) bool {
	return s.Protocol == discovery.ProtocolLLDP && discovery.SpeakerOf(s.Neighbor) == discovery.SpeakerSwitch && namesDevice(s.Neighbor) &&
		s.Chassis == discovery.ID("mac:"+s.Source.String()) &&
		!c.chassis[s.Chassis].several
}

// hasDoublePort reports whether a port of that name is heard from another chassis of the
// same name: no switch has two. Who was there before on the same cable is no other.
func (c *crowd) hasDoublePort(s *sighting) bool {
	return slices.ContainsFunc(c.named[portName{s.SystemName, s.Port}], func(o *sighting) bool {
		return (o.live || o.port != s.port) && o.Chassis != s.Chassis
	})
}

// successor reports whether one switch looks like another's, in whose place it is heard. A
// switch from the factory can look so too: it is a hint for people, and no more.
func successor(old, by *discovery.Neighbor) bool {
	return by.Chassis != old.Chassis && by.Protocol == old.Protocol && by.Port == old.Port &&
		isDistinctive(by.SystemName) && by.SystemName == old.SystemName && discovery.SpeakerOf(by) == discovery.SpeakerSwitch
}

// successions are the pairs of a chassis that held a port and is not heard on any now, and
// one that looks like its successor there, the old one first.
func (m Memory) successions(snap *discovery.Snapshot) [][2]*discovery.Neighbor {
	live := m.sightings(snap)
	var out [][2]*discovery.Neighbor
	for i := range m.Ports {
		p := &m.Ports[i]
		var old *discovery.Neighbor
		var by []*discovery.Neighbor
		switch {
		case p.Holder == nil:
		case p.State == belief.Disputed:
			old = &p.Holder.Neighbor
			for k := range p.Against {
				by = append(by, &p.Against[k].Neighbor)
			}
		case p.State == belief.Held && len(p.Before) > 0 && snap.Time.Before(p.HeldSince.Add(successionShown)):
			old, by = &p.Before[len(p.Before)-1], []*discovery.Neighbor{&p.Holder.Neighbor}
		}
		for _, n := range by {
			if successor(old, n) && !slices.ContainsFunc(live, func(o sighting) bool { return o.live && o.Chassis == old.Chassis }) &&
				!slices.ContainsFunc(out, func(p [2]*discovery.Neighbor) bool { return p[0].Chassis == old.Chassis && p[1].Chassis == n.Chassis }) {
				out = append(out, [2]*discovery.Neighbor{old, n})
			}
		}
	}
	return out
}

// successionShown is how long the hint is shown.
const successionShown = 24 * time.Hour

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

// namesakes are pairs of live chassis that bear one name and are not one switch. The order
// is that of the chassis: whoever reads what the node publishes knows no other.
func (s Switches) namesakes(all []sighting) [][2]*discovery.Neighbor {
	all = slices.DeleteFunc(slices.Clone(all), func(a sighting) bool {
		return !a.live || !isDistinctive(a.SystemName) || discovery.SpeakerOf(a.Neighbor) != discovery.SpeakerSwitch
	})
	slices.SortStableFunc(all, func(a, b sighting) int {
		return cmp.Or(cmp.Compare(a.Chassis, b.Chassis), cmp.Compare(a.SystemName, b.SystemName))
	})
	all = slices.CompactFunc(all, func(a, b sighting) bool { return a.Chassis == b.Chassis && a.SystemName == b.SystemName })
	var out [][2]*discovery.Neighbor
	before := map[string][]*discovery.Neighbor{} // by name
	for i := range all {
		b := all[i].Neighbor
		for _, a := range before[b.SystemName] {
			if a.Protocol == b.Protocol && s.Canonical(a.Chassis) != s.Canonical(b.Chassis) {
				out = append(out, [2]*discovery.Neighbor{a, b})
			}
			if len(out) == maxNamesakes {
				return out
			}
		}
		before[b.SystemName] = append(before[b.SystemName], b)
	}
	return out
}
