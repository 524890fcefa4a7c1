// SPDX-License-Identifier: Apache-2.0

package topology_test

import (
	"encoding/json"
	"fmt"
	"path/filepath"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/internal/golden"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/identity"
	"github.com/colvin-net/colvin/mapping/nodefile"
	"github.com/colvin-net/colvin/mapping/topology"
)

var now = time.Date(2026, 1, 2, 10, 0, 0, 0, time.UTC)

// nic adds a port, on which the neighbours are heard.
func nic(s *topology.Source, name string, up, carrier bool, neighbors ...discovery.Neighbor) {
	index := len(s.Snapshot.Interfaces) + 2
	s.Snapshot.Interfaces = append(s.Snapshot.Interfaces, discovery.Interface{
		Index: index, Name: name, MAC: discovery.MAC{2, 0, 0, 0, 0, byte(index)}, Bus: "pci", Ethernet: true, Up: up, Carrier: carrier,
	})
	s.Snapshot.Ports = append(s.Snapshot.Ports, discovery.Port{Index: index, Name: name, Since: now.Add(-time.Hour), Neighbors: neighbors})
}

func heard(chassis, port, system, description string) discovery.Neighbor {
	return discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, MSAP: discovery.MSAP{Chassis: discovery.ID(chassis), Port: discovery.ID(port)},
		SystemName: system, PortDescription: description,
	}
}

// leads adds an uplink over the last port, to what is heard there first.
func leads(s *topology.Source, name, colour string, vlan uint16, tagged bool, certainty nodefile.Certainty) {
	p := s.Snapshot.Ports[len(s.Snapshot.Ports)-1]
	at := mapping.Uplink{
		Name: name, Colour: colour, Certainty: certainty,
		Port: nodefile.Link{Name: p.Name, Index: p.Index}, Device: nodefile.Link{Name: p.Name, Index: p.Index},
		Identity: mapping.Identity{VLAN: vlan}, Neighbor: discovery.MSAP{Chassis: sw2, Port: "ifname:Ethernet8"}, System: "leaf-2.example.net",
	}
	if len(p.Neighbors) > 0 {
		at.Neighbor, at.System = p.Neighbors[0].MSAP, p.Neighbors[0].SystemName
	}
	if tagged {
		at.VID = vlan
	}
	s.View.Uplinks = append(s.View.Uplinks, at)
}

// pins adds an uplink over the last port that a rule alone tells.
func pins(s *topology.Source, name string, vid uint16, certainty nodefile.Certainty) {
	leads(s, name, "", vid, vid != 0, certainty)
	at := &s.View.Uplinks[len(s.View.Uplinks)-1]
	at.Identity.Kind, at.VLANSource, at.Neighbor, at.System = identity.Pin, mapping.VLANPinned, discovery.MSAP{}, ""
}

// bond adds an active-backup bond over two switches.
func bond(s *topology.Source) {
	s.Snapshot.Interfaces = append(s.Snapshot.Interfaces, discovery.Interface{Index: 20, Name: "bond0", Kind: "bond", Ethernet: true, Up: true, Carrier: true})
	first := len(s.Snapshot.Interfaces)
	nic(s, "ens7f0", true, true, heard(sw1, "ifname:Ethernet1/9", "leaf-1.example.net", ""))
	nic(s, "ens7f1", true, true, heard(sw2, "ifname:Ethernet9", "leaf-2.example.net", ""))
	at := mapping.Uplink{Name: "green", Certainty: nodefile.Fresh, Identity: mapping.Identity{VLAN: 100}, Device: nodefile.Link{Name: "bond0", Index: 20}}
	for i := range s.Snapshot.Interfaces[first:] {
		ifi := &s.Snapshot.Interfaces[first+i]
		ifi.Master = 20
		p, _ := s.Snapshot.Port(ifi.Index)
		at.Members = append(at.Members, mapping.Member{
			Port: nodefile.Link{Name: ifi.Name, Index: ifi.Index}, Neighbor: p.Neighbors[0].MSAP, Certainty: nodefile.Fresh, Decides: i == 0,
		})
	}
	s.View.Uplinks = append(s.View.Uplinks, at)
}

