// SPDX-License-Identifier: Apache-2.0

// Package topologytest makes topologies for tests and for the pictures of the documentation:
// a rack with everything that a picture has to show, fabrics of leaves and spines, and random
// ones. What real agents see is for the tests of the commands.
package topologytest

import (
	"fmt"
	"math/rand/v2"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

// A Builder adds nodes and what they lead to.
type Builder struct {
	topology topology.Topology
	switches map[string]int // by system name
}

// New returns a Builder of nothing yet.
func New() *Builder {
	return &Builder{topology: topology.Topology{Nodes: []topology.Node{}, Switches: []topology.Switch{}}, switches: map[string]int{}}
}

// Topology is what was added.
func (b *Builder) Topology() *topology.Topology { return &b.topology }

// Node adds a node.
func (b *Builder) Node(name string, ports ...topology.Port) {
	for i := range ports {
		ports[i].Index = i + 2
		if ports[i].Links == nil {
			ports[i].Links = []topology.Link{}
		}
	}
	b.topology.Nodes = append(b.topology.Nodes, topology.Node{Name: name, Ports: ports})
}

// Port is a port that leads to a port of a switch, which is added, over which networks are
// reached.
func (b *Builder) Port(name, system, port string, networks ...topology.Network) topology.Port {
	return topology.Port{Name: name, Links: []topology.Link{b.link(system, port, networks)}}
}

func (b *Builder) link(system, port string, networks []topology.Network) topology.Link {
	i, ok := b.switches[system]
	if !ok {
		i = len(b.topology.Switches)
		b.switches[system] = i
		b.topology.Switches = append(b.topology.Switches, topology.Switch{
			Chassis: discovery.ID(fmt.Sprintf("mac:00:00:5e:00:%02x:%02x", 0x53+i/256, i%256)), System: system, Kind: discovery.SpeakerSwitch,
		})
	}
	sw := &b.topology.Switches[i]
	at := discovery.MSAP{Chassis: sw.Chassis, Port: discovery.ID("ifname:" + port)}
	known := false
	for _, p := range sw.Ports {
		known = known || p.MSAP == at
	}
	if !known {
		sw.Ports = append(sw.Ports, topology.SwitchPort{MSAP: at})
	}
	return topology.Link{MSAP: at, Heard: true, Networks: append([]topology.Network{}, networks...)}
}

// Untagged and Tagged are networks that are heard of.
func Untagged(name string, vlan uint16) topology.Network {
	return topology.Network{Name: name, VLAN: vlan, Certainty: nodefile.Fresh}
}

// Tagged is a network that comes with its tag.
func Tagged(name string, vlan uint16) topology.Network {
	return topology.Network{Name: name, VLAN: vlan, Tagged: true, Certainty: nodefile.Fresh}
}

// Pinned is a network that a rule alone tells.
func Pinned(name string) topology.Network {
	return topology.Network{Name: name, Pinned: true, Certainty: nodefile.Pinned}
}

// In puts ports into a bond.
func In(bond string, ports ...topology.Port) []topology.Port {
	for i := range ports {
		ports[i].Master, ports[i].MasterKind = bond, discovery.KindBond
	}
	return ports
}

// Sure has all that a port leads to be of a certainty.
func Sure(certainty nodefile.Certainty, p topology.Port) topology.Port {
	for i := range p.Links {
		p.Links[i].Heard = certainty == nodefile.Fresh
		for j := range p.Links[i].Networks {
			p.Links[i].Networks[j].Certainty = certainty
		}
	}
	return p
}

// Silent is a port on which nobody is heard.
func Silent(name string, cause mapping.SilenceCause) topology.Port {
	return topology.Port{Name: name, Silence: &mapping.Silence{Cause: cause, Message: fmt.Sprintf("%s: %s", name, cause)}}
}

// Rack is three nodes with everything that a picture has to show.
func Rack() *topology.Topology {
	b := New()
	trunk := []topology.Network{Untagged("green", 100), Tagged("storage", 300)}
	bond := func(i int) []topology.Port {
		return In("bond0",
			b.Port("ens1f0", "leaf-1.example.net", fmt.Sprintf("Ethernet1/%d", i), trunk...),
			b.Port("ens1f1", "leaf-2.example.net", fmt.Sprintf("Ethernet1/%d", i), trunk...))
	}
	b.Node("node1", append(bond(1), b.Port("eno1", "mgmt-1.example.net", "Gi1/0/1", Untagged("red-kestrel", 10)), Silent("ens2f0", mapping.NoCarrier))...)
	b.Node("node2", append(bond(2), Sure(nodefile.Stale, b.Port("eno1", "mgmt-1.example.net", "Gi1/0/2", Untagged("red-kestrel", 10))),
		topology.Port{Name: "ens2f0", Pinned: []topology.Network{Pinned("blue")}})...)
	odd := bond(3)
	odd[1] = Sure(nodefile.Unverified, odd[1])
	b.Node("node3", append(odd, Sure(nodefile.Down, b.Port("eno1", "mgmt-1.example.net", "Gi1/0/3", Untagged("red-kestrel", 10))),
		b.Port("ens2f0", "leaf-2.example.net", "Ethernet1/33", Untagged("blue", 200)))...)
	return b.Topology()
}

// A Fabric is racks with two leaves each, and nodes with a bond at both of their rack.
type Fabric struct {
	Racks, PerRack int
	Gateways       int   // nodes at two spines; nobody hears how leaves and spines are cabled
	Odd            int   // of so many nodes one is otherwise; 0: none
	Seed           int64 // which switch port a node is at; 0: in order
}

// Of60 and Of400 are the fabrics of the documentation: 60 nodes on 4 switches, and 400 on 20.
var (
	Of60  = Fabric{Racks: 2, PerRack: 30, Odd: 14}
	Of400 = Fabric{Racks: 9, PerRack: 44, Gateways: 4, Odd: 67}
)

// Topology makes a fabric.
func (f Fabric) Topology() *topology.Topology {
	b := New()
	r := rand.New(rand.NewPCG(uint64(f.Seed), 1))
	n := 0
	for rack := range f.Racks {
		at := make([]int, f.PerRack)
		for i := range at {
			at[i] = i
		}
		if f.Seed != 0 {
			r.Shuffle(len(at), func(i, j int) { at[i], at[j] = at[j], at[i] })
		}
		for i := range f.PerRack {
			n++
			b.Node(fmt.Sprintf("r%02dn%02d.example.net", rack+1, i+1), f.ports(b, rack, i, at[i]+1, n)...)
		}
	}
	for i := range f.Gateways {
		port := fmt.Sprintf("Ethernet%d/1", 30+i)
		b.Node(fmt.Sprintf("gw%d.example.net", i+1),
			b.Port("ens1f0", "spine-1.example.net", port, Untagged("transit", 900)), b.Port("ens1f1", "spine-2.example.net", port, Untagged("transit", 900)))
	}
	return b.Topology()
}

// ports are those of node i of a rack, which is number n of all.
func (f Fabric) ports(b *Builder, rack, i, at, n int) []topology.Port {
	own := fmt.Sprintf("rack-%d", rack+1)
	networks := []topology.Network{Untagged(own, uint16(100+rack)), Tagged("storage", 300), Tagged("backup", 301)}
	leaf := func(k int) string { return fmt.Sprintf("leaf-%02d.example.net", 2*rack+k) }
	port := fmt.Sprintf("Ethernet1/%d", at)
	first, second := b.Port("ens1f0", leaf(1), port, networks...), b.Port("ens1f1", leaf(2), port, networks...)
	if f.Odd == 0 || n%f.Odd != f.Odd/2 {
		return In("bond0", first, second)
	}
	switch (n / f.Odd) % 4 {
	case 0: // the cable was pulled
		return In("bond0", first, Sure(nodefile.Down, second))
	case 1: // one cable is in the wrong switch
		return In("bond0", first, b.Port("ens1f1", leaf(1), fmt.Sprintf("Ethernet1/%d", 48-i%4), networks...))
	case 2:
		return In("bond0", Sure(nodefile.Stale, first), Sure(nodefile.Unverified, second))
	default: // an appliance without a bond
		return []topology.Port{first, {Name: "ens1f1", Pinned: []topology.Network{Pinned(own)}}, Silent("ens2f0", mapping.NoCarrier)}
	}
}

// Random is a topology of so many nodes and switches in which anything may be.
func Random(seed uint64, nodes, switches int) *topology.Topology {
	r := rand.New(rand.NewPCG(seed, 2))
	b := New()
	word := func(most int) string {
		const letters = "abcdefghijklmnopqrstuvwxyzABCDEFMW0123456789-./"
		s := make([]byte, 1+r.IntN(most))
		for i := range s {
			s[i] = letters[r.IntN(len(letters))]
		}
		return string(s)
	}
	certainties := []nodefile.Certainty{nodefile.Fresh, nodefile.Fresh, nodefile.Fresh, nodefile.Stale, nodefile.Unverified, nodefile.Down}
	systems := make([]string, switches)
	for i := range systems {
		systems[i] = fmt.Sprintf("%s-%d", word(40), i)
	}
	for i := range nodes {
		var ports []topology.Port
		for j := range r.IntN(6) {
			var networks []topology.Network
			for k := range r.IntN(7) {
				networks = append(networks, topology.Network{Name: word(1 + r.IntN(30)), VLAN: uint16(k + 1), Tagged: k > 0, Certainty: certainties[r.IntN(len(certainties))]})
			}
			p := Silent(fmt.Sprintf("e%d", j), mapping.NothingHeard)
			switch r.IntN(8) {
			case 0:
			case 1:
				p = topology.Port{Name: p.Name, Pinned: append(networks, Pinned("pinned"))}
			default:
				if switches > 0 {
					p = b.Port(fmt.Sprintf("%s%d", word(14), j), systems[r.IntN(switches)], fmt.Sprintf("%s%d", word(20), r.IntN(1000)), networks...)
				}
			}
			if r.IntN(3) == 0 {
				p = In(fmt.Sprintf("bond%d", r.IntN(2)), p)[0]
			}
			ports = append(ports, p)
		}
		b.Node(fmt.Sprintf("%s%d", word(60), i), ports...)
	}
	return b.Topology()
}
