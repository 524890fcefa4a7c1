// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"maps"
	"slices"
	"strconv"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/fit"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

// MaxUplinks bounds the ways from one node into networks: as many as two ports have on which
// every VLAN is a network. One frame makes a trunk of a port, and one line of a rule thousands
// of networks on it.
const MaxUplinks = 8192

// A budget is which VLANs of a node count where there are more ways than MaxUplinks. What is
// untagged always counts. Then come the VLANs that a switch names on any port, then those that
// rules alone declare, each in the order of their IDs. A VLAN counts on all ports or on none:
// no bond is judged by half of its members.
type budget struct {
	sources map[*discovery.Neighbor]*source // of all that is believed, or stands against that
	ways    int                             // that there are
	most    int                             // that count
	left    rules.VIDs                      // those that do not count
	cut     map[int]bool                    // the ports, by ifindex, where something is left out
}

// assess counts the ways of a node, and says which are beyond the most that count.
func (w *World) assess(snap *discovery.Snapshot, m Memory, most int) *budget {
	b := &budget{most: most, sources: make(map[*discovery.Neighbor]*source, len(snap.Ports)), cut: map[int]bool{}}
	var count [discovery.MaxVID + 1]int
	var told rules.VIDs
	type portSource struct {
		port int
		*source
	}
	var tagged []portSource
	for i := range snap.Ports {
		p, held := m.port(snap.Ports[i].Index)
		ifi, known := snap.Interface(snap.Ports[i].Index)
		if !held || !known {
			continue
		}
		for _, n := range voices(p) {
			s := w.source(ifi.Name, n)
			b.sources[n] = s
			b.ways++
			tags := s.tagged()
			for vid := range tags.All() {
				count[vid]++
				b.ways++
			}
			for vid := range s.told {
				told.Add(vid)
			}
			tagged = append(tagged, portSource{p.Index, s})
		}
	}
	if b.ways <= most {
		return b
	}
	room := most - len(tagged)
	for _, first := range []bool{true, false} {
		for vid := range uint16(discovery.MaxVID + 1) {
			if count[vid] == 0 || told.Has(vid) != first {
				continue
			}
			if room -= count[vid]; room < 0 {
				b.left.Add(vid)
			}
		}
	}
	for _, t := range tagged {
		if tags := t.tagged(); tags.Without(b.left) != tags {
			b.cut[t.port] = true
		}
	}
	return b
}

// voices are who is believed on a port, and, where that is disputed, who contradicts.
func voices(p *belief.Port) []*discovery.Neighbor {
	all := []*discovery.Neighbor{&p.Holder.Neighbor}
	if p.State != belief.Disputed {
		return all
	}
	against := p.Against
	if p.ForgotSome() { // then nothing is shared, and only the latest is shown
		against = against[max(len(against)-1, 0):]
	}
	for i := range against {
		all = append(all, &against[i].Neighbor)
	}
	return all
}

// over reports whether something is left out.
func (b *budget) over() bool { return b != nil && len(b.cut) > 0 }

// leaves reports whether a tag is left out.
func (b *budget) leaves(vid uint16) bool { return b != nil && b.left.Has(vid) }

// tellBudget says what is left out.
func (r *resolver) tellBudget() {
	b := r.budget
	if !b.over() {
		return
	}
	ports := slices.Sorted(maps.Keys(b.cut))
	r.condition(TopologyTooLarge, "", "", "what switches name and rules declare is %d ways into networks, and %d count: VLANs %s are left out on %s; declare fewer of them (vlans of a group, tagged), or name fewer on the switches",
		b.ways, b.most, fit.Few(rangesOf(b.left), maxLeftOut), fit.Bound(r.interfaceNames(ports), maxLeftOut))
}

// maxLeftOut bounds each list of what is left out.
const maxLeftOut = 256

// rangesOf are VLAN IDs as people write them.
func rangesOf(v rules.VIDs) []string {
	var out []string
	low, high := 0, 0
	end := func() {
		switch low {
		case 0:
		case high:
			out = append(out, strconv.Itoa(low))
		default:
			out = append(out, fmt.Sprintf("%d-%d", low, high))
		}
	}
	for vid := range v.All() {
		if int(vid) != high+1 || low == 0 {
			end()
			low = int(vid)
		}
		high = int(vid)
	}
	end()
	return out
}

// halfKnown are the junctions, by ifindex, that join a VLAN device whose VLAN is left out: what
// it leads to would have a say in where they lead.
func (b *budget) halfKnown(snap *discovery.Snapshot) map[int]string {
	out := map[int]string{}
	if !b.over() {
		return out
	}
	for _, ifi := range snap.Interfaces {
		if ifi.Kind != discovery.KindVLAN || !b.leaves(ifi.VLAN) {
			continue
		}
		at := ifi
		for range maxDepth {
			master, ok := snap.Interface(at.Master)
			if !ok {
				break
			}
			if at = master; out[at.Index] == "" {
				out[at.Index] = ifi.Name
			}
		}
	}
	return out
}
