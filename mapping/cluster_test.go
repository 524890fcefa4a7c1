// SPDX-License-Identifier: Apache-2.0

package mapping_test

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/colvin-net/colvin/discovery"
	"github.com/colvin-net/colvin/mapping"
	"github.com/colvin-net/colvin/mapping/belief"
	"github.com/colvin-net/colvin/mapping/identity"
)

// hearing is what one node hears on eth1: a switch that tells the MAC address of the
// port as its chassis ID.
func hearing(node, mac, port, system, management string) mapping.Input {
	ifi := discovery.Interface{Index: 2, Name: "eth1", Ethernet: true, Up: true, Carrier: true, CarrierChanges: 2}
	source, err := discovery.ParseMAC(mac)
	if err != nil {
		panic(err)
	}
	n := discovery.Neighbor{
		Protocol: discovery.ProtocolLLDP, Source: source, MSAP: discovery.MSAP{Chassis: discovery.ID("mac:" + mac), Port: discovery.ID(port)},
		SystemName: system, PVID: 100,
	}
	if management != "" {
		n.ManagementAddresses = []string{management}
	}
	return mapping.Input{
		World:    mapping.World{Node: node},
		Snapshot: &discovery.Snapshot{Interfaces: []discovery.Interface{ifi}, Ports: []discovery.Port{{Index: 2, Name: "eth1", Epoch: 2, Neighbors: []discovery.Neighbor{n}}}},
		Memory:   mapping.Memory{Ports: []belief.Port{{Interface: "eth1", Index: 2, Epoch: 2, State: belief.Held, Holder: &belief.Voice{Neighbor: n}}}},
	}
}

func TestJoinSwitches(t *testing.T) {
	const a, b, c, d = "00:00:5e:00:53:01", "00:00:5e:00:53:02", "00:00:5e:00:53:03", "00:00:5e:00:53:04"
	joined := hearing("node3", c, "ifname:Eth1/3", "leaf-1", "192.0.2.1")
	joined.Memory.Switches = mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + c}}}
	silent := hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1")
	silent.Snapshot.Interfaces[0].Carrier, silent.Snapshot.Ports[0].Neighbors, silent.Memory.Ports[0].State = false, nil, belief.Expecting
	taken := hearing("node1", d, "ifname:Eth1/4", "leaf-4", "192.0.2.4")
	taken.Memory.Ports[0].Holder.Neighbor = hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1").Memory.Ports[0].Holder.Neighbor
	taken.Memory.Ports[0].State = belief.Disputed
	for name, tt := range map[string]struct {
		nodes []mapping.Input
		want  mapping.Switches
	}{
		"one switch by name and address": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.1")},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b}}},
		},
		"one that a node has heard before": {
			[]mapping.Input{silent, hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.1")},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b}}},
		},
		"namesakes at other addresses": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.2")}, nil,
		},
		"a port twice": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/1", "leaf-1", "192.0.2.1")},
			mapping.Switches{
				{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a}}, {ID: "mac:" + b, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + b}},
			},
		},
		"other names": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "leaf-2", "192.0.2.1")}, nil,
		},
		"names that tell nothing": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "switch", "192.0.2.1"), hearing("node2", b, "ifname:Eth1/2", "switch", "192.0.2.1")}, nil,
		},
		"a port twice, of two nodes whose ports have one number": {
			[]mapping.Input{silent, hearing("node2", b, "ifname:Eth1/1", "leaf-1", "192.0.2.1")},
			mapping.Switches{
				{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a}}, {ID: "mac:" + b, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + b}},
			},
		},
		"silent, and another on its port": {
			[]mapping.Input{taken, hearing("node2", b, "ifname:Eth1/2", "leaf-1", "192.0.2.1")}, nil,
		},
		"taken, and another node's port by that number": {
			[]mapping.Input{taken, hearing("node2", b, "ifname:Eth1/1", "leaf-1", "192.0.2.1")},
			mapping.Switches{{ID: "mac:" + b, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + b}}},
		},
		"what two nodes know of one": {
			[]mapping.Input{
				knowing(mapping.Switch{ID: "mac:" + d, Name: "leaf-4", Chassis: []discovery.ID{"mac:" + d}}),
				knowing(mapping.Switch{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b}}),
				knowing(mapping.Switch{
					ID: "mac:" + b, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + b, "mac:" + c},
				}),
				knowing(mapping.Switch{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a}}),
			},
			mapping.Switches{
				{ID: "mac:" + d, Name: "leaf-4", Chassis: []discovery.ID{"mac:" + d}},
				{
					ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + b, "mac:" + c},
				},
			},
		},
		"what one node knows": {
			[]mapping.Input{hearing("node1", a, "ifname:Eth1/1", "leaf-1", "192.0.2.1"), joined},
			mapping.Switches{{ID: "mac:" + a, Name: "leaf-1", Chassis: []discovery.ID{"mac:" + a, "mac:" + c}}},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if diff := cmp.Diff(tt.want, mapping.JoinSwitches(tt.nodes)); diff != "" {
				t.Errorf("switches (-want +got):\n%s", diff)
			}
		})
	}
}