const long = "node2.a-rather-long-domain.of-some-company.example.net"

const sw1, sw2, sw3 = "mac:00:00:5e:00:53:01", "mac:00:00:5e:00:53:02", "mac:00:00:5e:00:53:03"

// rack is two nodes with everything that a picture has to show.
func rack() []topology.Source {
	a := topology.Source{Node: "node1", Snapshot: &discovery.Snapshot{}}
	nic(&a, "eth1", true, true, heard(sw1, "ifname:Ethernet1/7", "leaf-1.example.net", "to node1 eth1"))
	leads(&a, "green", "sage-stork", 100, false, nodefile.Fresh)
	nic(&a, "eth2", true, true, heard(sw2, "ifname:Ethernet2", "leaf-2.example.net", "Ethernet2"))
	leads(&a, "blue-starling", "blue-starling", 200, false, nodefile.Fresh)
	for vlan := range uint16(8) {
		leads(&a, fmt.Sprintf("tenant-%d", 300+vlan), "", 300+vlan, true, nodefile.Fresh)
	}
	nic(&a, "eth3", true, false)
	nic(&a, "eth4", true, true)
	leads(&a, "red-kestrel", "red-kestrel", 400, false, nodefile.Stale)
	bmc := heard("local:bmc", "mac:00:00:5e:00:53:77", "", "")
	bmc.Capabilities = discovery.Capabilities{Available: discovery.CapabilityStation, Enabled: discovery.CapabilityStation}
	nic(&a, "eth5", true, true, bmc)
	nic(&a, "ens2f0", false, false)
	b := topology.Source{Node: long, Snapshot: &discovery.Snapshot{}}
	nic(&b, "ens4", true, true, heard(sw1, "ifname:TenGigabitEthernet1/0/24", "leaf-1.example.net", "a description that goes on and on and says what nobody asked for"))
	leads(&b, "green", "sky-owl", 100, false, nodefile.Fresh)
	nic(&b, "ens5", true, true, heard(sw3, "local:513", "", ""))
	leads(&b, "", "", 0, false, nodefile.Fresh)
	bond(&b)
	b.Snapshot.Interfaces = append(b.Snapshot.Interfaces,
		discovery.Interface{Index: 21, Name: "ens6", Bus: "pci", Ethernet: true, Up: true},
		discovery.Interface{Index: 22, Name: "ens6v0", Bus: "pci", Ethernet: true, VF: true},
		discovery.Interface{Index: 23, Name: "docker0", Kind: "bridge", Ethernet: true})
	c := topology.Source{Node: "node3", Snapshot: &discovery.Snapshot{}}
	nic(&c, "eth1", true, true)
	pins(&c, "green", 0, nodefile.Pinned)
	for vid := range uint16(7) {
		pins(&c, fmt.Sprintf("san-%d", 300+vid), 300+vid, nodefile.Pinned)
	}
	nic(&c, "eth2", true, true, heard(sw1, "ifname:Ethernet1/11", "leaf-1.example.net", ""))
	leads(&c, "blue-starling", "blue-starling", 200, false, nodefile.Fresh)
	pins(&c, "green", 0, nodefile.Unverified)
	nic(&c, "eth3", true, false)
	pins(&c, "white", 0, nodefile.Down)
	return []topology.Source{a, b, c}
}

