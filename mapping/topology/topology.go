// SPDX-License-Identifier: Apache-2.0

// Package topology says who is connected to what: nodes, their ports, and the switch ports
// and networks that these lead to, of all or of a part. It is pure: what agents see goes in;
// asking the agents stays with its callers, and pictures are drawn by the packages below.
package topology

import (
	"fmt"
	"slices"
	"time"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
)

// A Source is what one agent sees.
type Source struct {
	Node     string
	Snapshot *discovery.Snapshot
	View     mapping.View
	Switches mapping.Switches // with several chassis IDs
}

// A Topology is what some nodes are connected to. Its JSON form is an interface
// for other programs.
type Topology struct {
	Nodes    []Node   `json:"nodes"`
	Switches []Switch `json:"switches"` // in the order in which the nodes' ports lead to them
}

// A Node has ports.
type Node struct {
	Name  string `json:"name"`
	Ports []Port `json:"ports"` // ordered by ifindex
}

// A Port is an interface that a cable can be plugged into.
type Port struct {
	Name   string        `json:"name"`
	Index  int           `json:"index"`
	MAC    discovery.MAC `json:"mac,omitzero"`
	Master string        `json:"master,omitempty"` // bond, bridge or other device that it belongs to

	MasterKind discovery.Kind `json:"masterKind,omitempty"` // of that device, as netlink names it

	// Silence says why nobody is heard on it; nil where somebody is.
	Silence *mapping.Silence `json:"silence,omitempty"`
	// Links are the neighbours that it leads to: one as a rule, none where
	// nobody was ever heard, more where several speak on one cable.
	Links []Link `json:"links"`
	// Pinned are the networks that it leads to by a rule alone: no switch speaks there.
	Pinned []Network `json:"pinned,omitempty"`
}

// A Link leads from a port of a node to a port of a switch.
type Link struct {
	discovery.MSAP
	Heard    bool      `json:"heard"`    // within its time to live
	Networks []Network `json:"networks"` // untagged first, then by VLAN
}

// A Network is what a link leads to.
type Network struct {
	Name      string             `json:"name,omitempty"`   // empty where nothing names it
	Colour    string             `json:"colour,omitempty"` // the name that it has or had by itself
	VLAN      uint16             `json:"vlan,omitempty"`   // 0 where it is not advertised
	Tagged    bool               `json:"tagged"`
	Device    string             `json:"device,omitempty"` // that pods attach to
	Certainty nodefile.Certainty `json:"certainty"`
	Standby   bool               `json:"standby"` // the bond sends through another of its members
	Pinned    bool               `json:"pinned,omitempty"`
}

// A Switch is whatever is at the other end of a cable.
type Switch struct {
	Chassis discovery.ID      `json:"chassis"` // the first of them where it has several
	System  string            `json:"system,omitempty"`
	Kind    discovery.Speaker `json:"kind"`
	Ports   []SwitchPort      `json:"ports"`
}

// A SwitchPort is one end of a cable.
type SwitchPort struct {
	discovery.MSAP        // as it speaks on this port
	Description    string `json:"description,omitempty"`
}

// New says what the nodes of the sources are connected to.
func New(now time.Time, sources ...Source) *Topology {
	b := builder{now: now, out: &Topology{Nodes: []Node{}, Switches: []Switch{}}, switches: map[discovery.ID]int{}}
	for i := range sources {
		b.node(&sources[i])
	}
	return b.out
}

// Merge puts together what several topologies say, each of nodes of its own. A node that
// two of them have is an error: they may be of different times.
func Merge(all ...*Topology) (*Topology, error) {
	out := &Topology{Nodes: []Node{}, Switches: []Switch{}}
	for _, t := range all {
		for i := range t.Nodes {
			name := t.Nodes[i].Name
			if slices.ContainsFunc(out.Nodes, func(n Node) bool { return n.Name == name }) {
				return nil, fmt.Errorf("node %s is there twice", name)
			}
			out.Nodes = append(out.Nodes, t.Nodes[i])
		}
		for i := range t.Switches {
			out.addSwitch(&t.Switches[i])
		}
	}
	return out, nil
}

