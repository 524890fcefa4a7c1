// SPDX-License-Identifier: Apache-2.0

package topology

import (
	"slices"

	"github.com/colvin-net/colvin/discovery"
)

// Names are those by which Around finds nodes and switches.
func (t *Topology) Names() []string {
	var names []string
	for i := range t.Nodes {
		names = append(names, t.Nodes[i].Name)
	}
	for i := range t.Switches {
		if s := &t.Switches[i]; s.System != "" {
			names = append(names, s.System)
		}
		names = append(names, string(t.Switches[i].Chassis))
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// Networks are the names of all networks.
func (t *Topology) Networks() []string {
	var names []string
	t.networks(func(n *Network) {
		if n.Name != "" {
			names = append(names, n.Name)
		}
	})
	slices.Sort(names)
	return slices.Compact(names)
}

func (t *Topology) networks(each func(*Network)) {
	for i := range t.Nodes {
		for j := range t.Nodes[i].Ports {
			p := &t.Nodes[i].Ports[j]
			for k := range p.Links {
				for l := range p.Links[k].Networks {
					each(&p.Links[k].Networks[l])
				}
			}
			for k := range p.Pinned {
				each(&p.Pinned[k])
			}
		}
	}
}

// Around is what is at most so many cables away from the nodes and switches of a name: a
// node by its name, a switch by its system name or chassis ID. Ports that lead elsewhere are
// left out, and those that lead nowhere unless their node bears the name. It reports false
// where nothing does.
func (t *Topology) Around(name string, hops int) (*Topology, bool) {
	w := walk{topology: t, switchOf: t.switchOf(), nodes: map[int]bool{}, switches: map[int]bool{}}
	for i := range t.Nodes {
		if t.Nodes[i].Name == name {
			w.nodes[i], w.named = true, append(w.named, i)
		}
	}
	for i := range t.Switches {
		if s := &t.Switches[i]; s.System != "" && s.System == name || string(s.Chassis) == name {
			w.switches[i] = true
		}
	}
	if len(w.nodes)+len(w.switches) == 0 {
		return nil, false
	}
	for range hops {
		if !w.step() {
			break
		}
	}
	return w.part(), true
}

// A walk goes from switch to node to switch.
type walk struct {
	topology        *Topology
	switchOf        map[discovery.MSAP]int
	nodes, switches map[int]bool // by index, that were reached
	named           []int        // nodes
}

// switchOf says which switch an MSAP is on.
func (t *Topology) switchOf() map[discovery.MSAP]int {
	of := map[discovery.MSAP]int{}
	for i := range t.Switches {
		for _, p := range t.Switches[i].Ports {
			of[p.MSAP] = i
		}
	}
	return of
}

// step adds what is one cable away, and reports whether that is more.
func (w *walk) step() (more bool) {
	before := len(w.nodes) + len(w.switches)
	var nodes, switches []int
	for i := range w.topology.Nodes {
		for _, p := range w.topology.Nodes[i].Ports {
			for _, l := range p.Links {
				s, ok := w.switchOf[l.MSAP]
				switch {
				case ok && w.switches[s]:
					nodes = append(nodes, i)
				case ok && w.nodes[i]:
					switches = append(switches, s)
				}
			}
		}
	}
	for _, i := range nodes {
		w.nodes[i] = true
	}
	for _, i := range switches {
		w.switches[i] = true
	}
	return len(w.nodes)+len(w.switches) > before
}

// part is the topology of what was reached.
func (w *walk) part() *Topology {
	out := &Topology{Nodes: []Node{}, Switches: []Switch{}}
	for i := range w.topology.Nodes {
		if w.nodes[i] {
			out.Nodes = append(out.Nodes, w.topology.Nodes[i].with(func(p *Port) bool {
				nowhere := len(p.Links) == 0
				p.Links = keep(p.Links, func(l Link) bool { s, ok := w.switchOf[l.MSAP]; return ok && w.switches[s] })
				return len(p.Links) > 0 || nowhere && slices.Contains(w.named, i)
			}))
		}
	}
	for i := range w.topology.Switches {
		if w.switches[i] {
			out.Switches = append(out.Switches, w.topology.Switches[i])
		}
	}
	return out.heard()
}

// Leading is what leads to a network: nodes, their ports, and switches. It reports false
// where no network bears the name.
func (t *Topology) Leading(network string) (*Topology, bool) {
	bears := func(n Network) bool { return network != "" && (n.Name == network || n.Colour == network) }
	out := &Topology{Nodes: []Node{}, Switches: t.Switches}
	for i := range t.Nodes {
		n := t.Nodes[i].with(func(p *Port) bool {
			for k := range p.Links {
				p.Links[k].Networks = keep(p.Links[k].Networks, bears)
			}
			p.Links = keep(p.Links, func(l Link) bool { return len(l.Networks) > 0 })
			p.Pinned = keep(p.Pinned, bears)
			return len(p.Links) > 0 || len(p.Pinned) > 0
		})
		if len(n.Ports) > 0 {
			out.Nodes = append(out.Nodes, n)
		}
	}
	return out.heard(), len(out.Nodes) > 0
}

// with is a node with those of its ports that are wanted, each of which may be changed.
func (n *Node) with(wanted func(*Port) bool) Node {
	out := Node{Name: n.Name, Ports: []Port{}}
	for _, p := range n.Ports {
		p.Links = slices.Clone(p.Links)
		if wanted(&p) {
			out.Ports = append(out.Ports, p)
		}
	}
	return out
}

func keep[T any](all []T, wanted func(T) bool) []T {
	out := []T{}
	for _, v := range all {
		if wanted(v) {
			out = append(out, v)
		}
	}
	return out
}

// heard leaves switch ports out to which nothing leads, and switches that have no others.
func (t *Topology) heard() *Topology {
	led := map[discovery.MSAP]bool{}
	for i := range t.Nodes {
		for _, p := range t.Nodes[i].Ports {
			for _, l := range p.Links {
				led[l.MSAP] = true
			}
		}
	}
	all := t.Switches
	t.Switches = []Switch{}
	for _, s := range all {
		if s.Ports = keep(s.Ports, func(p SwitchPort) bool { return led[p.MSAP] }); len(s.Ports) > 0 {
			t.Switches = append(t.Switches, s)
		}
	}
	return t
}