func TestGolden(t *testing.T) {
	data, err := json.MarshalIndent(topology.New(now, rack()...), "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	golden.Compare(t, filepath.Join("testdata", "rack.json"), string(data)+"\n")
}

// TestAround goes from a node or a switch from cable to cable.
func TestAround(t *testing.T) {
	top := topology.New(now, rack()...)
	for _, tt := range []struct {
		name            string
		hops            int
		nodes, switches []string
	}{
		{"node1", 0, []string{"node1"}, nil},
		{"node1", 1, []string{"node1"}, []string{sw1, sw2, "local:bmc"}},
		{"node3", 1, []string{"node3"}, []string{sw1}},
		{"node3", 2, []string{"node1", long, "node3"}, []string{sw1}},
		{"node3", 3, []string{"node1", long, "node3"}, []string{sw1, sw2, "local:bmc", sw3}},
		{"node3", 1 << 60, []string{"node1", long, "node3"}, []string{sw1, sw2, "local:bmc", sw3}},
		{"leaf-2.example.net", 1, []string{"node1", long}, []string{sw2}},
		{sw3, 1, []string{long}, []string{sw3}},
		{"local:bmc", 1, []string{"node1"}, []string{"local:bmc"}},
	} {
		part, ok := top.Around(tt.name, tt.hops)
		if !ok {
			t.Errorf("%s is not found", tt.name)
			continue
		}
		nodes, switches := []string{}, []string{}
		for _, n := range part.Nodes {
			nodes = append(nodes, n.Name)
		}
		for _, s := range part.Switches {
			switches = append(switches, string(s.Chassis))
		}
		if !slices.Equal(nodes, tt.nodes) || !slices.Equal(switches, tt.switches) {
			t.Errorf("%s, %d hops: %v and %v, want %v and %v", tt.name, tt.hops, nodes, switches, tt.nodes, tt.switches)
		}
		whole(t, part)
	}
	for _, name := range []string{"node", "", "leaf-2"} {
		if _, ok := top.Around(name, 1); ok {
			t.Errorf("%q is found", name)
		}
	}
	if diff := cmp.Diff(topology.New(now, rack()...), top); diff != "" {
		t.Errorf("what was asked changed (-before +after):\n%s", diff)
	}
}

// TestLeading keeps what leads to a network.
func TestLeading(t *testing.T) {
	top := topology.New(now, rack()...)
	part, ok := top.Leading("green")
	if !ok {
		t.Fatal("green is not found")
	}
	var got []string
	for _, n := range part.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				got = append(got, fmt.Sprintf("%s %s %s %s", n.Name, p.Name, l.Port, l.Networks[0].Name))
			}
			for _, network := range p.Pinned {
				got = append(got, fmt.Sprintf("%s %s pinned %s", n.Name, p.Name, network.Name))
			}
		}
	}
	want := []string{
		"node1 eth1 ifname:Ethernet1/7 green", long + " ens4 ifname:TenGigabitEthernet1/0/24 green", long + " ens7f0 ifname:Ethernet1/9 green",
		long + " ens7f1 ifname:Ethernet9 green", "node3 eth1 pinned green", "node3 eth2 pinned green",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	whole(t, part)
	if !slices.Contains(top.Networks(), "green") || slices.Contains(top.Networks(), "") {
		t.Errorf("networks %q", top.Networks())
	}
	for _, name := range []string{"", "gree"} {
		if _, ok := top.Leading(name); ok {
			t.Errorf("%q is found", name)
		}
	}
	if diff := cmp.Diff(topology.New(now, rack()...), top); diff != "" {
		t.Errorf("what was asked changed (-before +after):\n%s", diff)
	}
}

// whole holds that every link ends at a switch port of the topology, and each of these at a link.
func whole(t *testing.T, top *topology.Topology) {
	t.Helper()
	ports, links := map[discovery.MSAP]bool{}, map[discovery.MSAP]bool{}
	for _, s := range top.Switches {
		for _, p := range s.Ports {
			ports[p.MSAP] = true
		}
	}
	for _, n := range top.Nodes {
		for _, p := range n.Ports {
			for _, l := range p.Links {
				links[l.MSAP] = true
			}
		}
	}
	if diff := cmp.Diff(links, ports); diff != "" {
		t.Errorf("links and switch ports differ (-links +ports):\n%s", diff)
	}
}

// TestMerge holds that nodes which were asked one by one make the picture of all of them.
func TestMerge(t *testing.T) {
	var each []*topology.Topology
	for _, s := range rack() {
		each = append(each, topology.New(now, s))
	}
	merged, err := topology.Merge(each...)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(topology.New(now, rack()...), merged); diff != "" {
		t.Errorf("not what asking all at once gives (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(topology.New(now, rack()[0]), each[0]); diff != "" {
		t.Error("merging changed what was merged")
	}
	if _, err := topology.Merge(each[0], each[1], each[0]); err == nil || err.Error() != "node node1 is there twice" {
		t.Errorf("got %v, want that a node is there twice", err)
	}
}
