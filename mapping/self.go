// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/discovery"
)

// A wire is ports of this node between which LLDP goes, which switches that speak it keep
// to themselves: what the node sends on one of them arrives on another, or on itself.
type wire []discovery.Interface

// wires are those of this node, in the order of their first ports.
func wires(snap *discovery.Snapshot, self *discovery.Self) []wire {
	var out []wire
	for i := range snap.Ports {
		p := &snap.Ports[i]
		ifi, ok := snap.Interface(p.Index)
		if !ok || p.Epoch != ifi.Epoch() {
			continue
		}
		for k := range p.Neighbors {
			if from, own := sender(snap, self, ifi, &p.Neighbors[k]); own {
				out = joinWire(out, ifi, from)
			}
		}
	}
	for _, w := range out {
		slices.SortFunc(w, func(a, b discovery.Interface) int { return a.Index - b.Index })
	}
	slices.SortFunc(out, func(a, b wire) int { return a[0].Index - b[0].Index })
	return out
}

// sender is Self.Sender. Members of a bond have one address: where the port ID is
// that, another than who hears it sent it.
func sender(snap *discovery.Snapshot, self *discovery.Self, at discovery.Interface, n *discovery.Neighbor) (discovery.Interface, bool) {
	from, own := self.Sender(n)
	if own && from.MAC == at.MAC && n.Port == discovery.ID("mac:"+at.MAC.String()) {
		i := slices.IndexFunc(snap.Interfaces, func(i discovery.Interface) bool {
			_, isPort := snap.Port(i.Index)
			return isPort && i.MAC == at.MAC && i.Index != at.Index
		})
		if i >= 0 {
			return snap.Interfaces[i], true
		}
	}
	return from, own
}

// joinWire puts two ports, or one with itself, on one wire.
func joinWire(all []wire, a, b discovery.Interface) []wire {
	if slices.ContainsFunc(all, func(w wire) bool { return w.has(a.Index) && w.has(b.Index) }) {
		return all
	}
	joined := wire{a}
	if b.Index != a.Index {
		joined = append(joined, b)
	}
	var out []wire
	for _, w := range all {
		if !w.has(a.Index) && !w.has(b.Index) {
			out = append(out, w)
			continue
		}
		for _, i := range w {
			if !joined.has(i.Index) {
				joined = append(joined, i)
			}
		}
	}
	return append(out, joined)
}

func (w wire) has(index int) bool {
	for i := range w {
		if w[i].Index == index {
			return true
		}
	}
	return false
}

// bonded reports whether the ports are members of one bond or team: these may well be on
// one wire.
func (w wire) bonded(snap *discovery.Snapshot) bool {
	master, ok := snap.Interface(w[0].Master)
	return ok && master.Kind.Aggregates() && len(w) > 1 && !slices.ContainsFunc(w, func(i discovery.Interface) bool { return i.Master != master.Index })
}

// String says what the ports have to do with each other.
func (w wire) String() string {
	if len(w) == 1 {
		return fmt.Sprintf("%s hears what this node sends on it: there is a loop on its wire", w[0].Name)
	}
	var names []string
	for _, i := range w {
		names = append(names, i.Name)
	}
	last := len(names) - 1
	return fmt.Sprintf("%s and %s are on one wire: what this node sends on one of them arrives on another, as through a switch that forwards LLDP",
		strings.Join(names[:last], ", "), names[last])
}

// hearsItself tells of ports on one wire, and of loops.
func (r *resolver) hearsItself() {
	for _, w := range wires(r.Snapshot, r.self) {
		if w.bonded(r.Snapshot) {
			continue
		}
		ifname := ""
		if len(w) == 1 {
			ifname = w[0].Name
		}
		r.condition(HearsItself, ifname, "", "%s", w)
	}
}