// addSwitch adds the ports of a switch, and the switch where it is new.
func (t *Topology) addSwitch(sw *Switch) {
	i := slices.IndexFunc(t.Switches, func(o Switch) bool { return o.Chassis == sw.Chassis })
	if i < 0 {
		i = len(t.Switches)
		first := *sw
		first.Ports = nil
		t.Switches = append(t.Switches, first)
	}
	ports := &t.Switches[i].Ports
	for _, port := range sw.Ports {
		if !slices.ContainsFunc(*ports, func(p SwitchPort) bool { return p.MSAP == port.MSAP }) {
			*ports = append(*ports, port)
		}
	}
}

type builder struct {
	now      time.Time
	out      *Topology
	switches map[discovery.ID]int // index in out.Switches
}

func (b *builder) node(s *Source) {
	n, self := Node{Name: s.Node, Ports: []Port{}}, s.Snapshot.Self()
	ports := map[int]*discovery.Port{}
	for i := range s.Snapshot.Ports {
		ports[s.Snapshot.Ports[i].Index] = &s.Snapshot.Ports[i]
	}
	for _, ifi := range s.Snapshot.Interfaces {
		p, listening := ports[ifi.Index]
		if !listening && !ifi.Hardware() {
			continue
		}
		out := Port{Name: ifi.Name, Index: ifi.Index, MAC: ifi.MAC, Links: []Link{}}
		if m, ok := s.Snapshot.Interface(ifi.Master); ok {
			out.Master, out.MasterKind = m.Name, m.Kind
		}
		if listening {
			b.port(s, self, p, &ifi, &out)
		}
		if why, silent := mapping.Silent(s.Snapshot, ifi, b.now); silent {
			out.Silence = &why
		}
		n.Ports = append(n.Ports, out)
	}
	b.out.Nodes = append(b.out.Nodes, n)
}

// port adds what is heard on a port, and what was and still counts.
func (b *builder) port(s *Source, self *discovery.Self, p *discovery.Port, ifi *discovery.Interface, out *Port) {
	for i := range p.Neighbors {
		n := &p.Neighbors[i]
		if _, own := self.Sender(n); own {
			continue
		}
		b.switchPort(s, n.MSAP, Switch{System: n.SystemName, Kind: discovery.SpeakerOf(n)}, n.PortDescription)
		if !slices.ContainsFunc(out.Links, func(l Link) bool { return l.MSAP == n.MSAP }) {
			out.Links = append(out.Links, Link{MSAP: n.MSAP, Heard: true, Networks: []Network{}})
		}
	}
	for i := range s.View.Uplinks {
		at := &s.View.Uplinks[i]
		for _, m := range members(at) {
			if m.Port.Index != ifi.Index {
				continue
			}
			network := Network{
				Name: at.Name, Colour: at.Colour, VLAN: at.Identity.VLAN, Tagged: at.VID != 0,
				Device: at.Device.Name, Certainty: m.Certainty, Standby: !m.Decides,
			}
			if m.Neighbor == (discovery.MSAP{}) {
				network.Pinned = true
				out.Pinned = append(out.Pinned, network)
				continue
			}
			k := slices.IndexFunc(out.Links, func(l Link) bool { return l.MSAP == m.Neighbor })
			if k < 0 { // the switch is silent now
				b.switchPort(s, m.Neighbor, Switch{System: m.System, Kind: discovery.SpeakerSwitch}, "")
				k = len(out.Links)
				out.Links = append(out.Links, Link{MSAP: m.Neighbor})
			}
			out.Links[k].Networks = append(out.Links[k].Networks, network)
		}
	}
}

// members are the ports through which an uplink is reached.
func members(at *mapping.Uplink) []mapping.Member {
	if len(at.Members) > 0 {
		return at.Members
	}
	return []mapping.Member{{Port: at.Port, Neighbor: at.Neighbor, System: at.System, Certainty: at.Certainty, Decides: true}}
}

// switchPort adds a port, and its switch where that is new.
func (b *builder) switchPort(s *Source, id discovery.MSAP, sw Switch, description string) {
	sw.Chassis = s.Switches.Canonical(id.Chassis)
	i, ok := b.switches[sw.Chassis]
	if !ok {
		i = len(b.out.Switches)
		b.switches[sw.Chassis] = i
		b.out.Switches = append(b.out.Switches, sw)
	}
	ports := &b.out.Switches[i].Ports
	if !slices.ContainsFunc(*ports, func(p SwitchPort) bool { return p.MSAP == id }) {
		*ports = append(*ports, SwitchPort{MSAP: id, Description: description})
	}
}
