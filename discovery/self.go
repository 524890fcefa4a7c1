// SPDX-License-Identifier: Apache-2.0

package discovery

import (
	"slices"
	"strings"
)

// locallyAdministered is the bit of an address that no vendor sets (IEEE Std 802-2014,
// 8.2.2).
const locallyAdministered = 0x02

// MemberSource is the address from which Colvin sends on a member of a bond or team. All
// members have the same address, and a switch that heard it on each of them could take
// them for one station that moves. So these send from one that nobody else uses.
func MemberSource(mac MAC) MAC {
	const another = 0x04
	if mac[0]&locallyAdministered != 0 {
		mac[0] ^= another
	}
	mac[0] |= locallyAdministered
	return mac
}

// MemberSourceLLDPD is what lldpd sends from on a member of a bond whose address is
// locally administered.
var MemberSourceLLDPD = MAC{0x00, 0x60, 0x08, 0x69, 0x97, 0xef}

// Self is a node as it can hear itself.
type Self struct {
	seen    *Snapshot
	macs    map[MAC]bool // of its interfaces
	sources map[MAC]bool // from which it may send
}

// Self returns who the node is by what is seen.
func (s *Snapshot) Self() *Self {
	o := &Self{seen: s, macs: make(map[MAC]bool, len(s.Interfaces)), sources: make(map[MAC]bool, 2*len(s.Interfaces)+1)}
	for i := range s.Interfaces {
		if mac := s.Interfaces[i].MAC; mac != (MAC{}) {
			o.macs[mac], o.sources[mac], o.sources[MemberSource(mac)] = true, true, true
		}
	}
	o.sources[MemberSourceLLDPD] = true
	return o
}

// Has reports whether an interface of the node has the address.
func (o *Self) Has(mac MAC) bool { return o.macs[mac] }

// Sender returns the interface through which the node sent itself what it hears, as where
// two of its ports are on one wire, or the wire has a loop. It reports false where that is
// not sure: chassis ID and port ID have to be the node's own, and so has the address that
// the frame came from, since anybody can say the IDs. What this still mistakes for the
// node imitates it in all of that.
func (o *Self) Sender(n *Neighbor) (Interface, bool) {
	if n.Protocol != ProtocolLLDP || !o.sources[n.Source] || !o.isChassis(n.Chassis) {
		return Interface{}, false
	}
	s := o.seen
	name, byName := strings.CutPrefix(string(n.Port), "ifname:")
	mac, byMAC := n.Port.mac()
	i := slices.IndexFunc(s.Interfaces, func(i Interface) bool {
		return byName && i.Name == name || byMAC && i.MAC == mac
	})
	if i < 0 {
		return Interface{}, false
	}
	return s.Interfaces[i], true
}

// CountNeighbors counts the neighbours of a port by protocol, and how often the node
// itself is among what is heard.
func (o *Self) CountNeighbors(p *Port) (others map[Protocol]int, itself int) {
	others = map[Protocol]int{}
	for i := range p.Neighbors {
		if _, own := o.Sender(&p.Neighbors[i]); own {
			itself++
		} else {
			others[p.Neighbors[i].Protocol]++
		}
	}
	return others, itself
}

func (o *Self) isChassis(id ID) bool {
	mac, ok := id.mac()
	return ok && (mac == o.seen.Chassis || o.macs[mac])
}

// mac is the address that an ID is, if it is one of a device.
func (id ID) mac() (MAC, bool) {
	text, ok := strings.CutPrefix(string(id), "mac:")
	if !ok {
		return MAC{}, false
	}
	mac, err := ParseMAC(text)
	return mac, err == nil && mac != MAC{} && mac.String() == text
}