// knowing is a node that hears nothing and remembers a switch.
func knowing(s mapping.Switch) mapping.Input {
	return mapping.Input{Snapshot: &discovery.Snapshot{}, Memory: mapping.Memory{Switches: mapping.Switches{s}}}
}

// TestJoinSwitchesBounds holds that what others invent stays small.
func TestJoinSwitchesBounds(t *testing.T) {
	id := func(i int) discovery.ID { return discovery.ID(fmt.Sprintf("mac:00:00:5e:00:%02x:%02x", i>>8, i&0xff)) }
	var nodes []mapping.Input
	one := mapping.Switch{ID: id(0), Chassis: []discovery.ID{id(0)}}
	for i := range 300 {
		nodes = append(nodes, knowing(mapping.Switch{ID: id(i), Chassis: []discovery.ID{id(i)}}))
	}
	for i := range 1100 {
		one.Chassis = append(one.Chassis, id(10000+i))
	}
	out := mapping.JoinSwitches(append(nodes, knowing(one)))
	if len(out) != 256 || len(out[0].Chassis) != 1024 {
		t.Errorf("%d switches, the first with %d chassis; want 256 and 1024", len(out), len(out[0].Chassis))
	}
}

// TestJoinSwitchesMany holds that more ports than one switch can have are not compared.
func TestJoinSwitchesMany(t *testing.T) {
	var nodes []mapping.Input
	for i := range 1025 {
		mac := fmt.Sprintf("00:00:5e:00:%02x:%02x", i>>8, i&0xff)
		nodes = append(nodes, hearing("node", mac, fmt.Sprintf("ifname:Eth1/%d", i), "leaf-1", "192.0.2.1"))
	}
	if got := mapping.JoinSwitches(nodes[:1024]); len(got) != 1 || len(got[0].Chassis) != 1024 {
		t.Errorf("%d switches of 1024 ports, want one", len(got))
	}
	if got := mapping.JoinSwitches(nodes); got != nil {
		t.Errorf("%d switches of 1025 ports, want none", len(got))
	}
}

// TestCanonicalIdentity holds that only a chassis ID is replaced, though a group bears the
// same text.
func TestCanonicalIdentity(t *testing.T) {
	s := mapping.Switches{{ID: "a", Chassis: []discovery.ID{"a", "b"}}}
	for in, want := range map[mapping.Identity]mapping.Identity{
		{Switch: "b", VLAN: 1}: {Switch: "a", VLAN: 1}, {Switch: "c"}: {Switch: "c"}, {Kind: identity.Group, Switch: "b"}: {Kind: identity.Group, Switch: "b"},
	} {
		if got := s.CanonicalIdentity(in); got != want {
			t.Errorf("%v is %v, want %v", in, got, want)
		}
	}
}
