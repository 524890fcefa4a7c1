// SPDX-License-Identifier: Apache-2.0

package mapping

import (
	"slices"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/rules"
)

// Try tells what rules make of what a node hears and remembers, as the node's next step
// would: the Input has the memory of the step before, and gets that after.
func Try(in *Input) View {
	in.Memory = in.Memory.Advance(in.World, in.Snapshot)
	return Resolve(*in)
}

// Idle returns the rules without effect on all that is heard on the node, on who holds its
// ports, and on where these lead in a View of it.
func (in *Input) Idle(view *View) []rules.Idle {
	w := in.World
	w.look(in.Memory, in.Snapshot)
	var all []rules.Heard
	var ports []rules.Subject
	for i := range in.Snapshot.Ports {
		p := &in.Snapshot.Ports[i]
		if ifi, ok := in.Snapshot.Interface(p.Index); ok {
			b, _ := in.Memory.Port(p.Index)
			all = append(all, w.heard(ifi, p, b.Holder)...)
			ports = append(ports, w.subject(ifi.Name, nil))
		}
	}
	leading := make([]rules.Ref, 0, len(view.Uplinks))
	for i := range view.Uplinks {
		leading = append(leading, view.Uplinks[i].Rule)
	}
	return in.Rules.Idle(all, ports, leading)
}

// heard are the neighbours on a port, with what they lead to where they can speak of that.
func (w *World) heard(ifi discovery.Interface, p *discovery.Port, holder *belief.Voice) []rules.Heard {
	neighbors := slices.Clone(p.Neighbors)
	if holder != nil {
		neighbors = append(neighbors, holder.Neighbor)
	}
	var out []rules.Heard
	for i := range neighbors {
		n := &neighbors[i]
		h := rules.Heard{Subject: w.known(w.subject(ifi.Name, n))}
		if h.Switch = w.speaks(ifi, n); h.Switch {
			s := w.source(ifi.Name, n)
			for _, l := range s.leads(nil) {
				h.Occurrences = append(h.Occurrences, s.occurrence(&l))
			}
		}
		out = append(out, h)
	}
	return out
}
