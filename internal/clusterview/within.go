// SPDX-License-Identifier: Apache-2.0

package clusterview

import (
	"fmt"
	"slices"
	"strings"

	"github.com/colvin-net/colvin/api/v1alpha1"
	"github.com/colvin-net/colvin/internal/fit"
)

// Within bounds what one node tells, by the budgets of v1alpha1: the agent writes no more, and
// the controller reads no more, whoever wrote it. What does not fit is left out by ports, each
// whole, in the order of the interfaces, and said in words; where all fits there are none, and
// the spec is the same. It changes nothing in spec.
func Within(spec *v1alpha1.NodeTopologySpec) (*v1alpha1.NodeTopologySpec, string) {
	b := budget{full: len(spec.Switches) >= v1alpha1.MaxSwitches, listed: map[string]bool{}}
	out := *spec
	out.Interfaces = spec.Interfaces[:min(len(spec.Interfaces), v1alpha1.MaxInterfaces)]
	out.Switches = spec.Switches[:min(len(spec.Switches), v1alpha1.MaxSwitches)]
	out.Moved = spec.Moved[:min(len(spec.Moved), v1alpha1.MaxMoved)]
	for i := range out.Switches {
		s := &out.Switches[i]
		b.size += overhead + size(s.ID, s.Chassis, s.KnownAs, s.SystemName, s.SystemDescription) + size(s.ManagementAddresses...) + size(s.Capabilities...) + size(s.Enabled...)
		b.listed[s.ID] = true
	}
	for i := range out.Moved {
		m := &out.Moved[i]
		b.size += overhead + size(m.ContainerID, m.IfName, m.Network, m.Device, m.From, m.To)
		if m.Pod != nil {
			b.size += size(m.Pod.Namespace, m.Pod.Name, m.Pod.UID)
		}
	}
	var left []string
	for _, ifi := range spec.Interfaces[len(out.Interfaces):] {
		left = append(left, ifi.Name)
	}
	copied := false
	for i := range out.Interfaces {
		ifi := &out.Interfaces[i]
		b.size += overhead + size(ifi.Name, ifi.MAC, ifi.Kind)
		if ifi.Port == nil || b.fits(ifi.Port) {
			continue
		}
		if !copied {
			out.Interfaces, copied = slices.Clone(out.Interfaces), true
		}
		out.Interfaces[i].Port = nil
		left = append(left, ifi.Name)
	}
	var said []string
	if len(left) > 0 {
		said = append(said, fmt.Sprintf("left out is what is heard on %d interfaces, %s", len(left), fit.Few(left, v1alpha1.MaxSummary)))
	}
	if more := len(spec.Moved) - len(out.Moved); more > 0 {
		said = append(said, fmt.Sprintf("left out are %d containers that are in another network than they asked for", more))
	}
	if len(said) == 0 {
		return spec, ""
	}
	return &out, "more is told than a NodeTopology holds: " + strings.Join(said, "; ")
}

// A budget is what was used up of what one node may tell.
type budget struct {
	listed                        map[string]bool // the switches
	full                          bool            // there may be more of them
	ports, named, neighbors, size int
}

// overhead is about what an entry of a list takes beside its texts.
const overhead = 64

// fits takes a port in, if there is room for it, and was for the switches that it names.
func (b *budget) fits(p *v1alpha1.Port) bool {
	with := *b
	with.ports++
	with.size += overhead + size(p.Problem, p.Driver, p.Address)
	with.neighbors += len(p.Others)
	known := true
	add := func(n *v1alpha1.Neighbor) {
		known = known && (!b.full || b.listed[n.Switch])
		with.size += overhead + size(n.Switch, n.PortID, n.PortDescription)
		for i := range n.VLANs {
			const number = len(`{"id":4094,"name":""},`)
			with.size += number + size(n.VLANs[i].Name)
		}
	}
	for i := range p.Others {
		add(&p.Others[i])
	}
	if p.Led != nil {
		add(p.Led)
	}
	if h := p.Holder; h != nil {
		with.named += len(h.VLANs)
		with.neighbors += len(h.Against)
		add(&h.Neighbor)
		for i := range h.Against {
			add(&h.Against[i])
		}
		if h.Before != nil {
			add(h.Before)
		}
	}
	if !known || with.ports > v1alpha1.MaxPorts || with.named > v1alpha1.MaxNamed || with.neighbors > v1alpha1.MaxNeighbors || with.size > v1alpha1.MaxTopology {
		return false
	}
	*b = with
	return true
}

// size is what texts take as JSON, as the API's clients write it.
func size(texts ...string) int {
	const quotes, escaped = 2, 6
	n := 0
	for _, s := range texts {
		n += quotes + len(s)
		for i := range len(s) {
			switch c := s[i]; {
			case c < ' ' || c == '<' || c == '>' || c == '&':
				n += escaped - 1
			case c == '"' || c == '\\':
				n++
			}
		}
	}
	return n
}
