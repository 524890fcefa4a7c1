// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"cmp"
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// acceptedNeighbors are the neighbours of a port that were heard in the carrier epoch that
// the interface is in, and that no rule ignores.
func acceptedNeighbors(w World, ifi discovery.Interface, p *discovery.Port) []discovery.Neighbor {
	if !ifi.Operational() || p.Epoch != ifi.Epoch() {
		return nil
	}
	var out []discovery.Neighbor
	for i := range p.Neighbors {
		if _, ignored := w.Rules.Ignored(w.subject(ifi.Name, &p.Neighbors[i])); !ignored {
			out = append(out, p.Neighbors[i])
		}
	}
	return out
}

// believableNeighbors are the neighbours that may hold a port, the most believable and nearest
// first.
func believableNeighbors(w World, ifi discovery.Interface, p *discovery.Port) []discovery.Neighbor {
	out := acceptedNeighbors(w, ifi, p)
	slices.SortStableFunc(out, func(a, b discovery.Neighbor) int {
		return cmp.Or(rank(&a)-rank(&b), distance(&a)-distance(&b))
	})
	if relayed(out) {
		return slices.DeleteFunc(out, isCDP)
	}
	return out
}

func isCDP(n discovery.Neighbor) bool { return n.Protocol == discovery.ProtocolCDP }

// relayed reports whether CDP comes from more than one device. Then a switch that
// forwards it stands in between, and none of them need be the one at the other end
// of the cable, nor in the VLAN that it tells.
func relayed(all []discovery.Neighbor) bool {
	var first *discovery.Neighbor
	for i := range all {
		switch n := &all[i]; {
		case n.Protocol != discovery.ProtocolCDP:
		case first == nil:
			first = n
		case n.Chassis != first.Chassis:
			return true
		}
	}
	return false
}

// distance orders neighbours by how far their frames may have come: who speaks to
// the nearest bridge is at the other end of the cable, a customer bridge may be
// behind others (IEEE Std 802.1AB-2016, 7.1).
func distance(n *discovery.Neighbor) int {
	switch n.Destination {
	case discovery.NearestNonTPMRBridge:
		return 1
	case discovery.NearestCustomerBridge:
		return 2
	default:
		return 0
	}
}

// sightings are who holds the ports, or would hold them, ordered by when each was
// first heard. What else is heard joins no switches: anybody can invent it.
func (m Memory) sightings(w World, snap *discovery.Snapshot) []sighting {
	var out []sighting
	for i := range snap.Ports {
		ifi, ok := snap.Interface(snap.Ports[i].Index)
		if !ok {
			continue
		}
		live := believableNeighbors(w, ifi, &snap.Ports[i])
		holder := 0
		if c := m.findClaim(ifi); c != nil {
			holder = slices.IndexFunc(live, func(n discovery.Neighbor) bool { return n.MSAP == c.Neighbor.MSAP })
			if holder < 0 {
				holder = 0
				out = append(out, sighting{port: sightedPort{index: ifi.Index}, Neighbor: &c.Neighbor})
			}
		}
		if len(live) > 0 {
			out = append(out, sighting{port: sightedPort{index: ifi.Index}, live: true, Neighbor: &live[holder]})
		}
	}
	slices.SortStableFunc(out, func(a, b sighting) int { return a.FirstHeard.Compare(b.FirstHeard) })
	return out
}
