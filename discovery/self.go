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

// Sender returns the interface through which the node sent itself what it hears, as where
// two of its ports are on one wire, or the wire has a loop. It reports false where that is
// not sure: chassis ID and port ID have to be the node's own, and so has the address that
// the frame came from, since anybody can say the IDs. What this still mistakes for the
// node imitates it in all of that.
func (s *Snapshot) Sender(n *Neighbor) (Interface, bool) {
	if n.Protocol != ProtocolLLDP || !s.isOwnChassis(n.Chassis) || !s.isOwnSource(n.Source) {
		return Interface{}, false
	}
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
func (s *Snapshot) CountNeighbors(p *Port) (others map[Protocol]int, itself int) {
	others = map[Protocol]int{}
	for i := range p.Neighbors {
		if _, own := s.Sender(&p.Neighbors[i]); own {
			itself++
		} else {
			others[p.Neighbors[i].Protocol]++
		}
	}
	return others, itself
}

func (s *Snapshot) isOwnChassis(id ID) bool {
	mac, ok := id.mac()
	return ok && (mac == s.Chassis || slices.ContainsFunc(s.Interfaces, func(i Interface) bool { return i.MAC == mac }))
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

func (s *Snapshot) isOwnSource(source MAC) bool {
	return source == MemberSourceLLDPD || slices.ContainsFunc(s.Interfaces, func(i Interface) bool {
		return i.MAC != MAC{} && (source == i.MAC || source == MemberSource(i.MAC))
	})
}
